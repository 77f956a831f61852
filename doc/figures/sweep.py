# SPDX-License-Identifier: GPL-2.0-or-later
"""A sweep, the model fitted to it, and the watts that a slowdown of 10% stands for: sweep.py SWEEP.csv OUT.svg"""
import csv
import sys
import tempfile

from common import GREEN, GREY, INK, ORANGE, plt, save, wattle

with open(sys.argv[1]) as f:
    runs = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]
with tempfile.TemporaryDirectory() as d:
    fit = wattle("profile", "fit", sys.argv[1], "--json", "-o", f"{d}/nbody.json")
    choice = wattle("profile", "watts", f"{d}/nbody.json", "--slowdown=10%", "--json")
a, b, c = (fit["coef"][k] for k in "abc")
least, most = fit["cap_min_w"], fit["cap_max_w"]
caps = [least + (most - least) * i / 200 for i in range(201)]
# the form `hyperbolic`, as doc/adr/0004-slowdown-models.md gives it
slow = [100 * (a * (w := most / p - 1) + b * w * w + c) for p in caps]
assert fit["form"] == "hyperbolic"

figure, axes = plt.subplots(figsize=(6.4, 3.4))
axes.plot(caps, slow, color=GREEN, label="model")
axes.plot([r["cap_w"] for r in runs], [100 * (r["time_s"] / fit["time_min_s"] - 1) for r in runs], "o", color=INK, ms=4, label="runs, by time")
watts, pct = choice["watts"], choice["predicted_slowdown_pct"]
axes.plot([least, watts, watts], [pct, pct, -2], "--", color=ORANGE, lw=1)
axes.annotate(f"--slowdown=10%: {watts:.0f} W", (watts, pct), (8, 6), textcoords="offset points", color=ORANGE)
energy = axes.twinx()
energy.spines["right"].set_visible(True)
energy.plot([r["cap_w"] for r in runs], [r["energy_j"] / 1000 for r in runs], "x", color=GREY, ms=5)
energy.set_ylabel("energy of both nodes, kJ (x)")
energy.set_ylim(0)
axes.set(xlabel="cap of each node, W", ylabel="slower than at full power, %", ylim=(-2, None))
axes.legend(frameon=False, loc="lower left")
save(figure, sys.argv[2])
