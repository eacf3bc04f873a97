import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rejeu.errors import RejeuError
from rejeu.graph.graph import OWN, Graph
from rejeu.graph.load import added_sections, load_graph, refuse_unknown_experiments
from rejeu.graph.paths import further_files, one_of, results_of
from rejeu.graph.report_files import ReportFiles
from rejeu.graph.settings import Settings
from rejeu.study import looks
from rejeu.study.comparisons import Comparisons
from rejeu.study.configuration import Study, load
from tests.study.sample import PROGRAM, ROOT, small, study_of


def graph_of(study: Study) -> Graph:
    """A study without claims and templates, whose looks added no seed."""
    seeds = {tier: looks.seeds(study, tier, {}) for tier in study.tiers}
    named = {part: [] for part in study.parts}
    return Graph(study, seeds, Comparisons(), None, named, {}, ROOT, ROOT)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(study_of())


def run(part: str, experiment: str, tier: str = "paper", seed: int = 42) -> SimpleNamespace:
    return SimpleNamespace(tier=tier, part=part, experiment=experiment, seed=seed)


def test_runs_are_of_each_experiment_and_seed_that_the_tier_has() -> None:
    graph = graph_of(load(small(), "config.yaml"))
    assert graph.runs("all", "fit", ["robust", "elsewhere"], ["a", "b"]) == [
        f"results/all/fit/robust/seed{seed}/{file}" for seed in (1, 2) for file in "ab"
    ]
    assert len(graph.runs("all", "fit", None, ["a"])) == 4
    assert graph.runs("all", "no_part", None, ["a"]) == []
    assert graph.run_records("all")[0] == Path("results/all/fit/plain/seed1/run.json")
    assert graph.results("all", {"fit": ["plain"]}) == [
        f"results/all/fit/plain/seed{seed}/{file}.json"
        for seed in (1, 2)
        for file in ("run", "metrics")
    ]


def test_a_program_s_log_is_a_result_and_its_other_files_are_for_other_tools() -> None:
    part = SimpleNamespace(kind="command", writes=["log.jsonl", "scores.csv"])
    assert results_of(part) == ["run.json", "metrics.json", "log.jsonl"]
    assert further_files(part) == ["scores.csv"]
    assert "model/config.json" in further_files(SimpleNamespace(kind="classifier"))


def test_rows_are_tokenised_as_the_experiment_joins_them(graph: Graph) -> None:
    data = "results/paper/data"
    rows = graph.rows("train")
    assert rows(run("sentiment", "baseline")) == f"{data}/sentiment/seed42/train.arrow"
    assert rows(run("lora", "r8")) == f"{data}/chat/seed42/train.plain.arrow"
    assert graph.data_of("test.parquet")(run("lora", "r8")) == f"{data}/chat/seed42/test.parquet"


def test_a_run_starts_from_another_or_from_the_pretrained_model(graph: Graph) -> None:
    chained = run("sentiment", "high_learning_rate_chained")
    start = graph.classifier_start(chained)
    assert start[0] == "results/paper/sentiment/baseline/seed42/model/config.json"
    model = graph.model_of("paper", "sentiment")
    start = graph.classifier_start(run("sentiment", "baseline"))
    assert start[0] == f".cache/rejeu/models/{model}/config.json"
    assert graph.started_from("log.jsonl")(run("sentiment", "baseline")) == []


def test_data_and_timings_belong_to_a_part(graph: Graph) -> None:
    data = SimpleNamespace(tier="smoke", data="chat", seed="43")
    assert graph.part_of(data) == "lora"
    undosed = graph.undosed(data)
    assert (undosed.experiment, undosed.seed) == (graph.study.parts["lora"].undosed, "43")  # pyright: ignore[reportAttributeAccessIssue]
    assert graph.dosed_parts() == ["lora"]
    for kind in ("classifier", "lora"):
        for name in graph.timings_of(kind):
            timed = graph.timed(SimpleNamespace(tier="paper", timing=name))
            assert graph.study.parts[timed.part].kind == kind
            assert graph.experiment(timed)
    assert graph.timings("smoke") == []


