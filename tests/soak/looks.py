# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks in between: what is charged against who runs, leases against jobs, slurmctld's memory, reports of jobs that have ended."""
import json
import re
import time

from faults import resume
from lab import NODES, on, watts_of

# Until once all agree: between two of the commands a job may begin or end.
CHARGES = """for i in 1 2 3 4 5 6 7 8; do
    scontrol -o show lic power && squeue -h -o 'job %A %T %q %W' && scontrol -o show assoc_mgr flags=qos qos=lowpower | tr ' ' '\\n' | grep '^GrpTRES=' &&
        scontrol -o show lic power || exit 1
    echo end
    sleep 0.2
done"""
CHARGED = ("RUNNING", "CONFIGURING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT")
SETTLED_S = 45  # after a node's fault, until what it left behind is gone
REPORTS = 25    # of ended jobs, at a look


class Looks:
    def __init__(self, notes, stop, jobs, faults):
        self.notes, self.stop, self.jobs, self.faults = notes, stop, jobs, faults
        self.stale = {}
        self.rss = []  # (when, pid, KiB)
        self.reported = set()
        self.reports = []

    def run(self):
        while not self.stop.is_set():
            begin = time.time()
            self.charges()
            self.leases()
            self.report_some(REPORTS)
            resume(self.notes)
            self.stop.wait(max(1.0, begin + 10 - time.time()))

    def memory(self):
        answer = on("ctl", "ps -C slurmctld -o pid=,rss= | head -n 1", timeout=20)
        if re.fullmatch(r"\s*\d+\s+\d+", answer.out):
            pid, rss = answer.out.split()
            self.rss.append((time.time(), int(pid), int(rss)))

    def charges(self):
        answer = on("ctl", CHARGES, timeout=60)
        if answer.rc:
            self.notes.count("looks at charges that slurmctld was away for")
            return
        said = []
        for text in answer.out.split("end\n"):
            looks = [tuple(int(re.search(f"{key}=(\\d+)", line).group(1)) for key in ("Total", "Used", "Reserved"))
                     for line in re.findall("LicenseName=.*", text)]
            if not looks:
                continue
            for total, used, reserved in looks:
                if used + reserved > total + self.faults.over_w():
                    self.notes.found("licences", f"over the budget: {used} used + {reserved} reserved of {total} W")
            rows = [row.split() for row in re.findall("^job (.*)$", text, re.M)]
            qos = re.search(r"license/power=600\((\d+)\)", text)
            qos_w = int(qos.group(1)) if qos else -1
            if qos_w > 600:
                self.notes.found("QOS", f"over its 600 W: {qos_w} W")
            # What a job was charged comes back while it is COMPLETING.
            least, most = (sum_of(rows, states) for states in (CHARGED, (*CHARGED, "COMPLETING")))
            low_least, low_most = (sum_of(rows, states, "lowpower") for states in (CHARGED, (*CHARGED, "COMPLETING")))
            used_w = looks[0][1]
            if least - self.faults.low_w() <= used_w == looks[-1][1] <= most and low_least <= qos_w <= low_most:
                self.notes.count("looks at charges")
                self.notes.count("looks at charges that a restart of slurmctld with jobs completing had made low", used_w < least)
                self.notes.count("looks at charges that were exact", least == most)
                self.peak(used_w)
                return
            said.append(f"licence {looks[0][1]}-{looks[-1][1]} W, jobs {least}-{most} W; lowpower {qos_w} W, its jobs {low_least}-{low_most} W")
        self.notes.found("licences", f"never agreed: {'; '.join(said[-2:])}")

    def peak(self, used):
        self.notes.counts["most watts charged at a look"] = max(used, self.notes.get("most watts charged at a look"))

    def leases(self):
        """A lease whose job is over, twice in a row, on a node that is whole."""
        stale = {}
        for node in NODES:
            if time.time() - self.faults.last[node] < SETTLED_S or time.time() - self.faults.ctl_last < SETTLED_S:
                continue
            book = book_of(node)
            if book is None:
                continue
            for entry in book["jobs"]:
                job = self.jobs.jobs.get(entry["job_id"])
                if job and job.over and job.kind != "array" and time.time() - job.ended > SETTLED_S:
                    stale[node, job.id] = entry
            self.notes.count("looks at a lease book")
        for key in stale.keys() & self.stale.keys():
            self.notes.found("lease books", f"{key[0]} still has job {key[1]}: {json.dumps(stale[key])}")
        self.stale = stale

    def unreported(self):
        return [job.id for job in self.jobs.jobs.values() if job.over and job.id not in self.reported]

    def report_some(self, n):
        """`wattle report` of jobs that have ended and were not asked about."""
        due = [job for job in list(self.jobs.jobs.values()) if job.over and job.id not in self.reported and time.time() - job.ended > 5][:n]
        if not due:
            return 0
        script = 'for id; do echo "job $id"; wattle report "$id" --json 2>&1; echo "status $?"; done'
        answer = on("login", script, *(str(job.id) for job in due), timeout=60 + 10 * len(due))
        texts = dict(re.findall(r"^job (\d+)\n(.*?\nstatus \d+)$", answer.out, re.S | re.M))
        for job in due:
            text = texts.get(str(job.id))
            body, status = (text or f"{answer.err}\nstatus 1").rsplit("\nstatus ", 1)
            self.reported.add(job.id)
            self.reports.append((job, int(status), body))
        return len(due)


def sum_of(rows, states, qos=None):
    """Watts of the jobs in these states, of rows of id, state, QOS, licences."""
    return sum(watts_of(row[3]) for row in rows if row[1] in states and qos in (None, row[2]))


def book_of(node):
    answer = on(node, "wattle lease list --json", timeout=60)
    try:
        return json.loads(answer.out) if answer.rc == 0 else None
    except ValueError:
        return None
