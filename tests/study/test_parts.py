"""Parts of other studies than the repository's: none, several of a kind, programs; languages."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rejeu.evaluation.fields import of_classifier
from rejeu.study import looks
from rejeu.study.configuration import Study, load
from rejeu.study.names import words_in
from rejeu.study.parts import ClassifierData, Command
from tests.study.sample import CONFIG, PROGRAM, put, refusal, small

Change = Callable[[dict[str, Any]], Any]
LABELS = "tiers.smoke.parts.sentiment.labels"


def study(raw: dict[str, Any]) -> Study:
    return load(raw, "config.yaml")


def with_two_of_each() -> dict[str, Any]:
    """The repository's study with a second classifier and a second LoRA part, and two programs."""
    raw = copy.deepcopy(CONFIG)
    known, tiers = raw["parts"], raw["tiers"].values()
    known["topics"] = copy.deepcopy(known["sentiment"])
    known["poems"] = copy.deepcopy(known["lora"]) | {"data": None}
    known["fit"], known["draw"] = (PROGRAM | {"inputs": []} for _ in range(2))
    for tier in tiers:
        given = tier["parts"]
        given["topics"] = copy.deepcopy(given["sentiment"])
        given["poems"] = copy.deepcopy(given["lora"])
        given["fit"], given["draw"] = {"seeds": [1]}, {"seeds": [2, 3]}
    return raw


def without(*parts: str) -> dict[str, Any]:
    """The repository's study without these parts."""
    raw = copy.deepcopy(CONFIG)
    for given in (raw["parts"], *(tier["parts"] for tier in raw["tiers"].values())):
        for part in parts:
            del given[part]
    raw["timing"] = {
        name: timing for name, timing in raw["timing"].items() if timing["part"] not in parts
    }
    return raw


def changed(*changes: Change) -> dict[str, Any]:
    """The small study, changed."""
    raw = small()
    for change in changes:
        change(raw)
    return raw


def test_a_study_may_have_no_part() -> None:
    nothing = study(without("sentiment", "lora"))
    assert nothing.parts == nothing.figure_names() == {}
    assert looks.seeds(nothing, "smoke", {}) == {}
    assert [nothing.of_kind(kind) for kind in ("classifier", "lora", "command")] == [[], [], []]


@pytest.mark.parametrize(("part", "other"), [("sentiment", "lora"), ("lora", "sentiment")])
def test_a_study_may_have_one_part(part: str, other: str) -> None:
    alone = study(without(other))
    assert list(alone.parts) == list(looks.seeds(alone, "smoke", {})) == [part]
    assert alone.experiments(part, "smoke") == study(copy.deepcopy(CONFIG)).experiments(
        part, "smoke"
    )


def test_a_study_may_have_several_parts_of_a_kind() -> None:
    several = study(with_two_of_each())
    assert several.of_kind("classifier") == ["sentiment", "topics"]
    assert several.of_kind("lora") == ["lora", "poems"]
    assert several.of_kind("command") == ["fit", "draw"]
    folders = {part: several.data_folder(part) for part in several.parts}
    assert folders["lora"] == "chat"
    assert folders["poems"] == "poems"  # its own name, unless it says another
    seeds = looks.seeds(several, "smoke", {})
    assert (seeds["fit"], seeds["draw"]) == (
        {"plain": [1], "robust": [1]},
        {"plain": [2, 3], "robust": [2, 3]},
    )


def test_two_parts_share_no_data() -> None:
    raw = with_two_of_each()
    put("parts.poems.data", "chat")(raw)
    assert "parts.poems.data: 'chat' is the folder of 'lora' too; expected a name" in refusal(raw)
    put("parts.poems.data", "sentiment")(raw)  # which that part has without saying so
    assert "parts.poems.data: 'sentiment' is the folder of 'sentiment' too" in refusal(raw)


@pytest.mark.parametrize("name", ["data", "figures", "first", "report", "timing"])
def test_a_part_is_not_called_like_a_folder_of_rejeu_s(name: str) -> None:
    message = refusal(small(**{name: PROGRAM}))
    assert f"parts.{name}: is the name of a folder of Rejeu's; choose another" in message