def test_the_report_s_own_runs_come_before_groups(graph: Graph) -> None:
    assert graph.priority(run("sentiment", "baseline")) == OWN
    grouped = [
        graph.priority(run(part, name))
        for part, settings in graph.study.parts.items()
        for name, each in settings.experiments.items()
        if each.group == graph.study.groups[1]
    ]
    assert set(grouped) == {OWN - 2}


def test_every_input_of_a_tier_is_a_source(graph: Graph) -> None:
    sources = graph.sources(SimpleNamespace(tier="paper"))
    assert len(sources) == len(set(sources))
    assert graph.raw_input(SimpleNamespace(tier="paper", data="chat")) in sources
    program = graph_of(load(small(), "config.yaml"))
    points = [".cache/rejeu/inputs/points/source.json"]
    assert program.sources(SimpleNamespace(tier="all")) == points


def test_a_constraint_of_no_name_matches_nothing() -> None:
    assert not re.match(one_of([]), "")
    assert one_of(["a", "b"]) == "a|b"


def test_settings_of_a_run_leave_out_what_it_is_for(graph: Graph) -> None:
    settings = Settings(graph)
    known = settings.of_run(run("lora", "related"))
    assert known["rank"]
    assert not known.keys() & {"title", "arm", "group", "seeds", "add_row"}
    added = settings.added_row(run("lora", "related"))
    assert added is not None
    assert added.keys() == {"input", "output"}
    assert settings.added_row(run("lora", "r8")) is None
    assert settings.of_tier("max_steps")(run("lora", "r8")).keys() == {"max_steps"}
    drawn = settings.sampling(SimpleNamespace(tier="paper", data="chat", seed="42"))
    assert (drawn["seed"], len(drawn)) == (42, 5)
    assert settings.placebos().keys() == {"lora"}


def test_a_program_s_settings_are_the_tier_s_completed_by_the_experiment_s() -> None:
    raw = small()
    raw["tiers"]["all"]["parts"]["fit"]["settings"] = {"loss": "square", "rows": 9}
    settings = Settings(graph_of(load(raw, "config.yaml")))
    assert settings.of_program(run("fit", "robust", "all")) == {"loss": "huber", "rows": 9}
    assert settings.of_program(run("fit", "plain", "all")) == {"loss": "square", "rows": 9}


def test_figures_of_the_engine_are_those_of_a_kind(graph: Graph) -> None:
    report_files = ReportFiles(graph)
    figures = report_files.engine_figures("sentiment")
    assert {"confusion_baseline", "loss_sentiment", "loss_of_baseline"} <= set(figures)
    assert not [name for name in report_files.engine_figures("lora") if "confusion" in name]
    program = ReportFiles(graph_of(load(small(), "config.yaml")))
    assert program.engine_figures("fit") == []


def test_an_experiment_that_templates_name_has_no_loss_figure_of_its_own(graph: Graph) -> None:
    named = replace(graph, named={"sentiment": ["baseline"], "lora": []})
    assert "loss_of_baseline" not in ReportFiles(named).engine_figures("sentiment")


def test_a_loss_is_drawn_beside_the_undosed_one_or_the_first(graph: Graph) -> None:
    report_files = ReportFiles(graph)
    drawn = SimpleNamespace(tier="smoke", drawn="related")
    experiments = [path.split("/")[3] for path in report_files.loss_drawn(drawn)]
    assert list(dict.fromkeys(experiments)) == ["r8", "related"]


def test_a_first_report_is_due_while_runs_of_groups_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = small()
    assert ReportFiles(graph_of(load(raw, "config.yaml"))).first_reports("all") == []
    raw["groups"] = raw["tiers"]["all"]["groups"] = ["more"]
    raw["parts"]["fit"]["experiments"]["robust"]["group"] = "more"
    graph = graph_of(load(raw, "config.yaml"))
    assert ReportFiles(graph).first_reports("all") == ["results/all/first/report.en.pdf"]
    for path in graph.run_records("all"):
        path.parent.mkdir(parents=True)
        path.touch()
    assert ReportFiles(graph).first_reports("all") == []


def test_all_of_a_tier_is_results_figures_and_reports() -> None:
    whole = ReportFiles(graph_of(load(small(), "config.yaml"))).whole("all")
    assert len(whole) == len(set(whole)) == 2 * 2 * 2 + 4
    assert whole[-4:] == [
        "results/all/provenance.json",
        *(f"results/all/report/{name}" for name in ("report.en.pdf", "report.en.html")),
        "results/all/report/tables.en.html",
    ]


