"""Cards of models and data as the Hugging Face hub reads them: README.md, its facts as YAML first.

A card stands beside each checkpoint that an experiment leaves, and one in each folder of split
data. All that a card says was computed; it has a half for each of the report's languages.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData, EvalResult, ModelCard, ModelCardData
from markupsafe import Markup

from rejeu.evaluation.fields import quantities, run_of
from rejeu.evaluation.statistics import Estimate
from rejeu.report.context import with_listings
from rejeu.report.evidence import Evidence, titled
from rejeu.report.numbers import Numbers
from rejeu.report.results import METRICS, ClassifierResult, LoraResult, Result
from rejeu.report.traced import plain
from rejeu.report.verdicts import Told
from rejeu.report.write import write

TEMPLATES = Path(__file__).parent
CARD = "README.md"
# By a part's kind: where its checkpoints lie in a run's folder, and what the hub calls such models.
CHECKPOINTS = {"classifier": "model", "lora": "adapter"}
TASKS = {"classifier": "text-classification", "lora": "text-generation"}
LIBRARIES = {"classifier": "transformers", "lora": "peft"}
# Licences that the hub knows by these names; of others it takes the text.
LICENCES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "lgpl-3.0", "agpl-3.0"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "mpl-2.0"),
}

# A card is read as it stands, too: what is literal inside a line anyway loses its backslash.
SEEN = re.compile(
    r"(?P<code>^(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)$)|(?<=\w)\\(?=[.,;:)/-]|_\w)", re.M | re.S
)

Words = Mapping[str, Mapping[str, str]]  # by language


def licence(text: str) -> dict[str, Any]:
    """A licence as the hub's metadata name it."""
    name = text.lower()
    return {"license": name} if name in LICENCES else {"license": "other", "license_name": text}


