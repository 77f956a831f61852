# SPDX-License-Identifier: GPL-2.0-or-later
"""wattle-agent with the pods of a node, as TAP: simulated power hardware and an API server of our own that plays faults; what pods run are
sleeping processes in a hierarchy of cgroups that looks as a kubelet's. Run by tests/fault/pod-tests in a node of its own.

The class: base_w 60, so 200 W of a node are 70 W for each of two packages."""
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

build = sys.argv[1]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "component"))
import kube_server  # noqa: E402

AGENT = f"{build}/k8s-bridge/wattle-agent"
BARRIER = f"{build}/k8s-bridge/wattle-barrier"
PODS = "/api/v1/pods"
JOBS = "/apis/kubeflow.org/v2beta1/mpijobs"
CG = "/run/cg"
LIMITS = sorted(glob.glob("/sys/class/powercap/intel-rapl:[01]/constraint_[01]_power_limit_uw"))


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def limits():
    return [int(open(path).read().rstrip("\0\n")) for path in LIMITS]


BOOT = limits()


def under(watts):
    """What the limits are while so many node watts are in force."""
    return [min((watts - 60) * 500000, boot) for boot in BOOT]


def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def at(watts, seconds=10):
    want = under(watts) if watts else BOOT
    assert until(lambda: limits() == want, seconds), f"limits are {limits()}, must be {want} ({watts or 'no'} W)"


def stays(watts, seconds=0.5):
    at(watts)
    time.sleep(seconds)
    want = under(watts) if watts else BOOT
    assert limits() == want, f"limits have become {limits()}, were {want} ({watts or 'no'} W)"


