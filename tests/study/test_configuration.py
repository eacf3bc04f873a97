import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.study.configuration import PathSource, Study, load
from rejeu.study.parts import ClassifierExperiment, LoraExperiment
from tests.study.sample import CONFIG, NAMED, put, refusal

PARTS = CONFIG["parts"]
SLOTS = (
    CONFIG["tiers"]["laptop"]["parts"]["lora"]["max_steps"]
    * PARTS["lora"]["common"]["accumulation"]
)


def refused(change: Callable[[dict[str, Any]], Any]) -> str:
    """Load config.yaml after `change`; return the message with which it was refused."""
    raw = copy.deepcopy(CONFIG)
    change(raw)
    return refusal(raw)


def classifier(study: Study, name: str) -> ClassifierExperiment:
    experiment = study.parts["sentiment"].experiments[name]
    assert isinstance(experiment, ClassifierExperiment)
    return experiment


def lora(study: Study, name: str) -> LoraExperiment:
    experiment = study.parts["lora"].experiments[name]
    assert isinstance(experiment, LoraExperiment)
    return experiment


def test_the_repository_s_config_loads() -> None:
    study = load(copy.deepcopy(CONFIG), "config.yaml")
    for part, names in NAMED.items():
        assert set(names) <= study.parts[part].experiments.keys()
    baseline, high = (classifier(study, name) for name in ("baseline", "high_learning_rate"))
    assert (baseline.learning_rate, baseline.batch_size) == (2e-5, 16)
    assert (high.learning_rate, high.batch_size) == (2e-3, 32)
    assert high.weight_decay == baseline.weight_decay
    assert [lora(study, name).rank for name in NAMED["lora"]] == [4, 8, 16, 8, 8]


@pytest.mark.parametrize("raw", [[1], "a", None, 3], ids=str)
def test_a_file_without_keys(raw: Any) -> None:
    with pytest.raises(RejeuError, match="expected keys with their values, as `key: value`"):
        load(raw, "config.yaml")


def test_loading_leaves_the_raw_config_alone() -> None:
    raw = copy.deepcopy(CONFIG)
    load(raw, "config.yaml")
    assert raw == CONFIG


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("renderrer", "renderer"),
        ("parts.sentiment.common.learning_rat", "learning_rate"),
        ("parts.sentiment.experiments.baseline.weight_decai", "weight_decay"),
        ("parts.lora.experiments.r8.rnk", "rank"),
        ("tiers.laptop.parts.lora.max_step", "max_steps"),
        ("models.minilm_l6.tokeniser", "tokenizer"),
    ],
)
def test_a_misspelt_key_gets_its_place_and_a_near_match(path: str, near: str) -> None:
    message = refused(put(path, 1))
    *parents, key = path.split(".")
    assert f"unknown key '{key}'; did you mean '{near}'?" in message
    assert ".".join(parents).replace(".common", ": common") in message


