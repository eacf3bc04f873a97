"""What jobs ask of a scheduler, by rule, tier and attempt."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from rejeu.graph.needs import CONVERTING, DOWNLOADING, needs
from tests.study.sample import ROOT, study_of

TRAINED = {"train_classifier", "train_lora"}
COMPUTED = TRAINED | {"predict_classifier", "evaluate_lora", "answer_lora"}
PLAN = """
import json, sys
from rejeu.build.dry_run import dry_run
from pathlib import Path
with dry_run("all", sys.argv[1], Path()) as workflow:
    here = workflow._localrules
    jobs = [job for job in workflow.dag.jobs if not job.rule.norun]
    print(json.dumps([[job.rule.name, job.rule.name in here, dict(job.resources)] for job in jobs]))
"""


def asked(wildcards: Any, attempt: int = 1, rule: str = "train_lora") -> dict[str, Any]:
    declared = needs(study_of(), rule, mem_mb=3000, disk_mb=10, gpu=True)
    return {name: need(wildcards, attempt) for name, need in declared.items() if callable(need)}


def test_small_tiers_ask_for_no_gpu_and_the_large_one_for_one() -> None:
    small, large = (asked(SimpleNamespace(tier=tier)) for tier in ("laptop", "paper"))
    assert (small["gpu"], large["gpu"]) == (0, 1)
    assert small["mem_mb"] == 3000 < large["mem_mb"]


def test_the_time_is_what_the_tier_expects_with_a_margin() -> None:
    # 10 minutes, and four times a training's seconds at the laptop tier, in whole minutes.
    training = study_of().tiers["laptop"].expected_seconds["train_classifier"]
    assert training > 60
    asked_for = asked(SimpleNamespace(tier="laptop"), rule="train_classifier")["runtime"]
    assert asked_for == 10 + math.ceil(4 * training / 60)
    assert asked(SimpleNamespace(tier="laptop"), rule="split_texts")["runtime"] == 10


def test_what_belongs_to_no_tier_downloads_or_converts() -> None:
    assert asked(SimpleNamespace(input="imdb"), rule="fetch")["runtime"] == DOWNLOADING
    assert asked(SimpleNamespace(model="any"), rule="prepare_model")["runtime"] == CONVERTING


def test_a_later_attempt_asks_for_more_time_and_memory_at_most_twice_as_much() -> None:
    tries = [asked(SimpleNamespace(tier="laptop"), attempt) for attempt in (1, 2, 3, 9)]
    assert [each["mem_mb"] for each in tries] == [3000, 4500, 6000, 6000]
    first = tries[0]["runtime"]
    assert [each["runtime"] / first for each in tries] == pytest.approx([1, 1.5, 2, 2], abs=0.1)
    assert len({each["disk_mb"] for each in tries}) == 1


@pytest.mark.parametrize("tier", ["smoke", "paper"])
def test_every_job_says_what_it_needs(tier: str) -> None:
    """As Snakemake itself reads the rules."""
    planned = subprocess.run(
        [sys.executable, "-c", PLAN, tier], cwd=ROOT, capture_output=True, text=True, check=True
    )
    jobs = json.loads(planned.stdout)
    names = {name for name, _, _ in jobs}
    assert names > COMPUTED - ({"answer_lora"} if tier == "smoke" else set())
    for name, local, resources in jobs:
        assert all(resources[need] > 0 for need in ("mem_mb", "disk_mb", "runtime")), name
        if name in COMPUTED:
            assert resources["gpu"] == (tier == "paper"), name
            assert not local
        if name in TRAINED:
            assert resources["checkpoint_seconds"] <= 60
    light = {"judge_claims", "write_report", "judge_first", "write_first", "render_first"}
    # No first report is planned where the whole one is there.
    assert {name for name, local, _ in jobs if local} >= light & names
    assert names >= {"judge_claims", "write_report"}
