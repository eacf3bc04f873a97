"""A study's own programs, real ones: what they are told, what is taken, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rejeu.job.signals import END_OF_TIME, reason
from rejeu.job.whole_files import read_json

ROOT = Path(__file__).parents[2]
START = """
import json, sys
from pathlib import Path
from rejeu.job.command import run_command
from rejeu.job.run import Job, logged
asked = json.loads(sys.argv[1])
log = Path("logs/run.log")
with logged(str(log)) as terminal:
    run_command(
        *(asked[key] for key in ("command", "request", "metrics", "writes")),
        *(Path("results/seed3"), Path("states/seed3")),
        *(Job(terminal, "a" * 64), log, "one, seed 3"),
    )
"""
# Steps from 1 to 6, each kept; `fail_at` and `wait_at` are read from the settings of one attempt.
STEPS = """
import json, os, sys, time
from pathlib import Path
told = json.load(open(sys.argv[1]))
kept = Path(told["state"], "step.txt")
step = int(kept.read_text()) if kept.exists() else 0
print("begins after step", step, flush=True)
while step < 6:
    step += 1
    kept.write_text(str(step))
    if Path("wait").exists() and step == 3:
        Path("waits").write_text(str(os.getpid()))
        time.sleep(60)
    if Path("fail").exists() and step == 4:
        sys.exit(3)
