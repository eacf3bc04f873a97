import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rejeu.build import records, snakemake_run
from rejeu.errors import RejeuError
from rejeu.graph import before_jobs, before_planning
from rejeu.graph.before_jobs import citations, refuse_missing_packages, refuse_report
from rejeu.graph.before_planning import MOST_NAMED, adopt_inputs, mend, refuse_study
from rejeu.graph.report_files import ReportFiles
from rejeu.study.configuration import load
from tests.graph.test_graph import graph_of
from tests.study.sample import ROOT, small, study_of


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Snakemake is told to make again, of a study in an empty folder."""
    monkeypatch.chdir(tmp_path)
    paths: list[str] = []
    monkeypatch.setattr(snakemake_run, "mark_incomplete", paths.append)
    monkeypatch.setattr(snakemake_run, "recorded_params", lambda _: ["'all'"])
    return paths


def report_files(**changes: Any) -> ReportFiles:
    return ReportFiles(graph_of(load(small() | changes, "config.yaml")))


def workflow(*rules: str, conda: str = "report.yaml") -> Any:
    """A workflow whose jobs of these rules will run."""
    jobs = [
        SimpleNamespace(
            rule=SimpleNamespace(name=rule, conda_env=conda, norun=False),
            is_script=True,
            wildcards={},
            resources={},
        )
        for rule in rules
    ]
    return SimpleNamespace(
        dag=SimpleNamespace(needrun_jobs=lambda: jobs),
        deployment_settings=SimpleNamespace(deployment_method=set()),
        local_exec=True,
    )


def test_seconds_of_a_rule_that_is_not_there_are_refused(marked: list[str]) -> None:
    assert not marked
    tiers = small()["tiers"]
    tiers["all"]["expected_seconds"] = {"run_fitt": 3.0}
    with pytest.raises(RejeuError, match="no rule is called 'run_fitt'; did you mean 'run_fit'"):
        refuse_study(["run_fit"], report_files(tiers=tiers))


def test_files_of_a_program_and_of_the_report_must_be_there(marked: list[str]) -> None:
    assert not marked
    with pytest.raises(RejeuError, match=r"parts.fit.files: fit.py: no such file"):
        refuse_study([], report_files())
    Path("fit.py").touch()
    refuse_study([], report_files())
    report = small()["report"] | {"reference": "report/values.yaml"}
    with pytest.raises(RejeuError, match=r"report/values.yaml: no such file; the report is made"):
        refuse_study([], report_files(report=report))


def test_what_is_damaged_is_named_and_made_again(
    marked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [f"results/all/fit/plain/seed{seed}/run.json" for seed in range(MOST_NAMED + 2)]
    for path in paths:
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text("as made")
        records.finish([path])
        Path(path).write_text("otherwise")
    mend(report_files())
    said = capsys.readouterr().err.splitlines()
    assert len(said) == MOST_NAMED + 1
    assert said[0].startswith(f"damaged: {paths[0]} has 9 bytes")
    assert said[-1] == "and 2 files more"
    assert set(marked) == {*paths, "report.pdf"}


def test_a_plan_beside_a_build_marks_nothing_of_it(
    marked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build is another process's, which holds the folder's lock."""
    monkeypatch.setattr(before_planning, "refuse_study", lambda *_: None)
    monkeypatch.setattr(snakemake_run, "command", lambda: None)
    files = report_files()
    files = ReportFiles(replace(files.graph, folder=Path.cwd()))
    path = "results/all/fit/plain/seed1/run.json"
    Path(path).parent.mkdir(parents=True)
    Path(path).touch()
    records.begin([path])
    code = (
        "from pathlib import Path; from rejeu.build.build_lock import BuildLock; "
        "BuildLock(Path()).hold(); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as build:
        assert build.stdout
        assert build.stdout.readline() == "held\n"
        before_planning.before_planning(SimpleNamespace(rules=[]), files)
        assert not marked
        build.communicate("")
    before_planning.before_planning(SimpleNamespace(rules=[]), files)
    assert path in marked


def test_an_input_without_a_record_is_adopted_or_fetched_again(marked: list[str]) -> None:
    graph = report_files().graph
    adopt_inputs(graph)
    assert not marked
    record = Path(".cache/rejeu/inputs/points/source.json")
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    adopt_inputs(graph)
    assert marked == [str(record)]


def test_missing_packages_are_named_unless_snakemake_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(before_jobs, "missing", lambda paths: [path.name for path in paths])
    with pytest.raises(RejeuError, match=r"not installed, and jobs need them: report.yaml\."):
        refuse_missing_packages(workflow("fetch", "draw_losses"), ROOT)
    monkeypatch.setattr(before_jobs, "missing", lambda _: [f"p{number}" for number in range(14)])
    with pytest.raises(RejeuError, match=r"p10, p11 and 2 more\. Install"):
        refuse_missing_packages(workflow("draw_losses"), ROOT)
    monkeypatch.setattr(snakemake_run, "deploys_software", lambda _: True)
    refuse_missing_packages(workflow("draw_losses"), ROOT)


def test_a_report_is_checked_where_one_will_be_rendered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checked: list[Any] = []

    def refuse(*arguments: Any) -> None:
        checked.append(arguments)
        raise RejeuError("a template is wrong")

    monkeypatch.setattr(before_jobs.precheck, "check_sources", refuse)
    graph = report_files().graph
    refuse_report(workflow("draw_losses"), graph)
    assert not checked
    monkeypatch.setattr(before_jobs, "missing", lambda _: [])
    with pytest.raises(SystemExit) as ended:
        before_jobs.before_jobs(workflow("render_report"), graph)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: a template is wrong\n"


def test_citations_are_known_by_their_key() -> None:
    known = citations(study_of())
    assert known
    assert all(key.startswith(("models.", "tiers.")) for key in known)
    assert all(known.values())
    assert citations(load(small(), "config.yaml")) == {}


def test_what_no_job_could_do_ends_with_the_message_alone(
    marked: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not marked
    monkeypatch.setattr(snakemake_run, "command", lambda: None)
    with pytest.raises(SystemExit):
        before_planning.before_planning(SimpleNamespace(rules=[]), report_files())
    said = capsys.readouterr().err
    assert said.startswith("error: config.yaml: parts.fit.files: fit.py: no such file")
