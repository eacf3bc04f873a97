"""The lines that close a build: what to open, how the claims came out, what was computed."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from rejeu.commands import summary
from rejeu.commands.terminal import PIPED
from tests.commands.command_line import ROOT

VERDICTS = ["reproduced"] * 12 + ["artefact", "inconclusive", "inconclusive"]
BEGAN = 1_000_000.0


def log(folder: Path, name: str, when: float, text: str = "") -> None:
    path = folder / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (when, when))


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What a build leaves that a summary is made from."""
    (tmp_path / "config.yaml").write_text("tier: large\nlanguages: [fr, en]\n")
    (tmp_path / "Makefile").write_text("claims: all\n")
    (tmp_path / "report.pdf").touch()
    results = tmp_path / "results" / "large"
    (results / "report").mkdir(parents=True)
    for language in ("fr", "en"):
        (results / "report" / f"report.{language}.html").touch()
    (results / "claims.json").write_text(json.dumps([{"verdict": each} for each in VERDICTS]))
    (results / "provenance.json").write_text(json.dumps({"runs": 9}))
    log(tmp_path, "large/train_lora/a.log", BEGAN + 1)
    log(tmp_path, "large/train_lora/b.log", BEGAN + 1, "as kept of an equal job: results/b")
    log(tmp_path, "large/train_lora/c.log", BEGAN - 1)
    log(tmp_path, "large/write_report.log", BEGAN + 2)
    return tmp_path


def shown(folder: Path, capsys: pytest.CaptureFixture[str], tier: str | None = None) -> str:
    summary.show(folder, tier, BEGAN, 192.4)
    return capsys.readouterr().out


def test_piped_it_is_plain_and_80_columns_wide(
    built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LC_ALL", "fr_CA.UTF-8")
    said = shown(built, capsys)
    assert said.startswith("\nBuilt in 3 min 12 s\n")
    assert max(map(len, said.splitlines())) <= PIPED
    assert "\x1b" not in said
    assert "─" not in said
    words = " ".join(said.split())
    assert "report.pdf the report, in all languages" in words
    assert "results/large/report/report.fr.html" in words
    assert "make claims 15 claims: ✓ 12 reproduced, ◆ 1 artefact, ◐ 2 inconclusive" in words
    assert words.endswith(
        "3 jobs ran. Trained runs: 9; 1 computed now, 1 put back as kept, 7 reused."
    )


@pytest.mark.parametrize(
    ("variables", "page"),
    [
        ({"LANG": "fr_FR.UTF-8"}, "report.fr.html"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "en_GB"}, "report.en.html"),
        ({"LANG": "de_DE.UTF-8"}, "report.en.html"),
        ({}, "report.en.html"),
    ],
)
def test_the_page_is_in_the_user_s_language(
    built: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    page: str,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = shown(built, capsys)
    assert page in said
    assert said.count(".html") == 1


def test_a_study_without_claims_or_make_and_another_tier(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (built / "Makefile").unlink()
    assert "rejeu claims  " in shown(built, capsys)
    (built / "results" / "large").rename(built / "results" / "small")
    assert "rejeu claims --tier small" in shown(built, capsys, "small")
    (built / "results" / "small" / "claims.json").unlink()
    assert "claims" not in shown(built, capsys, "small")


def test_where_nothing_ran_it_says_so(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (built / "logs").rglob("*.log"):
        os.utime(path, (BEGAN - 1, BEGAN - 1))
    said = " ".join(shown(built, capsys).split())
    assert "no job ran. Trained runs: 9; 0 computed now, 0 put back as kept, 9 reused." in said


@pytest.mark.parametrize(
    ("seconds", "said"), [(7.4, "7 s"), (62, "1 min 02 s"), (4000, "1 h 06 min")]
)
def test_times(seconds: float, said: str) -> None:
    assert summary.in_words(seconds) == said


def on_a_terminal(code: str, columns: int, folder: Path) -> list[str]:
    """The lines that Python code prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1"}
    environment.pop("COLUMNS", None)
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, env=environment, stdin=theirs, stdout=theirs
    )
    os.close(theirs)
    said, until = b"", time.monotonic() + 60
    while time.monotonic() < until:
        try:
            said += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert child.wait() == 0
    return said.decode().splitlines()


def test_on_a_terminal_it_is_a_box(built: Path) -> None:
    imports = "from pathlib import Path; from rejeu.commands import summary; "
    code = f"{imports}summary.show(Path(), None, {BEGAN}, 9)"
    lines = on_a_terminal(code, 120, built)
    assert any("╭─ Built in 9 s ─" in line for line in lines)
    assert 80 < max(map(len, lines)) <= 120


def test_a_table_has_the_terminal_s_width_and_80_columns_elsewhere(tmp_path: Path) -> None:
    """Though the keyboard's terminal is wider: `make claims | less`."""
    print_width = "from rejeu.commands.terminal import console; print(console().width"
    assert on_a_terminal(f"{print_width})", 133, tmp_path)[-1] == "133"
    piped = f"import os; os.dup2(os.open('out', os.O_CREAT | os.O_WRONLY), 1); {print_width})"
    on_a_terminal(piped, 133, tmp_path)
    assert (tmp_path / "out").read_text() == f"{PIPED}\n"


def test_a_makefile_in_another_encoding(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (built / "Makefile").write_bytes("# \xe9t\xe9\nclaims: all\n".encode("latin-1"))
    assert "make claims" in shown(built, capsys)
