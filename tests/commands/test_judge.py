"""Anyone's results judged, as a user does: the command, plain tables or Rejeu's layout."""

import io
import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from rejeu.commands.main import main
from rejeu.commands.new import main as new_study
from rejeu.job.whole_files import write_json

ROOT = Path(__file__).parents[2]
FOREST = [0.91, 0.92, 0.90, 0.93, 0.91, 0.92]
BAYES = [0.81, 0.83, 0.80, 0.82, 0.82, 0.81]
ACCURACY = "scores.forest.accuracy"
HEAVY = ("torch", "snakemake", "transformers", "pandas", "sklearn", "babel", "jinja2", "pyarrow")

# What a claim says besides its comparison.
OUTER = ("needs", "notebook", "tiers", "statement", "device")


def run(folder: Path, *words: str, code: int = 0) -> str:
    """Both streams of `rejeu judge claims.yaml --results results`, which must end with `code`."""
    command = ["rejeu", "judge", "claims.yaml", "--results", "results", *words]
    printed = io.StringIO()
    with (
        chdir(folder),
        redirect_stdout(printed),
        redirect_stderr(printed),
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(sys, "argv", command)
        patched.delenv("COLUMNS", raising=False)
        with pytest.raises(SystemExit) as ended:
            main()
    # What sys.exit is given as text Python prints, and ends with 1.
    said = ended.value.code
    assert (1 if isinstance(said, str) else said) == code, printed.getvalue()
    return printed.getvalue() + (said if isinstance(said, str) else "")


def claim(name: str, of: str = ACCURACY, **more: Any) -> dict[str, Any]:
    compared = {"of": of, "side": "above", "margin": 0.02}
    outer = {key: more.pop(key) for key in list(more) if key in OUTER}
    return {"id": name, "corrected": [compared | more], **outer}


WINS = claim("forest_wins", against="scores.bayes.accuracy")


# Between what one look of all risks and what the first of several does.
CLOSE = claim("close", against="scores.bayes.accuracy", margin=0.078)


def write_claims(folder: Path, *claims: dict[str, Any]) -> None:
    (folder / "claims.yaml").write_text(yaml.safe_dump({"claims": list(claims)}))


def rows(**first: Any) -> list[dict[str, Any]]:
    """Rows of both experiments; `first` changes cells of the first."""
    both = [
        {"experiment": name, "seed": seed, "accuracy": value, "word": "yes"}
        for name, values in (("forest", FOREST), ("bayes", BAYES))
        for seed, value in enumerate(values)
    ]
    both[0] |= first
    return both


def write_csv(folder: Path, table: list[dict[str, Any]]) -> Path:
    path = folder / "results" / "scores.csv"
    path.parent.mkdir(exist_ok=True)
    lines = [",".join(table[0]), *(",".join(map(str, row.values())) for row in table)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_csv(tmp_path, rows())
    write_claims(tmp_path, WINS)
    return tmp_path


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_tables_of_every_kind_give_the_same_verdict(study: Path, suffix: str) -> None:
    path = study / "results" / f"scores.{suffix}"
    if suffix != "csv":
        (study / "results" / "scores.csv").unlink()
        text = json.dumps(rows()) if suffix == "json" else "\n".join(map(json.dumps, rows()))
        path.write_text(text)
    said = run(study)
    assert "✓ reproduced, firm" in said
    assert "+0.100 [0.0" in said
    (entry,) = json.loads(run(study, "--json"))
    assert (entry["verdict"], entry["seeds"], entry["statement"]) == (
        "reproduced",
        6,
        {"any": "forest_wins"},
    )


def test_a_line_of_json_is_not_cut_inside_a_text(study: Path) -> None:
    """JSON allows a text to hold line separators that Python's splitlines() cuts at."""
    (study / "results" / "scores.csv").unlink()
    table = rows(word="one\u2028two\x85three")
    lines = [json.dumps(row, ensure_ascii=False) for row in table]
    (study / "results" / "scores.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert "✓ reproduced, firm" in run(study)


def test_the_table_fits_a_terminal(study: Path) -> None:
    name = "a_claim_with_a_name_of_forty_one_letters_"
    other = {**claim(name, against="scores.bayes.accuracy"), "notebook": WINS["corrected"]}
    write_claims(study, WINS, other)
    (study / "verdicts.yaml").write_text("forest_wins: [reproduced, inconclusive]\n")
    assert max(map(len, run(study, "--expected", "verdicts.yaml").splitlines())) <= 80


def test_each_verdict(study: Path) -> None:
    reverse = claim("reverse", of="scores.bayes.accuracy", against=ACCURACY)
    write_claims(
        study,
        WINS,
        reverse,
        {**reverse, "id": "artefact", "notebook": WINS["corrected"]},
        claim("open", against="scores.bayes.accuracy", margin=0.1),
        claim("needing", needs="reverse"),
        {"id": "nothing", "statement": "Nobody measured it."},
    )
    said = json.loads(run(study, "--json"))
    assert {entry["id"]: (entry["verdict"], entry["why"]) for entry in said} == {
        "forest_wins": ("reproduced", None),
        "reverse": ("contradicted", None),
        "artefact": ("artefact", None),
        "open": ("inconclusive", "unclear"),
        "needing": ("inconclusive", "needs"),
        "nothing": ("untested", "no_run"),
    }
    said = run(study)
    assert "open: its interval lies on both sides of the margin" in said
    assert "needing: the claim that it needs doesn't hold" in said


def test_texts_are_compared_for_equality_and_undefined_values_are_said(study: Path) -> None:
    same = {"by": "equal", "test": "most", "side": "within", "margin": 0.5}
    write_claims(study, claim("same", of="scores.forest.word", against="scores.bayes.word", **same))
    assert "6 / 6" in run(study)
    write_csv(study, rows(accuracy=""))
    write_claims(study, WINS)
    assert "forest_wins: has a value that isn't defined on some seed" in run(study)


def test_a_tier_in_its_study_is_looked_at_as_it_declares(tmp_path: Path) -> None:
    """A first look of several may take seven tenths of the risk; one of one folder all of it."""
    new_study(tmp_path / "study")
    config = tmp_path / "study" / "config.yaml"
    (tmp_path / "results").mkdir()
    write_csv(tmp_path, rows())
    results = tmp_path / "study" / "results" / "full"
    results.mkdir(parents=True)
    (tmp_path / "results" / "scores.csv").rename(results / "scores.csv")
    write_claims(tmp_path / "study", CLOSE)
    there = ["--results", "results/full"]
    assert "✓ reproduced" in run(tmp_path / "study", *there)
    text = config.read_text(encoding="utf-8")
    assert text.count("      points:\n        seeds") == 1
    config.write_text(text.replace("  full:\n", "  full:\n    looks: [12]\n"), encoding="utf-8")
    assert "inconclusive" in run(tmp_path / "study", *there)


def test_somebody_else_s_configuration_is_no_study(tmp_path: Path) -> None:
    write_csv(tmp_path, rows())
    (tmp_path / "results").rename(tmp_path / "run1")
    (tmp_path / "results").mkdir()
    (tmp_path / "run1").rename(tmp_path / "results" / "run1")
    write_claims(tmp_path, WINS)
    for text in ("model: {depth: 3}\n", "tiers: [a]\n", "{{ not yaml\n", ""):
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        assert "reproduced, firm" in run(tmp_path, "--results", "results/run1")


def test_expected_verdicts_guard(study: Path) -> None:
    guard = study / "verdicts.yaml"
    guard.write_text("forest_wins: reproduced\n")
    run(study, "--expected", "verdicts.yaml")
    guard.write_text("results: {forest_wins: [artefact, inconclusive], other: reproduced}\n")
    said = run(study, "--expected", "verdicts.yaml", code=1)
    assert "forest_wins: reproduced, recorded: artefact or inconclusive" in said
    assert "other: recorded, but no such claim" in said
    guard.write_text("forest_wins: true\n")
    assert "expected a verdict, or a list of them" in run(
        study, "--expected", "verdicts.yaml", code=1
    )


def test_it_needs_nothing_that_trains_or_builds(study: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom rejeu.commands.judge import main\n"
        "main(Path('claims.yaml'), Path('results'), False, None)\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=study,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            claim("a", of="score.forest.accuracy"),
            "no table or part 'score'; did you mean 'scores'?",
        ),
        (claim("a", of="scores.forrest.accuracy"), "scores.csv: no experiment 'forrest'; did you"),
        (claim("a", of="scores.forest.acuracy"), "no column 'acuracy'; did you mean 'accuracy'?"),
        (claim("a", of="scores.forest.word"), "seed 0: found the text 'yes', expected a number"),
        (claim("a", of="scores.forest"), "corrected.0.of: "),
        (claim("a", needs="b"), "claim 'a', needs: 'b' is not defined"),
        (claim("a", needs="a"), "claim 'a' needs itself"),
        (claim("a", side="over"), "corrected.0.side: "),
        ({**claim("a"), "margn": 1}, "unknown key 'margn'"),
        ({"id": "a", "notebook": WINS["corrected"]}, "a notebook arm needs a corrected one"),
    ],
)
def test_claims_that_cant_be_judged_are_refused(
    study: Path, changed: dict[str, Any], expected: str
) -> None:
    write_claims(study, WINS, changed)
    said = run(study, code=1)
    assert said.startswith("error: claims.yaml")
    assert "nothing was judged" in said
    assert expected in said
    assert "reproduced" not in said


def test_every_fault_is_said_at_once(study: Path) -> None:
    write_claims(study, claim("a", of="scores.a.accuracy"), WINS, claim("b", of="scores.forest.b"))
    said = run(study, code=1)
    assert "claim 'a', scores.a.accuracy: " in said
    assert "claim 'b', scores.forest.b: " in said


def test_two_claims_of_one_name_are_refused(study: Path) -> None:
    write_claims(study, WINS, WINS)
    assert "claim 'forest_wins' stands 2 times" in run(study, code=1)


def test_no_seed_in_common_is_refused(study: Path) -> None:
    table = [row | {"seed": row["seed"] + 10 * (row["experiment"] == "bayes")} for row in rows()]
    write_csv(study, table)
    said = run(study, code=1)
    assert "has the seeds [0, 1, 2, 3, 4, 5], and scores.bayes.accuracy [10, 11," in said
    assert "expected some that both have" in said


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({"accuracy": "high"}, "seed 0: found the text 'high', expected a number"),
        ({"accuracy": "nan"}, "seed 0: found the text 'nan', expected a number"),
        ({"seed": "one"}, "line 2: seed: found 'one', expected a whole number"),
        ({"seed": "1"}, "line 3: a second row of forest with the seed 1"),
        ({"experiment": ""}, "line 2: no experiment; expected the columns experiment and seed"),
        ({"word": "a,b"}, "line 2: 5 cells, expected 4"),
        ({"word": '"a'}, "not CSV: unexpected end of data"),
    ],
)
def test_tables_that_would_be_read_wrongly_are_refused(
    study: Path, first: dict[str, Any], expected: str
) -> None:
    write_csv(study, rows(**first))
    said = run(study, code=1)
    assert "scores" in said
    assert expected in said


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("scores.jsonl", "{}", "scores.jsonl: scores.csv has the same name; remove one"),
        ("scores.csv", "experiment,seed,experiment\n", "a column stands twice"),
        ("scores.csv", "experiment,seed,accuracy\n", "no rows; expected one per experiment"),
        ("scores.csv", "name,run\na,1\n", "line 2: no experiment; expected the columns"),
        ("scores.csv", "", "scores.csv: is empty"),
    ],
)
def test_files_that_are_no_results_are_refused(
    study: Path, name: str, text: str, expected: str
) -> None:
    (study / "results" / name).write_text(text)
    assert expected in run(study, code=1)


