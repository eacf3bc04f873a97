"""Seeds that `make decide` added: which experiments run which, and what the record may say."""

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.study import looks
from rejeu.study.configuration import Study, load
from rejeu.study.yaml_reader import yaml_text
from tests.study.sample import CONFIG

TIME = "2026-11-26T07:22:33+00:00"
LOOK: dict[str, Any] = {
    "look": 2,
    "time": TIME,
    "commit": "4350c51",
    "claims": ["high_rate_hurts"],
    "seeds": {"sentiment": {"baseline": 5, "high_learning_rate": 5}},
}


def study_with(own: list[int], fewer: int | None = None) -> Study:
    """The repository's study; Part 1 of its smoke tier has these seeds, chained runs fewer."""
    raw = copy.deepcopy(CONFIG)
    raw["tiers"]["smoke"]["parts"]["sentiment"]["seeds"] = own
    for name in ("high_learning_rate_chained", "low_weight_decay_chained"):
        raw["parts"]["sentiment"]["experiments"][name]["seeds"] = fewer
    return load(raw, "config.yaml")


def recorded(folder: Path, content: Any) -> dict[str, list[looks.Look]]:
    """Read this record of looks."""
    (folder / "report").mkdir(exist_ok=True)
    text = content if isinstance(content, str) else yaml_text(content)
    (folder / "report" / "looks.yaml").write_text(text, encoding="utf-8")
    return looks.taken(study_with([42]), folder)


@pytest.mark.parametrize(
    ("now", "own", "count", "expected"),
    [
        ([42, 43], [42, 43], 0, [42, 43]),
        ([42, 43], [42, 43], 2, [42, 43]),
        ([42, 43], [42, 43], 4, [42, 43, 44, 45]),
        ([42], [42, 43, 44], 0, [42]),  # an experiment may have the first seeds only
        ([42], [42, 43, 44], 2, [42, 43]),  # then the tier's own
        ([42], [42, 43, 44], 5, [42, 43, 44, 45, 46]),
        ([7, 3], [7, 3], 4, [7, 3, 8, 9]),  # after the largest, whatever their order
        ([0, 100], [0, 100], 3, [0, 100, 101]),
    ],
)
def test_further_seeds(now: list[int], own: list[int], count: int, expected: list[int]) -> None:
    assert looks.extended(now, own, count) == expected


def test_without_looks_an_experiment_runs_its_tier_s_seeds() -> None:
    study = study_with([42, 43, 44], fewer=2)
    found = looks.seeds(study, "smoke", {})
    assert found["sentiment"]["baseline"] == [42, 43, 44]
    assert found["sentiment"]["low_weight_decay_chained"] == [42, 43]  # or fewer
    assert found["lora"]["r8"] == study.tiers["smoke"].parts["lora"].seeds
    for part in ("sentiment", "lora"):
        assert found[part].keys() == study.experiments(part, "smoke").keys()


def test_a_look_adds_seeds_to_the_experiments_that_it_names(tmp_path: Path) -> None:
    study = study_with([42, 43])
    first = LOOK | {"seeds": {"sentiment": {"baseline": 3, "high_learning_rate": 3}}}
    second = LOOK | {"look": 3, "seeds": {"sentiment": {"baseline": 5}, "lora": {"r8": 2}}}
    taken = recorded(tmp_path, {"smoke": [first, second], "laptop": [LOOK]})
    found = looks.seeds(study, "smoke", taken)
    assert found["sentiment"]["baseline"] == [42, 43, 44, 45, 46]
    assert found["sentiment"]["high_learning_rate"] == [42, 43, 44]
    assert found["sentiment"]["low_weight_decay"] == [42, 43]
    assert found["lora"]["r8"] == [42, 43]
    assert found["lora"]["r16"] == [42]


def test_a_later_look_takes_no_seed_away(tmp_path: Path) -> None:
    later = [LOOK, LOOK | {"look": 3, "seeds": {"sentiment": {"baseline": 3}}}]
    found = looks.seeds(study_with([42]), "smoke", recorded(tmp_path, {"smoke": later}))
    assert found["sentiment"]["baseline"] == [42, 43, 44, 45, 46]


def test_no_record_is_no_look(tmp_path: Path) -> None:
    assert looks.taken(study_with([42]), tmp_path) == {}
    assert recorded(tmp_path, looks.HEADING) == {}


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    study, now = study_with([42]), datetime(2026, 11, 26, 7, 22, 33, tzinfo=UTC)
    (tmp_path / "report").mkdir()
    for number in (2, 3):
        looks.record(study, tmp_path, "smoke", LOOK | {"look": number, "time": now})
    looks.record(study, tmp_path, "laptop", LOOK | {"time": now, "commit": None})
    taken = looks.taken(study, tmp_path)
    assert [look.look for look in taken["smoke"]] == [2, 3]
    assert taken["smoke"][0].model_dump() == LOOK | {"time": now}
    assert taken["laptop"][0].commit is None
    text = (tmp_path / "report" / "looks.yaml").read_text(encoding="utf-8")
    assert text.startswith(looks.HEADING)
    assert text.count(looks.HEADING) == 1


def test_the_record_lies_beside_the_claims(tmp_path: Path) -> None:
    raw = copy.deepcopy(CONFIG)
    raw["report"]["claims"] = "mine/my_claims.yaml"
    study = load(raw, "config.yaml")
    (tmp_path / "mine").mkdir()
    looks.record(study, tmp_path, "smoke", LOOK)
    assert (tmp_path / "mine" / "looks.yaml").is_file()
    assert list(looks.taken(study, tmp_path)) == ["smoke"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"smok": [LOOK]}, "report/looks.yaml: 'smok' is not defined; did you mean 'smoke'?"),
        ({"smoke": [LOOK | {"seeds": {"sentimnt": {}}}]}, "did you mean 'sentiment'?"),
        (
            {"smoke": [LOOK | {"seeds": {"sentiment": {"base_line": 5}}}]},
            "smoke, seeds.sentiment: 'base_line' is not defined; did you mean 'baseline'?",
        ),
        (
            {"smoke": [LOOK | {"seeds": {"lora": {"r8": 0}}}]},
            "smoke.0.seeds.lora.r8: Input should be greater than 0 (found: 0)",
        ),
        ({"smoke": [LOOK | {"look": "two"}]}, "smoke.0.look: Input should be a valid integer"),
        ({"smoke": [LOOK | {"sead": 3}]}, "unknown key 'sead'; did you mean 'seeds'?"),
        ({"smoke": [LOOK | {"time": "2026-11-26T07:22:33"}]}, "smoke.0.time: Input should have"),
        ({"smoke": LOOK}, "smoke: Input should be a valid list"),
        ([LOOK], "report/looks.yaml: expected keys with their values, as `key: value`"),
        ("smoke: [", "looks.yaml, line 1"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(RejeuError) as caught:
        recorded(tmp_path, content)
    assert said in str(caught.value)
    assert str(caught.value).count("looks.yaml") == 1
