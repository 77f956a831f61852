# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs of all kinds, and what users and administrators do to them."""
import json
import random
import re
import subprocess
import threading
import time

from lab import TESTS, USERS, Answer, as_user, on

KINDS = {"power": 30, "default": 6, "slowdown": 15, "carbon": 10, "array": 6, "srun": 12, "plan": 14, "scale": 7}
MALLEABLE = ("plan", "scale")
ENDED_HELD = re.compile("JobHeld|requeued.in.held")
STENCIL = "60 50 ck 1 gate"  # ends when its gate is opened
DEPTH = 18  # jobs of ours that wait or run at a time
AWAY = re.compile("Unable to contact|Socket timed out|Connection refused|Transport endpoint|try again|no answer within|"
                  "allocation request|Zero Bytes|Communication connection|Connection reset")


class Job:
    def __init__(self, job_id, kind, user, folder=None, gate_s=None):
        self.id, self.kind, self.user, self.folder, self.gate_s = job_id, kind, user, folder, gate_s
        self.born = time.time()
        self.touched = set()
        self.nodes = set()
        self.state = self.reason = ""
        self.ran = self.over = False
        self.began = self.ended = None
        self.release_at = self.hurry_at = None
        self.wants = 0


class Jobs:
    def __init__(self, notes, seed, stop):
        self.notes, self.random, self.stop = notes, random.Random(f"{seed} jobs"), stop
        self.lock = threading.Lock()
        self.jobs = {}
        self.serial = 0
        self.sruns = []
        self.draining = False
        self.left_at = None
        self.asked = 0.0  # when squeue answered last
        self.first = 0    # the last job that was there before us

    # --- before the first ------------------------------------------------------------------------------------------------

    def prepare(self):
        """Program, profile and forecast; the checksum of a run that nothing disturbs."""
        with open(f"{TESTS}/apps/stencil.c", encoding="utf-8") as source:
            made = as_user("alice", "sh", "-c", "rm -rf soak; mkdir soak && cat >soak/stencil.c && "
                           "mpicc -O2 -o soak/stencil soak/stencil.c -lwattle_mpi", stdin=source.read())
        made = made if made.rc else as_user("bob", "sh", "-c", "rm -rf soak; mkdir soak")
        made = made if made.rc else on("ctl", """cd /root && mkdir -p /etc/wattle/profiles &&
            printf 'nodes,throughput,power\n1,1,200\n2,1.5,400\n4,2,800\n' >curve.csv &&
            printf 'cap_w,time_s\n150,72\n200,66\n250,63\n300,61\n400,60\n' >sweep.csv &&
            wattle profile fit sweep.csv --scaling curve.csv -o /etc/wattle/profiles/soak.json >/dev/null &&
            { cat /etc/wattle/wattle.conf.soak
              printf '[carbon]\nmargin = 0\nspread_pct = 0\nresize_overhead = 3s\nmin_saving_pct = 3\n'; } >/etc/wattle/wattle.conf.new &&
            mv /etc/wattle/wattle.conf.new /etc/wattle/wattle.conf""")
        if made.rc:
            raise RuntimeError(f"can't prepare: {made.err}")
        self.forecast()
        run = as_user("alice", "srun", "-Q", "-N1", "-n1", "soak/stencil", *STENCIL.split()[:2], "soak/none")
        self.checksum = re.search("checksum=[0-9a-f]*", run.out)
        if not self.checksum:
            raise RuntimeError(f"the stencil does not run: {run.err}")
        self.first = max(map(int, on("ctl", "squeue -h -t all -o %A").out.split()))
        self.checksum = self.checksum.group()

    def forecast(self):
        """The next ten minutes, anew each time: what follows plans has to plan again."""
        now = int(time.time())
        values = []
        while len(values) < 300:
            values += [self.random.choice((40, 120, 300, 500))] * self.random.randint(2, 8)
        text = json.dumps({"zone": "LAB", "signal": "average", "unit": "gCO2/kWh", "issued": now, "slot_s": 2, "start": now, "values": values})
        on("login", "cd /var/lib/wattle/carbon && cat >LAB.json.new && mv LAB.json.new LAB.json", stdin=text)

    # --- submitting ------------------------------------------------------------------------------------------------------

    def submit(self):
        kind = self.random.choices(list(KINDS), KINDS.values())[0]
        self.serial += 1
        getattr(self, f"submit_{kind}")(kind)

    def sbatch(self, kind, user, options, script, folder=None, gate_s=None, wants=0):
        where = ["-D", folder] if folder else ["-D", "soak"]
        answer = as_user(user, "sbatch", "--parsable", "-J", f"s{self.serial}", "-o", "out" if folder else "/dev/null", "--open-mode=append", *where,
                         *options, stdin=f"#!/bin/bash\n{script}\n")
        if answer.rc:
            self.notes.count("submissions that slurmctld was away for" if AWAY.search(answer.err) else "submissions refused")
            if not AWAY.search(answer.err):
                self.notes.found("submissions", f"{kind} {' '.join(options)}: {answer.err[-300:]}")
            return
        job = Job(int(answer.out.split(";")[0]), kind, user, folder, gate_s)
        job.wants = wants
        with self.lock:
            self.jobs[job.id] = job
        self.notes.count(f"jobs: {kind}")
        self.notes.say(f"job {job.id} {kind} of {user} {' '.join(options)}")

    def work(self):
        """A batch script that sleeps or computes for some seconds, perhaps in a step of less watts, and may fail."""
        r, wants = self.random, 3 if self.random.random() < 0.1 else 0
        what = f"sleep {r.uniform(0.5, 12):.1f}"
        if r.random() < 0.15:
            what = f"timeout {r.randint(2, 4)} sh -c 'while :; do :; done'"
        if r.random() < 0.3:
            what = f"srun -Q --power-cap={r.choice((100, 120, 140))} {what}"
        return f"{what}\nexit {wants}", wants

    def submit_power(self, kind):
        r = self.random
        nodes, watts = r.choice((1, 1, 1, 2, 3)), r.choice((120, 150, 200, 260, 300, 400))
        options = [f"-N{nodes}", "-t2"]
        if r.random() < 0.2:
            options += ["--qos=lowpower"]
            nodes, watts = 1, r.choice((120, 150, 200, 300))
            options[0] = "-N1"
        options.append(r.choice((f"--power-cap={watts}", f"--power-cap={watts * nodes}W/job", f"--power-cap={watts // 4}%")))
        if r.random() < 0.4:
            options += ["-n1", "-c1"] if nodes == 1 else []
        elif r.random() < 0.3:
            options.append("--exclusive")
        if r.random() < 0.3:
            options.append("--no-requeue")
        script, wants = self.work()
        self.sbatch(kind, r.choice(USERS), options, script, wants=wants)

    def submit_default(self, kind):
        script, wants = self.work()
        self.sbatch(kind, self.random.choice(USERS), ["-n1", f"-c{self.random.choice((1, 2))}", "-t2"], script, wants=wants)

    def submit_slowdown(self, kind):
        options = [f"-N{self.random.choice((1, 1, 2))}", "-t2", "--power-profile=soak", f"--slowdown={self.random.choice((2, 5, 10, 15))}%"]
        script, wants = self.work()
        self.sbatch(kind, self.random.choice(USERS), options, script, wants=wants)

    def submit_carbon(self, kind):
        options = ["-N1", "-t1", "--power-cap=200", "--carbon=start", f"--carbon-within={self.random.randint(65, 100)}s", "--carbon-work=6s"]
        script, wants = self.work()
        self.sbatch(kind, self.random.choice(USERS), options, script, wants=wants)

    def submit_array(self, kind):
        script, wants = self.work()
        self.sbatch(kind, self.random.choice(USERS), [f"--array=1-{self.random.randint(2, 4)}", "-N1", "-n1", "-c1", "-t2", "--power-cap=130"], script, wants=wants)

    def submit_srun(self, kind):
        """Interactive; its client may be killed."""
        words = ["srun", "-Q", f"-N{self.random.choice((1, 2))}", "-t2", "-J", f"s{self.serial}", f"--power-cap={self.random.choice((140, 220, 350))}",
                 "sleep", f"{self.random.uniform(0.2, 6):.1f}"]
        user = self.random.choice(USERS)
        process = subprocess.Popen([f"{TESTS}/lab", "run", "--user", user, "--", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        kill_at = time.time() + self.random.uniform(0.5, 5) if self.random.random() < 0.2 else None
        self.sruns.append((process, kill_at))
        self.notes.count(f"jobs: {kind}")
        self.notes.say(f"srun {' '.join(words)} of {user}")

    def malleable(self, kind, options, plan):
        folder = f"soak/{self.serial}"
        # ranks that wait would use up their node's share of the CPU
        script = f"export OMPI_MCA_mpi_yield_when_idle=1\nwattlerun --state st --min-pause 2s {plan} ../stencil {STENCIL}"
        made = as_user("alice", "sh", "-c", 'mkdir -p "$1" && cat >"$1/plan"', "sh", folder, stdin=self.plan())
        if made.rc == 0:
            self.sbatch(kind, "alice", ["--requeue", "--ntasks-per-node=1", "-t3", *options], script, folder, self.random.uniform(3, 35))

    def plan(self):
        slots = [{"t": t, "nodes": self.random.randint(1, 3)} for t in range(8) if t == 0 or self.random.random() < 0.7]
        return json.dumps({"slot_s": self.random.randint(3, 6), "slots": slots})

    def submit_plan(self, kind):
        self.malleable(kind, ["-N1-3", "--power-cap=200"], "--plan plan")

    def submit_scale(self, kind):
        self.malleable(kind, ["-N1-4", "--power-cap=200", "--power-profile=soak", "--carbon=scale", "--carbon-within=150s",
                              f"--carbon-work={self.random.randint(15, 40)}s"], "")

    # --- what is done to them --------------------------------------------------------------------------------------------

    def disturb(self):
        """One thing to one job."""
        job = self.random.choice(self.active() or [None])
        what = self.random.choices(("cancel", "requeue", "requeuehold", "hold", "kill", "timelimit"), (5, 4, 2, 4, 2, 2))[0]
        if not job or what in job.touched or job.kind == "array" and what != "cancel":
            return
        running = job.state == "RUNNING"
        if what == "cancel":
            done = as_user(job.user, "scancel", str(job.id))
        elif what == "kill" and running:
            done = as_user(job.user, "scancel", "--signal=KILL", "--full", str(job.id))
        elif what == "requeue" and running:
            done = on("ctl", "scontrol requeue $1", str(job.id))
        elif what == "requeuehold" and running:
            done = on("ctl", "scontrol requeuehold $1", str(job.id))
        elif what == "hold" and job.state == "PENDING":
            done = on("ctl", "scontrol hold $1", str(job.id))
        elif what == "timelimit":
            done = on("ctl", "scontrol update jobid=$1 timelimit=3", str(job.id))
        else:
            return
        if done.rc:
            self.notes.say(f"{what} {job.id}: {done.err[-150:]}")
            return
        job.touched.add(what)
        if "hold" in what:
            job.release_at = time.time() + self.random.uniform(3, 15)
        self.notes.count(f"done to jobs: {what}")
        self.notes.say(f"{what} {job.id} ({job.state})")

    def active(self):
        with self.lock:
            return [job for job in self.jobs.values() if not job.over]

    def depth(self):
        return sum(job.state not in ("COMPLETING",) for job in self.active()) + len(self.sruns)

    # --- looking after them ----------------------------------------------------------------------------------------------

    def poll(self):
        """What squeue says; False if it says nothing."""
        begin = time.time()
        answer = on("ctl", "squeue -h -t all -o '%F|%T|%r|%u|%N'", timeout=30)
        if answer.rc:
            return False
        here = {}
        for line in answer.out.splitlines():
            number, *row = line.split("|")
            here.setdefault(int(number), []).append(row)
        with self.lock:
            for number, rows in here.items():
                if number not in self.jobs:
                    if number <= self.first:
                        continue
                    self.jobs[number] = Job(number, "srun", rows[0][2])  # or an answer of sbatch's that got lost
                    self.jobs[number].born -= 5
                self.see(self.jobs[number], rows)
            for job in self.jobs.values():
                if not job.over and job.id not in here and job.born < begin - 1:
                    self.ends(job, "forgotten")
        self.asked = begin
        return True

    def see(self, job, rows):
        live = [row for row in rows if row[0] not in OVER]
        for row in rows:
            job.nodes.update(expand(row[3]))
        job.ran = job.ran or bool(job.nodes)
        job.began = job.began or (time.time() if job.ran else None)
        job.state, job.reason = (live or rows)[0][:2]
        if not live and not job.over:
            self.ends(job, job.state)

    def ends(self, job, state):
        job.state, job.over, job.ended = state, True, time.time()
        self.notes.say(f"job {job.id} {job.kind} is over: {state}")

    def look_after(self):
        """Gates, releases, killed clients; requeued jobs, which Slurm would let wait two minutes."""
        now = time.time()
        gates = [job for job in self.active() if job.gate_s is not None and (self.draining or job.began and now >= job.began + job.gate_s)]
        if gates and as_user("alice", "touch", *(f"{job.folder}/gate" for job in gates)).rc == 0:
            for job in gates:
                job.gate_s = None
        for job in self.active():
            if job.release_at and now >= job.release_at and job.state == "PENDING":
                if on("ctl", "scontrol release $1", str(job.id)).rc == 0:
                    job.release_at, job.hurry_at = None, None
                    self.notes.say(f"release {job.id}")
            elif job.state == "PENDING" and job.reason in ("BeginTime", "NodeDown", "NodeFailure") and job.ran and self.may_hurry(job, now):
                # slurmd refuses a job in the second of its end (tests/README.md)
                job.hurry_at = now + 60
                on("ctl", "scontrol update jobid=$1 starttime=$2", str(job.id), f"uts{int(now) + 4}")
        if self.draining and self.sruns and not self.active():
            # the slurmstepd that it waited for was killed, and nobody tells it that the job is over: that is Slurm's
            if self.left_at and now >= self.left_at:
                self.notes.count("srun clients that Slurm left waiting for a job that was over", len(self.sruns))
                on("login", "pkill -KILL -x srun")
            self.left_at = self.left_at or now + 20
        for process, kill_at in list(self.sruns):
            if process.poll() is not None:
                self.sruns.remove((process, kill_at))
            elif kill_at and now >= kill_at:
                on("login", "pkill -KILL -x -n srun")
                self.sruns[self.sruns.index((process, kill_at))] = (process, None)
                self.notes.count("done to jobs: srun killed")

    def may_hurry(self, job, now):
        if job.hurry_at and now < job.hurry_at:
            return False
        # a malleable job's pause is its own, unless it has lasted longer than any that is planned
        if job.kind in MALLEABLE and not job.touched & {"requeue"}:
            job.hurry_at = job.hurry_at or now + 45
            return now >= job.hurry_at
        return True

    def run(self):
        tick = 0
        while not self.stop.is_set():
            tick += 1
            self.step(tick)
            self.stop.wait(0.5)

    def step(self, tick):
        if not self.draining:
            if self.depth() < DEPTH:
                self.submit()
            if self.random.random() < 0.15:
                self.disturb()
            if tick % 60 == 0:
                self.forecast()
        if tick % 3 == 0:
            self.poll()
            self.look_after()

    def quiet(self):
        """Nothing of ours is there any more, as slurmctld says."""
        return time.time() - self.asked < 10 and not self.active() and not self.sruns

    def drain(self):
        """Nothing new; gates are opened, what is held by us is let go."""
        self.draining = True
        for job in self.active():
            job.release_at = job.release_at and 0.1


OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REVOKED")


def expand(nodes):
    """n[1-3,5] as n1 n2 n3 n5."""
    match = re.fullmatch(r"n\[([0-9,-]+)\]", nodes.strip())
    if not match:
        return [nodes.strip()] if re.fullmatch(r"n[0-9]+", nodes.strip()) else []
    out = []
    for part in match.group(1).split(","):
        first, _, last = part.partition("-")
        out += [f"n{i}" for i in range(int(first), int(last or first) + 1)]
    return out
