"""`rejeu probe`: how fast this machine trains, ours beside stock Trainer."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rejeu.build.engine import engine
from rejeu.build.environment import prepare
from rejeu.build.estimates import PROBE
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json


def main(seconds: float, root: Path) -> None:
    """Measure, write `.cache/rejeu/probe.json` and print it.

    Raises:
        RejeuError: it can't be measured.
    """
    # In a process of its own, which computes as a job does: what it sets is read at the start.
    prepare(engine())
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "rejeu.training.probe", str(seconds), str(root / PROBE)]
    if code := subprocess.run(command, env=environment, check=False).returncode:  # noqa: S603
        raise RejeuError(f"the probe ended with exit code {code}; what it said stands above")
    found = read_json(root / PROBE)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table(found))
    for line in remarks(found):
        console.print(line, markup=False)


def table(found: dict[str, Any]) -> Table:
    """A row for each part: what a step takes, and how often ours is as fast."""
    shown = Table("part", box=None, pad_edge=False)
    headings = ("s a step", "tokens/s", "% of peak", "Trainer tokens/s", "times as fast", "MB")
    for heading in headings:
        shown.add_column(heading, justify="right")
    for role, part in found["parts"].items():
        ours, stock = part["ours"], part.get("stock")
        shown.add_row(
            role.replace("_", " "),
            f"{sorted(ours['seconds'])[len(ours['seconds']) // 2]:.2f}",
            f"{ours['tokens_per_second']:,.0f}",
            f"{100 * ours['share_of_peak']:.0f}",
            f"{stock['tokens_per_second']:,.0f}" if stock else "",
            f"{part['times_as_fast']:.2f}" if stock else "",
            f"{part['peak_memory_mb']:,.0f}",
        )
    return shown


def remarks(found: dict[str, Any]) -> list[str]:
    """What was computed with, which parts were scaled, and whether gradients are the library's."""
    machine = found["machine"]
    lines = [
        f"{machine['gpu'] or machine['cpu']}, {found['precision']}, {found['threads']} thread a "
        f"job; matrix products {found['peak_gflops']:,.0f} GFLOP/s; a job starts in "
        f"{found['speed']['start']:.1f} s",
    ]
    for role, part in found["parts"].items():
        name = role.replace("_", " ")
        rows, true = part["rows_per_step"], part.get("rows_per_true_step", part["rows_per_step"])
        if rows != true:
            lines.append(f"{name}: steps of {rows} rows were measured, scaled to {true}")
        measured = part.get("layers_measured", [part["layers"]])
        if measured[-1] != part["layers"]:
            lines.append(
                f"{name}: {' and '.join(map(str, measured))} layers were measured, scaled to "
                f"{part['layers']} by their difference ({part['quantisation']} weights)"
            )
        if gradients := part.get("gradients"):
            said = "as the library's" if gradients["equal"] else "NOT as the library's"
            lines.append(
                f"{name}: gradients {said}: apart by {gradients['difference']:.1e} of their length "
                f"({gradients['precision']}, up to {gradients['tolerance']:g}), "
                f"{len(gradients['zero'])} of them zero"
            )
    return [*lines, f"Written to {PROBE}; `rejeu plan` scales by it"]
