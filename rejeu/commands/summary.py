"""What a build left, in a few lines at its end: what to open, and what was computed for it."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.panel import Panel
from rich.table import Table

from rejeu.commands.recorded import SYMBOLS
from rejeu.commands.terminal import console
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json
from rejeu.study.strict_reading import read_yaml

TRAINING = ("train_classifier", "train_lora", "run_command")  # folders of logs, by rule
KEPT = "as kept of an equal job"  # in the log of a job whose results were put back (`job/run`)


def show(folder: Path, tier: str | None, began: float, seconds: float) -> None:
    """Print it: in a box on a terminal, else as plain lines of 80 columns at most.

    Args:
        folder: the study's.
        tier: that was asked for; None: the configuration's.
        began: when the build began, in seconds since 1970.
        seconds: that it took.
    """
    configured: dict[str, Any] = read_yaml(folder / "config.yaml")
    shown = tier or str(configured.get("tier"))
    asked = shown if shown != configured.get("tier") else None
    lines = Table.grid(padding=(0, 2))
    for thing, what in worth_opening(folder, shown, asked, configured.get("languages", [])):
        lines.add_row(f"[bold]{thing}[/]", what)
    terminal = console()
    title = f"Built in {in_words(seconds)}"
    work = "\n".join(work_done(folder, shown, began))
    if terminal.is_terminal:
        whole = Table.grid()
        for row in (lines, "", work):
            whole.add_row(row)
        terminal.print(Panel(whole, title=title, title_align="left", expand=False))
    else:
        terminal.print(f"\n{title}")
        terminal.print(lines)
        terminal.print(work)


def worth_opening(
    folder: Path, tier: str, asked: str | None, languages: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """The report, its page in the user's language, and the claims, with what each is."""
    if (folder / "report.pdf").is_file():
        yield "report.pdf", "the report" + (", in all languages" if len(languages) > 1 else "")
    pages = {
        path.suffixes[-2].lstrip("."): path
        for path in sorted((folder / "results" / tier / "report").glob("report.*.html"))
    }
    if pages:
        page = pages.get(user_language(), next(iter(pages.values())))
        yield str(page.relative_to(folder)), "the same as a page"
    try:
        claims = read_json(folder / "results" / tier / "claims.json")
    except (OSError, RejeuError, ValueError):
        return
    counts = Counter(claim["verdict"] for claim in claims)
    verdicts = ", ".join(
        f"{SYMBOLS[name]} {counts[name]} {name}" for name in SYMBOLS if counts[name]
    )
    yield claims_command(folder, asked), f"{len(claims)} claims: {verdicts}"


def user_language() -> str:
    """The code of the language that the environment asks for; empty where it asks for none."""
    asked = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next(filter(None, asked), "")[:2]


def claims_command(folder: Path, tier: str | None) -> str:
    """What prints the claims here, of a tier that isn't the configuration's."""
    makefile = folder / "Makefile"
    text = makefile.read_text("utf-8", errors="replace") if makefile.is_file() else ""
    if re.search("^claims:", text, re.MULTILINE):
        return "make claims" + (f" TIER={tier}" if tier else "")
    return "rejeu claims" + (f" --tier {tier}" if tier else "")


def work_done(folder: Path, tier: str, began: float) -> Iterator[str]:
    """How many jobs ran; how many runs were trained, put back as kept, or left untouched."""
    logs = [path for path in (folder / "logs").rglob("*.log") if path.stat().st_mtime >= began]
    yield f"{len(logs)} jobs ran." if logs else "All was there: no job ran."
    trained = [path for path in logs if path.parent.name in TRAINING]
    kept = sum(KEPT in path.read_text("utf-8", errors="replace") for path in trained)
    try:
        runs = read_json(folder / "results" / tier / "provenance.json")["runs"]
    except (OSError, RejeuError, ValueError, KeyError):
        return
    yield (
        f"Trained runs: {runs}; {len(trained) - kept} computed now, {kept} put back as kept, "
        f"{max(runs - len(trained), 0)} reused."
    )


def in_words(seconds: float) -> str:
    """A time to the second: 3 min 12 s."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else f"{left} s"
