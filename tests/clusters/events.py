"""Random events on a real SLURM while it builds: `python -m tests.clusters.events 50`.

Builds of the smoke tier, their runs made so long that an event hits them in their midst, go
through profiles/slurm. Meanwhile jobs are cancelled, requeued, pre-empted and killed, or their
time is up; Snakemake and SLURM's daemons are killed, and the node is drained. Whenever a build has
ended the same command is run again. In the end the results must be those of an undisturbed build,
byte for byte. At no moment may two processes train one run, and an event may cost a run a minute
of training at most. docs/slurm-events.md says what came out.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.clusters import slurm as engine
from tests.clusters.slurm import KILL_WAIT, NORMAL, PREEMPTIBLE, Slurm
from tests.workflow.project import ROOT, SMOKE, Project, copy_of_the_project
from tests.workflow.soak import TRAINED, compare

PAGE = ROOT / "docs" / "slurm-events.md"
# What docs/slurm-events.md says.
PAGE_TEXT = """\
# {count} events on a real SLURM

Made by `python -m tests.clusters.events {count} --longer {times} --seed {seed}`, not by hand.

Builds of the smoke tier (each run {times} times as long as there) went through `profiles/slurm` on
a SLURM of one node while the events below happened, {shortest:g} to {longest:g} seconds apart.
Whenever a build had ended, the same command was run again: {runs} times in all, for {builds} whole
builds. All {compared} results that were compared are byte-equal to those of an undisturbed build
on the same machine. Every {sampled:g} s it was looked which processes train: two on one run were
seen {twins} times.

Training lost is the time from the state saved last (or the begin of training, if there was none)
to the end of the process, which shuts down for some seconds too, in seconds of one run.

| event | times | runs that it ended | lost per event, mean | lost, most |
| --- | ---: | ---: | ---: | ---: |
{kinds}

## Each of them

| | event | whom or how long | lost (s) |
| ---: | --- | --- | --- |
{each}
"""
BETWEEN = (5.0, 20.0)  # seconds from one event to the next
LOST_AT_MOST = 60  # seconds of one run's training, by one event
SAMPLED = 0.5  # seconds from one look at the processes to the next
TRAINING = (".train_classifier.py", ".train_lora.py")  # the scripts that Snakemake writes end so
# So that only what the profile doesn't say stands here: the site's part of it.
SITE = f"default-resources:\n  slurm_partition: {PREEMPTIBLE}\n"
QUICK = (
    "--slurm-init-seconds-before-status-checks",
    "2",
)  # of the profile alone: nobody waits here


@dataclass
class Event:
    """One event: what happened, to which job, and what it cost."""

    number: int
    kind: str
    target: str = "-"
    runs: set[str] = field(default_factory=set)  # that trained then, and that it may end
    lost: dict[str, float] = field(default_factory=dict)  # seconds of training, by run


@dataclass
class Training:
    """A process that trains a run."""

    pid: int
    run: str  # results/{tier}/{part}/{experiment}/seed{n}
    job: str  # its number in SLURM
    began: float
    seen: float


class Watch(threading.Thread):
    """Looks at the processes that train; notes twins, and what was lost with those that ended."""

    def __init__(self, project: Path) -> None:
        super().__init__(daemon=True)
        self.project = project
        self.alive: dict[int, Training] = {}
        self.twins: list[str] = []
        self.events: list[Event] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(SAMPLED):
            self.look()

    def look(self) -> None:
        now = {training.pid: training for training in trainings(self.project)}
        for pid, gone in list(self.alive.items()):
            if pid not in now:
                self.ended(gone)
        runs = [training.run for training in now.values()]
        for run in {run for run in runs if runs.count(run) > 1}:
            pids = sorted(training.pid for training in now.values() if training.run == run)
            twins = f"{run}: processes {', '.join(map(str, pids))}"
            if twins not in self.twins:
                self.twins.append(twins)
        self.alive = now

    def ended(self, training: Training) -> None:
        """Note how much training went with a process: since the state saved last, or all of it.

        Training begins when the process takes the run's lock, with data and model loaded.
        """
        if (self.project / training.run / "run.json").exists():
            return
        folder = self.project / ".cache/rejeu/checkpoints" / training.run
        times = [mark.stat().st_mtime for mark in folder.rglob("step*.json")]
        lock = folder.with_suffix(".lock")
        taken = lock.stat().st_mtime if lock.exists() else 0
        trained = taken > training.began
        lost = max(0.0, training.seen - max([taken, *times])) if trained else 0.0
        named = [event for event in self.events if training.run in event.runs]
        for event in (named or self.events)[-1:]:
            event.lost[training.run] = max(lost, event.lost.get(training.run, 0))


def trainings(project: Path) -> list[Training]:
    """The processes that train now. Which run they train, their parent was told."""
    found = []
    scripts = str(project / ".snakemake" / "scripts")
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if len(command) < 2 or not command[-1].startswith(scripts):
                continue
            if not command[-1].endswith(TRAINING):
                continue
            run = run_of(process.parent())
            if run is not None:
                job = process.environ()["SLURM_JOB_ID"]
                began, now = process.create_time(), time.time()
                found.append(Training(process.pid, run, job, began, now))
        except (psutil.Error, KeyError):  # it has just ended
            continue
    return found


def run_of(snakemake: psutil.Process | None) -> str | None:
    """The folder of the run that a job's Snakemake was told to make."""
    words = snakemake.cmdline() if snakemake else []
    if "--target-jobs" not in words:
        return None
    target = words[words.index("--target-jobs") + 1]  # train_lora:tier=smoke,part=lora,...
    given = dict(pair.split("=", 1) for pair in target.split(":", 1)[1].split(","))
    return "results/{tier}/{part}/{experiment}/seed{seed}".format(**given)


