"""A copy of the project, run as a user would."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMOKE = ("all", "--config", "tier=smoke")


@dataclass(frozen=True)
class Project:
    """A copy of the project that a test may change."""

    folder: Path

    def snakemake(self, *words: str, check: bool = True) -> str:
        """Run Snakemake here as a user would; return all that it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *words],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
        )
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, said
        assert check or done.returncode != 0, said
        return said

    def planned(self, *words: str) -> dict[str, int]:
        """How many jobs of each rule a dry run would run."""
        said = self.snakemake("-n", *words)
        if "Job stats:" not in said:
            return {}
        table = said.split("Job stats:")[1].split("\ntotal")[0].splitlines()[3:]
        return {rule: int(count) for rule, count in (line.split() for line in table)}

    def why(self, target: str = "report.pdf") -> list[str]:
        """The lines of `make why` for a target of the smoke tier."""
        done = subprocess.run(
            [sys.executable, "-m", "rejeu.why", target, "smoke"],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.splitlines()

    def append(self, file: str, text: str) -> None:
        with (self.folder / file).open("a", encoding="utf-8") as stream:
            stream.write(text)

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def copy_of_the_project(root: Path, folder: Path) -> Project:
    """Copy its files, not what was built in it; what was fetched once needs no second download."""
    built = (
        ".git",
        ".venv",
        ".cache",
        ".snakemake",
        "results",
        "logs",
        "report.pdf",
        "__pycache__",
    )
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns(*built))
    inputs = root / ".cache" / "rejeu" / "inputs"
    if inputs.is_dir():
        shutil.copytree(inputs, folder / ".cache" / "rejeu" / "inputs")
    return Project(folder)