@pytest.mark.parametrize("name", ["Fit", "my-fit", "a/b", "..", "1st", ""])
def test_a_part_s_name_can_be_a_folder_s(name: str) -> None:
    assert f"parts.{name}.[key]: String should match pattern" in refusal(small(**{name: PROGRAM}))


def test_a_tier_may_leave_a_part_out() -> None:
    raw = copy.deepcopy(CONFIG)
    del raw["tiers"]["smoke"]["parts"]["lora"]
    fewer = study(raw)
    assert fewer.experiments("lora", "smoke") == {}
    assert fewer.experiments("lora", "laptop") != {}
    assert list(looks.seeds(fewer, "smoke", {})) == ["sentiment"]


def test_a_tier_names_parts_that_are_there_and_leaves_their_kinds_to_them() -> None:
    raw = changed(put("tiers.all.parts", {"fitt": {"seeds": [1]}}))
    assert "tiers.all.parts: 'fitt' is not defined; did you mean 'fit'?" in refusal(raw)
    raw = changed(put("tiers.all.parts.fit.kind", "lora"))
    assert "tiers.all.parts.fit.kind: is said once, in parts.fit; remove it here" in refusal(raw)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("program", "expected one of 'classifier', 'lora', 'command' (found: 'program')"),
        (3, "expected one of 'classifier', 'lora', 'command' (found: 3)"),
        ([], "expected one of 'classifier', 'lora', 'command' (found: [])"),
    ],
)
def test_a_part_is_of_a_kind(kind: Any, expected: str) -> None:
    message = refusal(changed(put("parts.fit.kind", kind)))
    assert message.endswith(f":\n  parts.fit.kind: {expected}")  # and its tiers say nothing of it


def test_a_part_says_its_kind() -> None:
    raw = small()
    del raw["parts"]["fit"]["kind"]
    assert refusal(raw).endswith(":\n  parts.fit.kind: Field required")


@pytest.mark.parametrize("part", ["sentiment", "lora"])
def test_parts_beside_others_settings_are_told_their_place(part: str) -> None:
    raw = copy.deepcopy(CONFIG)
    raw[part] = raw["parts"].pop(part)
    said = f"{part}: a part stands below `parts:` and says its kind, as `parts: {{{part}: {{kind: "
    assert said in refusal(raw)


def test_texts_of_one_language_are_plain() -> None:
    plain = study(small())
    assert plain.in_each_language(plain.report.title) == {"en": "A line"}
    assert plain.in_each_language(plain.report.subtitle) == {}
    assert plain.titles("fit") == {"en": {"plain": "plain", "robust": "robust"}}


def test_a_plain_text_serves_every_language() -> None:
    raw = changed(put("languages", ["en", "de"]), put("parts.fit.title", {"en": "A", "de": "B"}))
    both = study(raw)
    assert both.in_each_language(both.report.title) == {"en": "A line", "de": "A line"}
    assert [words_in(both.parts["fit"].title, each) for each in both.languages] == ["A", "B"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("report.title", "report.title"),
        ("report.subtitle", "report.subtitle"),
        ("parts.fit.title", "parts.fit.title"),
        ("parts.fit.experiments.robust.title", "parts.fit.experiments.robust.title"),
    ],
)
def test_a_text_that_lacks_a_language_is_refused(path: str, key: str) -> None:
    raw = changed(put("languages", ["en", "de"]), put(path, {"en": "Here"}))
    assert refusal(raw).endswith(
        f"\n  {key}.de: missing, and `languages` has 'de'; expected words in it beside those in "
        "en, or one text for all languages"
    )


