# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab that is soaked: commands on its hosts, and what is written down of them."""
import os
import re
import subprocess
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NODES = [f"n{i}" for i in range(1, 9)]
USERS = ("alice", "bob")


class Answer:
    def __init__(self, rc, out, err):
        self.rc, self.out, self.err = rc, out.strip(), err.strip()


def lab(*words, stdin="", timeout=120):
    """tests/lab WORDS; 124 if that took longer than TIMEOUT."""
    # a session of its own: Ctrl-C is for this program, which ends what it has begun
    with subprocess.Popen([os.path.join(TESTS, "lab"), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", start_new_session=True) as process:
        try:
            out, err = process.communicate(stdin, timeout)
            return Answer(process.returncode, out, err)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return Answer(124, "", f"no answer within {timeout} s: {' '.join(words)[:200]}")


def on(host, script, *args, **how):
    return lab("on", host, "--", "sh", "-c", script, "sh", *args, **how)


def as_user(user, *words, **how):
    return lab("run", "--user", user, "--", *words, **how)


def watts_of(licences):
    return sum(int(n) for n in re.findall(r"\bpower:(\d+)", licences))


class Notes:
    """What happened, by kind and count, and as lines in a file."""

    def __init__(self, path):
        self.begin = time.time()
        self.file = open(path, "w", buffering=1)
        self.lock = threading.Lock()
        self.counts = {}
        self.findings = {}

    def count(self, what, n=1):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + n

    def get(self, what):
        return self.counts.get(what, 0)

    def say(self, text):
        self.file.write(f"{time.strftime('%H:%M:%S')} {time.time() - self.begin:7.1f} {text}\n")

    def found(self, ledger, text):
        """Something that must not be."""
        with self.lock:
            self.findings.setdefault(ledger, []).append(text)
        self.say(f"FOUND {ledger}: {text}")
