"""What a claims file may say, and what is refused before anything runs."""

import copy
import json
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.evaluation.fields import DERIVED
from rejeu.evaluation.quantities import DERIVED as COMPUTED
from rejeu.study import claims as claims_file
from rejeu.study import looks
from rejeu.study.configuration import load as load_study
from tests.study.sample import (
    CLAIMS,
    CONFIG,
    PROGRAM,
    ROOT,
    load_claims,
    put,
    small,
    study_of,
)

STUDY, EXTENDED = study_of(), study_of(extra=True)


def load(raw: Any, extra: bool = False) -> claims_file.Claims:
    return load_claims(raw, EXTENDED if extra else STUDY)


def judged(raw: Any, extra: bool = False) -> list[dict[str, Any]]:
    return load(raw, extra).judged(EXTENDED if extra else STUDY)


def refused(raw: Any, **known: Any) -> str:
    """The message with which claims are refused."""
    with pytest.raises(RejeuError) as caught:
        load_claims(raw, known.pop("study", STUDY), **known)
    message = str(caught.value)
    assert message.startswith("claims.yaml was refused, and nothing was run:\n  ")
    return message


def changed(**changes: Any) -> dict[str, Any]:
    """A claims file of one claim, changed."""
    return {"claims": [copy.deepcopy(CLAIMS["claims"][0]) | changes]}


ACCURACY = "sentiment.baseline.metrics.accuracy"


def comparison(**changes: Any) -> dict[str, Any]:
    return changed(corrected=[{"of": ACCURACY, "side": "above", "margin": 0.1} | changes])


def seen(name: str = "change", **changes: Any) -> dict[str, Any]:
    """The same claim, and something that the report says on its own account."""
    return changed() | {"seen": {name: {"of": ACCURACY, "margin": 0.1} | changes}}


def added(**changes: Any) -> dict[str, Any]:
    """The same claim, and what is said of experiments that a user adds."""
    given = {"of": "sentiment.{experiment}.metrics.accuracy", "against": ACCURACY, "margin": 0.1}
    return changed() | {"added": {"sentiment": {"accuracy": given | changes}}}


def test_the_assignment_s_claims() -> None:
    claims = load(CLAIMS).claims
    assert len(claims) >= 12
    sections = (ROOT / "report" / "en" / "report.qmd.j2").read_text(encoding="utf-8")
    for claim in claims:
        assert f'verdicts_at("{claim.section}")' in sections, claim.id
        assert claim.statement.keys() == {"fr", "en"}
        assert claim.statement["fr"] != claim.statement["en"]
        assert "paper" in (claim.tiers or ["paper"])


def test_what_is_absolute_waits_for_the_paper_tier() -> None:
    absolute = {claim.id for claim in load(CLAIMS).claims if claim.tiers == ["paper"]}
    assert absolute == {
        *("baseline_near_090", "baseline_final_loss"),
        "rank_losses_as_printed",
    }


def test_what_is_about_the_document_s_gpu_waits_for_one() -> None:
    """Every claim that compares times, and no other."""
    claims = load(CLAIMS).claims
    timed = {
        claim.id
        for claim in claims
        for compared in claim.corrected
        if compared.of.startswith("timing.") or "seconds" in compared.of
    }
    assert {claim.id for claim in claims if claim.device == "cuda"} == timed != set()


def test_comparisons_with_the_baseline_need_it_to_have_learned() -> None:
    """So that a baseline that failed makes no claim about anything else come true."""
    for claim in load(CLAIMS).claims:
        against = {compared.against or "" for compared in claim.corrected}
        if any(path.startswith("sentiment.baseline.metrics.accuracy") for path in against):
            assert claim.needs == "baseline_learns", claim.id


def test_arms_differ_in_the_fault_alone() -> None:
    """Both arms of a claim ask the same of the same quantities."""
    for claim in load(CLAIMS).claims:
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
    claim, said = judged(seen(needs="baseline_learns"))
    assert (claim["id"], claim["kind"]) == ("baseline_learns", "claim")
    assert (said["id"], said["kind"], said["needs"]) == ("change", "seen", "baseline_learns")
    assert said["tiers"] is said["device"] is said["section"] is None  # judged at every tier
    (compared,) = said["corrected"]
    assert (compared["side"], compared["test"], compared["margin"]) == ("within", "mean", 0.1)
    assert compared.keys() == claim["corrected"][0].keys()
    assert said.keys() == claim.keys()