def test_a_key_like_no_other_gets_the_known_ones() -> None:
    message = refused(put("report.zzz", 1))
    assert "unknown key 'zzz'; known: title, subtitle, date, repository" in message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "parts.sentiment.common.batch_size",
            "many",
            "batch_size: Input should be a valid integer",
        ),
        ("parts.sentiment.common.batch_size", 1.5, "batch_size: Input should be a valid integer"),
        (
            "parts.sentiment.experiments.baseline.learning_rate",
            -1e-5,
            "greater than 0 (found: -1e-05)",
        ),
        (
            "parts.lora.common.learning_rate",
            float("nan"),
            "learning_rate: Input should be a finite number",
        ),
        (
            "parts.lora.common.learning_rate",
            float("inf"),
            "learning_rate: Input should be a finite number",
        ),
        ("parts.lora.common.learning_rate", 0, "greater than 0 (found: 0)"),
        ("parts.sentiment.common.weight_decay", -0.1, "greater than or equal to 0 (found: -0.1)"),
        (
            "parts.lora.experiments.r4.rank",
            0,
            "parts.lora.experiments.r4.rank: Input should be greater than 0",
        ),
        ("parts.lora.common.dropout", 1.0, "dropout: Input should be less than 1"),
        (
            "parts.sentiment.common.precision",
            "fp8",
            "precision: Input should be 'auto', 'fp32', 'bf16'",
        ),
        (
            "parts.sentiment.common",
            {},
            "parts.sentiment.experiments.baseline.learning_rate: Field required",
        ),
        (
            "parts.sentiment.common",
            3,
            "\n  parts.sentiment: common: expected settings by their names, found 3",
        ),
        (
            "parts.lora.experiments",
            {"": True},
            "parts.lora.experiments.: expected keys with their values, as `key: value` "
            "(found: True)",
        ),
        (
            "parts.sentiment.experiments",
            [1],
            "parts.sentiment.experiments: expected keys with their values",
        ),
        (
            "parts.lora.common.rank",
            -1,
            "\n  parts.lora.common.rank: Input should be greater than 0 (found: -1)",
        ),
        (
            "parts.sentiment.experiments.baseline",
            3,
            "parts.sentiment.experiments.baseline: expected keys",
        ),
        (
            "tiers.laptop.parts.sentiment.seeds",
            [42, 43, 42],
            "each value may stand once only, 42 stands",
        ),
        ("tiers.laptop.parts.lora.words", [60, 5], "the fewest, then the most; found [60, 5]"),
        ("tiers.laptop.parts.sentiment.seeds", [], "seeds: List should have at least 1 item"),
        ("tiers.laptop.parts.sentiment.seeds", [2**32], "less than 4294967296 (found: 4294967296)"),
        (
            "tiers.laptop.parts.sentiment.max_length",
            4,
            "max_length: Input should be greater than or equal",
        ),
        (
            "report.title",
            {"fr": "Titre"},
            "report.title.en: missing, and `languages` has 'en'; expected words in it beside those "
            "in fr, or one text for all languages",
        ),
        ("report.title", "", "\n  report.title: is blank; expected words that a reader sees"),
        ("report.title", 3, "report.title: expected words, or words by their language (found: 3)"),
        ("report.subtitle", {"en": "Below"}, "report.subtitle.fr: missing, and `languages` has"),
        ("parts.lora.title", {"en": "Low rank"}, "parts.lora.title.fr: missing"),
        (
            "parts.lora.experiments.r4.title",
            {"en": "Rank 4"},
            "parts.lora.experiments.r4.title.fr: missing",
        ),
        (
            "parts.sentiment.experiments.baseline.title.english",
            "Baseline",
            "parts.sentiment.experiments.baseline.title.english.[key]: String should match pattern",
        ),
        ("languages", [], "languages: List should have at least 1 item"),
        ("languages", ["en", "en"], "languages: each value may stand once only, en stands twice"),
        ("languages", ["english"], "languages.0: String should match pattern"),
        ("languages", ["fr", "en", "de"], "report.title.de: missing, and `languages` has 'de'"),
        ("report.title.en", "", "report.title.en: is blank; expected words that a reader sees"),
        ("report.title.fr", " \n", "report.title.fr: is blank"),
        (
            "parts.sentiment.experiments.baseline.title",
            {"fr": "A", "en": "\t"},
            "title.en: is blank",
        ),
        ("tiers.laptop.parts.lora.seeds", list(range(3000)), "at most 100 items"),
        ("tiers.smoke.groups", ["a1", "a8", "a1"], "each value may stand once only, a1 stands"),
        (
            "tiers.laptop.looks",
            [12, 9],
            "expected each look to have more seeds than the one before",
        ),
        ("tiers.laptop.looks", [9, 9], "each value may stand once only, 9 stands twice"),
        ("tiers.laptop.looks", [101], "looks.0: Input should be less than or equal to 100"),
        ("parts.lora.experiments.dose_4.seeds", 0, "dose_4.seeds: Input should be greater than 0"),
        (
            "parts.sentiment.experiments.baseline.seeds",
            2,
            "high_learning_rate_chained.seeds: 3; expected at most 2, as many as 'baseline' has, "
            "from which it starts",
        ),
        (
            "parts.sentiment.experiments.low_weight_decay_chained.seeds",
            None,
            "low_weight_decay_chained.seeds: all; expected at most 3, as many as "
            "'high_learning_rate_chained' has",
        ),
        (
            "tiers.smoke.parts.sentiment.labels",
            {"yes": 2},
            "tiers.smoke.parts.sentiment.labels: no label stands for class 0; expected "
            "two classes or more, numbered 0, 1, 2 and so on without a gap (found: {'yes': 2})",
        ),
        ("tiers.smoke.parts.sentiment.where", {"a": [1]}, "where.a"),
        (
            "parts.lora.experiments.r8.start_from",
            "r4_scale_1",
            "r8.start_from: 'r4_scale_1' is not run by the smoke tier; list its "
            "group in tiers.smoke.groups",
        ),
        (
            "parts.lora.experiments.dose_64.dose",
            401,
            f"dose: 401; expected at most {SLOTS}, the rows that a run of the laptop tier draws",
        ),
        ("inputs.chitchat.files", {"source.json": "0" * 64}, "'source.json' is Rejeu's own name"),
        ("tiers", "laptop", "tiers: expected keys with their values, as `key: value` (found: 'l"),
        ("report.date", "tomorrow", "report.date: Input should be a valid date"),
        ("renderer", "latex", "renderer: Input should be 'auto', 'quarto' or 'embedded'"),
    ],
)
def test_a_wrong_value_gets_its_key_and_what_was_expected(
    path: str, value: Any, expected: str
) -> None:
    assert expected in refused(put(path, value))