def test_a_program_s_settings_are_completed_one_by_one() -> None:
    raw = changed(
        put("parts.fit.common", {"settings": {"loss": "squares", "steps": 5}}),
        put("tiers.all.parts.fit.settings", {"rows": 10}),
    )
    fit = study(raw)
    known = fit.parts["fit"]
    assert isinstance(known, Command)
    settings = {name: experiment.settings for name, experiment in known.experiments.items()}
    assert settings == {
        "plain": {"loss": "squares", "steps": 5},
        "robust": {"loss": "huber", "steps": 5},
    }
    assert fit.tiers["all"].parts["fit"].model_dump()["settings"] == {"rows": 10}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("command", "", "parts.fit.command: String should have at least 1 character"),
        ("command", ["python"], "parts.fit.command: Input should be a valid string"),
        ("inputs", ["pointz"], "parts.fit.inputs: 'pointz' is not defined; did you mean 'points'?"),
        ("inputs", ["points"] * 2, "parts.fit.inputs: each value may stand once only, points"),
        ("files", ["../fit.py"], "parts.fit.files.0: expected a path within the study's folder"),
        ("files", ["/usr/fit.py"], "parts.fit.files.0: expected a path within the study's folder"),
        ("files", ["a/../../b"], "parts.fit.files.0: expected a path within the study's folder"),
        ("files", ["a//b"], "parts.fit.files.0: expected a path within the study's folder"),
        ("files", [""], "parts.fit.files.0: expected a path within the study's folder"),
        ("files", ["fit.py"] * 2, "parts.fit.files: each value may stand once only, fit.py"),
        ("metrics", {}, "parts.fit.metrics: Dictionary should have at least 1 item"),
        (
            "metrics",
            {"accuracy": "percent"},
            "parts.fit.metrics.accuracy: Input should be 'number', 'share', 'count' or 'text' "
            "(found: 'percent')",
        ),
        ("metrics", {"R2": "number"}, "parts.fit.metrics.R2.[key]: String should match pattern"),
        ("writes", ["../a"], "parts.fit.writes.0: String should match pattern"),
        ("writes", ["metrics.json"], "parts.fit.writes: metrics.json and run.json are always made"),
        ("writes", ["run.json"], "parts.fit.writes: metrics.json and run.json are always made"),
        ("threads", 0, "parts.fit.threads: Input should be greater than 0 (found: 0)"),
        ("experiments.robust.rank", 4, "experiments.robust: unknown key 'rank'; known: title, arm"),
        ("experiments.robust.settings", {"a": {}}, "parts.fit.experiments.robust.settings.a"),
        ("common", {"setings": {}}, "parts.fit: common: unknown key 'setings'; did you mean 'set"),
        ("common", {"settings": 3}, "parts.fit.common.settings: expected keys with their values"),
        ("experiments.robust.start_from", "plane", "'plane' is not defined; did you mean 'plain'?"),
        ("experiments.robust.group", "b1", "robust.group: 'b1' is not defined; known: none"),
    ],
)
def test_a_program_s_faults_are_named(path: str, value: Any, expected: str) -> None:
    assert expected in refusal(changed(put(f"parts.fit.{path}", value)))


@pytest.mark.parametrize("key", ["encoder", "causal_lm", "input", "max_steps"])
def test_a_program_has_no_data_of_rejeu_s(key: str) -> None:
    raw = changed(put(f"tiers.all.parts.fit.{key}", "points"))
    assert f"tiers.all.parts.fit: unknown key '{key}'; known: seeds, kind, settings" in refusal(raw)


