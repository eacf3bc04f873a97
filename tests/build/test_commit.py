"""Whose commit a folder has, by real repositories."""

import subprocess
from pathlib import Path

from rejeu.build.commit import git

ENGINE = "rejeu/__init__.py"


def commit(folder: Path, *files: str) -> str:
    """Commit files into a new repository in `folder`; the commit."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    for words in (["init", "-q"], ["add", *files], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    asked = ["git", "rev-parse", "HEAD"]
    found = subprocess.run(asked, cwd=folder, check=True, capture_output=True, text=True)
    return found.stdout.strip()


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_an_engine_inside_a_study_s_repository_has_no_commit(tmp_path: Path) -> None:
    write(tmp_path / "config.yaml")
    engine = tmp_path / ".venv" / "share" / "rejeu"
    write(engine / ENGINE)
    made = commit(tmp_path, "config.yaml")
    assert git(engine) == {"commit": None, "modified": None}
    assert git(tmp_path) == {"commit": made, "modified": False}


def test_a_study_in_a_folder_of_a_repository_has_its_commit(tmp_path: Path) -> None:
    write(tmp_path / "studies" / "a" / "config.yaml")
    made = commit(tmp_path, "studies")
    assert git(tmp_path / "studies" / "a") == {"commit": made, "modified": False}


def test_an_engine_s_own_repository_counts(tmp_path: Path) -> None:
    engine = write(tmp_path / ENGINE)
    made = commit(tmp_path, ENGINE)
    engine.write_text("edited")
    assert git(tmp_path) == {"commit": made, "modified": True}
    assert git(Path("/")) == {"commit": None, "modified": None}