def test_what_is_judged_is_plain() -> None:
    """Snakemake compares it, to see whether to judge again."""
    entries = judged(CLAIMS, extra=True)
    assert json.loads(json.dumps(entries)) == entries
    ids = [entry["id"] for entry in entries]
    assert len(set(ids)) == len(ids)
    assert "statement" not in entries[0]


def test_experiments_that_a_user_adds_are_judged_too() -> None:
    plain, found = (load(added(), extra).seen for extra in (False, True))
    assert plain == {}
    assert list(found) == ["long_training_accuracy"]
    said = found["long_training_accuracy"]
    assert (said.of, said.against) == ("sentiment.long_training.metrics.accuracy", ACCURACY)
    both = load(CLAIMS, extra=True).seen.keys() - load(CLAIMS).seen.keys()
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
            "nothing lies below the share before 'x'",
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
            "`by: share` needs counts, not a share",
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
        (
            changed(reference={"of": "lora.experiments"}),
            "expected a number there, found {'r4'",
        ),
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
        (
            changed() | {"added": {"sentimnt": {}}},
            "added: 'sentimnt' is not defined; did you mean 'sentiment'?",
        ),
        (
            changed() | {"added": {"lora": {"loss": {"margin": 0.1}}}},
            "added.lora.loss.of: Field required",
        ),
        (added(around="a"), "added.sentiment.accuracy.around"),
        (
            changed(statement={"fr": "Seul."}),
            "claim 'baseline_learns', statement.en: missing, and `languages` has 'en'; expected",
        ),
        (changed(statement=" "), "claims.0.statement: is blank; expected words"),
        ({"claims": [CLAIMS["claims"][0]] * 2}, "stands 2 times"),
        ({"claim": []}, "unknown key 'claim'; did you mean 'claims'?"),
        ([], "claims.yaml was refused"),
    ],
)
def test_what_is_refused(raw: Any, said: str) -> None:
    assert said in refused(raw)


def test_what_is_said_of_an_added_experiment_must_be_there() -> None:
    with pytest.raises(
        RejeuError, match=r"seen\.long_training_accuracy, .*did you mean 'accuracy'"
    ):
        load(added(of="sentiment.{experiment}.metrics.acuracy"), extra=True)


def test_what_is_said_of_an_added_experiment_hides_nothing() -> None:
    said = {"seen": {"long_training_accuracy": {"of": ACCURACY, "margin": 0.1}}}
    message = refused(added() | said, study=EXTENDED)
    assert "seen.long_training_accuracy: so is called what `added` says" in message


def test_nothing_is_said_of_experiments_that_templates_name_or_groups_have() -> None:
    """Of the report's own the templates speak; a group is shown by what compares it."""
    raw = copy.deepcopy(CONFIG)
    put("parts.sentiment.experiments.slow", {"epochs": 2, "group": "a1"})(raw)
    put("parts.sentiment.experiments.fast", {"learning_rate": 1e-3})(raw)
    assert list(load_claims(added(), load_study(raw, "config.yaml")).seen) == ["fast_accuracy"]


def test_tiers_section_and_finding_may_be_left_out() -> None:
    raw = changed()
    for key in ("tiers", "section"):
        del raw["claims"][0][key]
    (entry,) = judged(raw)
    assert entry["tiers"] is entry["section"] is entry["finding"] is None


SECTIONS = ["baseline", "high-learning-rate", "a2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"section": "baselin"},
            "claim 'baseline_learns', section: 'baselin' is not defined; did you mean 'baseline'?",
        ),
        (
            {"section": "a3"},
            "claim 'baseline_learns', section: 'a3' is not defined; known: baseline, high-learn",
        ),
        (
            {"section": "baseline", "finding": "b7"},
            "claim 'baseline_learns', finding: 'b7' is not defined; known: baseline, high-learn",
        ),
        ({"section": "Base line"}, "claims.0.section: String should match pattern"),
        ({"finding": "a-2"}, "claims.0.finding: String should match pattern"),
    ],
)
def test_a_verdict_has_a_place_in_the_templates(changes: dict[str, str], said: str) -> None:
    assert said in refused(changed(**changes), sections=SECTIONS)
    (claim,) = load_claims(changed(finding="a2"), STUDY, sections=SECTIONS).claims
    assert (claim.section, claim.finding) == ("baseline", "a2")


