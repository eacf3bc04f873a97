"""Cards of models and data: valid for the hub, and with the results' own numbers."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard, ModelCard

from rejeu.graph.paths import RESULTS
from rejeu.job.whole_files import read_json
from rejeu.report.evidence import Evidence
from rejeu.sharing.cards import data_cards, licence, model_cards
from tests.report.results_folder import LANGUAGES, read_all, words_of, write_results

ORIGINS = {
    "sentiment": {"data": "movie_reviews", "model": "minilm_l3", "tokenizer": "minilm_l6"},
    "lora": {"data": "chitchat", "model": "smollm2_135m", "tokenizer": "smollm2_135m"},
}
Cards = tuple[dict[str, str], Evidence, dict[str, Any]]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    """The cards of three runs of each experiment, their evidence, and their claims by id."""
    folder = tmp_path_factory.mktemp("cards")
    study = write_results(folder, seed=7)
    evidence = read_all(folder, study)
    results = folder / "results" / "smoke"
    splits = {path.parents[1].name: read_json(path) for path in results.glob("data/*/*/stats.json")}
    seeds = {part: next(iter(found.values())).seeds for part, found in evidence.results.items()}
    statistics: dict[str, Any] = {
        study["parts"][part]["data"]: dict.fromkeys(drawn, splits[study["parts"][part]["data"]])
        for part, drawn in seeds.items()
    }
    inputs = {
        path.parent.name: {"licence": study["licences"][path.parent.name], **read_json(path)}
        for path in (folder / "inputs").glob("*/source.json")
    }
    claims = read_json(results / "claims.json")
    words = {language: words_of(language) for language in LANGUAGES}
    made = model_cards(study, ORIGINS, words, evidence, statistics, inputs, claims)
    made |= data_cards(study, ORIGINS, words, statistics, inputs)
    return (
        made,
        evidence,
        {entry["id"]: entry | study["statements"][entry["id"]] for entry in claims},
    )


def test_there_is_one_beside_each_checkpoint_and_in_each_folder_of_data(cards: Cards) -> None:
    made, evidence, _ = cards
    folders = {"sentiment": "model", "lora": "adapter"}
    expected = {
        f"{part}/{name}/seed{seed}/{folders[part]}/README.md"
        for part, experiments in evidence.results.items()
        for name, result in experiments.items()
        for seed in result.seeds
    }
    assert made.keys() == expected | {"data/sentiment/README.md", "data/chat/README.md"}
    assert set(RESULTS) == {*folders, "classifier", "command"} - {"sentiment"}


def test_metadata_are_the_hubs_and_hold_the_runs_own_numbers(cards: Cards, tmp_path: Path) -> None:
    """Without the hub: its library reads them strictly, and writes the same again."""
    made, evidence, _ = cards
    for name, text in made.items():
        (tmp_path / "README.md").write_text(text, encoding="utf-8")
        kind = DatasetCard if name.startswith("data/") else ModelCard
        card: Any = kind.load(tmp_path / "README.md")
        assert str(card) == text
        assert card.data.license in ("apache-2.0", "mit", "other")
        assert (card.data.license == "other") == bool(card.data.get("license_name"))
    result = evidence.results["sentiment"]["baseline"]
    for place, seed in enumerate(result.seeds):
        card: Any = ModelCard(made[f"sentiment/baseline/seed{seed}/model/README.md"])
        values = {each.metric_type: each.metric_value for each in card.data.eval_results or []}
        assert values["accuracy"] == result.metrics[place]["accuracy"]
        assert card.data.pipeline_tag == "text-classification"
    r8 = evidence.results["lora"]["r8"]
    card: Any = ModelCard(made[f"lora/r8/seed{r8.seeds[1]}/adapter/README.md"])
    values = {each.metric_type: each.metric_value for each in card.data.eval_results or []}
    assert values == {"train_loss": r8.train_losses[1], "heldout_loss": r8.heldout_losses[1]}
    assert card.data.library_name == "peft"
    data: Any = DatasetCard(made["data/chat/README.md"]).data
    assert [each["config_name"] for each in data.configs] == [f"seed{seed}" for seed in r8.seeds]


def test_a_card_says_settings_intervals_claims_and_limits_in_each_language(cards: Cards) -> None:
    made, evidence, claims = cards
    result = evidence.results["sentiment"]["low_weight_decay_chained"]
    text = made[f"sentiment/low_weight_decay_chained/seed{result.seeds[0]}/model/README.md"]
    french, english = text.split("\n# Small decay, chained")
    accuracy = result.estimates["accuracy"]
    assert f"{accuracy.mean:.3f} \\[{accuracy.low:.3f}, {accuracy.high:.3f}\\]" in english
    assert f"{accuracy.low:.3f}".replace(".", ",") in french
    assert f"seed={result.seeds[0]}" in english
    # The faulty arm of this claim, and of no claim about the other part.
    assert claims["low_decay_hurts"]["en"].rstrip(".") in english
    assert claims["low_decay_hurts"]["fr"].rstrip(".") in french
    assert claims["rank_lowers_loss"]["en"].rstrip(".") not in english
    assert "repeats a fault of the original" in english
    assert "répète à dessein une faute de l’original" in french
    corrected = made[f"sentiment/baseline/seed{result.seeds[0]}/model/README.md"]
    assert "repeats a fault" not in corrected
    assert "\\." not in corrected.replace("\\.\\.", "")


def test_a_licence_that_the_hub_doesnt_know_is_named() -> None:
    assert licence("Apache-2.0") == {"license": "apache-2.0"}
    assert licence("for research") == {"license": "other", "license_name": "for research"}
