"""The judged claims in one picture: how far each lies beyond what it must exceed."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rejeu.evaluation.judge import HALF, VERDICTS, happened, on_claimed_side, shown_by_arm
from rejeu.report.figures import BLUE, COLOURS, ORANGE, Language, label

WIDTH = 74  # characters of a statement on one line
LINE, BETWEEN = 0.1, 0.075  # inches: a line of a statement, and what parts two claims
# Each verdict's colour, marker and filling: what parts them is to be seen without colours too.
LOOKS = {
    "reproduced": (BLUE, "o", "full"),
    "artefact": (COLOURS[3], "D", "full"),
    "contradicted": (ORANGE, "X", "full"),
    "inconclusive": ("#5f656e", "o", "left"),
}
NEAR, FAR = (1, 3, 10, 30), (1, 10, 100, 1000, 10_000)  # ticks on both sides, in margins


@dataclass(frozen=True)
class Placed:
    """A judged claim in margins: above 0 it holds, and below it fails.

    Attributes:
        no_effect: where the margin begins; None where seeds are counted.
    """

    id: str
    verdict: str
    ours: float
    interval: tuple[float, float] | None
    reference: float | None
    notebook: float | None
    no_effect: float | None


def placed(entries: Sequence[dict[str, Any]]) -> list[Placed]:
    """The judged ones of claims.json, verdict by verdict and then in the document's order.

    One whose margin is 0 has no distance to be drawn.
    """
    judged = [placed_one(entry) for entry in entries if entry["verdict"] in LOOKS]
    return sorted(
        (each for each in judged if each is not None),
        key=lambda each: VERDICTS.index(each.verdict),
    )


def placed_one(entry: dict[str, Any]) -> Placed | None:
    """A judged claim in margins; None where its margin is 0."""
    by_arm = shown_by_arm(entry["arms"])
    decisive = by_arm["corrected"]
    ours = in_margins(decisive)
    if ours is None:
        return None
    counted = decisive["test"] == "most"
    printed = entry["reference"]
    if printed is not None and counted:
        # The one run of the reference shows an event, or doesn't.
        printed = float(happened(decisive, printed))
    return Placed(
        id=entry["id"],
        verdict=entry["verdict"],
        ours=ours,
        interval=interval(decisive),
        reference=None if printed is None else beyond(decisive, printed),
        notebook=in_margins(by_arm["notebook"]) if "notebook" in by_arm else None,
        no_effect=None if counted else beyond(decisive, decisive["around"]),
    )


def in_margins(compared: Mapping[str, Any]) -> float | None:
    """How far beyond its bound a comparison lies."""
    return None if compared["measured"] is None else beyond(compared, compared["measured"])


def beyond(comparison: Mapping[str, Any], value: float) -> float | None:
    """How far a value lies on the claimed side of its bound, in margins; of a margin of 0, None.

    A share of seeds lies so far from one half, of which all is one.
    """
    if comparison["test"] == "most":
        return (value - HALF) / HALF
    if not comparison["margin"]:
        return None
    return on_claimed_side(comparison, value) / comparison["margin"]


def interval(comparison: Mapping[str, Any]) -> tuple[float, float] | None:
    """The comparison's interval, in margins beyond its bound."""
    if comparison["interval"] is None:
        return None
    low, high = comparison["interval"]
    ends = [beyond(comparison, end) for end in (low, high)]
    # What is to lie within a margin lies deepest in its middle.
    if comparison["side"] == "within" and low < comparison["around"] < high:
        ends.append(beyond(comparison, comparison["around"]))
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known else None


