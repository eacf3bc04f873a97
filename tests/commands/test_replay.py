"""A verdict's runs drawn anew, as the judge would have met them."""

from typing import Any

import numpy as np

from rejeu.commands.replay import replayed

VALUES = [0.30, 0.33, 0.31, 0.29, 0.32, 0.30, 0.31, 0.32, 0.30, 0.33, 0.29, 0.31]


def entry(values: list[float], **kinds: int) -> dict[str, Any]:
    """A judged claim that a value is above 0.1."""
    compared = {
        **{"of": "part.ours.x", "against": None, "by": "difference", "test": "mean"},
        **{"side": "above", "around": 0.0, "margin": 0.1, "unit": "number"},
        **{"values": values, "kinds": {"counts": {"part.ours": kinds}, "differ": len(kinds) > 1}},
    }
    outer = {"id": "claim", "kind": "claim", "section": None, "finding": None, "tier": "laptop"}
    return outer | {"arms": {"corrected": [compared]}}


def test_what_is_plain_comes_out_again() -> None:
    draw = np.random.default_rng(0)
    came = replayed(entry(VALUES, usual=12), 50, [12], draw, first=6)
    assert came == {"reproduced": 50}


def test_runs_of_two_kinds_may_be_met_at_any_look() -> None:
    """Two of twelve runs collapsed: their places change, and a first look may see none or some."""
    draw = np.random.default_rng(0)
    mixed = entry(VALUES, usual=10, collapsed=2)
    assert replayed(mixed, 50, [], draw) == {"inconclusive": 50}
    came = replayed(mixed, 400, [12], draw, first=6)
    # (10 over 6) of (12 over 6) choices have none among the first six: 23 %.
    assert 0.16 < came["reproduced"] / 400 < 0.30


def test_the_first_look_has_its_own_seeds_alone() -> None:
    draw = np.random.default_rng(0)
    wide = entry([0.14 + 0.02 * each for each in (-2, -1, 0, 1, 2, 0) * 2], usual=12)
    at_once = replayed(wide, 200, [], draw)["reproduced"]
    by_looks = replayed(wide, 200, [12], draw, first=6)["reproduced"]
    assert by_looks < at_once
