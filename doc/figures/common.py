# SPDX-License-Identifier: GPL-2.0-or-later
"""What the figures share."""
import json
import os
import subprocess

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

INK, GREEN, GREY, ORANGE = "#33404a", "#2f8f4e", "#b4bdc4", "#c9702b"
plt.rcParams.update({
    "svg.hashsalt": "wattle", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9, "axes.edgecolor": GREY,
    "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
})


def wattle(*words):
    """The JSON that `wattle` prints."""
    return json.loads(subprocess.run([os.environ["WATTLE"], *words], check=True, capture_output=True, text=True).stdout)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
