"""A copy of the project, run as a user would."""

import shutil
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from rejeu.build.records import FOLDER, Record, recorded, write
from rejeu.job.whole_files import sha256_of

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
            [sys.executable, "-m", "rejeu", "why", target, "--tier", "smoke"],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.splitlines()

    def trained(self, since: float) -> list[str]:
        """The runs that were computed since a time, and not put back as they were kept."""
        return [
            str(log.relative_to(self.folder))
            for rule in ("train_classifier", "train_lora")
            for log in sorted(self.folder.glob(f"logs/*/{rule}/*.log"))
            if log.stat().st_mtime > since
            and "as kept of an equal job" not in log.read_text(encoding="utf-8")
        ]

    def results(self) -> dict[str, str]:
        """The sha256 of every file that a build makes, but for records of them and of times.

        Nor of what lies beside a report's source for Quarto: copies of what lies elsewhere.
        """
        made = [path for path in self.folder.glob("results/*/**/*") if path.is_file()]
        return {
            str(path.relative_to(self.folder)): sha256_of(path)
            for path in (*made, self.folder / "report.pdf")
            if not {FOLDER, "benchmark"} & set(path.relative_to(self.folder).parts)
            and not is_copied_for_quarto(path)
        }

    def sha256(self, name: str) -> str:
        return sha256_of(self.folder / name)

    def record(self, path: Path) -> None:
        """Take a file that a test has written for what its job made."""
        with chdir(self.folder):
            name = path.relative_to(self.folder)
            known = recorded(name)
            assert known is not None
            facts = path.stat()
            now = Record(known.output, facts.st_size, sha256_of(name), facts.st_mtime_ns)
            write(name, now)

    def forget_kept(self) -> None:
        """Let every job compute that runs from now on."""
        shutil.rmtree(self.folder / ".cache/rejeu/kept", ignore_errors=True)

    def append(self, file: str, text: str) -> None:
        with (self.folder / file).open("a", encoding="utf-8") as stream:
            stream.write(text)

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def is_copied_for_quarto(path: Path) -> bool:
    """Whether a file lies beside results/{tier}/report/{language}/report.qmd, or a first one."""
    beside = any((folder / "report.qmd").is_file() for folder in list(path.parents)[:2])
    return beside and path.name not in ("report.qmd", "report.typ", "addresses.json")


def copy_of_the_project(root: Path, folder: Path, *, inputs: bool = True) -> Project:
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
    for name in ("inputs", ".made/inputs") if inputs else ():
        fetched = root / ".cache" / "rejeu" / name
        if fetched.is_dir():
            shutil.copytree(fetched, folder / ".cache" / "rejeu" / name)
    return Project(folder)