def test_json_tables_are_checked_too(study: Path) -> None:
    (study / "results" / "scores.csv").unlink()
    path = study / "results" / "scores.json"
    path.write_text('{"forest": 1}')
    assert "scores.json: found {'forest': 1}, expected a list of rows" in run(study, code=1)
    path.write_text(json.dumps([*rows(), 3]))
    assert "scores.json, row 13: found 3, expected an object" in run(study, code=1)
    path.write_text(json.dumps(rows(accuracy=True)))
    assert "row 1: accuracy: found True, expected a finite number" in run(study, code=1)


def test_a_folder_without_results_is_refused(study: Path) -> None:
    (study / "results" / "scores.csv").unlink()
    assert "results: no results there; expected tables with the columns" in run(study, code=1)
    (study / "results").rmdir()
    assert "results: no such folder" in run(study, code=1)


def write_runs(folder: Path) -> None:
    """Two experiments as Rejeu leaves them; the last seed of `other` predicts one class."""
    for name, values in (("base", FOREST), ("other", BAYES)):
        for seed, value in enumerate(values):
            run_folder = folder / "results" / "reviews" / name / f"seed{seed}"
            whole = {"tn": 50, "fp": 0, "fn": 50, "tp": 0}
            usual = {"tn": 45, "fp": 5, "fn": 5, "tp": 45}
            confusion = whole if (name, seed) == ("other", 5) else usual
            write_json(run_folder / "metrics.json", {"accuracy": value, "confusion": confusion})
            write_json(run_folder / "run.json", {"diverged_at": None, "device": "cpu"})
            (run_folder / "log.jsonl").write_text(
                "".join(f'{{"step": {n}, "loss": {1 / (n + 1)}}}\n' for n in range(10))
            )


