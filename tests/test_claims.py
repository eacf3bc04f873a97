"""What a claims file may say, and what is refused before anything runs."""

import copy
from pathlib import Path
from typing import Any

import pytest

from rejeu import claims as claims_file
from rejeu.errors import RejeuError
from rejeu.reading import read_yaml
from tests.report.results_folder import ROOT, study_of

REFERENCE = read_yaml(ROOT / "report" / "reference.yaml")
RAW = read_yaml(ROOT / "report" / "claims.yaml")


def load(raw: Any) -> list[claims_file.Claim]:
    return claims_file.load(raw, "claims.yaml", study_of(), REFERENCE)


def changed(**changes: Any) -> dict[str, Any]:
    """A claims file of one claim, changed."""
    return {"claims": [copy.deepcopy(RAW["claims"][0]) | changes]}


def comparison(**changes: Any) -> dict[str, Any]:
    given = {"of": "sentiment.baseline.metrics.accuracy", "side": "above", "margin": 0.1}
    return changed(corrected=[given | changes])


def test_the_assignment_s_claims() -> None:
    claims = load(RAW)
    assert len(claims) >= 12
    sections = (Path(ROOT) / "report" / "en" / "report.qmd.j2").read_text(encoding="utf-8")
    for claim in claims:
        assert f'verdicts_at("{claim.section}")' in sections, claim.id
        assert claim.statement.fr != claim.statement.en
        # Two of these are the smallest claim on the document's own scale.
        assert "paper" in claim.tiers


def test_what_is_absolute_waits_for_the_paper_tier() -> None:
    absolute = {claim.id for claim in load(RAW) if claim.tiers == ["paper"]}
    assert absolute == {"baseline_near_090", "baseline_final_loss"}


def test_a_comparison_is_around_no_effect() -> None:
    against = "sentiment.baseline.metrics.f1"
    for by, around in (("difference", 0.0), ("ratio", 1.0), ("equal", 1.0)):
        (claim,) = load(comparison(against=against, by=by))
        assert claim.corrected[0].around == around
    (claim,) = load(comparison(around=0.9))
    assert claim.corrected[0].around == 0.9


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
                test="exact",
            ),
            "`by: share` needs counts, not a number",
        ),
        (comparison(margin=-1.0), "corrected.0.margin"),
        (comparison(side="over"), "corrected.0.side"),
        (comparison(test="exact"), "go together"),
        (comparison(test="exact", by="share"), "needs `against`"),
        (comparison(sides="above"), "unknown key 'sides'; did you mean 'side'?"),
        (changed(tiers=["laptops"]), "did you mean 'laptop'"),
        (changed(reference={"of": "sentiment.experiment.baseline"}), "did you mean 'experiments'"),
        (
            changed(reference={"of": "lora.experiments.r4.seconds.x"}),
            "reference lora.experiments.r4.seconds.x: 'x' is not defined",
        ),
        (changed(reference={"of": "lora.experiments"}), "expected a number there, found {'r4'"),
        (changed(corrected=[]), "corrected"),
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