def test_a_fault_of_common_is_told_once() -> None:
    message = refused(put("parts.lora.common.batch_size", -3))
    assert message.count("\n") == 1
    # An experiment's own value is its own fault.
    own = refused(put("parts.lora.experiments.r4.rank", -3))
    assert own.endswith(
        "\n  parts.lora.experiments.r4.rank: Input should be greater than 0 (found: -3)"
    )


def test_a_long_value_is_cut() -> None:
    assert len(refused(put("renderer", "x" * 10_000_000))) < 300


def own_input(folder: str, file: str = "a.csv") -> Callable[[dict[str, Any]], Any]:
    source = {"kind": "path", "folder": folder}
    return put("inputs.mine", {"licence": "mine", "files": {file: None}, "sources": [source]})


def test_one_s_own_folder_may_have_any_name_and_files_have_spaces_and_accents() -> None:
    raw = copy.deepcopy(CONFIG)
    own_input("../données d’été", "été (1), l'avant-dernier.csv")(raw)
    (source,) = load(raw, "config.yaml").inputs["mine"].sources
    assert isinstance(source, PathSource)
    assert source.folder == "../données d’été"
    for folder in ("", "a\0b"):
        assert "inputs.mine.sources.0.path.folder: String should" in refused(own_input(folder))


@pytest.mark.parametrize("name", ["my/run", "..", "Run", "a b", "", "4r", "x" * 42])
@pytest.mark.parametrize("part", ["sentiment", "lora"])
def test_a_name_that_can_be_no_file_s_is_refused(part: str, name: str) -> None:
    message = refused(put(f"parts.{part}.experiments", PARTS[part]["experiments"] | {name: {}}))
    assert f"parts.{part}.experiments.{name}.[key]: String should match pattern" in message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("tier", "laptp", "tier: 'laptp' is not defined; did you mean 'laptop'?"),
        ("tier", "zzz", "tier: 'zzz' is not defined; known: smoke, laptop, paper"),
        (
            "tiers.smoke.parts.sentiment.encoder",
            "minilm_l9",
            "'minilm_l9' is not defined; did you mean 'minilm_l",
        ),
        (
            "tiers.smoke.parts.sentiment.input",
            "imbd",
            "'imbd' is not defined; did you mean 'imdb'?",
        ),
        (
            "tiers.smoke.parts.lora.causal_lm",
            "gpt",
            "tiers.smoke.parts.lora.causal_lm: 'gpt' is not defined",
        ),
        (
            "tiers.smoke.parts.lora.input",
            "chat",
            "tiers.smoke.parts.lora.input: 'chat' is not defined",
        ),
        ("models.minilm_l3.input", "minilm", "models.minilm_l3.input: 'minilm' is not defined"),
        ("models.minilm_l3.tokenizer", "mini", "models.minilm_l3.tokenizer: 'mini' is not defined"),
        (
            "parts.lora.experiments.related.add_row",
            "relatd",
            "parts.lora.experiments.related.add_row: 'relatd' is not defined; did you mean "
            "'related'?",
        ),
        (
            "tiers.smoke.parts.sentiment.encoder",
            "smollm2_135m",
            "tiers.smoke.parts.sentiment.encoder: 'smollm2_135m' is of kind causal, expected "
            "encoder",
        ),
        (
            "tiers.smoke.parts.lora.causal_lm",
            "minilm_l6",
            "tiers.smoke.parts.lora.causal_lm: 'minilm_l6' is of kind encoder, expected causal",
        ),
    ],
)
def test_a_name_must_be_defined(path: str, value: str, expected: str) -> None:
    assert expected in refused(put(path, value))


