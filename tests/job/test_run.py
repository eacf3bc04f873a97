import io
import subprocess
import sys
from pathlib import Path

import pytest

from rejeu.job.run import Progress

ROOT = Path(__file__).parents[2]
START = """
import os, subprocess, sys
from rejeu.errors import RejeuError
from rejeu.job.run import logged
with logged(sys.argv[1]) as terminal:
    print("printed")
    print("warned", file=sys.stderr)
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    os.write(2, b"from a library\\n")
    print("half way", file=terminal)
"""


def run(tmp_path: Path, rest: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run a job that ends with the statement `rest`; return it and its log."""
    log = tmp_path / "logs" / "smoke" / "job.log"
    done = subprocess.run(
        [sys.executable, "-c", START + "    " + rest, str(log)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, log.read_text(encoding="utf-8")


def test_all_output_goes_to_the_log_and_progress_to_the_terminal(tmp_path: Path) -> None:
    done, log = run(tmp_path, "pass")
    assert done.returncode == 0
    assert sorted(log.splitlines()) == ["from a child", "from a library", "printed", "warned"]
    assert done.stdout + done.stderr == "half way\n"


def test_an_error_for_the_user_is_its_message_alone(tmp_path: Path) -> None:
    done, log = run(tmp_path, 'raise RejeuError("data.csv, line 3: été is no number")')
    assert done.returncode == 1
    assert log.splitlines()[-1] == "error: data.csv, line 3: été is no number"
    assert "Traceback" not in log + done.stdout + done.stderr
    assert done.stdout + done.stderr == "half way\n"


def test_any_other_error_keeps_its_traceback(tmp_path: Path) -> None:
    done, log = run(tmp_path, "[][7]")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in log
    assert log.splitlines()[-1] == "IndexError: list index out of range"


def test_an_exit_code_passes(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "sys.exit(7)")
    assert done.returncode == 7


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "left"),
    [(100, 10, 20, "1:40"), (30, 10, 20, "0:30"), (3600, 1, 3, "120:00"), (50, 8, 8, "0:00")],
)
def test_progress_says_how_far_and_how_long(
    elapsed: float, done: int, total: int, left: str
) -> None:
    stream = io.StringIO()
    progress = Progress("r8, seed 42", total, stream, interval=0)
    progress.start -= elapsed
    progress.update(done, " steps, loss 0.693")
    assert stream.getvalue() == f"  r8, seed 42: {done} of {total} steps, loss 0.693, {left} left\n"


def test_progress_is_quiet_between_intervals() -> None:
    stream = io.StringIO()
    progress = Progress("r8", 100, stream, interval=60)
    progress.update(1)
    progress.last -= 61
    progress.update(0)  # nothing done tells nothing of what is left
    assert stream.getvalue() == ""
    progress.update(2)
    progress.update(3)
    assert stream.getvalue().count("\n") == 1


def test_a_full_disk_is_one_message_with_what_to_do(tmp_path: Path) -> None:
    done, log = run(tmp_path, 'open("/dev/full", "w").write("x" * 100_000)')
    assert done.returncode == 1
    assert log.splitlines()[-1].startswith("error: the disk is full ([Errno 28] No space left")
    assert "Traceback" not in log


def test_a_full_disk_that_holds_the_log_speaks_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "logs" / "smoke").mkdir(parents=True)
    (tmp_path / "logs" / "smoke" / "job.log").symlink_to("/dev/full")
    done = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path / "logs" / "smoke" / "job.log")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "error: the disk is full" in done.stderr


@pytest.mark.parametrize(
    "greedy",
    ["bytearray(2**40)", "__import__('torch').empty(2**40)", "__import__('numpy').empty(2**45)"],
)
def test_running_out_of_memory_gives_advice(tmp_path: Path, greedy: str) -> None:
    """Real requests for more than there is, under a limit of 8 GB of address space."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 * 10**9,) * 2); "
    done, log = run(tmp_path, limit + greedy)
    assert done.returncode == 1
    said = log.splitlines()[-1]
    assert said.startswith("error: memory ran out (")
    assert "smaller batch_size" in said
    assert "Traceback" not in log
