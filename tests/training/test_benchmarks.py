"""The benchmark page's arithmetic, and that the yardstick trains as Rejeu does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy.stats import ttest_rel

from benchmarks.page import compared, speeds, spread
from rejeu.data.tokenise import tokenise_texts

ROOT = Path(__file__).parents[2]


def test_spread_is_a_median_and_its_range() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2.0 (1.0 to 3.0)"
    assert spread([1.234], 2) == "1.23"


def test_speeds_sum_the_jobs_and_compare_round_by_round() -> None:
    def run(rate: float) -> dict[str, Any]:
        return {
            "rows_per_second": rate,
            "steps_per_second": rate,
            "tokens_per_second": 100 * rate,
            "flop_per_token": 1e8,
            "precision": "bf16",
        }

    runs = {"notebook": [[run(2.0)], [run(4.0)]], "ours": [[run(5.0), run(7.0)], [run(8.0)] * 2]}
    found = speeds(
        {
            "peak_gflops": {"bfloat16, 2 threads": 400.0, "float32, 2 threads": 1.0},
            "runs": {"sentiment": runs, "lora": runs},
        }
    )
    assert [row["part"] for row in found] == ["sentiment", "lora"]
    assert found[0]["ours"] == "14.00 (12.00 to 16.00)"
    assert found[0]["ratio"] == "5.0 (4.0 to 6.0)"
    assert found[0]["peak"] == "35 (30 to 40)"  # 12 x 100 x 1e8 is 120 of 400 GFLOP/s
    assert found[0]["jobs"] == "2"


def test_numerics_are_paired_by_seed() -> None:
    ours, theirs = [0.84, 0.85, 0.83], [0.845, 0.84, 0.835]
    seeds = {
        str(seed): {
            "sentiment, ours": {"accuracy": one},
            "sentiment, notebook": {"accuracy": other},
        }
        for seed, (one, other) in enumerate(zip(ours, theirs, strict=True))
    }
    seeds["9"] = {"sentiment, ours": {"accuracy": 0.1}}  # not run in the other yet
    (row,) = compared({"seeds": seeds})
    interval = ttest_rel(ours, theirs).confidence_interval()  # pyright: ignore
    expected = f"+0.0000 [{interval.low:+.4f}, {interval.high:+.4f}]"
    assert row["difference"].replace("-0.0000 ", "+0.0000 ") == expected
    assert row["seeds"] == "3"


@pytest.fixture
def data(encoder: Path, tmp_path: Path) -> Path:
    texts = [" ".join(f"w{20 + (row * place) % 40}" for place in range(2, 9)) for row in range(40)]
    labels = [row % 2 for row in range(40)]
    for name in ("train", "test"):
        pd.DataFrame({"text": texts, "label": labels}).to_parquet(tmp_path / f"{name}.parquet")
        tokenise_texts(texts, labels, encoder, 32, tmp_path / f"{name}.arrow")
    return tmp_path


@pytest.mark.parametrize("program", ["notebook", "ours"])
def test_both_programs_train_the_same_rows(encoder: Path, data: Path, program: str) -> None:
    output = data / "run.json"
    given = ["--model", encoder, "--data", data, "--output", output, "--rows", "33", "--predict"]
    subprocess.run(
        [sys.executable, f"benchmarks/{program}.py", "sentiment", *given], check=True, cwd=ROOT
    )
    record = json.loads(output.read_text(encoding="utf-8"))
    assert (record["rows"], record["steps"], record["test_rows"]) == (33, 3, 40)
    assert record["rows_per_second"] > 0
    assert 0 <= record["accuracy"] <= 1
