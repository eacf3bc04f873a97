import itertools
import json
import math
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pypandoc
import pytest
from ruamel.yaml import YAML

from rejeu.build.packages import versions
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json, write_json
from rejeu.report.write import write
from tests.report.results_folder import (
    LANGUAGES,
    ROOT,
    STATES,
    read_context,
    seeds_of,
    study_of,
    write_claims,
    write_results,
)
from tests.report.sample import HOSTILE, squeezed

TEMPLATES = {language: ROOT / "report" / language / "report.qmd.j2" for language in LANGUAGES}
# Every learning state of the baseline beside another of the rest, with one seed and with six, which
# is as many as must agree; of these the arms have three.
CASES = [
    *((state, STATES[place - 1], 6, True) for place, state in enumerate(STATES)),
    *((state, state, 1, False) for state in ("learned", "collapsed", "chance")),
]
Build = Callable[[str, str, str, int, bool], str]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Write a language's report from results where Part 1 went as asked; each once."""

    @cache
    def results(baseline: str, others: str, runs: int, change: bool) -> tuple[Path, dict[str, Any]]:
        folder = tmp_path_factory.mktemp("results")
        learning = {
            "baseline": baseline,
            **dict.fromkeys(("high_learning_rate", "low_weight_decay"), others),
        }
        learning["long_training"] = others
        study = write_results(
            folder,
            3,
            runs=runs,
            arm_runs=min(runs, 3),
            learning=learning,
            texts_change=change,
            extra=runs > 1,
        )
        return folder, study

    @cache
    def report(language: str, baseline: str, others: str, runs: int, change: bool) -> str:
        folder, study = results(baseline, others, runs, change)
        return write(TEMPLATES[language], read_context(folder, study, language))

    return report


def template(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "report.qmd.j2"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_missing_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        RejeuError, match=r"report\.qmd\.j2, line 1: 'title' is undefined; expected"
    ):
        write(template(tmp_path, "{{ title }}"), {})
    with pytest.raises(RejeuError, match=r"line 2: .* has no attribute 'b'"):
        write(template(tmp_path, "first\n{% if a.b %}x{% endif %}"), {"a": {}})


def test_values_read_literally_and_the_template_s_markdown_stays(tmp_path: Path) -> None:
    path = template(tmp_path, "**{{ x }}** {#sec-a}\n<# a comment #>\n{{ x | code }}{{ 3 }}\n")
    text = write(path, {"x": "*a* {{ b }} <i>"})
    assert text == (
        "**\\*a\\* \\{\\{ b \\}\\} \\<i\\>** {#sec-a}\n"
        '``` {.text shortcodes="false"}\n*a* {{ b }} <i>\n```\n3\n'
    )


def test_macros_are_escaped_once(tmp_path: Path) -> None:
    path = template(tmp_path, "{% macro m(v) %}_{{ v }}_{% endmacro %}{{ m('a_b') }} {{ m(x) }}\n")
    assert write(path, {"x": "*"}) == "_a\\_b_ _\\*_\n"


def test_front_matter_is_yaml(tmp_path: Path) -> None:
    hostile = 'a: "b" \\ {{< meta >}} #c\nd'
    text = write(template(tmp_path, "---\ntitle: {{ x | yaml }}\n---\n"), {"x": hostile})
    (title,) = YAML(typ="safe").load(text.split("---")[1]).values()
    assert "{{<" not in text
    shown = pypandoc.convert_text(title, "json", format="markdown")
    assert json.loads(shown)["blocks"][0]["t"] == "Para"
    assert re.sub(r"\\(.)", r"\1", title) == " ".join(hostile.split())


# --- the real templates


