#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client of the Kubernetes API against a server that does, on order, what servers and networks do wrong."""
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kube_server import Server  # noqa: E402

TOOL = os.path.join(os.getcwd(), "tests/component/kube_tool")
THINGS = "/apis/x.io/v1/things"
PATIENCE_S = 60
AT_ONCE = 12  # each test has a server of its own, and most of its time is spent waiting


class Lines:
    """What a kube_tool says, line by line."""

    def __init__(self, kubeconfig, *args):
        self.process = subprocess.Popen([TOOL, kubeconfig, *args], stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]})
        self.lines = queue.Queue()
        self.seen = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def until(self, wanted):
        """Waits for a line that begins so; returns it and those before."""
        before = []
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line {wanted!r} after {before}") from None
            before.append(line)
            self.seen.append(line)
            if line.startswith(wanted):
                return before

    def quiet(self, seconds):
        time.sleep(seconds)
        return self.lines.empty()

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        self.thread.join(PATIENCE_S)
        self.process.stdout.close()
        return status


class Base(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.server.kind(THINGS, "Thing")
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.kubeconfig = self.write("config", self.config())

    def write(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def config(self, user="{}", cluster=None):
        cluster = cluster or f"server: http://127.0.0.1:{self.server.port}"
        return f"""apiVersion: v1
kind: Config
clusters:
- name: c
  cluster:
    {cluster}
users:
- name: u
  user: {user}
contexts:
- name: x
  context: {{cluster: c, user: u, namespace: work}}
current-context: x
"""

    def follow(self, *args):
        lines = Lines(self.kubeconfig, "watch", THINGS, *args)
        self.addCleanup(lambda: self.assertEqual(lines.end(), 0))
        return lines

    def send(self, *args, kubeconfig=None):
        done = subprocess.run([TOOL, kubeconfig or self.kubeconfig, "send", *args], capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        status, _, why = done.stdout.splitlines()[0].partition(" ")
        return int(status), why, done.stdout.splitlines()[1:]


class Requests(Base):
    def test_get(self):
        self.server.put(THINGS, "a")
        status, why, body = self.send("GET", THINGS + "/a")
        self.assertEqual((status, why), (200, ""))
        self.assertIn('"name":"a"', body[0])

    def test_refusal_says_why(self):
        status, why, _ = self.send("GET", THINGS + "/none")
        self.assertEqual(status, 404)
        self.assertIn("not found", why)

    def test_again_after_500_503_429(self):
        self.server.put(THINGS, "a")
        for code in 500, 503, 429:
            self.server.fault("GET", status=code)
        self.assertEqual(self.send("GET", THINGS + "/a")[0], 200)
        self.assertEqual(len(self.server.requests("GET")), 4)

    def test_retry_after_is_kept_to(self):
        self.server.put(THINGS, "a")
        self.server.fault("GET", status=429, headers={"Retry-After": "2"})
        begin = time.monotonic()
        self.assertEqual(self.send("GET", THINGS + "/a")[0], 200)
        self.assertGreater(time.monotonic() - begin, 1.9)

    def test_gives_up(self):
        self.server.fault("GET", times=100, status=503)
        self.assertEqual(self.send("GET", THINGS)[0], 503)
        self.assertEqual(len(self.server.requests()), 5)

    def test_post_is_not_sent_twice(self):
        self.server.fault("POST", times=3, status=500)
        self.assertEqual(self.send("POST", THINGS, "application/json", '{"metadata":{"name":"b"}}')[0], 500)
        self.server.faults.clear()
        self.server.fault("POST", status=429)
        self.assertEqual(self.send("POST", THINGS, "application/json", '{"metadata":{"name":"b"}}')[0], 201)

    def test_conflict_is_told(self):
        self.server.put(THINGS, "a")
        body = '{"metadata":{"name":"a","resourceVersion":"1"}}'
        status, why, _ = self.send("PUT", THINGS + "/a", "application/json", body)
        self.assertEqual(status, 409)
        self.assertIn("modified", why)
        self.assertEqual(len(self.server.requests("PUT")), 1)

    def test_broken_off(self):
        self.server.put(THINGS, "a")
        self.server.fault("GET", reset=True)
        self.assertEqual(self.send("GET", THINGS + "/a")[0], 200)

    def test_half_a_json_is_none(self):
        self.server.fault("GET", raw=b'{"kind":"Thing","metada')
        status, _, body = self.send("GET", THINGS + "/a")
        self.assertEqual((status, body), (200, [""]))

    def test_slow(self):
        self.server.put(THINGS, "a")
        self.server.fault("GET", times=1, delay=4)  # the tool waits 2 s
        self.assertEqual(self.send("GET", THINGS + "/a")[0], 200)

    def test_too_large(self):
        self.server.fault("GET", times=9, raw=b'{"a":"' + b"x" * (33 << 20) + b'"}')
        status, why, _ = self.send("GET", THINGS)
        self.assertEqual(status, 0)
        self.assertIn("more than", why)
        self.assertEqual(len(self.server.requests()), 1)

    def test_nobody_there(self):
        path = self.write("nobody", self.config(cluster="server: http://127.0.0.1:1"))
        status, why, _ = self.send("GET", THINGS, kubeconfig=path)
        self.assertEqual(status, 0)
        self.assertIn("127.0.0.1", why)

    def test_token_is_read_again(self):
        self.server.put(THINGS, "a")
        self.server.token = "new"
        token = self.write("token", "old\n")
        path = self.write("with", self.config(user="{tokenFile: token}"))
        self.assertEqual(self.send("GET", THINGS + "/a", kubeconfig=path)[0], 401)
        self.assertEqual(len(self.server.requests()), 2)
        self.server.fault("GET", delay=1.5)
        renew = threading.Timer(0.7, lambda: os.replace(self.write("token2", "new\n"), token))
        renew.start()
        self.assertEqual(self.send("GET", THINGS + "/a", kubeconfig=path)[0], 200)
        renew.join()

    def test_many_at_once(self):
        self.server.put(THINGS, "a")
        self.server.fault("GET", times=40, status=429)
        done = subprocess.run([TOOL, self.kubeconfig, "flood", "500", THINGS + "/a"], capture_output=True, text=True, check=True, timeout=PATIENCE_S)
        self.assertEqual(done.stdout, "500\n")

    def test_event_said_again_is_counted(self):
        self.server.kind("/api/v1/events", "Event")
        for _ in range(2):
            lines = Lines(self.kubeconfig, "event", "it went well")
            time.sleep(1.5)
            self.assertEqual(lines.end(), 0)
        events = self.server.of("/api/v1/events", "ns")
        self.assertEqual(len(events), 1)
        self.assertGreaterEqual(events[0]["count"], 2)
        self.assertEqual(events[0]["involvedObject"]["uid"], "uid")


class Config(Base):
    def said(self, text, *args, **env):
        path = self.write("tried", text) if text is not None else "-"
        done = subprocess.run([TOOL, path, "conf", *args], capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"], **env})
        return done.returncode, done.stdout

    def test_inline_data_stays_in_memory(self):
        status, said = self.said(self.config(user="{client-certificate-data: Y2VydAo=, client-key-data: a2V5Cg==}",
                                             cluster="server: https://h:6443/\n    certificate-authority-data: Y2EK"))
        self.assertEqual(status, 0, said)
        self.assertIn("server=https://h:6443\n", said)
        self.assertIn("ca=/proc/self/fd/", said)
        self.assertIn("data0=ca\ndata1=cert\ndata2=key\n", said)
        self.assertIn("namespace=work\n", said)

    def test_refused(self):
        for wanted, text in (
            ("insecure-skip-tls-verify", self.config(cluster="server: https://h\n    insecure-skip-tls-verify: true")),
            ("without TLS", self.config(cluster="server: http://10.0.0.1:80")),
            ("without TLS", self.config(cluster="server: http://localhost.evil:80")),
            ("no address", self.config(cluster="server: https://me@h")),
            ("exec", self.config(user="{exec: {command: /bin/sh}}")),
            ("password", self.config(user="{username: a, password: b}")),
            ("no base64", self.config(user="{client-certificate-data: '*', client-key-data: a2V5Cg==}")),
            ("go together", self.config(user="{client-certificate-data: Y2EK}")),
            ("not in contexts", self.config().replace("current-context: x", "current-context: y")),
            ("not in clusters", self.config().replace("name: c\n", "name: d\n")),
            ("not in users", self.config().replace("name: u\n", "name: v\n")),
            ("no current-context", "{}"),
            ("no current-context", "- a\n"),
            ("tried:", "a: [\n"),
            ("token has bytes", self.config(user='{token: "a b"}')),
            ("at most", "#" * (1 << 21)),
        ):
            status, said = self.said(text)
            self.assertEqual(status, 1, said)
            self.assertIn(wanted, said)

    def test_others_may_not_write_it(self):
        path = self.write("open", self.config())
        os.chmod(path, 0o666)
        done = subprocess.run([TOOL, path, "conf"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("may write it", done.stdout)

    def test_no_pod_and_no_file(self):
        status, said = self.said(None)
        self.assertEqual(status, 1)
        self.assertIn("--kubeconfig", said)


class Watch(Base):
    def test_follows(self):
        self.server.put(THINGS, "a", "ns")
        lines = self.follow()
        self.assertEqual([line.split()[:2] for line in lines.until("synced")], [["has", "ns/a"], ["synced", "1"]])
        self.server.put(THINGS, "b")
        lines.until("has b")
        self.server.put(THINGS, "b", x=1)
        lines.until("again b")
        self.server.delete(THINGS, "a", "ns")
        lines.until("gone ns/a")
        self.assertEqual(len(self.server.requests("sendInitialEvents")), 1)

    def test_lists_in_pages_where_there_is_no_watch_list(self):
        self.server.watch_list = False
        for i in range(600):
            self.server.put(THINGS, f"t{i}")
        lines = self.follow()
        self.assertEqual(len(lines.until("synced 600")), 601)
        self.assertEqual(len(self.server.requests("limit=250")), 3)
        self.server.put(THINGS, "late")
        lines.until("has late")

    def test_pages_that_are_too_old(self):
        self.server.watch_list = False
        for i in range(300):
            self.server.put(THINGS, f"t{i}")
        self.server.fault("continue=", status=410)
        lines = self.follow()
        lines.until("synced 300")
        self.assertFalse(any(line.startswith("gone") for line in lines.seen))

    def test_cut_connection_goes_on_from_there(self):
        self.server.put(THINGS, "a")
        lines = self.follow()
        lines.until("synced")
        self.server.put(THINGS, "b")
        lines.until("has b")
        self.server.fault("CUT")
        time.sleep(0.5)
        self.server.put(THINGS, "c")
        self.assertNotIn("synced", " ".join(lines.until("has c")))
        self.assertEqual(len(self.server.requests("sendInitialEvents")), 1)

    def gone_after(self, lines):
        """b vanished while nobody watched: it is told after the list that no longer has it."""
        before = lines.until("gone b")
        self.assertTrue(any(line.startswith("again a") for line in before), before)
        lines.until("synced 1")

    def test_410_in_a_stream(self):
        self.server.put(THINGS, "a")
        self.server.put(THINGS, "b")
        lines = self.follow()
        lines.until("synced 2")
        self.server.fault("resourceVersion=[0-9]", delay=1.5)
        self.server.fault("CUT")
        time.sleep(0.6)
        self.server.delete(THINGS, "b")
        self.server.compact()
        self.gone_after(lines)

    def test_410_as_status(self):
        self.server.put(THINGS, "a")
        self.server.put(THINGS, "b")
        self.server.fault("resourceVersion=[0-9]", status=410, delay=1)
        lines = self.follow()
        lines.until("synced 2")
        self.server.fault("CUT")
        time.sleep(0.4)
        self.server.delete(THINGS, "b")
        self.gone_after(lines)

    def test_half_a_line(self):
        self.server.put(THINGS, "a")
        lines = self.follow()
        lines.until("synced")
        self.server.fault("CUT", raw=b'{"type":"MODIFIED","object":{"kind":"Thing","meta')
        time.sleep(0.5)
        self.server.put(THINGS, "b")
        lines.until("has b")
        self.assertNotIn("gone", " ".join(lines.seen))

    def test_lines_that_are_nonsense(self):
        self.server.put(THINGS, "a")
        lines = self.follow()
        lines.until("synced")
        self.server.fault("CUT", raw=b'{"type":"MODIFIED","object":{"metadata":{"name":"../x"}}}\n{"type":"ADDED"}\n[1]\n')
        time.sleep(0.5)
        self.server.put(THINGS, "b")
        before = lines.until("has b")
        self.assertFalse([line for line in before if "x" in line.split()[1:2]])

    def test_stalled_stream(self):
        self.server.put(THINGS, "a")
        lines = self.follow("2")
        lines.until("synced")
        self.server.fault("CUT", stall=30)
        time.sleep(0.5)
        self.server.put(THINGS, "b")
        begin = time.monotonic()
        lines.until("has b")
        self.assertLess(time.monotonic() - begin, 25)

    def test_500_and_refused_for_a_while(self):
        self.server.put(THINGS, "a")
        self.server.fault("GET", times=3, status=500)
        lines = self.follow()
        self.assertTrue(any("500" in line for line in lines.until("synced")))

    def test_unauthorized_then_renewed(self):
        self.server.put(THINGS, "a")
        self.server.token = "good"
        self.kubeconfig = self.write("with", self.config(user="{tokenFile: token}"))
        self.write("token", "stale")
        lines = self.follow()
        lines.until("trouble 401")
        self.write("token", "good")
        lines.until("synced 1")

    def test_no_such_kind(self):
        with self.server.lock:
            self.server.kinds.clear()
        lines = self.follow()
        self.assertEqual(lines.until("trouble"), ["trouble the server has no such kind: its CRD is not installed"])
        self.assertTrue(lines.quiet(1.5))
        self.server.kind(THINGS, "Thing")
        self.server.put(THINGS, "a")
        lines.until("synced 1")

    def test_error_in_a_stream(self):
        self.server.put(THINGS, "a")
        lines = self.follow()
        lines.until("synced")
        self.server.fault("CUT", raw=b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is away"}}\n')
        lines.until("trouble the watch ended with 500: etcd is away")
        self.server.put(THINGS, "b")
        lines.until("has b")

    def test_bookmarks_keep_it_young(self):
        self.server.bookmark_s = 0.3
        other = "/apis/x.io/v1/others"
        self.server.kind(other, "Other")
        self.server.put(THINGS, "a")
        lines = self.follow()
        lines.until("synced")
        self.server.put(other, "noise")
        self.server.compact()
        time.sleep(1.5)
        self.server.fault("CUT")
        time.sleep(0.7)
        self.server.put(THINGS, "b")
        self.assertNotIn("synced", " ".join(lines.until("has b")))


class Lease(Base):
    LEASES = "/apis/coordination.k8s.io/v1/leases"

    def setUp(self):
        super().setUp()
        self.server.kind(self.LEASES, "Lease")

    def candidate(self, name):
        lines = Lines(self.kubeconfig, "lease", "ns/bridge", name)
        self.addCleanup(lambda: lines.process.poll() is not None or lines.end())
        return lines

    def holder(self):
        return self.server.get(self.LEASES, "bridge", "ns")["spec"]["holderIdentity"]

    def test_one_leads_and_hands_over(self):
        one = self.candidate("one")
        one.until("leads one 1")
        two = self.candidate("two")
        two.until("follows one")
        self.assertEqual(self.holder(), "one")
        begin = time.monotonic()
        self.assertEqual(one.end(), 0)
        two.until("leads two 1")
        self.assertLess(time.monotonic() - begin, 12)  # not the whole duration
        self.assertEqual(self.server.get(self.LEASES, "bridge", "ns")["spec"]["leaseTransitions"], 1)

    def test_clock_skew_does_not_matter(self):
        """Its renewal is of 2001 by its own clock, but it is renewed."""
        stop = threading.Event()

        def renew():
            n = 0
            while not stop.wait(1):
                n += 1
                self.server.put(self.LEASES, "bridge", "ns", spec={"holderIdentity": "old", "leaseDurationSeconds": 4,
                                                                    "renewTime": f"2001-01-01T00:00:{n % 60:02}.000000Z"})

        self.server.put(self.LEASES, "bridge", "ns", spec={"holderIdentity": "old", "leaseDurationSeconds": 4, "renewTime": "2001-01-01T00:00:00.000000Z"})
        thread = threading.Thread(target=renew)
        thread.start()
        one = self.candidate("one")
        one.until("follows old")
        time.sleep(8)
        self.assertEqual(self.holder(), "old")
        stop.set()
        thread.join()
        one.until("leads one 1")

    def test_stopped_leader_knows_it_leads_no_more(self):
        one = self.candidate("one")
        one.until("leads one 1")
        one.process.send_signal(signal.SIGSTOP)
        two = self.candidate("two")
        two.until("leads two 1")
        one.process.send_signal(signal.SIGCONT)
        one.until("follows two")
        self.assertEqual(self.holder(), "two")

    def test_conflict(self):
        one = self.candidate("one")
        one.until("leads one 1")
        self.server.put(self.LEASES, "bridge", "ns", spec={"holderIdentity": "thief", "leaseDurationSeconds": 600, "renewTime": "2030-01-01T00:00:00.000000Z"})
        one.until("follows thief")

    def test_server_that_fails_for_a_while(self):
        one = self.candidate("one")
        one.until("leads one 1")
        self.server.fault("PUT|GET", times=2, status=500)
        one.until("trouble 500")
        one.until("trouble ")
        self.assertNotIn("follows", " ".join(one.seen))


def one_by_one(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from one_by_one(test)
        else:
            yield test


def run(test):
    result = unittest.TestResult()
    begin = time.monotonic()
    test.run(result)
    return test, result, time.monotonic() - begin


def main():
    """usage: test_kube.py [CLASS | CLASS.test_NAME ...]: these, or all of them."""
    module = sys.modules["__main__"]
    load = unittest.defaultTestLoader
    tests = list(one_by_one(load.loadTestsFromNames(sys.argv[1:], module) if sys.argv[1:] else load.loadTestsFromModule(module)))
    good = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for test, result, seconds in pool.map(run, tests):
            ok = result.wasSuccessful() and result.testsRun == 1 and not result.skipped
            good += ok
            print(f"{'ok' if ok else 'FAILED'} {test.id()} ({seconds:.1f} s)", *(text for _, text in result.errors + result.failures), sep="\n", flush=True)
    print(f"{good} of {len(tests)} passed")
    return 0 if tests and good == len(tests) else 1


if __name__ == "__main__":
    sys.exit(main())
