"""One run of a program of the study's, in any language: what it is told, and what it must write.

The program gets one more argument, the path of a JSON file:

    {"settings": {...}, "seed": 1, "inputs": {input: {file: path}}, "start_from": folder or null,
     "output": folder, "state": folder, "threads": 1}

It writes `metrics.json` and the declared files into `output`. What it keeps in `state` is there
again when its job was killed or failed and runs once more.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rejeu.build.packages import versions
from rejeu.errors import RejeuError
from rejeu.evaluation.declared_metrics import check_log, read_metrics
from rejeu.job.machine import machine, peak_memory_mb
from rejeu.job.program import Ended, run_program, words_of
from rejeu.job.run import Job
from rejeu.job.signals import reason
from rejeu.job.whole_files import read_json, replacing, scratch, state_folder, write_json

METRICS, LOG = "metrics.json", "log.jsonl"
LAST_LINES = 8  # of a program's output, in the message that it failed
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Attempt:
    """One attempt at a run: the program's state folder, and what went before."""

    state: Path
    resumes: int  # attempts that found something in the state folder, this one included
    seconds: float  # of earlier attempts, until they last wrote there

    @property
    def resumed(self) -> bool:
        """Whether the program found something that an earlier attempt had kept."""
        return self.resumes > 0


def run_command(
    command: str,
    request: dict[str, Any],
    declared: Mapping[str, Any],
    writes: Sequence[str],
    folder: Path,
    states: Path,
    job: Job,
    log: Path,
    label: str,
) -> None:
    """Run the program, check what it wrote and put that and `run.json` into `folder`.

    Args:
        request: settings, seed, inputs, start_from and threads, as the program gets them.
        declared: the kind of each metric by its name.
        writes: names of further files that it must write.
        states: where the state folders of this run's attempts lie.
        log: the job's log, which takes what the program prints.

    Raises:
        RejeuError: the program isn't there, failed or was stopped, or what it wrote was refused;
            `folder` is then as it was.
    """
    threads = dict.fromkeys(THREADS, str(request["threads"]))
    # `python` is the one that this job runs with.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    words = words_of(command, path)
    with attempt(states, job.identity, label, job.terminal) as tried, scratch(folder) as aside:
        output = (aside / "output").absolute()
        output.mkdir()
        told = request | {"output": str(output), "state": str(tried.state.absolute())}
        settings = aside.absolute() / "settings.json"
        write_json(settings, told)
        sys.stdout.flush()
        printed_before = log.stat().st_size if log.is_file() else 0
        began = time.monotonic()
        ended = run_program([*words, str(settings)], os.environ | {"PATH": path} | threads)
        seconds = tried.seconds + time.monotonic() - began
        refuse_failure(command, ended, last_lines(log, printed_before), tried)
        check_output(command, output, declared, writes, label, job.terminal)
        for name in (METRICS, *writes):
            with replacing(folder / name) as temporary:
                (output / name).replace(temporary)
        record = {
            "settings": request["settings"] | {"seed": request["seed"]},
            **{"device": "cpu", "precision": None, "attention": None},
            **{"threads": request["threads"], "machine": machine()},
            **{"wall_seconds": seconds, "peak_memory_mb": peak_memory_mb(resource.RUSAGE_CHILDREN)},
            **{"resumed": tried.resumed, "resumes": tried.resumes, "diverged_at": None},
            **{"packages": versions(), "command": command},
        }
        write_json(folder / "run.json", record)


@contextmanager
def attempt(folder: Path, identity: str, label: str, terminal: TextIO) -> Iterator[Attempt]:
    """Lock a run's state `folder` and give its program's; remove all of it unless an error passes.

    Another process that makes the same run is named, and waited for.
    """
    with state_folder(folder, identity, label, terminal) as (place, others):
        state, note = place / "state", place / "attempts.json"
        state.mkdir(exist_ok=True)
        if others:
            print(
                f"  {label}: {others} kept by other settings, data or code: not used",
                file=terminal,
            )
        resumes, seconds = 0, 0.0
        # Of a link itself, which may lead nowhere.
        if kept := [path.lstat().st_mtime for path in state.rglob("*")]:
            print(f"  {label}: goes on from what it kept", file=terminal)
            resumes, seconds = earlier(note, max(kept))
        write_json(note, {"began": time.time(), "resumes": resumes, "seconds": seconds})
        yield Attempt(state, resumes, seconds)


def earlier(note: Path, until: float) -> tuple[int, float]:
    """How often a run will have been resumed, and how long it took until it last kept something."""
    try:
        before = read_json(note)
        spent = max(0.0, until - float(before["began"]))
        return int(before["resumes"]) + 1, float(before["seconds"]) + spent
    except (RejeuError, OSError, KeyError, TypeError, ValueError):
        return 1, 0.0  # a damaged note costs the time, not the state


def refuse_failure(command: str, ended: Ended, printed: list[str], tried: Attempt) -> None:
    """Refuse a run whose program failed, or was asked to stop."""
    kept = tried.state.is_dir() and any(tried.state.iterdir())  # its own to remove
    after = f"what it kept is in {tried.state}: the same command goes on from there"
    if ended.asked is not None:
        raise RejeuError(
            f"stopped by {reason(ended.asked)}; {after if kept else 'nothing of it is kept'}"
        )
    if ended.code == 0:
        return
    if ended.code < 0:
        how = f"was killed by {name_of(-ended.code)}"
        how += " (did memory run out?)" if -ended.code == signal.SIGKILL else ""
    else:
        how = f"ended with exit code {ended.code}"
    last = "\n".join(["Its last lines:", *(f"  {line}" for line in printed)])
    raise RejeuError(
        f"`{command}` {how}. {last if printed else 'It printed nothing.'}"
        + (f"\n{after[0].upper()}{after[1:]}; delete that folder to begin anew." if kept else "")
    )


def name_of(number: int) -> str:
    """A signal's name; real-time ones have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_lines(log: Path, start: int) -> list[str]:
    """The last lines of what was added to a log since it had `start` bytes."""
    if not log.is_file():
        return []
    with log.open("rb") as stream:
        stream.seek(max(start, log.stat().st_size - 20_000))
        lines = stream.read().decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()][-LAST_LINES:]


def check_output(
    command: str,
    output: Path,
    declared: Mapping[str, Any],
    writes: Sequence[str],
    label: str,
    terminal: TextIO,
) -> None:
    """Refuse what is missing or wrong in what a program wrote; say what won't be taken."""
    for name in (METRICS, *writes):
        path = output / name
        if not path.is_file() or path.is_symlink():
            found = sorted(str(each.relative_to(output)) for each in output.rglob("*"))
            raise RejeuError(
                f"`{command}` ended well, but wrote no file {name} into the folder `output` of its "
                f"settings; found there: {', '.join(found[:12]) or 'nothing'}"
            )
    read_metrics(output / METRICS, declared)
    if LOG in writes:
        check_log(output / LOG)
    files = [str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()]
    if others := sorted(set(files) - {METRICS, *writes}):
        listed = json.dumps(others[:12], ensure_ascii=False)
        print(f"  {label}: not taken, since `writes` doesn't name them: {listed}", file=terminal)
