"""The command `rejeu`, as a user types it."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rejeu.build.engine import engine, profile
from rejeu.commands.main import app
from tests.commands.command_line import ROOT, rejeu

COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


def study_of(folder: Path) -> Path:
    """A folder with a Snakefile that writes down what it is asked to do."""
    (folder / "config.yaml").write_text("tier: smoke\n")
    (folder / "Snakefile").write_text(
        'rule all:\n    output: "said"\n    run:\n'
        "        import sys\n"
        '        open(output[0], "w").write(f"{config} {workflow.cores}")\n'
    )
    return folder


def test_help_names_each_command_and_is_there_at_once() -> None:
    began, took = time.monotonic(), []
    for _ in range(3):
        done = rejeu("--help")
        assert done.returncode == 0
        assert all(name in done.stdout for name in COMMANDS)
        took.append(time.monotonic() - began - sum(took))
    assert min(took) < 0.5


def test_help_loads_nothing_that_takes_long() -> None:
    code = "import sys, rejeu.commands.main as m; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    slow = {"snakemake", "torch", "pandas", "numpy", "scipy", "pydantic", "yaml"}
    assert not slow & set(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = rejeu(name, "--help")
    assert done.returncode == 0
    assert "Usage: " in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("reprot",), "No such command 'reprot'. Did you mean 'report'"),
        (("why", "--teir", "smoke"), "--tier"),
        (("decide", "--minutes", "long"), "Input should be a valid number"),
        (("report", "-C", "nowhere"), "dir 'nowhere' does not exist"),
        (("verify", "-C", "config.yaml"), "'config.yaml' is a file"),
        (("decide", "--jobs", "0"), "greater than or equal to 1"),
        (("sbom", "docs"), "'docs' is a directory"),
    ],
)
def test_what_is_mistyped_is_named(words: tuple[str, ...], expected: str) -> None:
    done = rejeu(*words)
    assert done.returncode == 2
    assert expected in done.stderr


@pytest.mark.parametrize("name", ["report", "claims", "decide", "replay", "why", "plan", "retrain"])
def test_outside_a_study_it_says_so(name: str, tmp_path: Path) -> None:
    done = rejeu(name, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}: no config.yaml here; ")
    assert done.stderr.count("\n") == 1


def test_without_a_snakefile_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("tier: smoke\n")
    done = rejeu("report", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {tmp_path}: no Snakefile here; `rejeu new FOLDER` shows what it says\n"
    )


def test_report_runs_the_folder_s_own_snakefile_as_the_engine_s_profile_says(
    tmp_path: Path,
) -> None:
    done = rejeu("report", "--tier", "tiny", "-C", str(study_of(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "said").read_text() == f"{{'tier': 'tiny'}} {os.cpu_count()}"
    assert "\nBuilt in " in done.stdout


def test_further_options_are_snakemake_s_and_so_is_the_exit_code(tmp_path: Path) -> None:
    study_of(tmp_path)
    done = rejeu("report", "-C", str(tmp_path), "--", "--cores", "1", "--forcerun", "all")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "said").read_text() == "{} 1"
    assert "Built in" not in done.stdout
    (tmp_path / "Snakefile").write_text("rule all:\n    output: 'x'\n    shell: 'exit 3'\n")
    assert rejeu("report", "-C", str(tmp_path)).returncode == 1


@pytest.mark.parametrize("word", ["--config", "-C"])
def test_a_tier_stands_beside_what_config_says(word: str, tmp_path: Path) -> None:
    study_of(tmp_path)
    words = ("report", "--tier", "tiny", "-C", str(tmp_path), "--")
    done = rejeu(*words, word, "kk=v", "ll=w", "--cores", "1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "said").read_text() == "{'tier': 'tiny', 'kk': 'v', 'll': 'w'} 1"
    for twice in (["--config", "tier=large"], ["--config=kk=v"], ["-Ckk=v"]):
        done = rejeu(*words, *twice)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_a_study_s_own_profile_counts(tmp_path: Path) -> None:
    assert profile(tmp_path) == ROOT / "profiles" / "default"
    own = study_of(tmp_path) / "profiles" / "default"
    own.mkdir(parents=True)
    (own / "config.yaml").write_text("cores: 1\n")
    assert profile(tmp_path) == own
    assert rejeu("report", folder=tmp_path).returncode == 0
    assert (tmp_path / "said").read_text() == "{} 1"


def test_plan_says_what_would_run_and_how_long() -> None:
    done = rejeu("plan", "--tier", "smoke")
    assert done.returncode == 0, done.stderr
    assert "is up to date" in done.stdout or (
        done.stdout.startswith("rule ") and "\nTotal: " in done.stdout
    )
    done = rejeu("plan", "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error: can't plan nowhere: ")


def test_the_engine_is_where_this_package_is() -> None:
    assert engine() == ROOT


def test_a_mistyped_tier_is_not_verified() -> None:
    done = rejeu("verify", "--tier", "papre")
    assert done.returncode == 1
    assert done.stderr == "error: --tier papre: no such tier; did you mean 'paper'?\n"


@pytest.mark.parametrize(
    ("goal", "variable"), [("crate", "OUT"), ("why", "TARGET"), ("plan", "TARGET")]
)
def test_make_passes_a_path_with_blanks_on_as_one_word(goal: str, variable: str) -> None:
    def said(*words: str) -> str:
        # As `make test` calls it too, make must not say which folder it is in.
        quiet = ["--dry-run", "--no-print-directory", "--old-file=.venv/installed"]
        command = ["make", *quiet, goal, *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1].strip()

    assert shlex.split(said(f"{variable}=a b")) == [".venv/bin/rejeu", goal, "a b"]
    assert shlex.split(said()) == [".venv/bin/rejeu", goal]
