# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes by the hour over a forecast, beside the job started at once: plan.py FORECAST.csv CURVE.csv OUT.svg"""
import csv
import sys

from common import GREEN, GREY, INK, ORANGE, plt, save, wattle

START, WITHIN = 18, 24
with open(sys.argv[1]) as f:
    grid = [float(row["carbon_intensity"]) for row in csv.DictReader(f)]
plan = wattle("plan", "--forecast", sys.argv[1], "--start", str(START), "--within", f"{WITHIN}h", "--work", "8h@2", "--curve", sys.argv[2],
              "--policy", "scale", "--json")
at_once = plan["agnostic"]

figure, (sky, work) = plt.subplots(2, 1, figsize=(6.4, 4), sharex=True, height_ratios=(2, 3))
hours = range(START, START + WITHIN + 1)
sky.step(hours, [grid[h] for h in hours], where="post", color=INK)
sky.fill_between(hours, [grid[h] for h in hours], step="post", color=GREY, alpha=0.35)
sky.set(ylabel="gCO2/kWh", ylim=(0, None))
for slot in plan["slots"]:
    # a part of a slot is its end where the plan begins in it, else its begin
    first = slot["t"] + (1 - slot["fraction"] if slot is plan["slots"][0] else 0)
    work.bar(first, slot["nodes"], slot["fraction"], align="edge", color=GREEN, edgecolor="white")
work.bar(at_once["start"], at_once["nodes"], at_once["end"] - at_once["start"], align="edge", fill=False, edgecolor=ORANGE, ls="--")
work.annotate("at once", (at_once["start"] + 0.3, at_once["nodes"] + 0.2), color=ORANGE)
work.annotate(f"--carbon=scale: {plan['saving_pct']:.0f}% less CO2, {-plan['energy_saving_pct']:.0f}% more energy", (plan["start"] - 5.2, 4.5), color=GREEN)
work.set(ylabel="nodes", xlabel="hour of the day", ylim=(0, 5.2), xlim=(START, START + WITHIN))
work.set_xticks(range(START, START + WITHIN + 1, 3), [f"{h % 24:02d}:00" for h in range(START, START + WITHIN + 1, 3)])
save(figure, sys.argv[3])