def test_pypi_needs_sha256() -> None:
    message = refused(put("inputs.chitchat.files", {"dataset.json": None}))
    assert "inputs.chitchat: a pypi source needs the sha256 of 'dataset.json'" in message


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a//b", "a/../b", "a/b", "a\\b", "..", ".hidden", "", "a\n", "a\0"],
)
def test_a_file_of_an_input_stays_in_its_folder(name: str) -> None:
    assert "inputs.chitchat.files" in refused(put("inputs.chitchat.files", {name: "0" * 64}))


SOURCES = {
    "pypi": {"package": "p", "version": "1.0", "folder": "a/b"},
    "hub": {"repository": "o/r", "revision": "a" * 40, "folder": "a/b"},
}


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("pypi", "package", "--index-url=x"),
        ("pypi", "package", "p @ file:///etc"),
        ("pypi", "package", "p; sys_platform"),
        ("pypi", "version", "1.0 --pre"),
        ("pypi", "version", "*"),
        ("pypi", "folder", "../x"),
        ("pypi", "folder", "/etc"),
        ("pypi", "folder", "a/../../x"),
        ("hub", "repository", "../r"),
        ("hub", "repository", "o/r/x"),
        ("hub", "folder", "a/.."),
    ],
)
def test_a_source_names_a_place_and_nothing_else(kind: str, key: str, value: str) -> None:
    source = {"kind": kind, **SOURCES[kind]}
    load(with_source(source), "config.yaml")
    message = refused(put("inputs.chitchat.sources", [source | {key: value}]))
    assert f"inputs.chitchat.sources.0.{kind}.{key}: String should match pattern" in message
    assert value in message


def with_source(source: dict[str, str]) -> dict[str, Any]:
    raw = copy.deepcopy(CONFIG)
    raw["inputs"]["chitchat"]["sources"] = [source]
    return raw


@pytest.mark.parametrize(
    "name", ["a/b", "../a", "A", "a b", "é", "a-b", "", "a\n", "1a", "a" * 42, "a.b", "{x}"]
)
@pytest.mark.parametrize("part", ["sentiment", "lora"])
def test_an_experiment_s_name_can_be_a_folder_s(part: str, name: str) -> None:
    message = refused(put(f"parts.{part}.experiments", PARTS[part]["experiments"] | {name: {}}))
    assert "String should match pattern" in message


@pytest.mark.parametrize(
    "address",
    ["javascript:f()", "file:///etc/hosts", "https://a.b/`x`", "https://a.b/> <b>", "a.b"],
)
def test_the_repository_is_an_address(address: str) -> None:
    assert "report.repository: String should match" in refused(put("report.repository", address))


def test_files_named_by_the_config_can_be_fetched() -> None:
    """What the configuration allows, fetching allows too: a plain name."""
    for name, given in load(copy.deepcopy(CONFIG), "config.yaml").inputs.items():
        assert not [file for file in given.files if Path(file).name != file], name


def test_a_hub_revision_is_a_commit() -> None:
    raw = copy.deepcopy(CONFIG["inputs"]["imdb"]["sources"])
    raw[0]["revision"] = "main"
    assert "revision: String should match pattern" in refused(put("inputs.imdb.sources", raw))


def test_every_fault_is_named_at_once() -> None:
    def change(raw: dict[str, Any]) -> None:
        put("renderer", "latex")(raw)
        put("parts.lora.experiments.r4.rank", 0)(raw)

    message = refused(change)
    assert "  renderer: " in message
    assert "  parts.lora.experiments.r4.rank: " in message


def test_a_title_defaults_to_the_experiment_s_name() -> None:
    raw = copy.deepcopy(CONFIG)
    raw["parts"]["sentiment"]["experiments"]["long_run"] = {"epochs": 3}
    raw["parts"]["lora"]["experiments"]["r32"] = None
    study = load(raw, "config.yaml")
    long_run = classifier(study, "long_run")
    titles = study.titles("sentiment")
    assert (titles["fr"]["long_run"], titles["en"]["long_run"]) == ("long_run", "long_run")
    assert (long_run.epochs, long_run.learning_rate) == (3, 2e-5)
    assert study.titles("lora")["en"]["r32"] == "r32"
    assert lora(study, "r32").rank == PARTS["lora"]["common"]["rank"]