json.dump({"steps": step}, open(Path(told["output"], "metrics.json"), "w"))
"""


@dataclass
class Study:
    """A folder with a program, whose runs are real jobs."""

    folder: Path
    command: str = "python fit.py"
    metrics: dict[str, Any] = field(default_factory=lambda: {"steps": "count"})
    writes: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def start(self) -> "subprocess.Popen[str]":
        request = {
            **{"settings": self.settings, "seed": 3, "threads": 1, "start_from": None},
            "inputs": {"rows": {"rows.csv": str(self.folder / "rows.csv")}},
        }
        asked = {"command": self.command, "request": request, "metrics": self.metrics}
        return subprocess.Popen(
            [sys.executable, "-c", START, json.dumps(asked | {"writes": self.writes})],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, code: int = 0) -> str:
        """Run it; what it said on the terminal, then its log."""
        job = self.start()
        said, _ = job.communicate(timeout=60)
        said += (self.folder / "logs" / "run.log").read_text()
        assert job.returncode == code, said
        return said

    @property
    def made(self) -> list[str]:
        results = self.folder / "results"
        return sorted(p.relative_to(results).as_posix() for p in results.rglob("*") if p.is_file())

    def record(self) -> dict[str, Any]:
        return read_json(self.folder / "results" / "seed3" / "run.json")

    def program(self, text: str, name: str = "fit.py") -> "Study":
        (self.folder / name).write_text(text)
        return self


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def until(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    state = Path("/proc", str(process), "stat")
    return state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_bash_script_is_told_all_and_its_files_are_taken(study: Study) -> None:
    study.program(
        "set -e\nout=$(python -c \"import json,sys;print(json.load(open(sys.argv[1]))['output'])\" "
        '"$2")\ncp "$2" "$out/told.json"\necho "{\\"steps\\": 4}" > "$out/metrics.json"\n'
        'mkdir "$out/model"; echo weights > "$out/model/w.bin"; echo x > "$out/scrap"; pwd; '
        'echo "$1 $OMP_NUM_THREADS" >&2\n',
        "fit.sh",
    )
    study.command, study.writes = "bash fit.sh 'two words'", ["told.json", "model/w.bin"]
    study.settings = {"rate": 0.5, "words": "été", "nested": {"list": [1, None]}}
    said = study.run()
    assert f"{study.folder}\n" in said
    assert "two words 1\n" in said
    assert 'one, seed 3: not taken, since `writes` doesn\'t name them: ["scrap"]' in said
    assert study.made == [
        f"seed3/{name}" for name in ("metrics.json", "model/w.bin", "run.json", "told.json")
    ]
    told = read_json(study.folder / "results" / "seed3" / "told.json")
    assert Path(told.pop("output")).is_relative_to(study.folder)
    assert Path(told.pop("state")).is_relative_to(study.folder / "states")
    assert told == {
        **{"settings": study.settings, "seed": 3, "threads": 1, "start_from": None},
        "inputs": {"rows": {"rows.csv": str(study.folder / "rows.csv")}},
    }


def test_what_run_json_says(study: Study) -> None:
    study.program(STEPS).settings = {"rate": 0.5}
    study.run()
    run = study.record()
    assert run["settings"] == {"rate": 0.5, "seed": 3}
    assert (run["device"], run["precision"], run["attention"]) == ("cpu", None, None)
    assert (run["threads"], run["command"]) == (1, "python fit.py")
    assert (run["resumed"], run["resumes"], run["diverged_at"]) == (False, 0, None)
    assert run["machine"]["cores"] == os.cpu_count()
    assert run["machine"]["cpu"]
    assert 0 < run["wall_seconds"] < 60
    assert 1 < run["peak_memory_mb"] < 2000
    assert not (study.folder / "states" / "seed3").exists()


def test_a_program_that_fails_says_so_and_leaves_results_as_they_were(study: Study) -> None:
    study.program(
        "import sys\nprint('row 7 is odd')\nopen('x', 'w')\nsys.exit('no such column: a')"
    )
    said = study.run(code=1)
    assert (
        "error: `python fit.py` ended with exit code 1. Its last lines:\n"
        "  row 7 is odd\n  no such column: a\n" in said
    )
    assert "Traceback" not in said
    assert study.made == []
    assert "It printed nothing." in study.program("raise SystemExit(4)").run(code=1)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("fortran fit.f", "no program 'fortran' that may be run; install it"),
        ("./fit.py", "no program './fit.py' that may be run"),
        ("python 'fit.py", "No closing quotation; expected words as in a shell"),
        ("  ", "command: is blank"),
        ("./odd", "./odd: can't be run: Exec format error; a script begins with"),
    ],
)
def test_a_command_that_cant_be_run_is_refused(study: Study, command: str, expected: str) -> None:
    study.program(STEPS).program("echo 1\n", "odd").command = command
    (study.folder / "odd").chmod(0o755)
    said = study.run(code=1)
    assert expected in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("written", "faults"),
    [
        ("{'a': {'b': 0.5}, 'n': 3.0, 't': 'x', 'v': -2}", []),
        ("{'a': {'b': None}, 'n': 0, 't': '', 'v': None}", []),
        ("{'a': {'b': 1.5}, 'n': 3, 't': 'x', 'v': 1}", ["a.b: found 1.5, expected a number from"]),
        ("{'a': 1, 'n': 3, 't': 'x', 'v': 1}", ["a.b: is missing", "a: 1 isn't declared"]),
        (
            "{'a': {'b': 1}, 'n': 2.5, 't': 3, 'v': True}",
            ["n: found 2.5", "t: found 3", "v: found"],
        ),
        (
            "{'a': {'b': 1}, 'n': None, 't': 'x', 'v': float('nan')}",
            ["n: found None", "v: found nan"],
        ),
        ("{'a': {'b': 1}, 'n': -1, 't': 'x', 'v': [1]}", ["n: found -1", "v: found [1]"]),
        ("[1]", ["expected an object of metrics, found [1]"]),
    ],
)
def test_metrics_are_those_that_are_declared(study: Study, written: str, faults: list[str]) -> None:
    study.program(
        "import json, sys, pathlib\n"
        "folder = pathlib.Path(json.load(open(sys.argv[1]))['output'])\n"
        f"(folder / 'metrics.json').write_text(json.dumps({written}))\n"
    )
    study.metrics = {"a": {"b": "share"}, "n": "count", "t": "text", "v": "number"}
    said = study.run(code=1 if faults else 0)
    assert all(fault in said for fault in faults), said
    assert study.made == ([] if faults else ["seed3/metrics.json", "seed3/run.json"])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("metrics.json", "{", "metrics.json: not JSON"),
        ("metrics.json", '{"steps": 1, "steps": 2}', "stands twice"),
        (
            "other.json",
            "{}",
            "wrote no file metrics.json into the folder `output` of its settings; ",
        ),
        (
            "log.jsonl",
            '{"step": 1, "loss": 2}\n{"step": 2}',
            "log.jsonl, line 2: found {'step': 2}",
        ),
    ],
)
def test_files_that_arent_what_they_should_be_are_refused(
    study: Study, name: str, text: str, expected: str
) -> None:
    good = "" if name != "log.jsonl" else "(folder / 'metrics.json').write_text('{\"steps\": 1}')\n"
    study.program(
        "import json, sys, pathlib\n"
        "folder = pathlib.Path(json.load(open(sys.argv[1]))['output'])\n"
        f"{good}(folder / {name!r}).write_text({text!r})\n"
    )
    study.writes = ["log.jsonl"] if name == "log.jsonl" else []
    assert expected in study.run(code=1)
    assert study.made == []


def test_a_program_that_failed_goes_on_from_what_it_kept(study: Study) -> None:
    study.program(STEPS)
    (study.folder / "fail").touch()
    said = study.run(code=1)
    assert "ended with exit code 3" in said
    assert "the same command goes on from there; delete that folder to begin anew" in said
    (study.folder / "fail").unlink()
    said = study.run()
    assert "goes on from what it kept" in said
    assert "begins after step 4" in said
    assert (study.record()["resumed"], study.record()["resumes"]) == (True, 1)
    assert not (study.folder / "states" / "seed3").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, END_OF_TIME])
def test_a_request_to_stop_reaches_the_program(study: Study, number: signal.Signals) -> None:
    study.program(STEPS)
    (study.folder / "wait").touch()
    before = signal.signal(number, signal.SIG_DFL)  # a background job's tests ignore Ctrl-C
    try:
        job = study.start()
    finally:
        signal.signal(number, before)
    until(study.folder / "waits")
    job.send_signal(number)
    job.communicate(timeout=20)
    assert is_gone(int((study.folder / "waits").read_text()))
    said = (study.folder / "logs" / "run.log").read_text()
    assert f"error: stopped by {reason(number)}; what it kept is in states/seed3/" in said
    (study.folder / "wait").unlink()
    assert "begins after step 3" in study.run()


def test_a_program_dies_with_its_job_and_its_state_stays(study: Study) -> None:
    """The job is killed; bash, and the Python that bash waits for, end too."""
    study.program(STEPS).program('python fit.py "$1"; echo done\n', "fit.sh")
    study.command = "bash fit.sh"
    (study.folder / "wait").touch()
    job = study.start()
    until(study.folder / "waits")
    job.kill()
    job.communicate(timeout=20)
    program = int((study.folder / "waits").read_text())
    end = time.monotonic() + 10
    while not is_gone(program):
        assert time.monotonic() < end
        time.sleep(0.05)
    (study.folder / "wait").unlink()
    assert "begins after step 3" in study.run()
    assert study.record()["resumes"] == 1
    assert study.made == ["seed3/metrics.json", "seed3/run.json"]


def test_twins_wait_for_each_other(study: Study) -> None:
    study.program(STEPS)
    (study.folder / "wait").touch()
    first = study.start()
    until(study.folder / "waits")
    second = study.start()
    assert second.stdout is not None
    assert f"waiting for process {first.pid}" in second.stdout.readline()
    (study.folder / "wait").unlink()
    first.terminate()
    second.communicate(timeout=30)
    first.communicate(timeout=30)
    assert second.returncode == 0
    assert study.record()["resumes"] == 1


SNAKEFILE = """
RUN = "results/t/own/{experiment}/seed{seed}"


