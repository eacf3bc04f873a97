"""Records of what jobs made: damage is seen, times are put back, other files are left alone."""

import os
from pathlib import Path

import pytest

from rejeu.build import records

RUN = "results/smoke/lora/r8/seed42/run.json"
WEIGHTS = "results/smoke/lora/r8/seed42/adapter/adapter_model.safetensors"
SOURCE = ".cache/rejeu/inputs/mine/source.json"
RAW = ".cache/rejeu/inputs/mine/reviews.csv"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two finished jobs: one with two outputs, one that fetched a file that no rule declares."""
    monkeypatch.chdir(tmp_path)
    for path in (RUN, WEIGHTS, SOURCE, RAW):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"what {path} holds")
    for outputs, further in (([WEIGHTS, RUN], []), ([SOURCE], [RAW])):
        records.begin(outputs)
        records.finish(outputs, further)
    records.settle(["smoke"])
    return tmp_path


def damaged() -> dict[str, tuple[str, str]]:
    found, begun = records.compare(["smoke"])
    assert begun == []
    return {damage.path: (damage.output, damage.reason) for damage in found}


def test_what_is_as_it_was_made_is_left_alone() -> None:
    times = {path: Path(path).stat().st_mtime_ns for path in (RUN, WEIGHTS, SOURCE, RAW)}
    assert damaged() == {}
    assert {path: Path(path).stat().st_mtime_ns for path in times} == times


def test_times_are_put_back() -> None:
    times = {path: Path(path).stat().st_mtime_ns for path in (RUN, WEIGHTS, SOURCE, RAW)}
    for number, path in enumerate(times):
        os.utime(path, ns=(0, number))
    assert damaged() == {}
    assert {path: Path(path).stat().st_mtime_ns for path in times} == times


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", f"has 0 bytes, {5 + len(RUN) + 6} were written"),
        ("[]", "has 2 bytes"),
        (f"what {RUN} HOLDS", "has another content than was written"),
    ],
)
def test_damage_is_named(content: str, reason: str) -> None:
    Path(RUN).write_text(content)
    ((path, (output, said)),) = damaged().items()
    assert (path, output) == (RUN, WEIGHTS)
    assert reason in said


def test_a_folder_in_a_file_s_place() -> None:
    Path(RUN).unlink()
    Path(RUN).mkdir()
    assert damaged() == {RUN: (WEIGHTS, "is no file any more")}


def test_what_no_rule_declares_is_missed_with_its_job_s_output() -> None:
    Path(RAW).unlink()
    assert damaged() == {RAW: (SOURCE, "is missing")}
    Path(SOURCE).unlink()
    assert damaged() == {}  # Snakemake sees that


def test_a_job_that_never_ended_well_leaves_its_outputs_begun() -> None:
    records.begin([WEIGHTS, RUN])
    found, begun = records.compare(["smoke"])
    assert found == []
    assert sorted(begun) == sorted([WEIGHTS, RUN])
    records.finish([WEIGHTS, RUN])
    assert records.compare(["smoke"]) == ([], [])


def test_a_build_that_was_killed_before_times_were_noted() -> None:
    records.begin([WEIGHTS, RUN])
    records.finish([WEIGHTS, RUN])
    Path(RUN).touch()  # as Snakemake does
    assert records.compare(["smoke"]) == ([], [])
    record = records.recorded(RUN)
    assert record is not None
    assert record.modified_ns == Path(RUN).stat().st_mtime_ns


def test_other_tiers_and_unreadable_records_are_passed_over() -> None:
    Path(RUN).write_text("[]")
    assert records.compare(["laptop"]) == ([], [])
    records.place(RUN).write_text("{")
    assert records.compare(["smoke"]) == ([], [])