def start(part: str, **chains: str) -> Callable[[dict[str, Any]], Any]:
    """Let experiments start from others."""

    def change(raw: dict[str, Any]) -> None:
        for name, before in chains.items():
            experiments = raw["parts"][part]["experiments"]
            experiments[name] = {**(experiments.get(name) or {}), "start_from": before}

    return change


def test_experiments_may_start_from_others() -> None:
    raw = copy.deepcopy(CONFIG)
    start("sentiment", second="baseline", third="second")(raw)
    start("lora", r16="r8")(raw)
    study = load(raw, "config.yaml")
    starts = {
        name: settings.start_from
        for part in study.parts.values()
        for name, settings in part.experiments.items()
        if settings.start_from and settings.group is None
    }
    assert starts == {"second": "baseline", "third": "second", "r16": "r8"}


def test_a_start_that_is_not_there() -> None:
    message = refused(start("sentiment", second="base_line"))
    assert (
        "parts.sentiment.experiments.second.start_from: 'base_line' is not defined; "
        "did you mean 'baseline'?"
    ) in message
    # Each part has its own experiments.
    assert "'baseline' is not defined" in refused(start("lora", r8="baseline"))


def test_each_look_has_more_seeds_than_the_tier() -> None:
    laptop = CONFIG["tiers"]["laptop"]
    own = max(len(part["seeds"]) for part in laptop["parts"].values())
    message = refused(put("tiers.laptop.looks", [own, own + 3]))
    said = f"tiers.laptop.looks: {own}; expected more seeds than the {own} that the tier has"
    assert said in message
    raw = copy.deepcopy(CONFIG)
    put("tiers.laptop.looks", [own + 1, own + 3])(raw)
    assert load(raw, "config.yaml").tiers["laptop"].looks == [own + 1, own + 3]
    del raw["tiers"]["laptop"]["looks"]
    assert load(raw, "config.yaml").tiers["laptop"].looks == []


def test_a_tier_runs_the_arms_of_its_groups() -> None:
    raw = copy.deepcopy(CONFIG)
    raw["tiers"]["laptop"]["groups"] = ["a10"]
    study = load(raw, "config.yaml")
    ran = study.experiments("sentiment", "laptop").values()
    assert {settings.group for settings in ran} == {None, "a10"}
    assert list(study.experiments("lora", "laptop")) == NAMED["lora"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "tiers.smoke.groups",
            ["a12"],
            "tiers.smoke.groups: 'a12' is not defined; did you mean 'a1",
        ),
        ("groups", ["a1", "a1"], "groups: each value may stand once only, a1 stands twice"),
        ("groups", ["A1"], "groups.0: String should match pattern"),
        (
            "parts.lora.answering.group",
            "a88",
            "parts.lora.answering.group: 'a88' is not defined; did you mean 'a8'?",
        ),
        ("timing.batch.group", "a33", "timing.batch.group: 'a33' is not defined; did you mean"),
        ("parts.sentiment.common.arm", "right", "'right'"),
        (
            "parts.sentiment.experiments.large_batch.group",
            "a99",
            "large_batch.group: 'a99' is not defined; known: a1, a10",
        ),
        ("parts.lora.experiments.r4.dose", 4, "4 of which row? Name it in add_row"),
        ("parts.lora.experiments.dose_4.dose", 0, "greater than 0"),
        ("parts.lora.experiments.related.add_row", "placebo", "which no run may train on"),
        ("parts.lora.placebo", "plcebo", "did you mean 'placebo'"),
        ("parts.lora.common.joining", "glued", "'glued'"),
    ],
)
def test_arms_that_make_no_sense(path: str, value: Any, said: str) -> None:
    assert said in refused(put(path, value))


@pytest.mark.parametrize(
    ("chains", "circle"),
    [
        ({"r8": "r8"}, "r8 -> r8"),
        ({"r4": "r8", "r8": "r4"}, "r4 -> r8 -> r4"),
        ({"r4": "r8", "r8": "r16", "r16": "r4"}, "r4 -> r8 -> r16 -> r4"),
        ({"r4": "r8", "r8": "r16", "r16": "r8"}, "r8 -> r16 -> r8"),  # r4 only leads there
    ],
)
def test_a_circle_of_starts(chains: dict[str, str], circle: str) -> None:
    message = refused(start("lora", **chains))
    assert f".start_from: {circle} is a circle" in message