class Build:
    """The same command, run again and again."""

    def __init__(self, project: Project, site: Path) -> None:
        self.folder = project.folder
        self.command = [
            *(str(Path(sys.executable).with_name("snakemake")), *SMOKE, "renderer=embedded"),
            *("--profile", str(site), "--workflow-profile", "profiles/slurm", *QUICK),
        ]
        self.process: subprocess.Popen[bytes] | None = None
        self.runs = 0

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def succeeded(self) -> bool:
        return self.process is not None and self.process.poll() == 0

    def start(self) -> None:
        self.runs += 1
        with (self.folder / "events.log").open("a") as log:
            log.write(f"\n\n===== run {self.runs}\n")
            log.flush()
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return (self.folder / "events.log").read_text(errors="replace")


class Events:
    """Random events during builds."""

    def __init__(self, slurm: Slurm, project: Project, reference: Path, seed: int) -> None:
        self.slurm, self.project, self.reference = slurm, project, reference
        self.random = random.Random(seed)
        self.watch = Watch(project.folder)
        self.events = self.watch.events
        site = project.folder / "site.yaml"
        site.write_text(SITE)
        self.build = Build(project, site)
        self.compared = 0  # results that were byte-equal
        self.builds = 0  # that ended well

    def run(self, count: int, minutes: float) -> None:
        """Cause so many events, then let the build end.

        Raises:
            SystemExit: results differ, or it isn't done in time.
        """
        until = time.monotonic() + 60 * minutes
        waiting = [kind for _ in range(-(-count // len(KINDS))) for kind in self.shuffled()][:count]
        self.watch.start()
        try:
            while waiting or not self.build.succeeded():
                if time.monotonic() > until:
                    log = self.build.log()[-4000:]
                    raise SystemExit(f"not done in time after {len(self.events)} events\n{log}")
                if self.build.succeeded():
                    self.compare()
                    self.begin_anew()
                if not self.build.running():
                    time.sleep(1)
                    self.build.start()
                if waiting:
                    self.pause(self.random.uniform(*BETWEEN))
                    if self.build.running() and self.cause(waiting[0]):
                        waiting.pop(0)
                else:
                    self.pause(5)
            self.compare()
        finally:
            self.watch.stopped.set()
            self.watch.join()
            if self.build.running():
                self.build.kill()

    def shuffled(self) -> list[str]:
        return self.random.sample(list(KINDS), len(KINDS))

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the build runs."""
        until = time.monotonic() + seconds
        while self.build.running() and time.monotonic() < until:
            time.sleep(0.2)

    def cause(self, kind: str) -> bool:
        """Let an event happen; not if it needs a job, and none runs."""
        event = Event(len(self.events) + 1, kind)
        event.runs = {training.run for training in trainings(self.project.folder)}
        self.events.append(event)
        if not KINDS[kind](self, event):
            self.events.pop()
            return False
        print(f"{event.number}: {kind}: {event.target}", flush=True)
        return True

    def job(self, event: Event) -> str | None:
        """The number of a job that runs: mostly one that trains just now, if there is any."""
        running = trainings(self.project.folder)
        if running and self.random.random() < 3 / 4:
            chosen = self.random.choice(running)
            event.target, event.runs = chosen.run, {chosen.run}
            return chosen.job
        jobs = [job for job in self.slurm.jobs("RUNNING") if job.partition == PREEMPTIBLE]
        if not jobs:
            return None
        job = self.random.choice(jobs)
        event.target = job.comment.removeprefix("rule_").replace("_wildcards_", " ")
        event.runs = {training.run for training in running if training.job == job.id}
        return job.id

    def compare(self) -> None:
        """Fail on any result that differs from the undisturbed build's."""
        self.builds += 1
        compared, differing = compare(self.project.folder, self.reference)
        if differing or not compared:
            raise SystemExit(f"of {compared} results these differ: {differing}")
        self.compared += compared
        left = list((self.project.folder / ".cache/rejeu/checkpoints").rglob("step*"))
        if left:
            raise SystemExit(f"left behind by runs that succeeded: {left}")
        print(f"{compared} results are byte-equal", flush=True)

    def begin_anew(self) -> None:
        self.slurm.wait_until_idle()
        self.project.forget_kept()
        for folder in (*TRAINED, "results/smoke/data"):
            shutil.rmtree(self.project.folder / folder, ignore_errors=True)

    def verdict(self) -> list[str]:
        """What is wrong; nothing if all is well."""
        wrong = [f"two at once on one run: {twins}" for twins in self.watch.twins]
        for event in self.events:
            wrong += [
                f"event {event.number}, {event.kind}: {lost:.0f} s of {run} lost"
                for run, lost in event.lost.items()
                if lost > LOST_AT_MOST
            ]
        return wrong


def cancel(events: Events, event: Event) -> bool:
    if job := events.job(event):
        events.slurm.cancel(job)
    return job is not None


def requeue(events: Events, event: Event) -> bool:
    if job := events.job(event):
        events.slurm.requeue(job)
    return job is not None


def preempt(events: Events, event: Event) -> bool:
    """A job of the other partition takes all cores for some seconds."""
    if not events.slurm.jobs("RUNNING"):
        return False
    event.target = "all that ran"
    other = events.slurm.submit(
        "sleep 3", f"--partition={NORMAL}", f"--ntasks={os.cpu_count()}", "--time=1", "--mem=100"
    )
    engine.wait_for(
        lambda: all(job.id != other for job in events.slurm.jobs("PENDING", "RUNNING")),
        "no pre-emption",
        events.slurm.messages,
        KILL_WAIT + 60,
    )
    return True


def out_of_time(events: Events, event: Event) -> bool:
    """The job's limit becomes a minute, SLURM's shortest; it ends when it has run so long."""
    if job := events.job(event):
        events.slurm.call("scontrol", "update", f"JobId={job}", "TimeLimit=1", check=False)
    return job is not None


def kill_job(events: Events, event: Event) -> bool:
    running = trainings(events.project.folder)
    if not running:
        return False
    killed = events.random.choice(running)
    event.target, event.runs = killed.run, {killed.run}
    try:
        os.kill(killed.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def kill_snakemake(events: Events, event: Event) -> bool:
    if not events.slurm.jobs("RUNNING"):
        return False
    event.target = f"{len(events.slurm.jobs('RUNNING'))} jobs ran"
    events.build.kill()
    return True


def kill_node_daemon(events: Events, event: Event) -> bool:
    """Every other time for so long that SLURM takes the node for lost, and requeues its jobs."""
    lost = sum(other.kind == event.kind for other in events.events) % 2 == 1
    event.target = "until the node counts as lost" if lost else "for 1 s"
    events.slurm.stop("slurmd", signal.SIGKILL)
    time.sleep(1)
    if lost:
        engine.wait_for(
            lambda: "down" in events.slurm.node_state(),
            "the node isn't lost",
            events.slurm.messages,
            3 * engine.NODE_TIMEOUT,
        )
        time.sleep(3)
    events.slurm.start("slurmd")
    events.slurm.wait_until_it_answers()
    return True


def restart_controller(events: Events, event: Event) -> bool:
    how = events.random.choice((signal.SIGTERM, signal.SIGKILL))
    event.target, event.runs = how.name, set()  # nothing that ran ends
    events.slurm.restart("slurmctld", how, after=events.random.uniform(0, 5))
    return True


def drain(events: Events, event: Event) -> bool:
    away = events.random.uniform(5, 20)
    event.target, event.runs = f"for {away:.0f} s", set()
    events.slurm.drain()
    events.pause(away)
    events.slurm.resume()
    return True


KINDS: dict[str, Callable[[Events, Event], bool]] = {
    "job cancelled (scancel)": cancel,
    "job requeued (scontrol requeue)": requeue,
    "job pre-empted": preempt,
    "job out of time": out_of_time,
    "job killed (kill -9)": kill_job,
    "Snakemake killed (kill -9)": kill_snakemake,
    "slurmd killed (kill -9)": kill_node_daemon,
    "slurmctld restarted": restart_controller,
    "node drained": drain,
}


def lengthened(project: Project, times: int) -> None:
    """Let each run of the smoke tier take so many times as many steps, for an event to hit it."""
    project.replace("config.yaml", "train_rows: 320\n", f"train_rows: {320 * times}\n")
    project.replace("config.yaml", "max_steps: 12\n", f"max_steps: {12 * times}\n")


def build(folder: Path, times: int) -> Path:
    """Build the lengthened smoke tier on this machine, without SLURM."""
    project = copy_of_the_project(ROOT, folder)
    lengthened(project, times)
    project.snakemake(*SMOKE, "renderer=embedded")
    return folder


def page(events: Events, count: int, times: int, seed: int) -> str:
    """What docs/slurm-events.md says."""
    rows = []
    for kind in KINDS:
        some = [event for event in events.events if event.kind == kind]
        lost = [seconds for event in some for seconds in event.lost.values()]
        most = f"{max(lost):.0f}" if lost else "0"
        mean = f"{sum(lost) / len(some):.1f}" if some else "-"
        rows.append(f"| {kind} | {len(some)} | {len(lost)} | {mean} | {most} |")
    each = [
        f"| {event.number} | {event.kind} | {event.target} | "
        f"{', '.join(f'{seconds:.0f}' for seconds in event.lost.values()) or '-'} |"
        for event in events.events
    ]
    return PAGE_TEXT.format(
        count=count,
        times=times,
        seed=seed,
        shortest=BETWEEN[0],
        longest=BETWEEN[1],
        runs=events.build.runs,
        builds=events.builds,
        compared=events.compared,
        sampled=SAMPLED,
        twins=len(events.watch.twins) or "no",
        kinds="\n".join(rows),
        each="\n".join(each),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Random events on a real SLURM, and compare")
    parser.add_argument("events", type=int, nargs="?", default=50)
    parser.add_argument(
        "--longer", type=int, default=4, help="so many times the smoke tier's steps"
    )
    parser.add_argument("--minutes", type=float, default=60, help="longer fails")
    parser.add_argument(
        "--undisturbed", type=Path, help="the folder of such a build, if there is one"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write what came out")
    given = parser.parse_args()
    if reason := engine.missing():
        raise SystemExit(reason)
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = given.undisturbed or build(Path(folder) / "undisturbed", given.longer)
        print("the undisturbed build is there", flush=True)
        project = copy_of_the_project(ROOT, Path(folder) / "disturbed")
        lengthened(project, given.longer)
        with engine.running() as slurm:
            events = Events(slurm, project, undisturbed, given.seed)
            events.run(given.events, given.minutes)
    given.page.write_text(page(events, given.events, given.longer, given.seed))
    if wrong := events.verdict():
        raise SystemExit("\n".join(wrong))
    print(f"passed: {len(events.events)} events, {events.builds} builds, {events.compared} results")


if __name__ == "__main__":
    main()
