# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks meanwhile, and is mended again, one after the other. slurmctld is restarted in the first half alone: its memory is watched in
the other."""
import random
import re
import time

from lab import NODES, lab, on, watts_of

POWER = ("write * constraint_*_power_limit_uw EACCES", "write intel-rapl:0 constraint_0_power_limit_uw ignored", "* * * lock",
         "write * * slow 150", "read * energy_uj EIO", "write * constraint_1_power_limit_uw EIO count=2")
CTL_LOG = "/var/log/slurm/slurmctld.log"
AGENT = "pgrep -x wattle-agent >/dev/null || setsid -f wattle-agent >>/var/log/slurm/wattle-agent.log 2>&1 </dev/null"


class Faults:
    def __init__(self, notes, seed, stop, jobs, half):
        self.notes, self.random, self.stop, self.jobs, self.half = notes, random.Random(f"{seed} faults"), stop, jobs, half
        self.last = dict.fromkeys(NODES, 0.0)  # when a node was whole again after its last fault; infinite during one
        self.ctl_last = 0.0
        self.history = []  # (node or ctl, from, to)
        self.twice = [(0.0, 0)]  # (when, watts): up to Slurm 25.05, jobs that slurmctld finds completing when it starts give their licences back twice
        self.ended = []  # (when, why) to look after jobs that Slurm would notice as lost in some minutes

    def run(self):
        kinds = ("slurmd", "agent", "reboot", "ctl", "power", "stepd")
        self.stop.wait(10)
        while not self.stop.is_set():
            kind = self.random.choices(kinds, (4, 4, 3, 2 if time.time() < self.half else 0, 5, 3))[0]
            node = self.random.choice(NODES)
            self.notes.say(f"fault {kind} on {node}")
            self.last[node], begin = float("inf"), time.time()
            getattr(self, f"fault_{kind}")(node)
            self.last[node] = time.time()
            self.history.append(("ctl" if kind == "ctl" else node, begin, self.last[node]))
            self.notes.count(f"faults: {NAMES[kind]}")
            self.notes.say(f"fault {kind} on {node}: over")
            self.end_lost()
            self.stop.wait(self.random.uniform(3, 12))
        self.ended = [(0, job) for _, job in self.ended]
        self.end_lost()

    def struck(self, host, begin, end):
        """Whether HOST had a fault between these."""
        return any(name == host and first <= end and last >= begin for name, first, last in self.history)

    def must(self, answer, what):
        if answer.rc:
            self.notes.found("lab", f"{what}: {answer.err[-300:]}")

    def while_it_lasts(self):
        self.stop.wait(self.random.uniform(2, 9))

    def fault_slurmd(self, node):
        self.must(lab("node", node, "kill-slurmd"), f"kill slurmd of {node}")
        self.while_it_lasts()
        self.must(lab("node", node, "start-slurmd"), f"start slurmd of {node}")

    def fault_agent(self, node):
        on(node, "pkill -KILL -x wattle-agent")
        self.while_it_lasts()
        self.must(on(node, AGENT), f"start wattle-agent of {node}")

    def fault_reboot(self, node):
        self.must(lab("node", node, "reboot", timeout=300), f"reboot {node}")
        # it was not away long enough for slurmctld to notice
        on("ctl", "scontrol update nodename=$1 state=down reason=rebooted", node)
        on("ctl", "scontrol update nodename=$1 state=resume", node)

    def fault_ctl(self, _node):
        self.ctl_last = float("inf")
        charges = dict(line.partition(" ")[::2] for line in on("ctl", "squeue -h -r -t all -o '%A %W'").out.splitlines())
        begin = on("ctl", f"wc -c <{CTL_LOG}").out or "0"
        self.must(lab("restart", "ctl", timeout=300), "restart slurmctld")
        said = on("ctl", f"tail -c +$1 {CTL_LOG} | sed -n 's/.*_comp_job: JobId=\\(.*\\) in completing state.*/\\1/p'", begin).out.split()
        completing = [re.search(r"(\d+)\)?$", job).group(1) for job in said]  # 17, or 16_1(17)
        twice_w = sum(watts_of(charges.get(job, "")) for job in completing)
        self.twice.append((time.time(), twice_w))
        self.notes.say(f"jobs in completing state at the restart: {' '.join(completing) or 'none'}, {twice_w} W")
        self.ctl_last = time.time()

    def low_w(self):
        """By so much the licence may count too little: since the last restart."""
        return self.twice[-1][1]

    def over_w(self):
        """So much more may therefore have started, and runs still; no job takes five minutes."""
        return sum(watts for when, watts in self.twice if time.time() - when < 300)

    def fault_power(self, node):
        spec = self.random.choice(POWER)
        self.notes.say(f"fault on {node}: {spec}")
        self.must(lab("fault", node, spec), f"fault of {node}")
        self.while_it_lasts()
        self.must(lab("fault", node, "clear"), f"clear faults of {node}")

    def fault_stepd(self, node):
        hit = [job for job in self.jobs.active() if node in job.nodes and job.state == "RUNNING"]
        self.must(lab("node", node, "kill-stepd"), f"kill slurmstepds of {node}")
        self.ended += [(time.time() + 30, job) for job in hit]

    def end_lost(self):
        """slurmctld may take minutes to notice that a job's slurmstepds are gone: an administrator does."""
        due = [job for when, job in self.ended if when <= time.time()]
        self.ended = [(when, job) for when, job in self.ended if when > time.time()]
        for job in due:
            if not job.over and job.state == "RUNNING":
                on("ctl", "scancel $1", str(job.id))
                job.touched.add("lost")
                self.notes.count("done to jobs: cancelled as lost with their slurmstepds")


NAMES = {"slurmd": "slurmd killed and started", "agent": "wattle-agent killed and started", "reboot": "node rebooted",
         "ctl": "slurmctld restarted", "power": "power hardware failing", "stepd": "all slurmstepds of a node killed"}


def mend():
    """Whatever is still broken, is not."""
    for node in NODES:
        lab("fault", node, "clear")
        if on(node, "pgrep -x slurmd").rc:
            lab("node", node, "start-slurmd")
        on(node, AGENT)


def resume(notes):
    """As an administrator would; the reasons are counted."""
    reasons = on("ctl", "sinfo -h -N -t down,drain,drng,fail -o '%N|%T|%E' | sort -u").out.splitlines()
    for line in reasons:
        node, state, reason = line.split("|", 2)
        notes.count(f"nodes resumed: {reason}")
        notes.say(f"resume {node}, which is {state}: {reason}")
        on("ctl", "scontrol update nodename=$1 state=resume", node)