def test_classes_are_as_many_as_the_labels_say() -> None:
    raw = copy.deepcopy(CONFIG)
    put(LABELS, {"bad": 0, "good": 2, "fair": 1, "poor": 0})(raw)
    tiers = study(raw).tiers
    three, two = (tiers[name].parts["sentiment"] for name in ("smoke", "laptop"))
    assert isinstance(three, ClassifierData)
    assert isinstance(two, ClassifierData)
    assert three.classes == ["bad", "fair", "good"]
    assert two.classes == ["negative", "positive"]
    assert list(of_classifier(three.classes)["metrics"]["by_class"]) == three.classes


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"a": 0, "b": 2}, "labels: no label stands for class 1; expected two classes or more"),
        ({"a": 1, "b": 2}, "labels: no label stands for class 0; expected two classes or more"),
        ({"a": 0, "b": 0}, "labels: no label stands for class 1; expected two classes or more"),
        ({"a": 0, "b": 1, "c": 3}, "labels: no label stands for class 2; expected two classes"),
        ({}, "labels: no label stands for class 0; expected two classes or more"),
        ({"a": 0, "b": -1}, "labels.b: Input should be greater than or equal to 0 (found: -1)"),
        ({"a": 0, "b": "1"}, "labels.b: Input should be a valid integer (found: '1')"),
        (["a", "b"], "labels: expected keys with their values, as `key: value`"),
    ],
)
def test_classes_have_labels_without_a_gap(labels: Any, expected: str) -> None:
    raw = copy.deepcopy(CONFIG)
    put(LABELS, labels)(raw)
    assert f"\n  tiers.smoke.parts.sentiment.{expected}" in refusal(raw)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("timing.batch.part", "sentimnt", "timing.batch.part: 'sentimnt' is not defined; did you"),
        (
            "timing.batch.part",
            "fit",
            "timing.batch.part: 'fit' is of kind command; expected a classifier or a lora part",
        ),
        (
            "timing.rank.experiments",
            ["r4", "baseline"],
            "timing.rank.experiments: 'baseline' is not defined; known: r4",
        ),
        ("timing.rank.experiments", [], "timing.rank.experiments: List should have at least 1"),
        ("timing.rank.repeats", 3, "timing.rank: unknown key 'repeats'; known: part, group"),
        ("timing.Rank", CONFIG["timing"]["rank"], "timing.Rank.[key]: String should match"),
        (
            "parts.lora.undosed",
            "r88",
            "parts.lora.undosed: 'r88' is not defined; did you mean 'r8'?",
        ),
        (
            "parts.lora.undosed",
            None,
            "parts.lora.experiments.dose_1.dose: of which run's slots? Name it in "
            "parts.lora.undosed",
        ),
        (
            "parts.lora.undosed",
            "separated",
            "parts.lora.experiments.dose_1.joining: plain; expected separated, since a dose takes "
            "slots of 'separated' and changes nothing else",
        ),
        ("parts.lora.placebo", "placeboo", "parts.lora.placebo: 'placeboo' is not defined; did"),
        (
            "parts.lora.answering.experiments",
            ["r8", "separate"],
            "parts.lora.answering.experiments: 'separate' is not defined; did you mean 'separated'",
        ),
        ("parts.lora.answering.experiments", [], "answering.experiments: List should have at"),
        ("parts.lora.answering.rows", 3, "parts.lora.answering: unknown key 'rows'; known: group"),
        ("parts.lora.rows", {}, "parts.lora.placebo: 'placebo' is not defined; known: none"),
        ("parts.sentiment.rows", {}, "parts.sentiment: unknown key 'rows'; known: title, kind"),
        ("parts.poems.undosed", "r88", "parts.poems.undosed: 'r88' is not defined; did you mean"),
    ],
)
def test_names_of_each_part_are_its_own(path: str, value: Any, expected: str) -> None:
    raw = with_two_of_each()
    put(path, value)(raw)
    assert expected in refusal(raw)


def test_figures_have_their_experiment_s_name_or_their_part_s_too() -> None:
    known = study(small(fit=PROGRAM, draw=PROGRAM | {"experiments": {"plain": {}, "wavy": {}}}))
    assert known.figure_names() == {
        "fit_plain": ("fit", "plain"),
        "robust": ("fit", "robust"),
        "draw_plain": ("draw", "plain"),
        "wavy": ("draw", "wavy"),
    }


def test_no_two_figures_have_one_name() -> None:
    third = PROGRAM | {"experiments": {"fit_plain": {}}}
    message = refusal(small(fit=PROGRAM, draw=PROGRAM, other=third))
    assert (
        "parts.fit.experiments.plain: its figures would be called 'fit_plain', as those of "
        "parts.other.experiments.fit_plain; rename one of them"
    ) in message
