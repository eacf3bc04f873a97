import os
from pathlib import Path

import pytest

from rejeu.commands.retrain import first_data, main, outdated, run_files
from rejeu.errors import RejeuError
from rejeu.job.whole_files import write_json
from rejeu.study import looks
from rejeu.study.configuration import Study, load
from tests.study.sample import small

NOW = {"peft": "0.21.2"}
OLD = {"peft": "0.21.0"}


def write_run(path: Path, packages: dict[str, str] | None, hour: int) -> Path:
    write_json(path, {} if packages is None else {"packages": packages})
    os.utime(path, (3600 * hour, 3600 * hour))
    return path


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Path]:
    """Each part's first data file, made in hour 2."""
    return {
        part: write_run(tmp_path / part / "first.parquet", None, hour=2)
        for part in ("sentiment", "lora")
    }


def test_stale_runs_and_the_data_that_they_were_made_from(
    tmp_path: Path, data: dict[str, Path]
) -> None:
    runs = {
        "sentiment": [write_run(tmp_path / "a.json", NOW, hour=3)],
        "lora": [
            write_run(tmp_path / "b.json", OLD, hour=3),
            write_run(tmp_path / "c.json", NOW, hour=4),
            write_run(tmp_path / "d.json", None, hour=3),
        ],
    }
    assert outdated(runs, data, NOW) == [data["lora"], tmp_path / "b.json"]
    assert outdated(runs, data, OLD) == [
        *(data["sentiment"], tmp_path / "a.json"),
        *(data["lora"], tmp_path / "c.json"),
    ]


def test_after_an_interruption_new_data_stand(tmp_path: Path, data: dict[str, Path]) -> None:
    assert data["lora"].is_file()
    before = write_run(tmp_path / "before.json", OLD, hour=1)
    runs = {"lora": [before, write_run(tmp_path / "after.json", NOW, hour=3)]}
    assert outdated(runs, data, NOW) == [before]


def test_runs_that_are_not_made_need_no_force(tmp_path: Path, data: dict[str, Path]) -> None:
    old = write_run(tmp_path / "old.json", OLD, hour=3)
    assert outdated({"lora": [tmp_path / "missing.json", old]}, data, NOW) == [*(data["lora"], old)]


def test_a_program_s_stale_runs_have_no_data_of_rejeu_s(tmp_path: Path) -> None:
    old = write_run(tmp_path / "old.json", OLD, hour=3)
    runs = {"fit": [write_run(tmp_path / "new.json", NOW, hour=3), old]}
    assert outdated(runs, {"fit": None}, NOW) == [old]


def test_a_part_s_data_are_where_its_settings_say(study: Study) -> None:
    data = Path("results/smoke/data")
    assert first_data(study, "sentiment", "smoke") == data / "sentiment" / "clean.parquet"
    assert first_data(study, "lora", "smoke") == data / "chat" / "pairs.parquet"
    assert first_data(load(small(), "config.yaml"), "fit", "all") is None


def test_every_run_of_the_tier_has_a_file(study: Study) -> None:
    runs = run_files("smoke", looks.seeds(study, "smoke", {}))
    assert Path("results/smoke/lora/r8/seed42/run.json") in runs["lora"]
    assert len(runs["sentiment"]) == len(study.experiments("sentiment", "smoke"))
    seeds = looks.seeds(study, "laptop", {})
    laptop = run_files("laptop", seeds)["lora"]
    assert len(laptop) == len(set(laptop)) == sum(map(len, seeds["lora"].values())) > 5
    assert seeds["lora"].keys() == study.experiments("lora", "laptop").keys()


def test_seeds_of_later_looks_have_files_too(study: Study) -> None:
    own = looks.seeds(study, "laptop", {})["lora"]["r8"]
    seeds = {"sentiment": {}, "lora": {"r8": looks.extended(own, own, len(own) + 2)}}
    names = [path.parent.name for path in run_files("laptop", seeds)["lora"]]
    assert names == [*(f"seed{seed}" for seed in own), *(f"seed{max(own) + n}" for n in (1, 2))]


def test_an_unknown_tier_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(RejeuError, match="--tier smok: no such tier; known: smoke, laptop, paper"):
        main("smok")
