"""Kill builds of the smoke tier at random moments, rerun them, and compare: `make soak`.

Each kill is SIGKILL, to Snakemake alone, to a job alone, or to the whole group. Rerun by the same
command until it succeeds, a build must end with the results of an undisturbed one, byte for byte.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from rejeu.job.whole_files import read_json
from tests.workflow.project import ROOT, SMOKE, Project, copy_of_the_project

KINDS = ("snakemake", "job", "group")
EVERY = 2  # steps between states
COMPARED = (
    *("metrics.json", "heldout.json", "log.jsonl"),
    *("generation.json", "replies.json", "stops.json"),
)
TRAINED = ("results/smoke/sentiment", "results/smoke/lora")
PATIENCE = 60  # seconds for processes to end after their parent


class Soak:
    """A project's copy that is built and killed; `reference` holds an undisturbed build."""

    def __init__(self, project: Project, reference: Path, seed: int, minutes: float) -> None:
        self.project, self.reference = project, reference
        self.random = random.Random(seed)
        self.until = time.monotonic() + 60 * minutes
        self.kills: list[str] = []
        self.resumes = 0

    def run(self, kills: int) -> None:
        """Build until so many kills have happened and a build has ended well since the last."""
        self.begin_anew()
        while True:
            if self.build(kills):
                self.compare()
                if len(self.kills) >= kills:
                    break
                self.begin_anew()
            if time.monotonic() > self.until:
                raise SystemExit(f"not done in time after {len(self.kills)} kills")
        left = [process.pid for process in self.processes()]
        if left:
            raise SystemExit(f"processes are left behind: {left}")

    def begin_anew(self) -> None:
        self.project.forget_kept()
        for folder in TRAINED:
            shutil.rmtree(self.project.folder / folder, ignore_errors=True)

    def build(self, kills: int) -> bool:
        """Build once, with kills on the way as long as some are wanted. Whether it ended well."""
        save = [f"{rule}:checkpoint_steps={EVERY}" for rule in ("train_classifier", "train_lora")]
        snakemake = str(Path(sys.executable).with_name("snakemake"))
        command = [snakemake, *SMOKE, "renderer=embedded"]
        with (self.project.folder / "soak.log").open("a") as log:
            process = subprocess.Popen(
                [*command, "--set-resources", *save],
                cwd=self.project.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            while process.poll() is None:
                if len(self.kills) < kills and self.moment(process):
                    self.kill(process, kind=KINDS[len(self.kills) % len(KINDS)])
                elif time.monotonic() > self.until:
                    os.killpg(process.pid, signal.SIGKILL)
                time.sleep(0.2)
        self.wait_for_the_end()
        return process.returncode == 0

    def moment(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the next moment: a random one, every other time one in the midst of a run."""
        if len(self.kills) % 2:
            time.sleep(self.random.uniform(2, 25))
        else:
            while process.poll() is None and not any(self.states()):
                time.sleep(self.random.uniform(0, 0.5))
        return process.poll() is None

    def states(self) -> Iterator[Path]:
        return (self.project.folder / ".cache/rejeu/checkpoints").rglob("step*.json")

    def kill(self, process: subprocess.Popen[bytes], kind: str) -> None:
        jobs = self.jobs(process)
        if kind == "job" and not jobs:
            return
        self.kills.append(kind)
        print(f"{len(self.kills)}: SIGKILL to {kind}", flush=True)
        if kind == "snakemake":
            process.kill()
        elif kind == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            self.random.choice(jobs).kill()

    def jobs(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        try:
            children = psutil.Process(process.pid).children(recursive=True)
            return [
                child for child in children if ".snakemake/scripts" in " ".join(child.cmdline())
            ]
        except psutil.NoSuchProcess:
            return []

    def processes(self) -> list[psutil.Process]:
        """Every process that works in the project's folder."""
        found = []
        for process in psutil.process_iter(["cwd"]):
            if process.info["cwd"] == str(self.project.folder):
                found.append(process)
        return found

    def wait_for_the_end(self) -> None:
        """Jobs die with their Snakemake, and may take a moment to save their state."""
        until = time.monotonic() + PATIENCE
        while left := self.processes():
            if time.monotonic() > until:
                raise SystemExit(f"jobs outlive their Snakemake: {[job.pid for job in left]}")
            time.sleep(0.2)

    def compare(self) -> None:
        """Fail on any result that differs from the undisturbed build's."""
        compared, differing = compare(self.project.folder, self.reference)
        if differing or not compared:
            raise SystemExit(f"of {compared} results these differ: {differing}")
        runs = (self.project.folder / "results/smoke").rglob("run.json")
        self.resumes += sum(read_json(run)["resumes"] for run in runs)
        left = [*self.states(), *(self.project.folder / "results").rglob(".*.new*")]
        if left:
            raise SystemExit(f"left behind by runs that succeeded: {left}")
        print(f"{compared} results are byte-equal; {self.resumes} resumes so far", flush=True)


def compare(folder: Path, reference: Path) -> tuple[int, list[str]]:
    """How many results another build has, and which of them differ here or aren't there."""
    names = [
        path.relative_to(reference)
        for part in TRAINED
        for path in sorted((reference / part).rglob("*"))
        if path.name in COMPARED
    ]
    differing = [
        str(name)
        for name in names
        if not (folder / name).exists()
        or (folder / name).read_bytes() != (reference / name).read_bytes()
    ]
    return len(names), differing


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill builds at random moments and compare")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--resumes", type=int, default=5, help="fewer fail the soak")
    parser.add_argument("--minutes", type=float, default=60, help="longer fails the soak")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = copy_of_the_project(ROOT, Path(folder) / "undisturbed")
        undisturbed.snakemake(*SMOKE, "renderer=embedded")
        print("the undisturbed build is there", flush=True)
        shutil.copytree(undisturbed.folder, Path(folder) / "killed")
        soak = Soak(Project(Path(folder) / "killed"), undisturbed.folder, given.seed, given.minutes)
        soak.run(given.kills)
    if soak.resumes < given.resumes:
        raise SystemExit(f"{soak.resumes} resumes from a state; expected {given.resumes} or more")
    print(f"passed: {len(soak.kills)} kills, {soak.resumes} resumes from a state in mid-run")


if __name__ == "__main__":
    main()