rule fit:
    input:
        start=[],
        sources=["rows/source.json"],
    output:
        metrics=f"{RUN}/metrics.json",
        run=f"{RUN}/run.json",
        written=[f"{RUN}/log.jsonl"],
    log:
        "logs/{experiment}.{seed}.log",
    params:
        command="python fit.py",
        settings={"rate": 2},
        metrics={"sum": "number"},
        checkpoints=f"states/{RUN}",
    wildcard_constraints:
        experiment="one",
    script:
        "ROOT/scripts/run_command.py"


rule again:
    input:
        start=["results/t/own/one/seed3/metrics.json"],
    output:
        metrics=f"{RUN}/metrics.json",
        run=f"{RUN}/run.json",
    log:
        "logs/{experiment}.{seed}.log",
    params:
        command="python again.py",
        settings={},
        metrics={"sum": "number"},
        checkpoints=f"states/{RUN}",
    wildcard_constraints:
        experiment="again",
    script:
        "ROOT/scripts/run_command.py"
"""
FIT = """
import csv, json, sys
from pathlib import Path
told = json.load(open(sys.argv[1]))
rows = list(csv.DictReader(open(told["inputs"]["rows"]["rows.csv"])))
total = sum(float(row["x"]) for row in rows) * told["settings"]["rate"]
Path(told["output"], "metrics.json").write_text(json.dumps({"sum": total}))
Path(told["output"], "log.jsonl").write_text(json.dumps({"step": 1, "loss": 0.5}) + "\\n")
"""
AGAIN = """
import json, sys
from pathlib import Path
told = json.load(open(sys.argv[1]))
before = json.loads(Path(told["start_from"], "metrics.json").read_text())
Path(told["output"], "metrics.json").write_text(json.dumps({"sum": 10 * before["sum"]}))
"""


def test_the_script_as_snakemake_runs_it(study: Study) -> None:
    """Inputs by name, the other run's folder, and results that were kept are put back."""
    from rejeu.data.sources import fetch  # noqa: PLC0415

    own = study.folder / "own"
    own.mkdir()
    (own / "rows.csv").write_text("x\n1\n2.5\n")
    source = {"kind": "path", "folder": str(own)}
    fetch("rows", {"rows.csv": None}, [source], study.folder / "rows")
    study.program(FIT).program(AGAIN, "again.py")
    study.program(SNAKEFILE.replace("ROOT", str(ROOT)), "Snakefile")

    def build() -> str:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--cores", "1"),
                "results/t/own/again/seed3/metrics.json",
            ],
            cwd=study.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    build()
    folder = study.folder / "results" / "t" / "own"
    assert read_json(folder / "one" / "seed3" / "metrics.json") == {"sum": 7.0}
    assert read_json(folder / "again" / "seed3" / "metrics.json") == {"sum": 70.0}
    made = (folder / "again" / "seed3" / "run.json").read_text()
    for path in (folder / "again" / "seed3").iterdir():
        path.unlink()
    (study.folder / "again.py").unlink()  # no program is needed for what was kept
    build()
    assert (folder / "again" / "seed3" / "run.json").read_text() == made


def test_a_program_may_remove_its_state_folder(study: Study) -> None:
    removal = "import shutil\nshutil.rmtree(told['state'])\n"
    study.program(STEPS + removal).run()
    assert study.record()["resumed"] is False


def test_a_signal_without_a_name_is_told_by_its_number(study: Study) -> None:
    number = signal.SIGRTMIN + 3
    study.program(f"import os\nos.kill(os.getpid(), {number})\n")
    assert f"was killed by signal {number}. It printed nothing." in study.run(code=1)


def test_a_state_with_a_link_that_leads_nowhere_is_gone_on_from(study: Study) -> None:
    study.program(
        STEPS.replace(
            "while step", "if not step:\n    kept.with_name('l').symlink_to('no')\nwhile step"
        )
    )
    (study.folder / "fail").touch()
    study.run(code=1)
    (study.folder / "fail").unlink()
    assert "begins after step 4" in study.run()
    assert study.record()["resumes"] == 1
