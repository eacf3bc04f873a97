"""A new study holds together: the engine reads its files, and its verdicts are what they say."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rejeu.commands.new import main, quoted
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json
from rejeu.study.configuration import load
from rejeu.study.strict_reading import read_yaml
from tests.commands.command_line import ROOT, rejeu

FILES = ["Snakefile", "config.yaml", "data/points.csv", "fit.py", "report/claims.yaml"]


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_what_it_writes_and_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(tmp_path / "a" / "study")
    assert files_of(tmp_path / "a" / "study") == FILES
    said = capsys.readouterr().out
    assert all(word in said for word in ("config.yaml", "fit.py", "report/claims.yaml"))
    assert f"cd {tmp_path}/a/study && rejeu report" in said
    snakefile = (tmp_path / "a" / "study" / "Snakefile").read_text()
    assert snakefile.splitlines() == [
        "module rejeu:",
        f'    snakefile: "{ROOT}/Snakefile"',
        "use rule * from rejeu",
    ]


@pytest.mark.parametrize("path", ["/a b", "/été/😀", "/d'or", '/"a"', "/'\"", "/back\\slash\n"])
def test_a_path_is_in_the_snakefile_as_python_reads_it(path: str) -> None:
    assert ast.literal_eval(quoted(path)) == path
    assert quoted(path)[0] == ("'" if '"' in path else '"')


def test_the_advice_can_be_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(tmp_path / "my study")
    assert f"cd '{tmp_path}/my study' && rejeu report" in capsys.readouterr().out


def test_an_empty_folder_will_do_and_no_file_is_written_over(tmp_path: Path) -> None:
    main(tmp_path)
    (tmp_path / "fit.py").write_text("mine")
    with pytest.raises(RejeuError, match="is there already, and not empty; name a new folder"):
        main(tmp_path)
    with pytest.raises(RejeuError, match="is there already"):
        main(tmp_path / "fit.py")
    assert (tmp_path / "fit.py").read_text() == "mine"


def test_a_folder_that_snakemake_cant_build_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RejeuError, match="takes braces in a path for its own"):
        main(tmp_path / "{a}")
    assert files_of(tmp_path) == []


def test_its_configuration_is_one(tmp_path: Path) -> None:
    main(tmp_path)
    study = load(read_yaml(tmp_path / "config.yaml"), "config.yaml")
    assert study.languages == ["en"]
    part = study.parts["points"]
    assert part.kind == "command"
    assert len(part.experiments) == 2
    assert len(study.tiers["full"].parts["points"].seeds) == 6


def test_its_claims_are_judged_by_a_build_as_its_files_say(tmp_path: Path) -> None:
    """The real engine, by `module:`; and `rejeu judge` says the same of the same results."""
    main(tmp_path / "study")
    study = tmp_path / "study"
    done = rejeu("plan", "results/full/claims.json", folder=study)
    assert re.search(r"^run_points +12 ", done.stdout, re.MULTILINE), done.stderr
    claims = study / "results" / "full" / "claims.json"
    built = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", claims.relative_to(study)],
        cwd=study,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert {entry["id"]: entry["verdict"] for entry in read_json(claims)} == {
        "nine_learns": "reproduced",
        "nearest_is_as_good": "contradicted",
    }
    again = rejeu("judge", "report/claims.yaml", "-r", "results/full", folder=study)
    assert "✓ reproduced" in again.stdout
    assert "✗ contradicted" in again.stdout


def test_it_builds_at_once(tmp_path: Path) -> None:
    study = tmp_path / "study"
    main(study)
    done = rejeu("report", folder=study)
    assert done.returncode == 0, done.stderr
    assert (study / "report.pdf").is_file()
    assert "report.pdf" in done.stdout
    assert "Built in " in done.stdout
    done = rejeu("claims", folder=study)
    assert "contradicted" in done.stdout
