"""Which jobs' times tell how long an equal one takes."""

from pathlib import Path

import pytest

from rejeu.build.estimates import measured_in
from rejeu.job.machine import machine
from rejeu.job.whole_files import write_json


@pytest.mark.parametrize(
    ("rule", "resumed", "counts"),
    [
        ("run_command", False, True),
        ("run_command", True, False),
        ("train_lora", True, False),
        ("evaluate_lora", True, True),  # it is the training that was resumed
    ],
)
def test_a_job_that_went_on_from_a_saved_state_is_not_a_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, resumed: bool, counts: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("results/all/benchmark", rule)
    folder.mkdir(parents=True)
    (folder / "fit.plain.seed1.tsv").write_text("s\th:m:s\n4.5\t0:00:04\n")
    write_json("results/all/fit/plain/seed1/run.json", {"resumed": resumed, "machine": machine()})
    assert measured_in(folder) == ({"fit.plain": [4.5]} if counts else {})