class Pod:
    number = 0

    def __init__(self, node, watts=None, name=None, namespace="default", policy="Never", annotations=None, labels=None, bound=True, alias=False,
                 owner=None):
        Pod.number += 1
        self.node, self.name, self.namespace = node, name or f"pod-{Pod.number}", namespace
        self.uid = f"{Pod.number:08x}-1111-2222-3333-444444444444"
        self.ids = {}
        self.procs = {}
        resource = {"intel.com/power" if alias else "wattle.hpc/watts": str(watts)} if watts else {}
        self.fields = {
            "metadata": {"uid": self.uid, "annotations": annotations or {}, "labels": labels or {}},
            "spec": {"nodeName": "k1", "restartPolicy": policy, "containers": [{"name": "main", "resources": {"limits": resource, "requests": resource}}]},
            "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}] if bound else []},
        }
        if owner:
            self.fields["metadata"]["ownerReferences"] = [{"kind": "MPIJob", "uid": owner, "controller": True}]
        self.tell()

    def tell(self, **status):
        self.fields["status"].update(status)
        self.node.server.put(PODS, self.name, self.namespace, **self.fields)

    def spawn(self, container):
        """A process of the container; "" is the sandbox."""
        if container not in self.ids:
            self.ids[container] = f"{Pod.number:060x}{len(self.ids):04x}"
        folder = f"{CG}/kubepods/burstable/pod{self.uid}/{self.ids[container]}"
        os.makedirs(folder, exist_ok=True)
        child = subprocess.Popen(["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec sleep 1000', folder])
        self.procs.setdefault(container, []).append(child)
        assert until(lambda: f"/pod{self.uid}/" in open(f"/proc/{child.pid}/cgroup").read())
        assert until(lambda: open(f"/proc/{child.pid}/comm").read() == "sleep\n")
        return child

    def run(self, told=True):
        self.spawn("")
        self.spawn("main")
        if told:
            self.tell(phase="Running", startTime="now",
                      containerStatuses=[{"containerID": f"containerd://{self.ids['main']}", "state": {"running": {}}}])
        return self

    def seen(self):
        """Until the agent has found its processes: its lease, which a pod has from its binding on, names one."""
        pids = [str(child.pid) for procs in self.procs.values() for child in procs]
        assert until(lambda: any(pid in re.findall(r"\d+", json.dumps(book()["pods"])) for pid in pids)), book()

    def kill(self, container="main"):
        for child in self.procs.pop(container, []):
            child.kill()
            child.wait()

    def delete(self):
        """As kubectl does: a while to end."""
        self.fields["metadata"]["deletionTimestamp"] = "now"
        self.tell()

    def gone(self):
        self.node.server.delete(PODS, self.name, self.namespace)

    def __del__(self):
        self.end()

    def end(self):
        for container in list(self.procs):
            self.kill(container)


class Node:
    def __init__(self):
        self.agent = None
        self.port = None
        self.serve()
        self.start()

    def serve(self):
        self.server = kube_server.Server()
        self.server.kind(PODS, "Pod")
        self.server.kind("/api/v1/events", "Event")
        self.server.kind(JOBS, "MPIJob")
        write("/run/kubeconfig", json.dumps({
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.port}"}}], "users": [{"name": "u", "user": {"token": "t"}}]}))

    def start(self):
        self.agent = subprocess.Popen([AGENT, "--conf=/run/wattle.conf", "--kubeconfig=/run/kubeconfig", "--node=k1"],
                                      stderr=open("/run/agent.log", "a"))

    def stop(self, how=signal.SIGKILL):
        self.agent.send_signal(how)
        return self.agent.wait()

    def clean(self):
        if self.agent.poll() is None:
            self.stop(signal.SIGTERM)
        self.server.close()
        write("/run/powercapfs/faults", "")
        for path, boot in zip(LIMITS, BOOT):
            write(path, str(boot))
        subprocess.run("rm -rf /run/wattle /run/spool", shell=True, check=True)


def log():
    return open("/run/agent.log").read()


def book():
    return json.load(open("/run/wattle/book"))


def barrier(pod, *args):
    """wattle-barrier as a process of the pod: (exit status, stdout, stderr)"""
    folder = f"{CG}/kubepods/burstable/pod{pod.uid}/{'b' * 64}" if pod else CG
    os.makedirs(folder, exist_ok=True)
    child = subprocess.Popen(["sh", "-c", 'echo $$ >"$0/cgroup.procs"; shift 0; exec "$@"', folder, BARRIER, *args], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    return child


def end_of(child, seconds=10):
    out, err = child.communicate(timeout=seconds)
    return child.returncode, out, err


TESTS = []


def test(run):
    TESTS.append((run.__doc__.split("\n")[0], run))


# --- a pod's life ---------------------------------------------------------------


@test
def cap_before_begin(node):
    """a pod's cap is in force once it is given to the node, before anything of it runs; back with its last process, though its sandbox lives"""
    pod = Pod(node, 200)
    at(200)
    pod.run()
    stays(200)
    pod.kill()
    at(0, 1)


@test
def two_pods(node):
    """two pods on a node add up, and each keeps its own"""
    a, b = Pod(node, 130).run(), Pod(node, 150).run()
    at(280)
    a.kill()
    at(150, 1)
    b.kill()
    at(0, 1)


@test
def no_watts(node):
    """pods without watts: no cap"""
    pod = Pod(node).run()
    stays(0)
    pod.end()


@test
def alias(node):
    """intel.com/power counts as well"""
    pod = Pod(node, 180, alias=True).run()
    at(180)
    pod.end()
    at(0)


@test
def whole_node(node):
    """watts that reach the node's maximum: no cap"""
    a, b = Pod(node, 200).run(), Pod(node, 200).run()
    stays(0)
    b.kill()
    at(200, 1)
    a.kill()
    at(0, 1)


@test
def lowered(node):
    """an annotation lowers while it runs, and gives back; never above what is allocated"""
    pod = Pod(node, 250).run()
    at(250)
    pod.fields["metadata"]["annotations"]["wattle.hpc/grant"] = "v1 watts=150"
    pod.tell()
    at(150)
    pod.fields["metadata"]["annotations"]["wattle.hpc/grant"] = "v1 watts=390"
    pod.tell()
    at(250)
    assert until(lambda: any("WattleGrantRefused" == e["reason"] and "390" in e["message"] for e in node.server.of("/api/v1/events", None)))
    pod.end()
    at(0)


@test
def hostile(node):
    """hostile annotations change nothing, and are refused by an event"""
    pod = Pod(node, 250).run()
    at(250)
    for text in ["v1 watts=400", "v1 watts=0", "v9 watts=100", "x" * 100000, "v1 watts=100 watts=399", "\x1b[2J", "{}", "v1 watts=-5"]:
        pod.fields["metadata"]["annotations"]["wattle.hpc/grant"] = text
        pod.tell()
    time.sleep(0.3)
    stays(250, 0.2)
    assert until(lambda: len([e for e in node.server.of("/api/v1/events", None) if e["reason"] == "WattleGrantRefused"]) >= 2)
    pod.end()
    at(0)


@test
def other_node(node):
    """pods of another node are none of ours, whatever the server sends"""
    pod = Pod(node, 200)
    at(200)
    other = Pod(node, 150)
    other.fields["spec"]["nodeName"] = "k2"
    other.tell()
    third = Pod(node, 100)
    third.gone()
    del other
    pod.gone()
    time.sleep(0.1)


@test
def past_scheduler(node):
    """a pod that names its node itself counts once the kubelet has taken it"""
    pod = Pod(node, 200, bound=False)
    stays(0)
    pod.run()
    at(200)
    pod.kill()
    at(0, 1)


# --- ends ------------------------------------------------------------------------


@test
def deleted(node):
    """a worker that is deleted: back with its last process, within a second, before the API server says so"""
    pod = Pod(node, 200, policy="Always").run()
    at(200)
    pod.delete()
    stays(200)
    pod.kill()
    at(0, 1)
    pod.gone()
    pod.end()


@test
def forced(node):
    """deleted by force: the cap stays while it computes, and goes with it"""
    pod = Pod(node, 200).run()
    at(200)
    pod.gone()
    stays(200)
    pod.kill()
    pod.kill("")
    at(0, 1)


@test
def said_over(node):
    """said to have failed, and it computes on: the cap stays"""
    pod = Pod(node, 200).run()
    at(200)
    pod.tell(phase="Failed")
    stays(200)
    pod.kill()
    at(0, 1)


@test
def restarts(node):
    """a container that restarts keeps its cap; the sandbox, too"""
    pod = Pod(node, 200, policy="Always").run()
    at(200)
    pod.kill()
    stays(200)
    pod.spawn("main")
    pod.end()
    stays(200)
    pod.gone()
    at(0, 1)


@test
def one_of_several(node):
    """one of a container's processes ends: the cap stays"""
    pod = Pod(node, 200).run()
    pod.spawn("main")
    at(200)
    first = pod.procs["main"].pop(0)
    first.kill()
    first.wait()
    stays(200)
    pod.kill()
    at(0, 1)


@test
def never_begun(node):
    """a pod deleted before it began"""
    pod = Pod(node, 200)
    at(200)
    pod.gone()
    at(0, 1)


@test
def same_name(node):
    """deleted and made anew under the same name: the old one's cap stays with its processes, the new one's comes"""
    old = Pod(node, 150, name="same").run()
    at(150)
    old.gone()
    new = Pod(node, 120, name="same")
    at(270)
    old.kill()
    old.kill("")
    at(120, 2)
    new.gone()
    at(0, 1)


# --- the agent -------------------------------------------------------------------


@test
def killed(node):
    """SIGKILL and a new agent: the cap stays, and the pod's end is noticed"""
    pod = Pod(node, 200).run()
    at(200)
    node.stop()
    stays(200)
    node.start()
    stays(200, 1)
    pod.kill()
    at(0, 1)


@test
def ended_meanwhile(node):
    """a pod ends while there is no agent: the next one gives back"""
    pod = Pod(node, 200).run()
    at(200)
    node.stop()
    pod.end()
    pod.gone()
    stays(200)
    node.start()
    at(0)


@test
def began_meanwhile(node):
    """a pod begins while there is no agent: the next one caps it"""
    node.stop()
    pod = Pod(node, 200).run()
    node.start()
    at(200)
    pod.kill()
    at(0, 1)


@test
def term(node):
    """SIGTERM ends it with 0 and leaves leases as they are"""
    pod = Pod(node, 200).run()
    at(200)
    assert node.stop(signal.SIGTERM) == 0
    stays(200)
    node.start()
    pod.kill()
    at(0)


@test
def reboot(node):
    """a reboot: the book is void, what the firmware has set is the baseline"""
    pod = Pod(node, 200).run()
    at(200)
    node.stop()
    pod.end()
    write("/run/boot_id", f"00000000-0000-4000-8000-{int(time.time()):012d}\n")
    for path, boot in zip(LIMITS, BOOT):
        write(path, str(boot))
    pod.tell(phase="Failed")
    node.start()
    stays(0, 1)


@test
def admin(node):
    """an admin's own limit is kept, and told"""
    pod = Pod(node, 200).run()
    at(200)
    write(LIMITS[0], "100000000")
    pod.kill()
    assert until(lambda: limits() == [100000000] + BOOT[1:]), limits()
    assert "somebody else's change" in log()
    write(LIMITS[0], str(BOOT[0]))


@test
def owed(node):
    """a restore that the hardware refuses is owed, and done later"""
    pod = Pod(node, 200).run()
    at(200)
    write("/run/powercapfs/faults", "write package-1 constraint_*_power_limit_uw EIO\n")
    pod.kill()
    assert until(lambda: any(limit["owed"] for limit in book()["limits"]))
    write("/run/powercapfs/faults", "")
    again = Pod(node, 150)
    at(150)
    again.gone()
    at(0, 2)
    assert "owed" in log()


@test
def full(node):
    """no room for the journal: no cap, told, and applied once there is room"""
    assert until(lambda: os.path.exists("/run/wattle/agent.lock"))
    subprocess.run("mount -t tmpfs -o size=4k,nr_inodes=3 tmpfs /run/wattle && chmod 700 /run/wattle && head -c 4096 /dev/zero >/run/wattle/fill", shell=True, check=True)
    pod = Pod(node, 200).run()
    time.sleep(1.5)
    assert limits() == BOOT
    subprocess.run("umount -l /run/wattle", shell=True, check=True)
    at(200)
    pod.kill()
    at(0, 2)


# --- the API server ---------------------------------------------------------------


@test
def server_down(node):
    """the API server is down: caps stay, a pod's end is noticed, and a new agent goes on from the book"""
    a, b = Pod(node, 130).run(), Pod(node, 150, policy="Always").run()
    at(280)
    node.server.close()
    stays(280, 1)
    a.kill()
    at(150, 1)
    node.stop()
    node.start()
    stays(150, 1)
    b.end()
    at(0, 3)
    node.serve()


@test
def server_back(node):
    """the API server comes back: what has vanished meanwhile is gone, what came is there"""
    a = Pod(node, 130)
    at(130)
    node.server.fault("CUT " + PODS)
    node.server.fault("GET " + PODS, times=3, status=503)
    b = Pod(node, 170)
    a.gone()
    at(170, 30)
    b.gone()
    at(0, 30)


@test
def too_old(node):
    """410 in the midst of a watch"""
    a = Pod(node, 130)
    at(130)
    node.server.compact()
    node.server.fault("CUT " + PODS, raw=json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}).encode() + b"\n")
    b = Pod(node, 100)
    at(230, 30)
    a.gone()
    b.gone()
    at(0, 30)


@test
def half_json(node):
    """half a JSON, then the connection ends"""
    a = Pod(node, 130)
    at(130)
    node.server.fault("CUT " + PODS, raw=b'{"type":"MODIFIED","object":{"metadata":{"name":"po')
    b = Pod(node, 100)
    at(230, 30)
    a.gone()
    b.gone()
    at(0, 30)


@test
def forbidden(node):
    """403: told, and caps stay"""
    pod = Pod(node, 200).run()
    at(200)
    node.stop()
    node.server.fault("GET " + PODS, times=1000, status=403)
    node.start()
    stays(200, 1.5)
    assert "can't be watched" in log()
    pod.end()
    at(0, 3)


@test
def crowd(node):
    """a hundred pods come and go"""
    pods = [Pod(node, 3) for _ in range(100)]
    at(300)
    for pod in pods[:50]:
        pod.gone()
    at(150)
    for pod in pods[50:]:
        pod.gone()
    at(0)


# --- the barrier -------------------------------------------------------------------


@test
def barrier_waits(node):
    """the barrier opens when the pod's cap is in force, not before; the pod's own watts are told"""
    pod = Pod(node, 200, bound=False)
    other = Pod(node, 100)
    at(100)
    pod.spawn("")
    assert end_of(barrier(other))[0:2] == (0, "wattle-barrier: applied 100\n")
    pod.fields["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}]
    child = barrier(pod)
    time.sleep(0.5)
    assert child.poll() is None
    pod.tell()
    assert end_of(child)[0:2] == (0, "wattle-barrier: applied 200\n")
    assert end_of(barrier(other))[0:2] == (0, "wattle-barrier: applied 100\n")
    assert limits() == under(300)
    pod.end()
    other.gone()
    pod.gone()
    at(0)


@test
def barrier_none(node):
    """a pod without watts is not kept waiting; who runs in no pod is told so"""
    pod = Pod(node)
    assert end_of(barrier(pod))[0:2] == (0, "wattle-barrier: this pod has no watts of its own\n")
    status, _, err = end_of(barrier(None))
    assert status == 1 and "in no pod" in err, err


@test
def barrier_restart(node):
    """a sidecar that restarts again and again: the baseline is what it was"""
    pod = Pod(node, 200).run()
    at(200)
    for _ in range(5):
        assert end_of(barrier(pod))[0] == 0
    assert all(limit["baseline_uw"] in BOOT for limit in book()["limits"])
    pod.kill()
    at(0, 1)


@test
def barrier_failed(node):
    """a cap that did not take: the barrier fails, with the reason"""
    write("/run/powercapfs/faults", "write * * EACCES\n")
    pod = Pod(node, 200)
    pod.spawn("")
    status, _, err = end_of(barrier(pod))
    assert status == 1 and "failed" in err and "wanted" in err, err
    write("/run/powercapfs/faults", "")
    pod.end()
    pod.gone()
    at(0)


@test
def barrier_without_agent(node):
    """no agent: it waits for one, and ends with 1 after its time"""
    pod = Pod(node, 200).run()
    at(200)
    node.stop()
    assert end_of(barrier(pod, "--timeout=1"))[0] == 1
    child = barrier(pod, "--timeout=30")
    time.sleep(0.3)
    node.start()
    assert end_of(child, 30)[0] == 0
    pod.kill()
    at(0)


@test
def barrier_crowd(node):
    """one pod's thousand connections keep no other from its answer"""
    greedy, other = Pod(node, 100, bound=False), Pod(node, 120)
    at(120)
    greedy.spawn("")
    folder = f"{CG}/kubepods/burstable/pod{greedy.uid}/{'c' * 64}"
    os.makedirs(folder, exist_ok=True)
    code = ("import socket,time,sys\nopen(sys.argv[1]+'/cgroup.procs','w').write('0')\nheld=[]\n"
            "for i in range(1000):\n s=socket.socket(socket.AF_UNIX)\n s.connect('/run/wattle-barrier/barrier.sock')\n held.append(s)\n try: s.send(b'x'*100)\n except OSError: pass\n"
            "print('held',flush=True)\ntime.sleep(100)")
    child = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout.readline() == "held\n"
    assert end_of(barrier(other))[0] == 0
    child.kill()
    child.wait()
    greedy.end()
    greedy.gone()
    other.gone()
    at(0)


# --- records -------------------------------------------------------------------------


def records(job):
    found = []
    for path in glob.glob(f"/run/spool/mpijob/{job}/*.jsonl"):
        found += [json.loads(line) for line in open(path)]
    return found


OWNER = "0a0a0a0a-1111-2222-3333-444444444444"


def labels(role, index=None):
    return {"training.kubeflow.org/job-name": "nbody", "training.kubeflow.org/job-role": role,
            **({"training.kubeflow.org/replica-index": str(index)} if index is not None else {})}


@test
def recorded(node):
    """an MPIJob's pods leave records: energy, cap, time, prediction"""
    worker = Pod(node, 200, labels=labels("worker", 1), annotations={"wattle.hpc/grant": "v1 watts=190 slowdown=9.5 profile=nbody"}, owner=OWNER,
                 namespace="team-a").run()
    launcher = Pod(node, labels=labels("launcher"), namespace="team-a", policy="OnFailure").run()
    at(190)
    time.sleep(2.3)
    launcher.kill()
    time.sleep(0.3)
    launcher.tell(phase="Succeeded")
    worker.delete()
    worker.kill()
    at(0, 1)
    worker.gone()
    assert until(lambda: len(records("team-a/nbody")) == 2), records("team-a/nbody")
    by = {r["role"]: r for r in records("team-a/nbody")}
    w, la = by["worker"], by["launcher"]
    assert w["record"]["step"] == 1 and w["record"]["grant_w"] == 190 and w["record"]["cap_w"] == 190 and w["record"]["cap_held"], w
    assert w["profile"] == "nbody" and w["slowdown_pct"] == 9.5 and w["owner"] == OWNER and w["whole"] and not w["record"]["shared"], w
    assert w["record"]["energy_j"] > 0 and 2 < w["record"]["elapsed_s"] < 10 and w["record"]["capped_s"] > 1.5, w
    assert la["state"] == "Succeeded" and 2.2 < la["record"]["elapsed_s"] < w["record"]["elapsed_s"] and la["record"]["energy_j"] == -1, la


@test
def recorded_by_two(node):
    """an agent that leaves writes what it measured, the next one the rest, which says that it is not the whole"""
    worker = Pod(node, 200, labels=labels("worker", 0), owner=OWNER).run()
    at(200)
    time.sleep(2.2)
    node.stop(signal.SIGTERM)
    node.start()
    time.sleep(2.2)
    worker.kill()
    worker.tell(phase="Succeeded")
    assert until(lambda: len(records("default/nbody")) == 2), records("default/nbody")
    first, second = records("default/nbody")
    assert first["whole"] and not second["whole"] and first["record"]["energy_j"] > 0 and second["record"]["energy_j"] > 0


@test
def shared(node):
    """pods of two jobs on a node: each record says that it shared it"""
    a = Pod(node, 130, labels=labels("worker", 0)).run()
    b = Pod(node, 140).run()
    at(270)
    time.sleep(0.3)
    b.kill()
    a.kill()
    a.tell(phase="Succeeded")
    assert until(lambda: len(records("default/nbody")) == 1) and records("default/nbody")[0]["record"]["shared"]


@test
def report_dir_hangs(node):
    """a report_dir that hangs keeps no limit from being given back"""
    os.makedirs("/run/spool", exist_ok=True)
    os.chmod("/run/spool", 0o1711)
    os.mkfifo("/run/spool/mpijob")  # refused at once: the folder is no folder
    worker = Pod(node, 200, labels=labels("worker", 0)).run()
    at(200)
    worker.seen()
    worker.kill()
    at(0, 1)
    worker.tell(phase="Succeeded")
    assert until(lambda: "is lost" in log())


# --- a job that will be stopped ------------------------------------------------------


class Listener:
    """In place of a pod's process: counts the signals that programs may listen to; an unlistened USR1 would end it."""

    def __init__(self, pod, container="main"):
        self.file = f"/run/asked.{pod.uid}.{len(pod.procs.get(container, []))}"
        write(self.file, "")
        folder = f"{CG}/kubepods/burstable/pod{pod.uid}/{pod.ids[container]}"
        child = subprocess.Popen(["bash", "-c", f'trap "echo asked >>{self.file}" URG; echo $$ >{folder}/cgroup.procs; while :; do sleep 0.02; done'])
        pod.procs[container].append(child)
        assert until(lambda: f"/pod{pod.uid}/" in open(f"/proc/{child.pid}/cgroup").read())

    def asked(self):
        return len(open(self.file).read().split())


def job_uid(number):
    return f"{number:08x}-5555-6666-7777-888888888888"


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def mpijob(node, when, uid=None, name="nbody"):
    node.server.put(JOBS, name, "default", metadata={"uid": uid or job_uid(1), "annotations": {"wattle.hpc/checkpoint": when} if when else {}})


def watched(node, name="nbody"):
    return any("watch=" in line and f"metadata.name%3D{name}" in line for line in node.server.requests("mpijobs"))


@test
def told_to_checkpoint(node):
    """a job that will be stopped: processes of its workers here are told, once a moment, across a restart; others and sandboxes are not"""
    mpijob(node, None)
    worker = Pod(node, 130, labels=labels("worker", 0), owner=job_uid(1)).run()
    other = Pod(node, 130, labels={**labels("worker", 0), "training.kubeflow.org/job-name": "other"}, owner=job_uid(2)).run()
    mine, theirs = Listener(worker), Listener(other)
    assert until(lambda: watched(node)), node.server.requests("mpijobs")
    time.sleep(0.3)
    assert mine.asked() == 0
    first = moment(60)
    mpijob(node, first)
    assert until(lambda: mine.asked() == 1), log()
    time.sleep(1.2)
    mpijob(node, first)  # anything else of the job has changed
    time.sleep(0.5)
    assert mine.asked() == 1 and theirs.asked() == 0
    mpijob(node, moment(90))
    assert until(lambda: mine.asked() == 2)
    assert worker.procs[""][0].poll() is None and worker.procs["main"][0].poll() is None, "a process that does not listen was ended"
    node.stop()
    node.start()
    # it can't know whether they were told: twice is better than never
    assert until(lambda: mine.asked() == 3)


@test
def not_told(node):
    """moments that are over or none, jobs that did not make the pod, and a user who annotates a thousand times a second"""
    mpijob(node, moment(-60))
    worker = Pod(node, 130, labels=labels("worker", 0), owner=job_uid(1)).run()
    forged = Pod(node, 130, labels=labels("worker", 1), owner=job_uid(9)).run()
    mine, theirs = Listener(worker), Listener(forged)
    assert until(lambda: watched(node))
    time.sleep(0.3)
    for bad in ("soon", "9" * 5000, "2099-13-45T00:00:00Z", "\n", "2099-01-01T00:00:00Z; reboot"):
        mpijob(node, bad)
    time.sleep(0.5)
    assert mine.asked() == 0
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        mpijob(node, moment(1000 + Pod.number))
        Pod.number += 1
        time.sleep(0.002)
    assert until(lambda: mine.asked() > 0)
    assert 1 <= mine.asked() <= 4 and theirs.asked() == 0, (mine.asked(), theirs.asked())
    at(260)


@test
def no_mpijobs(node):
    """an API server that refuses MPIJobs: told once, and caps are kept all the same"""
    node.server.fault("mpijobs", times=1000, status=403)
    worker = Pod(node, 200, labels=labels("worker", 0), owner=job_uid(1)).run()
    at(200)
    assert until(lambda: "not told when to checkpoint" in log()), log()
    time.sleep(2)
    assert log().count("not told when to checkpoint") == 1
    worker.kill()
    at(0, 1)


def main():
    os.makedirs(CG, exist_ok=True)
    subprocess.run(["mount", "-t", "cgroup", "-o", f"none,name=wattle-pods-{os.getppid()}", "x", CG], check=True)
    write("/run/wattle.conf", "[site]\nreport_dir = /run/spool\n[class k]\nnodes = k1\nbase_w = 60\nmin_w = 100\nmax_w = 400\n")
    failures = 0
    only = sys.argv[2:] or None
    todo = [(name, run) for name, run in TESTS if not only or run.__name__ in only]
    for number, (name, run) in enumerate(todo, 1):
        write("/run/agent.log", "")
        node, why = Node(), None
        try:
            run(node)
        except Exception as trouble:  # noqa: BLE001
            why = f"{type(trouble).__name__}: {trouble}"
        node.clean()
        print(f"{'not ok' if why else 'ok'} {number} - {name}", flush=True)
        if why:
            failures += 1
            print("# " + (why + "\n" + log()).replace("\n", "\n# "), flush=True)
    print(f"1..{len(todo)}")
    # a hierarchy outlives its mount as long as there is a cgroup in it
    subprocess.run(["find", CG, "-mindepth", "1", "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
    subprocess.run(["umount", CG])
    return failures > 0 or not todo


sys.exit(main())
