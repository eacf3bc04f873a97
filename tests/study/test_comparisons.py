"""What a study's own figures stand beside one another, and what of it a tier can draw."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.study import comparisons, looks
from rejeu.study.comparisons import Comparisons
from rejeu.study.configuration import Study, load
from tests.study.sample import CONFIG, PROGRAM, put, small, study_of

STUDY = study_of()
KNOWN: dict[str, Any] = {
    "comparisons": {
        "chain": {"part": "sentiment", "experiments": ["baseline", "high_learning_rate_chained"]},
        "sweep": {"part": "lora"},
        "endings": {"part": "lora", "experiments": ["r8", "separated"]},
    },
    "figures": {
        "links": {"compares": ["chain"], "files": ["predictions.parquet"]},
        "ranks": {"compares": ["sweep"], "timing": ["rank"]},
        "both": {"compares": ["sweep", "chain"]},
        "ends": {"compares": ["endings"], "files": ["stops.json"]},
        "times": {"timing": ["batch"]},
    },
}


def written(folder: Path, raw: Any, study: Study = STUDY) -> Comparisons:
    path = folder / comparisons.FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw), encoding="utf-8")
    return comparisons.read(study, folder)


def changed(path: str, value: Any) -> dict[str, Any]:
    raw = copy.deepcopy(KNOWN)
    put(path, value)(raw)
    return raw


def test_a_study_may_have_none(tmp_path: Path) -> None:
    nothing = comparisons.read(STUDY, tmp_path)
    assert (nothing.comparisons, nothing.figures) == ({}, {})
    assert nothing.compared(STUDY, looks.seeds(STUDY, "laptop", {})) == {}
    assert nothing.drawn([], []) == []


def test_what_a_tier_runs_whole_is_compared(tmp_path: Path) -> None:
    known = written(tmp_path, KNOWN)
    shown = comparisons.ungrouped(STUDY, "lora")
    assert shown == ["r4", "r8", "r16", "unrelated", "related"]
    laptop = known.compared(STUDY, looks.seeds(STUDY, "laptop", {}))
    assert laptop == {
        "chain": ["baseline", "high_learning_rate_chained"],
        "sweep": shown,
        "endings": ["r8", "separated"],
    }
    # Its groups hold a1, and not a8.
    smoke = known.compared(STUDY, looks.seeds(STUDY, "smoke", {}))
    assert list(smoke) == ["chain", "sweep"]


def test_what_a_tier_leaves_out_is_not_compared(tmp_path: Path) -> None:
    raw = copy.deepcopy(CONFIG)
    del raw["tiers"]["smoke"]["parts"]["lora"]
    raw["tiers"]["smoke"]["groups"] = []
    study = load(raw, "config.yaml")
    known = written(tmp_path, KNOWN, study)
    assert known.compared(study, looks.seeds(study, "smoke", {})) == {}
    assert known.drawn([], ["batch"]) == ["times"]


def test_a_part_whose_experiments_all_have_a_group_compares_nothing(tmp_path: Path) -> None:
    raw = small()
    put("groups", ["extra"])(raw)
    put("parts.fit.common", {"group": "extra"})(raw)
    study = load(raw, "config.yaml")
    known = written(tmp_path, {"comparisons": {"all": {"part": "fit"}}}, study)
    assert known.compared(study, looks.seeds(study, "all", {})) == {}


def test_experiments_that_are_added_join_a_comparison_of_all(tmp_path: Path) -> None:
    study = study_of(extra=True)
    known = written(tmp_path, KNOWN, study)
    compared = known.compared(study, looks.seeds(study, "smoke", {}))
    assert compared["sweep"][-2:] == ["r32", "slow_lora"]
    assert compared["chain"] == KNOWN["comparisons"]["chain"]["experiments"]


def test_figures_whose_comparisons_and_timings_are_there_are_drawn(tmp_path: Path) -> None:
    known = written(tmp_path, KNOWN)
    assert known.drawn(["chain", "sweep", "endings"], ["batch", "rank"]) == list(KNOWN["figures"])
    assert known.drawn(["sweep"], []) == []
    assert known.drawn(["sweep"], ["rank"]) == ["ranks"]
    assert known.drawn(["chain"], []) == ["links"]
    assert known.drawn([], []) == []


def test_a_program_s_figures_read_what_it_writes(tmp_path: Path) -> None:
    study = load(small(fit=PROGRAM | {"writes": ["curve.csv"]}), "config.yaml")
    raw = {
        "comparisons": {"all": {"part": "fit"}},
        "figures": {"curve": {"compares": ["all"], "files": ["curve.csv"]}},
    }
    assert written(tmp_path, raw, study).drawn(["all"], []) == ["curve"]
    put("figures.curve.files", ["curves.csv"])(raw)
    with pytest.raises(RejeuError, match=r"'curves\.csv' is not defined; did you mean 'curve\.csv"):
        written(tmp_path, raw, study)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            changed("comparisons.chain.part", "sentimnt"),
            "comparisons.chain.part: 'sentimnt' is not defined; did you mean 'sentiment'?",
        ),
        (
            changed("comparisons.chain.experiments", ["baseline", "high_rate"]),
            "comparisons.chain.experiments: 'high_rate' is not defined; did you mean 'high_rate_al",
        ),
        (
            changed("comparisons.chain.part", "lora"),  # each part has its own experiments
            "comparisons.chain.experiments: 'baseline' is not defined; known: r4",
        ),
        (
            changed("comparisons.chain.experiments", []),
            "comparisons.chain.experiments: List should have at least 1 item",
        ),
        (
            changed("comparisons.chain.experiments", ["baseline"] * 2),
            "comparisons.chain.experiments: each value may stand once only, baseline stands twice",
        ),
        (
            changed("comparisons.chain.group", "a1"),
            "comparisons.chain: unknown key 'group'; known: part, experiments",
        ),
        (changed("comparisons.chain", {}), "comparisons.chain.part: Field required"),
        (changed("comparisons.chain", ["baseline"]), "comparisons.chain: expected keys with their"),
        (changed("comparisons.Chain", {}), "comparisons.Chain.[key]: String should match pattern"),
        (
            changed("figures.links.compares", ["chains"]),
            "figures.links.compares: 'chains' is not defined; did you mean 'chain'?",
        ),
        (
            changed("figures.ranks.timing", ["ranks"]),
            "figures.ranks.timing: 'ranks' is not defined; did you mean 'rank'?",
        ),
        (
            changed("figures.links.files", ["prediction.parquet"]),
            "figures.links.files, of chain: 'prediction.parquet' is not defined; did you mean "
            "'predictions.parquet'?",
        ),
        (
            changed("figures.links.files", ["../predictions.parquet"]),
            "figures.links.files.0: String should match pattern",
        ),
        (
            changed("figures.ranks.files", ["stops.json"]),  # of which most have no such file
            "figures.ranks.files, of sweep: 'stops.json' is not defined; known: none",
        ),
        (
            changed("figures.links.compare", ["chain"]),
            "figures.links: unknown key 'compare'; did you mean 'compares'?",
        ),
        (
            changed("figures.loss_lora", {}),
            "figures.loss_lora: so are Rejeu's own called; choose another",
        ),
        (
            changed("figures.confusion_baseline", {}),
            "figures.confusion_baseline: so are Rejeu's own called; choose another",
        ),
        (changed("figurs", {}), "unknown key 'figurs'; did you mean 'figures'?"),
        (["chain"], "expected keys with their values, as `key: value`"),
    ],
)
def test_what_is_refused(tmp_path: Path, raw: Any, expected: str) -> None:
    with pytest.raises(RejeuError) as caught:
        written(tmp_path, raw)
    message = str(caught.value)
    assert message.startswith(f"{comparisons.FILE} was refused, and nothing was run:\n  ")
    assert expected in message


@pytest.mark.parametrize("raw", ["", "comparisons: [", "comparisons: {}\ncomparisons: {}\n"])
def test_a_file_that_can_t_be_read_is_named(tmp_path: Path, raw: str) -> None:
    with pytest.raises(RejeuError, match=comparisons.FILE):
        written(tmp_path, raw)
