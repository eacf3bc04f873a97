"""Run a program of the study's: signals are passed on to it, and it doesn't outlive its job."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rejeu.errors import RejeuError
from rejeu.job.signals import END_OF_TIME, asked_to_stop

# Waits until the job is gone, however it ended, and ends the program with all that it started.
GUARD = 'read -r _; kill -s TERM -- "-$0" && sleep 10 && kill -s KILL -- "-$0"'


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code, and the signal by which its job was asked to stop."""

    code: int  # negative: the number of the signal that killed it
    asked: signal.Signals | None


def words_of(command: str, path: str) -> list[str]:
    """A command's words as a shell would split it, without any other meaning that a shell knows.

    Args:
        path: the folders in which programs are looked for, as in PATH.

    Raises:
        RejeuError: it can't be split, or its program isn't there.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise RejeuError(f"command {command!r}: {error}; expected words as in a shell") from None
    if not words:
        raise RejeuError("command: is blank; expected a program and its arguments")
    if shutil.which(words[0], path=path) is None:
        raise RejeuError(
            f"command {command!r}: no program '{words[0]}' that may be run; install it, or write "
            "the path of an executable file from the study's folder, as `./fit.sh`"
        )
    return words


def run_program(words: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run a program in the current folder until it ends; SIGTERM and Ctrl-C are passed on to it.

    Raises:
        RejeuError: the system can't start it.
    """
    asked: list[signal.Signals] = []
    running: list[subprocess.Popen[bytes]] = []

    def pass_on(number: signal.Signals) -> None:
        asked.append(number)
        for program in running:
            end(program, in_a_program(number))

    with asked_to_stop(pass_on):
        program = start(words, environment)
        guard = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", GUARD, str(program.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        running.append(program)
        for number in asked:  # while it was being started
            end(program, in_a_program(number))
        code = program.wait()
        end(program, signal.SIGTERM)  # what it left running
        guard.kill()
        guard.communicate()
    return Ended(code, asked[0] if asked else None)


def start(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a program with a process group of its own, in which what it starts is too."""
    try:
        return subprocess.Popen(words, env=environment, process_group=0, stdin=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        raise RejeuError(
            f"{words[0]}: can't be run: {error.strerror}; a script begins with a line such as "
            "`#!/bin/sh`, or is named after its interpreter: `sh fit.sh`"
        ) from None


def in_a_program(number: signal.Signals) -> signal.Signals:
    """The signal that a program gets where its job got `number`: of its own it knows no end."""
    return signal.SIGTERM if number == END_OF_TIME else number


def end(program: subprocess.Popen[bytes], number: int) -> None:
    """Send the signal `number` to a program and all that it started, unless they are gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)