def hub_names(inputs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The repositories of those inputs that came from the hub."""
    return [each["source"]["repository"] for each in inputs if each["source"]["kind"] == "hub"]


def measured(result: Result, place: int) -> dict[str, Estimate]:
    """What one run came to, by the measure; accuracy has the interval of its test rows."""
    if isinstance(result, LoraResult):
        values = {
            "train_loss": result.train_losses[place],
            "heldout_loss": result.heldout_losses[place],
        }
        return {name: Estimate(value, None, None, 1) for name, value in values.items()}
    assert isinstance(result, ClassifierResult)  # noqa: S101  of the two kinds that leave weights
    found = result.metrics[place]
    known = {name: Estimate(found[name], None, None, 1) for name in METRICS if name in found}
    low, high = found["ci95"]
    return known | {"accuracy": replace(known["accuracy"], low=low, high=high)}


def bears_on(entry: Mapping[str, Any], run: str) -> bool:
    """Whether a claim compares a quantity of the experiment `part.name`."""
    return any(
        run_of(path) == run for compared in entry["arms"].values() for path in quantities(compared)
    )


def model_cards(
    study: Mapping[str, Any],
    origins: Mapping[str, Mapping[str, str]],
    words: Words,
    evidence: Evidence,
    statistics: Mapping[str, Mapping[int, Mapping[str, Any]]],
    inputs: Mapping[str, Mapping[str, Any]],
    claims: list[dict[str, Any]],
) -> dict[str, str]:
    """The card of each checkpoint, by its path in the tier's folder.

    Args:
        study: what `study_settings.report_settings` gives.
        origins: by part, the inputs that are its `data`, `model` and `tokenizer`.
        words: the engine's and the study's.
        statistics: by data folder and seed, stats.json.
        inputs: by name, source.json with the licence.
        claims: the entries of claims.json.
    """
    by_language = {language: titled(evidence, study, language).results for language in words}
    told = {
        language: Told(
            Numbers(language),
            study["statements"],
            {
                f"{part}.{name}": result.title
                for part, experiments in results.items()
                for name, result in experiments.items()
            },
            {},
            study["late_margins"],
        )
        for language, results in by_language.items()
    }
    cards = {}
    for part, experiments in evidence.results.items():
        settings = study["parts"][part]
        if settings["kind"] not in CHECKPOINTS:
            continue
        for name, result in experiments.items():
            judged = [entry for entry in claims if bears_on(entry, f"{part}.{name}")]
            for place, seed in enumerate(result.seeds):
                bodies = [
                    half(
                        "model_card.md.j2",
                        language,
                        words[language],
                        study,
                        settings,
                        result=results[part][name],
                        arguments=replace(results[part][name], runs=[result.runs[place]]).arguments,
                        run=result.runs[place],
                        measures=measured(result, place),
                        seed=seed,
                        arm=settings["experiments"][name]["arm"],
                        counted=statistics[settings["data"]][seed],
                        origin=origins[part],
                        provenance=with_listings(
                            {"inputs": {each: inputs[each] for each in origins[part].values()}}
                        ),
                        claims=told[language].claims(judged),
                    )
                    for language, results in by_language.items()
                ]
                facts = model_facts(f"{name}-seed{seed}", settings, origins[part], inputs)
                facts.eval_results = evaluated(measured(result, place), settings, origins[part])
                path = f"{part}/{name}/seed{seed}/{CHECKPOINTS[settings['kind']]}/{CARD}"
                cards[path] = str(ModelCard(f"---\n{facts.to_yaml()}\n---\n\n" + "\n".join(bodies)))
    return cards


def model_facts(
    name: str,
    part: Mapping[str, Any],
    origin: Mapping[str, str],
    inputs: Mapping[str, Mapping[str, Any]],
) -> ModelCardData:
    """What the hub wants to know of a model; a repository is named only where it was the source."""
    return ModelCardData(
        model_name=name,
        base_model=hub_names([inputs[origin["model"]]]) or None,
        datasets=hub_names([inputs[origin["data"]]]) or None,
        library_name=LIBRARIES[part["kind"]],
        pipeline_tag=TASKS[part["kind"]],
        tags=["rejeu", part["kind"]],
        **licence(inputs[origin["model"]]["licence"]),
    )


def evaluated(
    measures: Mapping[str, Estimate], part: Mapping[str, Any], origin: Mapping[str, str]
) -> list[EvalResult]:
    """The run's measures as the hub shows them; those that are undefined are left out."""
    return [
        EvalResult(
            task_type=TASKS[part["kind"]],
            dataset_type=origin["data"],
            dataset_name=origin["data"],
            dataset_split="train" if name == "train_loss" else "test",
            metric_type=name,
            metric_value=plain(value.mean),
        )
        for name, value in measures.items()
        if value.mean is not None
    ]


def data_cards(
    study: Mapping[str, Any],
    origins: Mapping[str, Mapping[str, str]],
    words: Words,
    statistics: Mapping[str, Mapping[int, Mapping[str, Any]]],
    inputs: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    """The card of each folder of split data, by its path in the tier's folder.

    Its YAML names the files of each seed's split, so that `datasets.load_dataset(FOLDER, "seed42")`
    loads them. Arguments are those of `model_cards`.
    """
    cards = {}
    for part, settings in study["parts"].items():
        if settings["data"] not in statistics:
            continue
        source = inputs[origins[part]["data"]]
        splits = statistics[settings["data"]]
        bodies = [
            half(
                "data_card.md.j2",
                language,
                words[language],
                study,
                settings,
                splits=splits,
                licence=source["licence"],
                provenance=with_listings({"inputs": {origins[part]["data"]: source}}),
                claims={},
            )
            for language in words
        ]
        facts = DatasetCardData(
            pretty_name=f"{settings['data']} ({study['tier']})",
            source_datasets=hub_names([source]) or None,
            task_categories=[TASKS[settings["kind"]]],
            tags=["rejeu"],
            configs=[
                {
                    "config_name": f"seed{seed}",
                    "data_files": [
                        {"split": side, "path": f"seed{seed}/{side}.parquet"}
                        for side in ("train", "test")
                    ],
                }
                for seed in splits
            ],
            **licence(source["licence"]),
        )
        text = f"---\n{facts.to_yaml()}\n---\n\n" + "\n".join(bodies)
        cards[f"data/{settings['data']}/{CARD}"] = str(DatasetCard(text))
    return cards


def half(
    template: str,
    language: str,
    words: Mapping[str, str],
    study: Mapping[str, Any],
    part: Mapping[str, Any],
    **names: Any,
) -> str:
    """A card's text in one language, on a part of a study."""
    text = write(
        TEMPLATES / template,
        {
            "n": Numbers(language),
            # The study's own text, which may hold Markdown as its templates do.
            "words": {name: Markup(text) for name, text in words.items()},  # noqa: S704
            "language": language,
            "tier": study["tier"],
            "study": study["report"]["title"][language],
            "part": {**part, "title": part["title"][language]},
            "tested": lambda split: split.get("test") or split["heldout"],
            **names,
        },
    )
    return SEEN.sub(lambda found: found["code"] or "", text)
