"""What a claims file may say, and what is refused before anything runs."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.study import claims as claims_file
from rejeu.study.strict_reading import read_yaml
from tests.report.results_folder import ROOT, study_of

REFERENCE = read_yaml(ROOT / "report" / "reference.yaml")
RAW = read_yaml(ROOT / "report" / "claims.yaml")


def load(raw: Any, extra: bool = False) -> claims_file.Claims:
    return claims_file.load(raw, "claims.yaml", study_of(extra), REFERENCE)


def changed(**changes: Any) -> dict[str, Any]:
    """A claims file of one claim, changed."""
    return {"claims": [copy.deepcopy(RAW["claims"][0]) | changes]}


ACCURACY = "sentiment.baseline.metrics.accuracy"


def comparison(**changes: Any) -> dict[str, Any]:
    return changed(corrected=[{"of": ACCURACY, "side": "above", "margin": 0.1} | changes])


def seen(name: str = "change", **changes: Any) -> dict[str, Any]:
    """The same claim, and something that the report says on its own account."""
    return changed() | {"seen": {name: {"of": ACCURACY, "margin": 0.1} | changes}}


def added(**changes: Any) -> dict[str, Any]:
    """The same claim, and what is said of experiments that a user adds."""
    given = {"of": "sentiment.{experiment}.metrics.accuracy", "against": ACCURACY, "margin": 0.1}
    return changed() | {"added": {"sentiment": {"accuracy": given | changes}, "lora": {}}}


def test_the_assignment_s_claims() -> None:
    claims = load(RAW).claims
    assert len(claims) >= 12
    sections = (Path(ROOT) / "report" / "en" / "report.qmd.j2").read_text(encoding="utf-8")
    for claim in claims:
        assert f'verdicts_at("{claim.section}")' in sections, claim.id
        assert claim.statement.fr != claim.statement.en
        # Two of these are the smallest claim on the document's own scale.
        assert "paper" in claim.tiers


def test_what_is_absolute_waits_for_the_paper_tier() -> None:
    absolute = {claim.id for claim in load(RAW).claims if claim.tiers == ["paper"]}
    assert absolute == {
        *("baseline_near_090", "baseline_final_loss"),
        *("rank_losses_as_printed", "rank_times_as_printed"),
    }


def test_what_is_about_the_document_s_gpu_waits_for_one() -> None:
    """Every claim that compares times, and no other."""
    claims = load(RAW).claims
    timed = {
        claim.id
        for claim in claims
        for compared in claim.corrected
        if compared.of.startswith("timing.") or "seconds" in compared.of
    }
    assert {claim.id for claim in claims if claim.device == "cuda"} == timed != set()


def test_comparisons_with_the_baseline_need_it_to_have_learned() -> None:
    """So that a baseline that failed makes no claim about anything else come true."""
    for claim in load(RAW).claims:
        against = {compared.against or "" for compared in claim.corrected}
        if any(path.startswith("sentiment.baseline.metrics.accuracy") for path in against):
            assert claim.needs == "baseline_learns", claim.id


def test_arms_differ_in_the_fault_alone() -> None:
    """Both arms of a claim ask the same of the same quantities."""
    for claim in load(RAW).claims:
        asked = [
            [compared.model_dump(exclude={"of", "against"}) for compared in arm]
            for arm in (claim.corrected, claim.notebook)
        ]
        assert not claim.notebook or asked[0] == asked[1], claim.id


def test_a_comparison_is_around_no_effect() -> None:
    against = "sentiment.baseline.metrics.f1"
    for by, around in (("difference", 0.0), ("ratio", 1.0)):
        (claim,) = load(comparison(against=against, by=by)).claims
        assert claim.corrected[0].around == around
    (claim,) = load(comparison(against=against, by="equal", test="most")).claims
    assert claim.corrected[0].around == 1.0
    counts = "sentiment.baseline.metrics.confusion"
    (claim,) = load(comparison(of=f"{counts}.fn", against=f"{counts}.fp", by="share")).claims
    assert claim.corrected[0].around == 0.5
    (claim,) = load(comparison(around=0.9)).claims
    assert claim.corrected[0].around == 0.9


def test_a_claim_may_have_no_comparison() -> None:
    (claim,) = load(changed(corrected=[])).claims
    assert (claim.corrected, claim.notebook) == ([], [])


def test_what_the_report_says_itself_is_judged_after_the_claims() -> None:
    claim, said = load(seen(needs="baseline_learns")).judged()
    assert (claim["id"], claim["kind"]) == ("baseline_learns", "claim")
    assert (said["id"], said["kind"], said["needs"]) == ("change", "seen", "baseline_learns")
    assert said["tiers"] is said["device"] is said["section"] is None  # judged at every tier
    (compared,) = said["corrected"]
    assert (compared["side"], compared["test"], compared["margin"]) == ("within", "mean", 0.1)
    assert compared.keys() == claim["corrected"][0].keys()
    assert said.keys() == claim.keys()


def test_what_is_judged_is_plain() -> None:
    """Snakemake compares it, to see whether to judge again."""
    judged = load(RAW, extra=True).judged()
    assert json.loads(json.dumps(judged)) == judged
    ids = [entry["id"] for entry in judged]
    assert len(set(ids)) == len(ids)
    assert "statement" not in judged[0]


def test_experiments_that_a_user_adds_are_judged_too() -> None:
    plain, found = (load(added(), extra).seen for extra in (False, True))
    assert plain == {}
    assert list(found) == ["long_training_accuracy"]
    said = found["long_training_accuracy"]
    assert (said.of, said.against) == ("sentiment.long_training.metrics.accuracy", ACCURACY)
    both = load(RAW, extra=True).seen.keys() - load(RAW).seen.keys()
    assert both == {
        *("long_training_learns", "long_training_accuracy"),
        *("r32_heldout", "slow_lora_heldout"),
    }


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (comparison(of="sentiment.base_line.metrics.accuracy"), "did you mean 'baseline'"),
        (comparison(of="sentiments.baseline.metrics.accuracy"), "did you mean 'sentiment'"),
        (comparison(of="sentiment.baseline.metric.accuracy"), "did you mean 'metrics'"),
        (comparison(of="timing.ranks.seconds_per_step.4"), "did you mean 'rank'"),
        (comparison(of="baseline"), "corrected.0.of"),
        (comparison(of="sentiment.baseline.metrics.acuracy"), "did you mean 'accuracy'"),
        (comparison(of="sentiment.baseline.metrics.by_rule.argmx.f1"), "did you mean 'argmax'"),
        (
            comparison(of="sentiment.baseline.metrics.confusion"),
            "expected one of its values: tn, fp",
        ),
        (
            comparison(of="sentiment.baseline.metrics.f1.x"),
            "nothing lies below the number before 'x'",
        ),
        (comparison(of="sentiment.baseline.heldout.loss"), "known: metrics, run, log"),
        (comparison(of="lora.r8.metrics.accuracy"), "'metrics' is not defined"),
        (comparison(of="lora.r8.replies.relatd.trained"), "did you mean 'related'"),
        (comparison(of="lora.r8.generation.trained.text"), "a text; compare it with `by: equal`"),
        (comparison(of="timing.batch.seconds_per_row.64"), "known: 16, 32"),
        (
            comparison(
                of="sentiment.baseline.metrics.f1",
                against="sentiment.baseline.metrics.recall",
                by="share",
            ),
            "`by: share` needs counts, not a number",
        ),
        (comparison(margin=-1.0), "corrected.0.margin"),
        (comparison(side="over"), "corrected.0.side"),
        (comparison(test="exact"), "corrected.0.test: Input should be 'mean' or 'most'"),
        (comparison(by="share"), "`by: share` needs `against`"),
        (
            comparison(against="sentiment.baseline.metrics.f1", by="equal"),
            "`by: equal` needs `test: most`: seeds are counted, not averaged",
        ),
        (comparison(sides="above"), "unknown key 'sides'; did you mean 'side'?"),
        (changed(tiers=["laptops"]), "did you mean 'laptop'"),
        (changed(reference={"of": "sentiment.experiment.baseline"}), "did you mean 'experiments'"),
        (
            changed(reference={"of": "lora.experiments.r4.seconds.x"}),
            "reference lora.experiments.r4.seconds.x: 'x' is not defined",
        ),
        (changed(reference={"of": "lora.experiments"}), "expected a number there, found {'r4'"),
        (
            changed(corrected=[], notebook=[{"of": ACCURACY, "side": "above", "margin": 0.1}]),
            "claim 'baseline_learns': a notebook arm needs a corrected one beside it",
        ),
        (
            changed(notebook=[{"of": "sentiment.bseline.run.steps", "side": "above", "margin": 0}]),
            "did you mean 'baseline'",
        ),
        (changed(device="gpu"), "device: Input should be 'cpu' or 'cuda'"),
        (changed(needs="baseline_lerns"), "needs: 'baseline_lerns' is not defined; did you mean"),
        (
            changed(needs="baseline_learns"),
            "claim 'baseline_learns' needs itself: baseline_learns -> baseline_learns",
        ),
        (seen(needs="baseline_lerns"), "seen.change, needs: 'baseline_lerns' is not defined"),
        (seen(of="sentiment.baseline.metrics.acuracy"), "seen.change, sentiment.baseline.metrics"),
        (seen("baseline_learns"), "seen.baseline_learns: a claim has this id; choose another"),
        (seen("Change"), "seen.Change.[key]: String should match pattern"),
        (seen(side="over"), "seen.change.side: Input should be 'above', 'below', 'within'"),
        (changed() | {"added": {"sentiment": {}}}, "added.lora: Field required"),
        (added(around="a"), "added.sentiment.accuracy.around"),
        (changed(statement={"fr": "Seul."}), "statement.en"),
        ({"claims": [RAW["claims"][0]] * 2}, "stands 2 times"),
        ({"claim": []}, "unknown key 'claim'; did you mean 'claims'?"),
        ([], "claims.yaml was refused"),
    ],
)
def test_what_is_refused(raw: Any, said: str) -> None:
    with pytest.raises(RejeuError) as caught:
        load(raw)
    assert said in str(caught.value)
    assert "claims.yaml was refused, and nothing was run" in str(caught.value)


def test_what_is_said_of_an_added_experiment_must_be_there() -> None:
    with pytest.raises(
        RejeuError, match=r"seen\.long_training_accuracy, .*did you mean 'accuracy'"
    ):
        load(added(of="sentiment.{experiment}.metrics.acuracy"), extra=True)


def test_what_is_said_of_an_added_experiment_hides_nothing() -> None:
    said = {"seen": {"long_training_accuracy": {"of": ACCURACY, "margin": 0.1}}}
    with pytest.raises(RejeuError) as caught:
        claims_file.load(added() | said, "claims.yaml", study_of(extra=True), REFERENCE)
    assert "seen.long_training_accuracy: so is called what `added` says" in str(caught.value)
