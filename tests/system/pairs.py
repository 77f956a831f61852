# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether capped runs are as much slower as was promised: pairs.py TARGET_PCT POINTS <rows

A row is a pair of runs: seconds and joules in full, seconds and joules capped. 0 if the median slowdown is within POINTS of the target."""
import statistics
import sys

target, points = float(sys.argv[1]), float(sys.argv[2])
rows = [list(map(float, row.split())) for row in sys.stdin if row.strip()]
slow = [100 * (c / f - 1) for f, _, c, _ in rows]
saved = [100 * (1 - cj / fj) for _, fj, _, cj in rows]
print(f"slowdown {[round(s, 1) for s in slow]}: median {statistics.median(slow):.2f}%, wanted {target} +- {points}; "
      f"energy saved {[round(s, 1) for s in saved]}: median {statistics.median(saved):.1f}%; "
      f"{statistics.median(f for f, *_ in rows):.1f} s in full")
sys.exit(not (abs(statistics.median(slow) - target) <= points and statistics.median(saved) > 0
              and statistics.median(f for f, *_ in rows) >= 15))