def fences_out(text: str) -> str:
    return re.sub(r"^(`{3,})[^\n]*\n.*?^\1\n", "", text, flags=re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """A report's source without front matter, code, attributes, formulas, addresses, escapes."""
    body = fences_out(text.split("\n---\n", 1)[1])
    body = re.sub(r"`[^`\n]*`", "", body)
    body = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", body, flags=re.DOTALL)
    body = re.sub(r"\]\([^)\n]*\)", "]", body)
    body = re.sub(r"\{[^{}\n]*\}", "", body)
    body = re.sub(r"^\|[|:\- ]+\|$", "", body, flags=re.MULTILINE)
    body = re.sub(r"^:(::)? ", "", body, flags=re.MULTILINE)
    body = re.sub(r"<https?://[^>\n]*>", "", body)
    return re.sub(r"\\(.)", r"\1", body)


# Findings with a figure, as in rules/report.smk; the others have a table.
DRAWN = ["a1", "a2", "a3", "a4", "a5", "a7", "a8", "a10"]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")


@EACH
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_learning_can_be_told(
    build: Build, language: str, case: tuple[str, str, int, bool]
) -> None:
    text = build(language, *case)
    body = text.split("\n---\n", 1)[1]
    assert not re.search(r"\b(nan|inf)\b", body, re.IGNORECASE)
    counted = r"False(?! (?:negatives|positives))"
    assert not re.search(rf"\b(None|True|{counted}|Estimate|Markup)\b", prose(text))
    assert "None" not in body
    for marker in ("{{", "{%", "%}", "}}", "<#", "#>", "{# "):
        assert marker not in fences_out(text)
    assert YAML(typ="safe").load(text.split("\n---\n", 1)[0])["lang"] == language
    # A macro that put a heading, a table or a figure behind other text would show as its marks.
    assert not re.search(r"\S[ ]+#{1,4} \w|[^\n]\n!\[|[^\n|]\n\|", fences_out(body))


@EACH
def test_both_languages_hold_the_same_places_and_code(
    build: Build, case: tuple[str, str, int, bool]
) -> None:
    found = []
    for language in LANGUAGES:
        text = build(language, *case)
        ids = re.findall(rf"[{{ ]#([a-z0-9-]+)-{language}\b", fences_out(text))
        assert len(set(ids)) == len(ids)
        figures = re.findall(rf"\((figures/[\w]+)\.{language}\.svg\)", text)
        found.append((ids, figures, re.findall(r"@[a-z]+\d{4}\w+", text)))
    french, english = found
    assert french[0] == english[0]
    assert french[1] == english[1]
    assert set(french[2]) == set(english[2])


@EACH
def test_figures_are_those_that_the_rules_draw(
    build: Build, case: tuple[str, str, int, bool]
) -> None:
    figures = re.findall(r"\(figures/(\w+)\.fr\.svg\)", build("fr", *case))
    names = ["baseline", "high_learning_rate", "low_weight_decay"]
    names += ["long_training"] if case[2] > 1 else []
    expected = {"loss_sentiment", "rank", *(f"confusion_{name}" for name in names)}
    expected |= {f"hidden_{name}" for name in DRAWN}
    expected |= {"claims", "loss_of_r32", "loss_of_slow_lora"} if case[2] > 1 else set()
    assert set(figures) == expected


@EACH
def test_french_punctuation(build: Build, case: tuple[str, str, int, bool]) -> None:
    body = prose(build("fr", *case))
    around = [body[max(0, at.start() - 30) : at.end() + 30] for at in re.finditer('"', body)]
    assert not around, "straight quotation marks"
    around = [
        body[max(0, at.start() - 30) : at.end() + 30] for at in re.finditer(r" [;:!?»%]|« ", body)
    ]
    assert not around, "ordinary spaces where no-break ones belong"
    # Decimals of our own numbers: the words of the template hold none.
    around = [
        body[max(0, at.start() - 30) : at.end() + 30]
        for at in re.finditer(r"(?<!-)\b\d+\.\d+ ?[\]|%;]", body)
    ]
    assert not around, "decimal points"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prose_follows_the_data(build: Build, language: str) -> None:
    told = {case: prose(build(language, *case)) for case in CASES}
    discussions = {case: text.split("#", 1)[1] for case, text in told.items()}
    for one, other in itertools.combinations(discussions, 2):
        words = [re.sub(r"[\d\s.,—\[\];]+", " ", discussions[case]) for case in (one, other)]
        assert words[0] != words[1]


SAID = {
    "fr": (
        "Résultats périmés.",
        "2 des {runs} essais ont été faits avec peft 0.1.0, et {now} est installé"
        "\N{NO-BREAK SPACE}; 1 des {runs} essais a été fait avec peft 0.2.0, et {now} est installé"
        ". Leurs nombres",
    ),
    "en": (
        "Stale results.",
        "2 of the {runs} runs were made with peft 0.1.0, and {now} is installed; "
        "1 of the {runs} runs was made with peft 0.2.0, and {now} is installed. Their numbers",
    ),
}


def test_results_of_other_packages_are_marked(tmp_path: Path) -> None:
    study = write_results(tmp_path, 3, runs=3)
    for seed, made in zip(
        study["parts"]["lora"]["experiments"]["r8"]["seeds"],
        ("0.1.0", "0.1.0", "0.2.0"),
        strict=True,
    ):
        path = tmp_path / "results" / study["tier"] / "lora" / "r8" / f"seed{seed}" / "run.json"
        write_json(path, read_json(path) | {"packages": versions() | {"peft": made}})
    for language, (heading, sentence) in SAID.items():
        names = read_context(tmp_path, study, language)
        text = write(TEMPLATES[language], names)
        runs = names["provenance"]["runs"]
        assert heading in text
        assert sentence.format(runs=runs, now=versions()["peft"]) in prose(text)
        assert text.rstrip().endswith(f"\nrejeu retrain --tier {study['tier']}\n```")


@pytest.mark.parametrize("language", LANGUAGES)
def test_results_of_the_installed_packages_carry_no_mark(build: Build, language: str) -> None:
    text = build(language, *CASES[0])
    assert SAID[language][0] not in text
    assert "rejeu retrain" not in text


class Page(HTMLParser):
    """The visible text and the tags of an HTML fragment."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.alts = "", set[str](), list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.alts += [
            value or "" for name, value in attrs if name in ("alt", "fig-alt", "data-fig-alt")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_values_read_literally(tmp_path: Path, language: str) -> None:
    study = write_results(tmp_path, 4, runs=2, extra=True)
    for part in study["parts"].values():
        part["model"] = HOSTILE
        for settings in part["experiments"].values():
            settings["title"] = dict.fromkeys(LANGUAGES, HOSTILE)
    study["report"]["title"] = study["report"]["subtitle"] = dict.fromkeys(LANGUAGES, HOSTILE)
    study["parts"]["lora"]["generation"]["prompt"] = HOSTILE
    study["licences"] = dict.fromkeys(study["licences"], HOSTILE)
    names = read_context(tmp_path, study, language)
    for result in names["lora"].values():
        for seed in result.generation:
            for row in seed.values():
                row["text"] = f"{HOSTILE}\n```\n{HOSTILE}"
    for machine in names["provenance"]["machines"]:
        machine["cpu"] = HOSTILE
    text = write(TEMPLATES[language], names)
    assert "{{<" not in fences_out(text)
    page = Page(pypandoc.convert_text(text, "html", format="markdown", extra_args=["--standalone"]))
    # pandoc's own head holds style and meta, no script.
    assert "script" not in page.tags
    assert "br" not in page.tags
    shown, expected = squeezed(page.text), squeezed(HOSTILE)
    # Three titles of part 1 in headings or tables, the prompt, models, licences, texts, processor.
    assert shown.count(expected) >= 20
    assert any(expected in squeezed(alt) for alt in page.alts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pandoc_reads_tables_figures_and_code_as_meant(build: Build, language: str) -> None:
    text = build(language, *CASES[0])
    blocks = json.loads(pypandoc.convert_text(text, "json", format="markdown+implicit_figures"))[
        "blocks"
    ]
    kinds = [block["t"] for block in blocks]
    captions = re.findall(r"^: ", fences_out(text), re.MULTILINE)
    assert kinds.count("Table") == len(captions) >= 10
    assert kinds.count("Figure") == len(re.findall(r"\(figures/", text))
    assert kinds.count("Header") == len(
        re.findall(r"^#+ ", fences_out(text.split("\n---\n", 1)[1]), re.MULTILINE)
    )
    for block in blocks:
        if block["t"] == "Table":
            identifier = block["c"][0][0] or json.dumps(block["c"][1])
            assert "tbl-" in identifier
            rows = block["c"][4][0][3]
            cells = [cell[4] for row in rows for cell in row[1]]
            assert cells
            assert all(cells), f"an empty cell in {identifier}"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "«\u00a0Modèle de base\u00a0», graine {}, au pas 12"),
        ("en", "“Baseline”, seed {}, at step 12"),
    ],
)
def test_a_run_that_diverged_is_named(tmp_path: Path, language: str, said: str) -> None:
    study = write_results(tmp_path, 5, runs=2)
    heading = {"fr": "Entraînements divergents", "en": "Training that diverged"}[language]
    assert heading not in write(TEMPLATES[language], read_context(tmp_path, study, language))
    seed = study["parts"]["sentiment"]["experiments"]["baseline"]["seeds"][0]
    run = tmp_path / f"results/{study['tier']}/sentiment/baseline/seed{seed}/run.json"
    write_json(run, read_json(run) | {"diverged_at": 12})
    text = write(TEMPLATES[language], read_context(tmp_path, study, language))
    assert f"**{heading}.**" in text
    assert said.format(seed) in text


def judge_again(folder: Path, study: dict[str, Any]) -> None:
    seeds = seeds_of(study)
    write_claims(folder / "results" / study["tier"], study_of(extra=True), seeds)


PULLS = {  # what a doubled rank and a doubled scale each add to the training loss
    (-0.1, -0.1): ("les deux effets se contrarient", "the two pull against each other"),
    (0.1, -0.1): ("les deux effets vont dans le même sens", "the two push the same way"),
    (0.0, -0.1): ("seule l’échelle déplace", "only the scale moves"),
    (-0.1, 0.0): ("seul le rang déplace", "only the rank moves"),
    (0.1, 0.1): ("les deux effets se contrarient", "the two pull against each other"),
    (-0.1, 0.1): ("les deux effets vont dans le même sens", "the two push the same way"),
    (0.0, 0.1): ("seule l’échelle déplace", "only the scale moves"),
    (0.0, 0.0): ("Aucun des deux ne déplace la perte", "Neither of the two moves the"),
}


@pytest.mark.parametrize("adds", PULLS)
def test_the_rank_sweep_is_explained_by_rank_and_scale(
    tmp_path: Path, adds: tuple[float, float]
) -> None:
    study = write_results(tmp_path, 7, extra=True)  # with a rank beyond the sweep's
    for name, seeds in seeds_of(study)["lora"].items():
        for place, seed in enumerate(seeds):
            path = tmp_path / f"results/{study['tier']}/lora/{name}/seed{seed}/run.json"
            run = read_json(path)
            rank, alpha = run["settings"]["rank"], run["settings"]["alpha"]
            doubled = (math.log2(rank), math.log2(alpha / rank))
            # Seeds disagree a little, and by as much on either side.
            loss = 4 + sum(
                (add + 0.0002 * (place - 1)) * by for add, by in zip(adds, doubled, strict=True)
            )
            write_json(path, run | {"train_loss": loss})
    judge_again(tmp_path, study)
    told = dict.fromkeys(said for pair in PULLS.values() for said in pair)
    for language, expected in zip(LANGUAGES, PULLS[adds], strict=True):
        source = write(TEMPLATES[language], read_context(tmp_path, study, language))
        assert [said for said in told if said in prose(source)] == [expected]
        (sentence,) = [
            line for line in source.splitlines() if "@sec-a4-" in line and r"\alpha / r" in line
        ]
        step = "abaisse" if language == "fr" else "lowers"
        assert (step in sentence) == (adds[0] < 0)  # at one scale it is the rank's own effect


MOVES = {  # how far each seed's held-out loss lies from r8's, and how that is told
    "higher": (
        [0.2, 0.201, 0.199],
        "élève la perte hors échantillon (",
        "raises the held-out loss (",
    ),
    "lower": (
        [-0.2, -0.201, -0.199],
        "abaisse la perte hors échantillon (",
        "lowers the held-out loss (",
    ),
    "a little higher": (
        [0.003, 0.0031, 0.0029],
        "élève la perte hors échantillon, mais de moins que ce qui compte (",
        "raises the held-out loss, but by less than matters (",
    ),
    "a little lower": (
        [-0.003, -0.0031, -0.0029],
        "abaisse la perte hors échantillon, mais de moins que ce qui compte (",
        "lowers the held-out loss, but by less than matters (",
    ),
    "same": (
        [0.0003, -0.0003, 0.0001],
        "ne change la perte hors échantillon en rien qui compte (",
        "doesn’t change the held-out loss by as much as matters (",
    ),
    "unclear": (
        [0.1, -0.1, 0.02],
        "change peut-être la perte hors échantillon d’une valeur qui compte, peut-être pas (",
        "may or may not change the held-out loss by as much as matters (",
    ),
    "two seeds": (
        [0.2, 0.201],
        "laisse la perte hors échantillon sans verdict, faute de graines (",
        "leaves the held-out loss unjudged, for want of seeds (",
    ),
}


@pytest.mark.parametrize("case", MOVES)
def test_a_change_is_told_as_it_was_judged(tmp_path: Path, case: str) -> None:
    away, *sentences = MOVES[case]
    study = write_results(tmp_path, 5, runs=len(away), extra=True)
    results = tmp_path / "results" / study["tier"] / "lora"
    for seed, more in zip(study["parts"]["lora"]["experiments"]["r8"]["seeds"], away, strict=True):
        r8 = read_json(results / "r8" / f"seed{seed}" / "heldout.json")
        moved = results / "slow_lora" / f"seed{seed}" / "heldout.json"
        write_json(moved, r8 | {"loss": r8["loss"] + more})
    judge_again(tmp_path, study)
    for language, sentence in zip(LANGUAGES, sentences, strict=True):
        text = write(TEMPLATES[language], read_context(tmp_path, study, language))
        section = text.split(f"#sec-part2-slow-lora-{language}")[1].split("\n# ")[0]
        assert sentence in prose(f"---\n---\n{section}")


def test_a_change_over_runs_of_two_kinds_is_told_by_these(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5, extra=True)
    seed = study["parts"]["lora"]["experiments"]["slow_lora"]["seeds"][0]
    run = tmp_path / f"results/{study['tier']}/lora/slow_lora/seed{seed}/run.json"
    write_json(run, read_json(run) | {"diverged_at": 3})
    judge_again(tmp_path, study)
    text = prose(write(TEMPLATES["en"], read_context(tmp_path, study, "en")))
    assert (
        "it doesn’t move the held-out loss in one way "
        "(of 3 runs of “Slow” 1 diverged and 2 ran as usual)"
    ) in text


DECIDED = {"fr": "Décidée au regard n° 2.", "en": "Decided at look 2."}
OPEN = {"fr": "Encore ouverte au regard n° 2.", "en": "Open still at look 2."}
LATE = {
    "fr": "Sa marge a été fixée alors que de premiers résultats existaient.",
    "en": "Its margin was set when first results were there.",
}
FIRM = {"fr": "Reproduite, ferme.", "en": "Reproduced, firm."}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_box_says_what_a_verdict_rests_on(tmp_path: Path, language: str) -> None:
    """On how many looks, a late margin, or Holm's correction."""
    study = write_results(tmp_path, 5, runs=6)
    path = tmp_path / "results" / study["tier"] / "claims.json"
    first, *others = read_json(path)
    assert (first["verdict"], first["firm"], first["look"]) == ("reproduced", True, 1)
    plain = prose(write(TEMPLATES[language], read_context(tmp_path, study, language)))
    assert FIRM[language] in plain
    assert DECIDED[language] not in plain
    assert LATE[language] not in plain
    write_json(path, [first | {"look": 2, "firm": False}, *others])
    study["late_margins"] = [first["id"]]
    changed = prose(write(TEMPLATES[language], read_context(tmp_path, study, language)))
    assert changed.count(DECIDED[language]) == changed.count(LATE[language]) == 1
    # In its box, and where its values are listed.
    assert changed.count(FIRM[language]) == plain.count(FIRM[language]) - 2
    assert OPEN[language] not in changed
    unsettled = first | {"look": 2, "firm": False, "verdict": "inconclusive", "why": "unclear"}
    write_json(path, [unsettled, *others])
    changed = prose(write(TEMPLATES[language], read_context(tmp_path, study, language)))
    assert changed.count(OPEN[language]) == 1
    assert DECIDED[language] not in changed


@pytest.mark.parametrize("language", LANGUAGES)
def test_runs_of_one_kind_are_those_of_each_experiment(tmp_path: Path, language: str) -> None:
    """All runs of one experiment may have collapsed, and all of the other have learned."""
    learning = {"baseline": "learned", "high_learning_rate": "collapsed"}
    study = write_results(tmp_path, 5, runs=6, learning=learning)
    source = prose(write(TEMPLATES[language], read_context(tmp_path, study, language)))
    told = {
        "fr": "Les 6 essais de chaque expérience sont d’une même sorte",
        "en": "Each experiment’s 6 runs were of one kind",
    }
    assert told[language] in source


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_first_state_says_that_more_is_to_come(tmp_path: Path, language: str) -> None:
    told = {"fr": "sont encore à venir", "en": "are still to come"}[language]
    study = write_results(tmp_path, 5, runs=1, findings=[])
    whole = prose(write(TEMPLATES[language], read_context(tmp_path, study, language)))
    assert told not in whole
    study["waiting"] = True
    assert told in prose(write(TEMPLATES[language], read_context(tmp_path, study, language)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_seeds_that_some_experiments_have_more_of(tmp_path: Path, language: str) -> None:
    """As after `make decide`, which adds seeds to those that an undecided claim compares."""
    study = write_results(tmp_path, 5, runs=6)
    for part, fewer in (("sentiment", ["low_weight_decay"]), ("lora", ["unrelated", "related"])):
        for name in fewer:
            study["parts"][part]["experiments"][name]["seeds"] = study["parts"][part][
                "experiments"
            ][name]["seeds"][:4]
    given = read_context(tmp_path, study, language)
    source = f"{given['note']}\n{prose(write(TEMPLATES[language], given))}"
    told = {
        "fr": (
            "4 à 6 pour la partie 1, 4 à 6 pour la partie 2",
            "moyenne de 4 à 6 graines avec",
            "sur 4 apparenté",
            "expériences de la partie 1. Trait : moyenne ; bande : étendue des graines. "
            "Palier smoke, 4 à 6 graines",
        ),
        "en": (
            "4 to 6 for part 1, 4 to 6 for part 2",
            "mean of 4 to 6 seeds with",
            "4 seeds (related)",
            "experiments of part 1. Line: mean; band: range of the seeds. Smoke tier, 4 to 6 seeds",
        ),
    }
    plain = source.replace("\N{NO-BREAK SPACE}", " ")
    for said in told[language]:
        assert said in plain


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_claim_about_an_added_experiment_stands_in_its_section(
    tmp_path: Path, language: str
) -> None:
    study = write_results(tmp_path, 3, extra=True)
    claims = tmp_path / "results" / study["tier"] / "claims.json"
    entries = read_json(claims)
    for entry, section in zip(entries, ("long-training", "r32"), strict=False):
        entry["section"] = section
    write_json(claims, entries)
    text = write(TEMPLATES[language], read_context(tmp_path, study, language))
    for entry, anchor in zip(entries, ("sec-part1-long-training", "sec-part2-r32"), strict=False):
        after = text.split(f"{{#{anchor}-{language}}}")[1]
        section = re.split(r"^#+ ", after, flags=re.MULTILINE)[0]
        statement = study["statements"][entry["id"]][language]
        assert re.sub(r"\\(.)", r"\1", section).count(statement) == 1
