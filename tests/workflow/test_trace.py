"""A finished report is followed back to its raw inputs, and says what its results say."""

import re
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from rejeu.commands.trace import Address, address, behind, expanded, jobs_of
from rejeu.job.whole_files import read_json, sha256_of
from tests.commands import command_line
from tests.workflow.project import Project

LANGUAGES = ("fr", "en")


def rejeu(project: Project, *words: str) -> tuple[int, str]:
    """Run a command there; its exit code, and what it said."""
    done = command_line.rejeu(*words, folder=project.folder)
    return done.returncode, done.stdout + done.stderr


def numbers_by_place(known: dict[str, Any]) -> dict[str, list[Address]]:
    """By table and figure, the addresses of its first number that comes from results, or file."""
    places: dict[str, list[Address]] = {
        name: [address(file, [])] for name, file in known["figures"].items()
    }
    for number in known["numbers"]:
        origin = [known["addresses"][place] for place in number["from"]]
        ours = [
            each
            for each in origin
            if each["file"].startswith("results/") and not each["key"].endswith("/reference")
        ]
        if number["in"] and ours:
            places.setdefault(number["in"], origin)
    return places


def test_a_number_of_each_table_and_figure_is_followed_to_raw_inputs(built: Project) -> None:
    follow(built.folder, "smoke")


def follow(root: Path, tier: str) -> None:
    """Follow a number of each table and figure of a built tier's report to the inputs' sha256."""
    with chdir(root):
        jobs = jobs_of(tier, root)
        for language in LANGUAGES:
            report = root / f"results/{tier}/report" / language
            places = numbers_by_place(read_json(report / "addresses.json"))
            source = (report / "report.qmd").read_text(encoding="utf-8")
            floats = set(re.findall(r"\{#((?:tbl|fig)-[\w-]+)", source))
            assert floats == places.keys()
            assert len(floats) > 15
            for name, origin in places.items():
                files = {each["file"] for each in expanded(origin, "report/reference.yaml", root)}
                order, _ = behind(files, jobs)
                records = [Path(job.first) for job in order if job.first.endswith("source.json")]
                assert records, f"{name} comes from {sorted(files)}"
                for record in records:
                    for file, facts in read_json(record)["files"].items():
                        assert facts["sha256"] == sha256_of(record.parent / file)


def test_a_number_is_traced_in_the_spelling_of_either_language(built: Project) -> None:
    known = read_json(built.folder / "results/smoke/report/fr/addresses.json")
    number = next(
        each["text"] for each in known["numbers"] if each["in"].startswith("tbl-metrics-baseline")
    )
    for spelt in (number, number.replace(",", ".")):
        code, said = rejeu(built, "trace", spelt, "--tier", "smoke")
        assert code == 0, said
        assert "fr: sec-baseline-fr, tbl-metrics-baseline-fr" in said
        assert "en: sec-baseline-en, tbl-metrics-baseline-en" in said
    code, said = rejeu(built, "trace", "--claim", "low_decay_hurts", "--tier", "smoke")
    assert code == 0, said
    assert "sentiment/low_weight_decay/seed42/metrics.json /accuracy" in said
    assert re.search(r"raw input movie_reviews .*\n  [0-9a-f]{64}  ", said)
    code, said = rejeu(built, "trace", "123.456789", "--tier", "smoke")
    assert code == 1
    assert "no such number" in said


def test_a_finished_report_is_as_the_results_say(built: Project, tmp_path: Path) -> None:
    code, said = rejeu(built, "verify", "--tier", "smoke")
    assert code == 0, said
    assert said.count("as the results say") == 5
    page = (built.folder / "results/smoke/report/report.fr.html").read_text(encoding="utf-8")
    sent = tmp_path / "rapport reçu.html"
    digit = re.search(r'<span class="number"[^>]*>\d', page)
    assert digit is not None
    instead = "7" if page[digit.end() - 1] != "7" else "3"
    sent.write_text(page[: digit.end() - 1] + instead + page[digit.end() :], encoding="utf-8")
    code, said = rejeu(built, "verify", str(sent), "--tier", "smoke", "--folder", ".")
    assert code == 1
    assert "1 differ" in said


def test_a_verdict_that_the_runs_do_not_give_is_named(copy: Callable[[], Project]) -> None:
    project = copy()
    path = project.folder / "results/smoke/claims.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"untested"', '"reproduced"', 1), encoding="utf-8")
    code, said = rejeu(project, "verify", "--tier", "smoke")
    assert code == 1
    assert re.search(r"claims\.json, \w+, verdict: found reproduced; expected untested", said)


@pytest.mark.parametrize("words", [("trace",), ("trace", "1", "--claim", "x")])
def test_trace_wants_a_number_or_a_claim(built: Project, words: tuple[str, ...]) -> None:
    code, said = rejeu(built, *words, "--tier", "smoke")
    assert code == 1
    assert "expected a number as the report has it, or --claim and its id" in said
