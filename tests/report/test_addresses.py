"""Every number of a report says where it comes from, and stands there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rejeu.job.whole_files import read_json
from rejeu.report.addresses import BEGIN, END, Ledger, in_lines, resolved, with_tokens
from rejeu.report.numbers import Numbers
from rejeu.report.traced import TracedFloat, computed, counted, estimate, mean, origin_of, traced
from rejeu.report.write import environment
from tests.report.finished import finished
from tests.report.results_folder import LANGUAGES, ROOT

VALUES = traced({"a": [0.5, 0.25], "b": 4, "yes": True, "c/d": "x"}, "f.json")


def keys(value: Any) -> list[str]:
    return [str(each) for each in origin_of(value)]


def test_values_read_are_what_they_were_and_know_where_they_stand() -> None:
    assert VALUES == {"a": [0.5, 0.25], "b": 4, "yes": True, "c/d": "x"}
    assert json.dumps(VALUES) == '{"a": [0.5, 0.25], "b": 4, "yes": true, "c/d": "x"}'
    assert keys(VALUES) == ["f.json#/a/0", "f.json#/a/1", "f.json#/b", "f.json#/c~1d"]
    assert VALUES["yes"] is True


def test_what_is_computed_keeps_all_addresses() -> None:
    (first, second), whole = VALUES["a"], VALUES["b"]
    for value, expected in (
        (first - second, 0.25),
        (first / second, 2.0),
        (1 - first, 0.5),
        (first + second, 0.75),
        (mean([first, second]), 0.375),
        (sum([first, second]), 0.75),
        (round(first + second, 1), 0.8),
        (-(first - second), -0.25),
        (max(first, second) - min(first, second), 0.25),
    ):
        assert value == expected
        assert "f.json#/a/0" in keys(value)
    assert keys(first * second) == ["f.json#/a/0", "f.json#/a/1"]
    assert keys(1 + whole) == ["f.json#/b"]
    assert keys(counted([first, second])) == ["f.json#/a/0", "f.json#/a/1"]
    assert keys(estimate([first, second]).low) == ["f.json#/a/0", "f.json#/a/1"]
    assert keys(computed(3, [first])) == ["f.json#/a/0"]
    assert isinstance(first - second, TracedFloat)


def template(folder: Path, text: str) -> tuple[str, list[Any]]:
    ledger = Ledger()
    path = folder / "report.qmd.j2"
    path.write_text(text, encoding="utf-8")
    names = {"n": Numbers("fr", ledger), "v": VALUES, "data": f"{BEGIN}\U000f0000x{END}"}
    whole = environment(folder, ledger).get_template(path.name).render(names)
    return resolved(whole, ledger)


def test_marks_leave_the_source_as_it_was_and_say_what_stands_where(tmp_path: Path) -> None:
    text, standing = template(
        tmp_path,
        "---\ntitle: a\n---\n# H {#sec-a}\n\n"
        "{% macro m(x) %}_{{ x }}_{% endmacro %}\n"
        "Of **{{ n.decimal(v.a[0] - v.a[1], 2) }}** and {{ m(n.percent(v.a[0])) }}, "
        "$r = {{ v.b }}$.\n"
        "\n| {{ n.integer(v.a | length) }} |\n\n: T. {#tbl-b}\n\n{{ v['c/d'] | code }}\n",
    )
    assert not re.search(f"[{BEGIN}{END}\U000f0000-\U000ffffd]", text)
    assert "Of **0\\,25** and _50\\,0\N{NO-BREAK SPACE}\\%_, $r = 4$." in text
    said = [(it.entry.text, it.how, it.section, it.float, it.entry.line) for it in standing]
    assert said == [
        ("0,25", "text", "sec-a", "", 7),
        ("50,0\N{NO-BREAK SPACE}%", "text", "sec-a", "", 6),  # the line of the macro
        ("4", "formula", "sec-a", "", 7),
        ("2", "text", "sec-a", "tbl-b", 9),
        (said[4][0], "code", "sec-a", "", 13),
    ]
    assert [text[it.begin : it.end].replace("\\", "") for it in standing[:4]] == [
        it.entry.text for it in standing[:4]
    ]
    assert [keys(it.entry) for it in standing[:2]] == [
        ["f.json#/a/0", "f.json#/a/1"],
        ["f.json#/a/0"],
    ]


def test_marks_in_data_say_nothing(tmp_path: Path) -> None:
    assert template(tmp_path, "{{ data }}") == ("x", [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_number_of_the_report_has_an_address_where_its_value_stands(language: str) -> None:
    folder, known = finished(1)
    source = (folder / language / "report.qmd").read_text(encoding="utf-8")
    reference = YAML(typ="safe").load((ROOT / "report/reference.yaml").read_text(encoding="utf-8"))
    addresses, numbers = known[language]["addresses"], known[language]["numbers"]
    assert len(numbers) > 900
    for number in numbers:
        if number["as"] != "code":
            here = source[number["begin"] : number["end"]].replace("\\", "")
            assert here == number["text"]
        # A figure's width is none of the report's numbers; nothing that is counted has no address.
        assert number["from"] or number["as"] == "attribute" or number["value"] == 0, number
    for each in addresses:
        if each["value"] is None or each["file"] == "config.yaml" or each["file"].endswith(".py"):
            continue
        path = folder / each["file"]
        path = path if path.is_file() else folder / each["file"].replace(".cache/rejeu/", "")
        if each["file"].endswith("provenance.json"):
            continue  # its other numbers have addresses of their own
        value = reference if each["file"] == "report/reference.yaml" else read_json(path)
        for key in each["key"].split("/")[1:]:
            name = key.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list):
                value = value[int(name)]
            else:
                value = value[name] if name in value else value[int(name)]
        assert value == each["value"] or str(value) == each["value"], each


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_table_and_figure_has_a_traced_number_or_file(language: str) -> None:
    folder, known = finished(1)
    source = (folder / language / "report.qmd").read_text(encoding="utf-8")
    floats = set(re.findall(r"\{#((?:tbl|fig)-[\w-]+)", source))
    traced_ones = {number["in"] for number in known[language]["numbers"] if number["from"]}
    assert len(floats) > 30
    assert floats <= traced_ones | known[language]["figures"].keys()
    assert {it for it in floats if it.startswith("fig-")} == known[language]["figures"].keys()


def test_both_languages_say_the_same_of_the_same_values() -> None:
    _, known = finished(1)
    told = [
        {
            (
                json.dumps(number["value"]),
                tuple(
                    sorted(
                        f"{each['addresses'][place]['file']}#{each['addresses'][place]['key']}"
                        for place in number["from"]
                    )
                ),
            )
            for number in each["numbers"]
            if number["in"]
        }
        for each in known.values()
    ]
    assert told[0] == told[1]


def test_no_line_of_the_marked_source_is_longer() -> None:
    folder, known = finished(1)
    source = (folder / "fr" / "report.qmd").read_text(encoding="utf-8")
    marked, told = with_tokens(source, known["fr"])
    assert [len(line) for line in marked.split("\n")] == [len(line) for line in source.split("\n")]
    assert len(told) > 900


def test_seeds_are_listed_on_one_line() -> None:
    files = [f"results/smoke/a/b/seed{seed}/metrics.json" for seed in (42, 43)]
    assert in_lines(
        [
            {"file": file, "key": "/f1", "value": value}
            for file, value in zip(files, (1, 2), strict=True)
        ]
    ) == ["results/smoke/a/b/seed{42,43}/metrics.json /f1: 1, 2"]
