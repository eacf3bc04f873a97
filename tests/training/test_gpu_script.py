"""benchmarks/gpu.py, for whoever has a GPU: on the processor, with tiny models."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import judged, main

ROOT = Path(__file__).parents[2]
# The script is for machines that have PyTorch and the libraries of training, and nothing else.
WITHOUT = """
import runpy, sys
sys.modules |= dict.fromkeys(["pydantic", "ruamel", "snakemake", "sklearn", "datasets"])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_runs_and_sees_what_it_should(tmp_path: Path) -> None:
    output = tmp_path / "gpu.json"
    script = "import sys; sys.argv = sys.argv[1:]" + WITHOUT
    given = ["benchmarks/gpu.py", "--device", "cpu", "--small", "--output", output]
    command = [sys.executable, "-c", script, *given]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["device"] == "cpu"
    assert found["machine"]["gpu"] is None
    assert found["probe"] is None
    assert {"classifier, fp32", "lora, bf16, none"} <= found["compared"].keys()
    assert all(each["packed"] and each["passed"] for each in found["compared"].values())
    for run in found["runs"].values():
        assert run["deterministic"] is True
        assert run["killed"].keys() == {"SIGTERM", "SIGKILL"}
        assert all(each["equal"] and each["was_running"] for each in run["killed"].values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks/gpu.py"])
    assert main() == 2
    assert "PyTorch sees no GPU" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("result", "gradient", "passed"),
    [
        (1.0, [1.0, 2.0], True),
        (1.0, [1.0, 2.2], False),  # too far, and the library isn't
        (1.3, [1.0, 2.0], False),
        (1.0, [0.0, 0.0], False),
    ],
)
def test_what_differs_fails(result: float, gradient: list[float], passed: bool) -> None:
    def made(value: float, values: list[float]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return torch.tensor([value]), {"weight": torch.tensor([values])}

    exact = made(1.0, [1.0, 2.0])
    assert judged(made(result, gradient), exact, exact, "fp16")["passed"] is passed