def test_what_is_compared_seed_by_seed_shares_seeds() -> None:
    raw = comparison(of="lora.r8.run.train_loss", against="sentiment.baseline.run.train_loss")
    del raw["claims"][0]["tiers"]
    load(raw)
    seeds = {tier: looks.seeds(STUDY, tier, {}) for tier in STUDY.tiers}
    apart = seeds | {"paper": seeds["paper"] | {"lora": {"r8": [1, 2]}}}
    assert (
        "claim 'baseline_learns': lora.r8.run.train_loss has the seeds [1, 2] in the paper tier "
        "and sentiment.baseline.run.train_loss [42, 43, 44]; expected some that both have"
    ) in refused(raw, seeds=apart)
    one_shared = seeds | {"paper": seeds["paper"] | {"lora": {"r8": [1, 44]}}}
    load_claims(raw, STUDY, seeds=one_shared)
    # Only tiers that judge the claim, and run what it compares, need such seeds.
    raw["claims"][0]["tiers"] = ["laptop"]
    load_claims(raw, STUDY, seeds=apart)
    raw["claims"][0]["tiers"] = None
    load_claims(raw, STUDY, seeds=seeds | {"paper": {"sentiment": seeds["paper"]["sentiment"]}})


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({}, "share"),
        ({"of": "sentiment.baseline.metrics.above_larger_class"}, "number"),
        ({"of": "sentiment.baseline.metrics.by_rule.argmax.f1"}, "share"),
        ({"of": "sentiment.baseline.metrics.confusion.fn"}, "count"),
        ({"of": "lora.r8.stops.share_stopped"}, "share"),
        ({"of": "lora.r8.heldout.loss"}, "number"),
        ({"of": "timing.rank.seconds_per_step.16"}, "number"),
        (
            {
                "of": "lora.r4.generation.trained.text",
                "against": "lora.r8.generation.trained.text",
                "by": "equal",
                "test": "most",
            },
            "text",
        ),
    ],
)
def test_a_comparison_has_its_quantity_s_unit(changes: dict[str, str], unit: str) -> None:
    (entry,) = judged(comparison(**changes))
    assert entry["corrected"][0]["unit"] == unit


def test_classes_are_those_of_the_tiers_that_judge() -> None:
    raw = copy.deepcopy(CONFIG)
    put("tiers.paper.parts.sentiment.labels", {"bad": 0, "fair": 1, "good": 2})(raw)
    study = load_study(raw, "config.yaml")
    of = "sentiment.baseline.metrics.by_class.fair.f1"
    three = comparison(of=of)
    three["claims"][0]["tiers"] = ["paper"]
    (entry,) = load_claims(three, study).judged(study)
    assert entry["corrected"][0]["unit"] == "share"
    unheard_of = comparison(of=of.replace("fair", "fare"))
    unheard_of["claims"][0]["tiers"] = ["paper"]
    said = "metrics.by_class.fare.f1: 'fare' is not defined; did you mean 'fair'?"
    assert said in refused(unheard_of, study=study)
    # The other tiers tell two classes apart, and three have no confusion of two.
    assert "'by_class' is not defined; did you mean 'larger_class'?" in refused(
        comparison(of=of), study=study
    )
    assert "'confusion' is not defined" in refused(
        comparison(of="sentiment.baseline.metrics.confusion.fn"), study=study
    )


def test_a_tier_that_leaves_a_part_out_may_still_be_asked() -> None:
    raw = copy.deepcopy(CONFIG)
    del raw["tiers"]["smoke"]["parts"]["sentiment"]
    study = load_study(raw, "config.yaml")
    (claim,) = load_claims(comparison(), study).claims
    assert claim.corrected[0].of == ACCURACY
    asked = comparison(of=ACCURACY.replace("accuracy", "acuracy"))
    asked["claims"][0]["tiers"] = ["smoke"]
    assert "did you mean 'accuracy'?" in refused(asked, study=study)


def of_program(of: str, **changes: Any) -> dict[str, Any]:
    """Claims of the small study's program."""
    compared = {"of": of, "side": "above", "margin": 0.1} | changes
    return {"claims": [{"id": "fits", "statement": "It fits.", "corrected": [compared]}]}


SMALL = load_study(small(fit=PROGRAM | {"writes": ["log.jsonl"]}), "config.yaml")