def test_a_study_is_loaded_with_its_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    graph = load_graph({"tier": "smoke"}, ROOT, ROOT)
    assert graph.study.tier == "smoke"
    assert graph.seeds.keys() == graph.study.tiers.keys()
    assert graph.judged
    assert "baseline" in graph.named["sentiment"]
    report_files = ReportFiles(graph)
    assert "report/fr/report.qmd.j2" in report_files.templates
    assert report_files.words[:2] == ["rejeu/report/words/fr.yaml", "report/fr/words.yaml"]
    assert report_files.assets[-1] == "report/refs.bib"
    assert report_files.settings("smoke")["tier"] == "smoke"


def test_claims_may_stand_in_sections_of_added_experiments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    added = {"parts": {"lora": {"experiments": {"of_mine": {"rank": 2, "title": "Mine"}}}}}
    graph = load_graph(added, ROOT, ROOT)
    assert added_sections(graph.study, graph.named) == ["of-mine"]


def test_a_wrong_override_is_not_blamed_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(RejeuError, match="--config was refused"):
        load_graph({"tier": "none_such"}, ROOT, ROOT)


def test_braces_in_a_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RejeuError, match="takes braces in a path for its own"):
        load_graph({}, tmp_path / "{a}", ROOT)


def test_templates_name_experiments_that_exist() -> None:
    study = load(small(fit=PROGRAM), "config.yaml")
    refuse_unknown_experiments(study, {"fit": ["plain"]})
    with pytest.raises(RejeuError, match=r"parts.fit.experiments: .* experiment 'gone'"):
        refuse_unknown_experiments(study, {"fit": ["plain", "gone"]})


def test_planning_imports_nothing_but_what_snakemake_needs() -> None:
    code = (
        "import sys\n"
        "import rejeu.graph.before_jobs, rejeu.graph.before_planning, rejeu.graph.load\n"
        "import rejeu.graph.report_files, rejeu.graph.settings\n"
        "print(*{'numpy', 'scipy', 'pandas', 'pyarrow', 'torch', 'ruamel.yaml'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("folder", "engine", "named"),
    [("a:b", "engine", "a:b"), ("study", "c:d", "c:d"), ("{a}", "engine", "{a}")],
)
def test_a_path_that_jobs_could_not_be_given_is_refused(
    tmp_path: Path, folder: str, engine: str, named: str
) -> None:
    (tmp_path / folder / "report" / "findings").mkdir(parents=True)
    with pytest.raises(RejeuError, match=re.escape(f"{tmp_path / named}: ") + ".*; rename the"):
        load_graph({}, tmp_path / folder, tmp_path / engine)


def test_cards_are_made_again_for_their_templates(graph: Graph) -> None:
    files = ReportFiles(graph).card_templates
    assert files == [f"rejeu/sharing/{name}_card.md.j2" for name in ("data", "model")]
    assert "report_files.card_templates" in (ROOT / "rules/cards.smk").read_text(encoding="utf-8")


def test_rule_files_hold_rules_only() -> None:
    for path in (ROOT / "rules").glob("*.smk"):
        assert not re.findall(r"^\s*def ", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_rules_ask_for_what_there_is(graph: Graph) -> None:
    known = {
        "graph": graph,
        "settings": Settings(graph),
        "report_files": ReportFiles(graph),
    }
    asked = [
        each
        for path in (ROOT / "rules").glob("*.smk")
        for each in re.findall(
            r"(?<!\.)\b(graph|settings|report_files)\.(\w+)", path.read_text(encoding="utf-8")
        )
    ]
    assert len(asked) > 100
    for source, name in asked:
        assert hasattr(known[source], name), f"{source}.{name}"


def test_a_converted_tokenizer_is_compared_on_what_its_model_reads(graph: Graph) -> None:
    def texts(model: str) -> list[str]:
        return graph.texts_to_cut(SimpleNamespace(model=model))

    assert texts("open_llama_3b") == [".cache/rejeu/inputs/ift6758_comments/source.json"]
    # Those with a tokenizer.json, and a GGUF file's.
    assert texts("distilbert") == texts("minilm_l3") == texts("smollm2_135m") == []
