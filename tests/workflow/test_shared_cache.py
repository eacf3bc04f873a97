"""Two copies of the project that share a cache wait for each other, by name."""

import subprocess
import sys
from pathlib import Path

from tests.workflow.project import ROOT, Project, copy_of_the_project

RUN = "results/smoke/sentiment/baseline/seed42/run.json"
TARGETS = [
    RUN,
    ".cache/rejeu/models/minilm_l6/model.safetensors",
    "results/smoke/data/chat/pairs.parquet",
]


def test_two_copies_fill_one_empty_cache(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    started = []
    for name in ("one", "two"):
        project = copy_of_the_project(ROOT, tmp_path / name, inputs=False)
        (project.folder / ".cache").symlink_to(tmp_path / "cache")
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "snakemake", *TARGETS],
                cwd=project.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert "waiting for process" in "".join(said)
    for name in ("one", "two"):
        assert all((tmp_path / name / target).is_file() for target in TARGETS)
        assert Project(tmp_path / name).planned(*TARGETS) == {}
    # Whoever came second waited, and took what the first made: even its time is the same.
    assert (tmp_path / "one" / RUN).read_bytes() == (tmp_path / "two" / RUN).read_bytes()