def test_rejeu_s_own_layout(study: Path) -> None:
    (study / "results" / "scores.csv").unlink()
    write_runs(study)
    write_claims(
        study,
        claim("high", of="reviews.base.metrics.accuracy", around=0.8),
        claim("derived", of="reviews.base.metrics.above_larger_class"),
        claim("loss", of="reviews.base.log.final_loss", side="below", around=0.5),
        claim("mixed", of="reviews.other.metrics.accuracy", around=0.5),
        claim("elsewhere", of="reviews.base.metrics.accuracy", device="cuda"),
    )
    said = {
        entry["id"]: (entry["verdict"], entry["why"]) for entry in json.loads(run(study, "--json"))
    }
    assert said == {
        "high": ("reproduced", None),
        "derived": ("reproduced", None),
        "loss": ("reproduced", None),
        "mixed": ("inconclusive", "mixed"),
        "elsewhere": ("untested", "device"),
    }


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("reviews.base.metrics.acc", "metrics.json, and those of the other seeds: no value acc"),
        ("reviews.base.metrics.confusion", "confusion: found {'tn': 45"),
        ("reviews.base.scores.acc", "results/reviews/base/seed0/scores.json: no such file"),
        ("reviews.bas.metrics.accuracy", "no experiment 'bas'; did you mean 'base'?"),
        ("timing.batch.seconds.8", "results/timing/batch.json: no such file"),
    ],
)
def test_paths_into_rejeu_s_layout_are_checked(study: Path, of: str, expected: str) -> None:
    write_runs(study)
    write_claims(study, claim("a", of=of))
    assert expected in run(study, code=1)


def test_a_run_without_its_file_is_refused(study: Path) -> None:
    write_runs(study)
    (study / "results" / "reviews" / "base" / "seed3" / "metrics.json").unlink()
    write_claims(study, claim("a", of="reviews.base.metrics.accuracy"))
    assert "results/reviews/base/seed3/metrics.json: no such file" in run(study, code=1)


def test_tiers_count_where_the_results_are_called_so(study: Path) -> None:
    other = claim("other", of="scores.absent.accuracy", tiers=["paper"])
    write_claims(study, {**WINS, "tiers": ["results", "paper"]}, other)
    said = json.loads(run(study, "--json"))
    assert [(entry["verdict"], entry["why"]) for entry in said] == [
        ("reproduced", None),
        ("untested", "tier"),
    ]
    write_claims(study, {**WINS, "tiers": ["paper"]})
    (entry,) = json.loads(run(study, "--json"))
    assert entry["verdict"] == "reproduced"
