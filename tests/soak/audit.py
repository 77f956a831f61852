# SPDX-License-Identifier: GPL-2.0-or-later
"""Afterwards: does every ledger agree that nothing is left?"""
import json
import re
import statistics
import time

from jobs import ENDED_HELD, MALLEABLE
from lab import NODES, lab, on
from looks import book_of

MAX_W = 400      # what a node of the lab may draw (tests/lab.d/etc/wattle.conf), base watts included
# slurmctld's memory at the end, against after its warm-up: it remembers ended jobs for MinJobAge, ten minutes in the lab. Malloc's pools fill for some
# minutes, so a short look can't be as strict.
LONG_S, WARM_LONG_S, BOUND_LONG = 1200, 660, 1.05
WARM_S, BOUND = 60, 1.2
LEFT = "wattlerun|slurmstepd|stencil|srun|wattle|wattle-resize|wattle-barrier"
# Why a job may have no records, in wattle report's words.
REASONS = re.compile("it never had a node|it ran no step under Wattle, or report_dir is not shared|has no records in|there are no records of it in")


class Audit:
    def __init__(self, notes, jobs, faults, looks):
        self.notes, self.jobs, self.faults, self.looks = notes, jobs, faults, looks
        self.lines = []  # figures, for people

    def all(self):
        """(name, problems) of each ledger."""
        ledgers = (
            ("every submission was answered as it should be", lambda: self.found("submissions")),
            ("every job has ended, none is held", self.ended),
            ("jobs that nothing disturbed ended as their scripts did", self.ends),
            ("licences: at each look as much as the running jobs' charges and within the budget, now none", self.licences),
            ("QOS and associations: no TRES left in use", self.usage),
            ("lease books: none outlived its job, all are empty and nothing is owed", self.books),
            ("power limits, daemons and configuration are as at the beginning", self.settled),
            ("reports: each job that ended has records or the reason why not, and their joules are plausible", self.energy),
            ("malleable jobs that completed have the result of an undisturbed run", self.results),
            ("slurmctld's memory is flat", self.memory),
            ("no process is left", self.processes),
            ("the lab did as it was told", lambda: self.found("lab")),
        )
        for name, look in ledgers:
            try:
                yield name, look()
            except Exception as error:  # noqa: BLE001: the other ledgers are looked at all the same
                yield name, [f"the look itself: {type(error).__name__}: {error}"]

    def found(self, ledger):
        return self.notes.findings.get(ledger, [])

    def ended(self):
        rows = on("ctl", "squeue -h -o '%i of %u: %T (%r) on %N'")
        held = [row for row in rows.out.splitlines() if ENDED_HELD.search(row)]
        self.lines.append(f"jobs left: {len(rows.out.splitlines())}, of these held: {len(held)}")
        return ([f"squeue: {rows.err}"] if rows.rc else []) + rows.out.splitlines()

    def ends(self):
        problems, states, n = [], {}, 0
        for job in self.jobs.jobs.values():
            states[job.state] = states.get(job.state, 0) + 1
            if job.over and job.kind not in ("array", "srun") and not self.disturbed(job):
                n += 1
                if job.state != ("FAILED" if job.wants else "COMPLETED"):
                    problems.append(f"job {job.id} ({job.kind}) on {' '.join(sorted(job.nodes))}: {job.state}")
        self.lines.append(f"jobs ended: {states}; {n} of them with nothing done to them or their nodes")
        return problems

    def licences(self):
        text = on("ctl", "scontrol -o show lic power").out
        self.lines.append(f"licence at the end: {text}; looks that agreed with the jobs: {self.notes.get('looks at charges')} "
                          f"({self.notes.get('looks at charges that were exact')} with none just ending), "
                          f"the most charged at one: {self.notes.get('most watts charged at a look')} W")
        return self.found("licences") + ([] if " Used=0 " in text else [text or "no answer"])

    def usage(self):
        """Of each QOS and association: what is in use of any TRES, jobs, and the running minutes to come."""
        answer = on("ctl", "scontrol show assoc_mgr flags=qos,assoc")
        problems, where, n = list(self.found("QOS")), "", 0
        for line in answer.out.splitlines():
            name = re.match(r"(QOS=\S+|ClusterName=.*)", line.strip())
            where = name.group(1) if name else where
            for key, value in re.findall(r"(Grp(?:TRES|TRESRunMins|Jobs|SubmitJobs|JobsAccrue)|MaxTRESPU|MaxJobsPU)=(\S+)", line):
                used = re.findall(r"([\w/]*)=?N?\d*\((\d+)\)", value)
                n += len(used)
                problems += [f"{where}: {key} {tres}: {amount}" for tres, amount in used if int(amount)]
        self.lines.append(f"QOS and associations: {n} usages looked at, {len(problems)} not 0")
        return problems + ([] if n else [f"assoc_mgr: {answer.err or 'nothing'}"])

    def books(self):
        problems = list(self.found("lease books"))
        for node in NODES:
            for _ in range(20):
                book = book_of(node)
                left = ["no answer"] if book is None else book["jobs"] + book["pods"] + [limit for limit in book["limits"] if limit["owed"]]
                if not left:
                    break
                time.sleep(1)
            problems += [f"{node}: {json.dumps(what)}" for what in left]
        self.lines.append(f"lease books at the end: {len(NODES)} looked at; on the way {self.notes.get('looks at a lease book')} looks")
        return problems

    def settled(self):
        answer = lab("settle", timeout=200)
        return [] if answer.rc == 0 else (answer.out + "\n" + answer.err).splitlines()[:20]

    def disturbed(self, job):
        """Something was done to it or to a node of its, before it was over."""
        return bool(job.touched) or not job.nodes or any(self.faults.struck(host, job.born, job.ended + 5) for host in job.nodes | {"ctl"})

    def energy(self):
        problems, joules, node_s, with_records, reasons, whole = [], 0.0, 0.0, 0, {}, 0
        for job, status, body in self.looks.reports:
            label = f"job {job.id} ({job.kind}, {job.state})"
            if status:
                if not REASONS.search(body):
                    problems.append(f"{label}: {body[-300:]}")
                elif job.ran and job.kind not in MALLEABLE and not self.disturbed(job):
                    problems.append(f"{label} ran undisturbed and has no records: {body[-300:]}")
                kind = "it never ran" if not job.ran else "was disturbed"
                reasons[kind] = reasons.get(kind, 0) + 1
                continue
            try:
                report = json.loads(body)
            except ValueError:
                problems.append(f"{label}: no JSON: {body[:300]}")
                continue
            with_records += 1
            mine, seconds = report["node_energy_j"] or 0, report["node_s"] or 0
            joules, node_s = joules + mine, node_s + seconds
            if not 0 <= mine <= MAX_W * seconds * 1.05 + 100:
                problems.append(f"{label}: {mine} J in {seconds} node-seconds")
            # null: Slurm knows of no nodes, as of a job that was cancelled while it waited to run again
            unknown = any(part["missing_nodes"] is None for part in report["jobs"])
            missing = [name for part in report["jobs"] for name in part["missing_nodes"] or ()]
            bad = sum(part["bad_lines"] for part in report["jobs"])
            if bad or (unknown or missing or report["unmeasured_nodes"]) and not self.disturbed(job):
                problems.append(f"{label}: undisturbed, without records of {'nodes that Slurm does not know' if unknown else missing}, {report['unmeasured_nodes']} unmeasured, {bad} bad lines")
            whole += not unknown and not missing and not report["unmeasured_nodes"]
        mean = joules / node_s if node_s else 0
        self.lines.append(f"reports: {len(self.looks.reports)} asked for, {with_records} with records ({whole} of every node, measured throughout), without: "
                          f"{reasons or 'none'}; {joules / 1000:.1f} kJ in {node_s:.0f} node-seconds, {mean:.0f} W a node on average")
        if with_records and not 60 <= mean <= MAX_W:
            problems.append(f"a node drew {mean:.0f} W on average, base watts of 60 W included")
        return problems

    def results(self):
        problems, n, ended = [], 0, {}
        for job in self.jobs.jobs.values():
            if job.folder and job.over:
                ended[job.state] = ended.get(job.state, 0) + 1
        for job in self.jobs.jobs.values():
            if job.folder and job.state == "COMPLETED":
                n += 1
                said = on("login", 'cat "/home/alice/$1/out"', job.folder).out
                if self.jobs.checksum not in said:
                    problems.append(f"job {job.id} in {job.folder}: {said[-300:]}")
        self.lines.append(f"malleable jobs: {ended}; {n} completed ones compared with {self.jobs.checksum}")
        return problems

    def memory(self):
        """Of the process that lived last: the median of a fifth of its looks after warm-up, against that of the last fifth."""
        pid = self.looks.rss[-1][1] if self.looks.rss else 0
        life = [(when, kib) for when, p, kib in self.looks.rss if p == pid]
        lived_s = life[-1][0] - life[0][0] if life else 0
        warm_s, bound = (WARM_LONG_S, BOUND_LONG) if lived_s >= LONG_S else (WARM_S, BOUND)
        warm = [kib for when, kib in life if when > life[0][0] + warm_s]
        if len(warm) < 5:
            return [f"only {len(warm)} looks at slurmctld {pid} after its first {warm_s} s"]
        fifth = max(1, len(warm) // 5)
        first, last = statistics.median(warm[:fifth]), statistics.median(warm[-fifth:])
        self.lines.append(f"slurmctld: {first / 1024:.1f} MiB after warm-up, {last / 1024:.1f} MiB at the end, ratio {last / first:.3f} "
                          f"(bound {bound}), {len(warm)} looks over {lived_s - warm_s:.0f} s; highest {max(warm) / 1024:.1f} MiB")
        return [] if last <= first * bound else [self.lines[-1]]

    def processes(self):
        problems = []
        for host in ("login", *NODES):
            for _ in range(10):
                # the shell that looks has the pattern on its command line: by name
                left = on(host, 'pgrep -a -x "$1"', LEFT).out
                if not left:
                    break
                time.sleep(1)
            problems += [f"{host}: {line}" for line in left.splitlines()]
        return problems