def claims(
    language: Language, rows: Sequence[Placed], statements: Mapping[str, Mapping[str, str]]
) -> Figure:
    """Each claim on a line: ours with its interval, the reference, and the arm of the notebook.

    Args:
        statements: of the claims, by language.
    """
    words = language.words
    code = language.numbers.language
    wrapped = [textwrap.wrap(label(statements[row.id][code]), WIDTH) for row in rows]
    heights = [LINE * len(lines) + BETWEEN for lines in wrapped]
    places = [sum(heights[:place]) + height / 2 for place, height in enumerate(heights)]
    figure = Figure(figsize=(7.2, sum(heights) + 0.85))
    axes = figure.add_subplot()
    axes.set_xscale("symlog", linthresh=1, linscale=0.8)
    for place, row in zip(places, rows, strict=True):
        line(axes, row, place)
    axes.axvline(0, color="#222222", linewidth=0.9)
    axes.set_ylim(max(sum(heights), LINE), 0)
    axes.set_yticks(places, ["\n".join(lines) for lines in wrapped], fontsize=6.5)
    farthest = max((abs(end) for row in rows for end in spread(row)), default=1.0)
    known = [tick for tick in (NEAR if farthest < 2 * NEAR[-1] else FAR) if tick <= farthest]
    axes.set_xlim(-1.5 * max(farthest, 1), 1.5 * max(farthest, 1))
    ticks = [*(-tick for tick in reversed(known)), 0, *known]
    axes.set_xticks(ticks, [language.numbers.integer(tick) for tick in ticks], fontsize=7)
    axes.set_xticks([], minor=True)
    axes.set_xlabel(words["claims_axis"], fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    said = axes.secondary_yaxis("right")
    said.set_yticks(places, [words[f"verdict_{row.verdict}"] for row in rows], fontsize=6.5)
    for tick, row in zip(said.get_yticklabels(), rows, strict=True):
        tick.set_color(LOOKS[row.verdict][0])
    said.tick_params(length=0)
    said.spines["right"].set_visible(False)
    above = {"transform": axes.get_xaxis_transform(), "fontsize": 7.5, "va": "bottom"}
    axes.text(0.25, 1.0, f"{words['claims_hold']} →", **above)
    axes.text(-0.25, 1.0, f"← {words['claims_fail']}", ha="right", **above)
    figure.legend(
        handles=legend(words), loc="outside lower center", ncols=4, frameon=False, fontsize=7
    )
    return figure


def spread(row: Placed) -> list[float]:
    """All that is drawn of a claim."""
    drawn = [row.ours, *(row.interval or ()), row.reference, row.notebook, row.no_effect]
    return [each for each in drawn if each is not None]


REFERENCE: Any = {"marker": "d", "color": "#222222", "fillstyle": "none", "markersize": 5}
NOTEBOOK: Any = {"marker": "<", "color": COLOURS[3], "fillstyle": "none", "markersize": 4.5}
MARGIN: Any = {"color": "#d5d9df", "linewidth": 5, "solid_capstyle": "butt"}


def line(axes: Axes, row: Placed, place: float) -> None:
    """Draw a claim on its line."""
    colour, marker, filling = LOOKS[row.verdict]
    if row.no_effect is not None:
        axes.plot([row.no_effect, 0], [place, place], **MARGIN)
    if row.interval:
        axes.plot(row.interval, [place, place], color=colour, linewidth=1.6)
    if row.reference is not None:
        axes.plot([row.reference], [place], linestyle="none", **REFERENCE)
    if row.notebook is not None:
        axes.plot([row.notebook], [place], linestyle="none", **NOTEBOOK)
    axes.plot(
        [row.ours],
        [place],
        marker=marker,
        color=colour,
        fillstyle=filling,
        markerfacecoloralt="white",
        markersize=5,
        linestyle="none",
    )


def legend(words: Mapping[str, str]) -> list[Any]:
    """What the marks mean."""
    ours = {"color": BLUE, "marker": "o", "linewidth": 1.6, "markersize": 5}
    return [
        Line2D([], [], label=words["claims_ours"], **ours),
        Line2D([], [], label=words["reference"], linestyle="none", **REFERENCE),
        Line2D([], [], label=words["claims_notebook"], linestyle="none", **NOTEBOOK),
        Line2D([], [], label=words["claims_margin"], **MARGIN),
    ]
