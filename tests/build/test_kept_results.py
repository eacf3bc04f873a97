"""Finished results are put in place for an equal job, and for no other."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rejeu.build import kept_results, records
from rejeu.errors import RejeuError

RUN = "results/smoke/lora/r8/seed42/run.json"
WEIGHTS = "results/smoke/lora/r8/seed42/adapter/adapter_model.safetensors"
OUTPUTS = [WEIGHTS, RUN]
LARGE = kept_results.LINKED + 1


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(kept_results.ANEW, raising=False)
    for path in OUTPUTS:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return tmp_path


def make(identity: str, weights: bytes = b"w" * LARGE, run: str = "first") -> None:
    """What a job does that computes."""
    for path in OUTPUTS:
        Path(path).unlink(missing_ok=True)
    Path(WEIGHTS).write_bytes(weights)
    Path(RUN).write_text(run)
    facts = records.finish(OUTPUTS)
    if kept_results.let_first_stand(OUTPUTS, identity, facts):
        facts = records.finish(OUTPUTS)
    kept_results.keep(OUTPUTS, identity, facts)


def job(**changes: Any) -> Any:
    given = {
        "rule": "train_lora",
        "output": OUTPUTS,
        "input": ["rows.arrow"],
        "params": {"code": "abc", "settings": {"rank": 8}},
        "threads": 1,
    }
    return SimpleNamespace(**given | changes)


def test_results_come_back_after_they_were_replaced() -> None:
    make("one")
    make("two", b"v" * LARGE, "second")
    assert not kept_results.restore(OUTPUTS, "three")
    assert Path(RUN).read_text() == "second"
    assert kept_results.restore(OUTPUTS, "one")
    assert Path(RUN).read_text() == "first"
    assert Path(WEIGHTS).read_bytes() == b"w" * LARGE
    assert kept_results.restore(OUTPUTS, "two")
    assert Path(WEIGHTS).read_bytes() == b"v" * LARGE


def test_present_results_take_no_space_twice() -> None:
    make("one")
    assert os.stat(WEIGHTS).st_nlink == 2  # noqa: PTH116
    assert os.stat(RUN).st_nlink == 1  # noqa: PTH116


def test_two_copies_of_a_project_share_no_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("one")
    theirs = project / WEIGHTS
    time = theirs.stat().st_mtime_ns
    other = project / "other"
    (other / RUN).parent.mkdir(parents=True)
    (other / ".cache").symlink_to(project / ".cache")
    monkeypatch.chdir(other)
    assert kept_results.restore(OUTPUTS, "one")
    assert Path(WEIGHTS).read_bytes() == b"w" * LARGE
    os.utime(WEIGHTS)  # as Snakemake does
    assert theirs.stat().st_mtime_ns == time


def test_what_an_equal_job_made_and_left_in_place_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    make("one")
    assert not kept_results.still_there(OUTPUTS, "one"), "nothing is known of who made it"
    records.finish(OUTPUTS, (), "one")
    records.settle(["smoke"])
    for path in OUTPUTS:
        os.utime(path, ns=(1, 1))
    assert not kept_results.still_there(OUTPUTS, "two")
    assert kept_results.still_there(OUTPUTS, "one")
    records.settle(["smoke"])
    assert all(Path(path).stat().st_mtime_ns > 1 for path in OUTPUTS), "made anew, to Snakemake"
    assert records.compare(["smoke"]) == ([], [])
    monkeypatch.setenv(kept_results.ANEW, "1")
    assert not kept_results.still_there(OUTPUTS, "one")
    monkeypatch.delenv(kept_results.ANEW)
    records.begin(OUTPUTS)  # and the job didn't end
    assert not kept_results.still_there(OUTPUTS, "one")
    records.finish(OUTPUTS, (), "one")
    Path(RUN).write_text("FIRST")
    assert not kept_results.still_there(OUTPUTS, "one")
    records.finish(OUTPUTS, (), "one")
    Path(RUN).unlink()
    assert not kept_results.still_there(OUTPUTS, "one")


def test_forced_jobs_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    make("one")
    monkeypatch.setenv(kept_results.ANEW, "1")
    assert not kept_results.restore(OUTPUTS, "one")
    make("one", run="again")
    monkeypatch.delenv(kept_results.ANEW)
    assert kept_results.restore(OUTPUTS, "one")
    assert Path(RUN).read_text() == "again"


def test_damaged_copies_are_not_used_and_the_first_record_stands() -> None:
    make("one")
    with Path(WEIGHTS).open("r+b") as stream:  # in place, so the link is damaged too
        stream.truncate(10)
    assert not kept_results.restore(OUTPUTS, "one")
    make("one", run="its times differ")
    assert Path(RUN).read_text() == "first"
    assert kept_results.restore(OUTPUTS, "one")
    assert Path(WEIGHTS).read_bytes() == b"w" * LARGE


def test_other_weights_leave_nothing_of_the_first_run() -> None:
    """As on a GPU, where a rerun may differ in its last bits."""
    make("one")
    with Path(WEIGHTS).open("r+b") as stream:
        stream.truncate(10)
    make("one", b"x" * LARGE, "second")
    assert Path(RUN).read_text() == "second"


def test_the_present_results_and_two_before_are_kept() -> None:
    for name in ("one", "two", "three", "four"):
        make(name, run=name)
    assert not kept_results.restore(OUTPUTS, "one")
    assert all(kept_results.restore(OUTPUTS, name) for name in ("two", "three", "four"))


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"a": 1}'])
def test_a_damaged_list_of_what_is_kept(damage: str) -> None:
    make("one")
    (kept_results.entry(OUTPUTS, "one") / "made.json").write_text(damage)
    assert not kept_results.restore(OUTPUTS, "one")
    make("one", run="second")
    assert kept_results.restore(OUTPUTS, "one")
    assert Path(RUN).read_text() == "second"


def test_identity_covers_all_that_results_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rows.arrow").write_bytes(b"rows")
    first = kept_results.identity_of(job())
    assert kept_results.identity_of(job()) == first
    for changes in (
        {"rule": "evaluate_lora"},
        {"output": OUTPUTS[:1]},
        {"params": {"code": "abd", "settings": {"rank": 8}}},
        {"params": {"code": "abc", "settings": {"rank": 9}}},
        {"threads": 2},
    ):
        assert kept_results.identity_of(job(**changes)) != first, changes
    document = kept_results.identity_of(job(output=["report.pdf"]))
    monkeypatch.setattr(kept_results, "installed", lambda name: f"another {name}")
    assert kept_results.identity_of(job()) == first, "no page is made"
    assert kept_results.identity_of(job(output=["report.pdf"])) != document
    Path("rows.arrow").write_bytes(b"sowr")
    assert kept_results.identity_of(job()) != first


def test_an_input_that_is_not_as_it_was_made_is_named() -> None:
    """Even where its size and time are as they were."""
    make("one")
    records.settle(["smoke"])
    time = Path(RUN).stat().st_mtime_ns
    Path(RUN).write_text("sirft")
    os.utime(RUN, ns=(time, time))
    assert records.compare(["smoke"]) == ([], [])
    with pytest.raises(RejeuError, match=r"run\.json: its content is not what was written"):
        kept_results.identity_of(job(input=[RUN]))
    (damage,), _ = records.compare(["smoke"])  # the next build looks closely
    assert damage.path == RUN