@pytest.mark.parametrize(
    ("of", "unit"),
    [
        ("fit.plain.metrics.accuracy", "share"),
        ("fit.robust.metrics.slope", "number"),
        ("fit.robust.metrics.rows", "count"),
        ("fit.plain.run.wall_seconds", "number"),
        ("fit.plain.log.final_loss", "number"),
    ],
)
def test_what_a_program_measures_may_be_claimed(of: str, unit: str) -> None:
    claims = load_claims(of_program(of), SMALL, reference={})
    (entry,) = claims.judged(SMALL)
    assert entry["corrected"][0]["unit"] == unit
    assert claims.claims[0].statement == {"any": "It fits."}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            of_program("fit.plain.metrics.acuracy"),
            "claim 'fits', fit.plain.metrics.acuracy: 'acuracy' is not defined; did you mean 'acc",
        ),
        (of_program("fit.plane.metrics.accuracy"), "'plane' is not defined; did you mean 'plain'?"),
        (of_program("fit.plain.metrics.word"), "fit.plain.metrics.word: a text; compare it with"),
        (
            of_program("fit.plain.metrics.word", against="fit.robust.metrics.word"),
            "fit.plain.metrics.word: a text; compare it with `by: equal`",
        ),
        (of_program("fit.plain.run.train_loss"), "'train_loss' is not defined; known: wall_sec"),
        (of_program("fit.plain.heldout.loss"), "'heldout' is not defined; known: metrics, run, "),
        (
            of_program("fit.plain.metrics.slope", against="fit.robust.metrics.slope", by="share"),
            "fit.plain.metrics.slope: `by: share` needs counts, not a number",
        ),
        # This study times nothing.
        (
            of_program("timing.rank.seconds_per_step.4"),
            "timing.rank.seconds_per_step.4: 'timing' is not defined; known: fit",
        ),
    ],
)
def test_a_program_s_claims_name_what_it_measures(raw: Any, said: str) -> None:
    assert said in refused(raw, study=SMALL, reference={})


def test_a_program_without_a_log_has_no_losses() -> None:
    study = load_study(small(), "config.yaml")
    message = refused(of_program("fit.plain.log.final_loss"), study=study, reference={})
    assert "fit.plain.log.final_loss: 'log' is not defined; known: metrics, run" in message


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ("timing.batches.seconds_per_row.16", "'batches' is not defined; did you mean 'batch'?"),
        ("timing.batch.seconds_per_step.16", "is not defined; did you mean 'seconds_per_row'?"),
        ("timing.rank.seconds_per_row.16", "is not defined; did you mean 'seconds_per_step'?"),
        ("timing.rank.seconds_per_step.32", "'32' is not defined; known: 4, 8, 16"),
        ("timing.rank.seconds_per_step", "expected one of its values: 4, 8, 16"),
    ],
)
def test_timings_are_named_as_the_study_names_them(of: str, said: str) -> None:
    assert f"claim 'baseline_learns', {of}: " in refused(comparison(of=of))
    assert said in refused(comparison(of=of))


def test_what_templates_may_name() -> None:
    raw = seen() | {
        "claims": [*comparison()["claims"], changed(id="open", corrected=[])["claims"][0]]
    }
    assert load(raw).named() == {
        "claims": {"baseline_learns": ["corrected"], "open": []},
        "compared": {"baseline_learns": ["corrected"]},
        "seen": {"change": []},
    }


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ("sentiment.experiments.baseline.final_loss", "'final_loss' is not defined; known: steps"),
        ("sentiment.larger_class", "'larger_class' is not defined; known: model"),
        ("lora.experiments.r4.share_stopped", "'share_stopped' is not defined; known: "),
    ],
)
def test_the_original_s_values_are_computed_of_what_it_printed(of: str, said: str) -> None:
    message = refused(changed(reference={"of": of}))
    assert f"claim 'baseline_learns', reference {of}: " in message
    assert said in message
    assert DERIVED.keys() == COMPUTED.keys()


def test_without_a_reference_no_claim_refers_to_it() -> None:
    message = refused(changed(), reference={})
    assert "reference sentiment.experiments.baseline.above_larger_class: 'sentiment' is" in message


@pytest.mark.parametrize(
    ("of", "said"),
    [
        # Only r8 and separated answer held-out messages, and only some runs train on a row more.
        ("lora.r4.stops.share_stopped", "'stops' is not defined; known: run, log, heldout"),
        ("lora.r8.run.added_row.times_drawn", "'added_row' is not defined; known: "),
        ("lora.related.run.added_row.drawn", "'drawn' is not defined; did you mean 'times_drawn'?"),
    ],
)
def test_runs_hold_what_their_own_settings_make(of: str, said: str) -> None:
    assert f"claim 'baseline_learns', {of}: {said}" in refused(comparison(of=of))


def test_nothing_goes_beyond_a_placebo_that_is_not_there() -> None:
    raw = copy.deepcopy(CONFIG)
    put("parts.lora.placebo", None)(raw)
    of = "lora.r8.replies.related.beyond_placebo"
    load(comparison(of=of))
    message = refused(comparison(of=of), study=load_study(raw, "config.yaml"))
    assert f"{of}: 'beyond_placebo' is not defined; known: tokens, base, trained" in message
