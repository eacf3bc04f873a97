# Figures for each language, the report's sources, their renderings, and report.pdf.
REPORT = "results/{tier}/report"
FIGURES = "results/{tier}/figures"
WORDS = [f"report/{language}/words.yaml" for language in LANGUAGES]
TEMPLATES = [f"report/{language}/report.qmd.j2" for language in LANGUAGES]
CHAPTERS = [f"report/{language}/hidden.qmd.j2" for language in LANGUAGES]
REPORT_SOURCES = [*TEMPLATES, *CHAPTERS, *WORDS, REFERENCE, "report/refs.bib"]
# Findings with a figure; the others have a table.
DRAWN = ["a1", "a2", "a3", "a4", "a5", "a7", "a8", "a10"]
ASSETS = [
    str(path)
    for path in sorted(Path("report").rglob("*"))
    if path.suffix in (".lua", ".typ", ".css", ".html", ".bib")
]


def own_section(part):
    """The experiments that a part's sections show: those that are not run for a finding."""
    return [
        name
        for name, settings in getattr(study, part).experiments.items()
        if settings.finding is None
    ]


SENTIMENT = own_section("sentiment")
LORA = own_section("lora")
EXTRA_LORA = [name for name in LORA if name not in NAMED]


def findings_drawn(wildcards):
    """The findings whose figures a tier shows; A2 is drawn from Part 1's own predictions."""
    return [name for name in DRAWN if name == "a2" or ran(wildcards, name)]


def own_figures():
    """The figures of the document's own experiments, and of those that a user adds."""
    return [
        *[f"confusion_{experiment}" for experiment in SENTIMENT],
        *["loss_sentiment", "rank"],
        *[f"lora_{experiment}" for experiment in EXTRA_LORA],
    ]


def images(name):
    """A figure's files: each language as SVG, which the report shows, and as PNG."""
    return [
        f"{FIGURES}/{name}.{language}.{suffix}"
        for language in LANGUAGES
        for suffix in ("svg", "png")
    ]


def titles(part, names):
    """For each language, the experiments' titles."""
    experiments = getattr(study, part).experiments
    return {
        language: {name: getattr(experiments[name].title, language) for name in names}
        for language in LANGUAGES
    }


def refuse_report(workflow):
    """Check that the report can be written and rendered, before jobs that take hours."""
    if all(job.rule.name != "render_report" for job in workflow.dag.needrun_jobs()):
        return
    cited = {
        f"models.{name}.citation": model.citation
        for name, model in study.models.items()
    } | {
        f"tiers.{name}.sentiment.citation": here.sentiment.citation
        for name, here in study.tiers.items()
        if here.sentiment.citation
    }
    try:
        precheck.check_sources(Path("report"), LANGUAGES, cited, claims.named())
        # Here, since with conda only the jobs may have them.
        from rejeu.report.render import choose_renderer

        choose_renderer(study.renderer)
        precheck.check_look(Path("report"))
    except ImportError:
        return
    except RejeuError as error:
        refuse(error)


rule draw_confusion:
    input:
        metrics=runs("sentiment", ["{experiment}"], "metrics.json"),
        reference=REFERENCE,
        words=WORDS,
    output:
        images("confusion_{experiment}"),
    log:
        "logs/{tier}/draw_confusion/{experiment}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=400,
        disk_mb=1,
    params:
        code=code("draw_confusion.py"),
    message:
        "Drawing the confusion matrix of {wildcards.experiment} ({wildcards.tier})"
    script:
        "../scripts/draw_confusion.py"


rule draw_loss_sentiment:
    input:
        logs=runs("sentiment", SENTIMENT, "log.jsonl"),
        words=WORDS,
    output:
        images("loss_sentiment"),
    log:
        "logs/{tier}/draw_loss_sentiment.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=400,
        disk_mb=1,
    params:
        code=code("draw_losses.py"),
        titles=titles("sentiment", SENTIMENT),
    message:
        "Drawing the losses of part 1 ({wildcards.tier})"
    script:
        "../scripts/draw_losses.py"


rule draw_loss_lora:
    input:
        logs=runs("lora", ["r8", "{experiment}"], "log.jsonl"),
        words=WORDS,
    output:
        images("lora_{experiment}"),
    log:
        "logs/{tier}/draw_loss_lora/{experiment}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=400,
        disk_mb=1,
    params:
        code=code("draw_losses.py"),
        titles=lambda wildcards: titles("lora", ["r8", wildcards.experiment]),
    message:
        "Drawing the loss of {wildcards.experiment} ({wildcards.tier})"
    script:
        "../scripts/draw_losses.py"


rule draw_finding:
    input:
        sentiment=lambda wildcards: runs(
            "sentiment",
            SENTIMENT_SHOWN.get(wildcards.finding, ()),
            *(*SENTIMENT_RESULTS, "predictions.parquet"),
        )(wildcards),
        lora=lambda wildcards: runs(
            "lora", LORA_SHOWN.get(wildcards.finding, ()), *LORA_RESULTS
        )(wildcards),
        answers=lambda wildcards: (
            answers(wildcards) if wildcards.finding == "a8" else []
        ),
        timings=lambda wildcards: (
            timings(wildcards) if wildcards.finding in ("a3", "a5") else []
        ),
        words=WORDS,
    output:
        images("hidden_{finding}"),
    log:
        "logs/{tier}/draw_finding/{finding}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=500,
        disk_mb=1,
    params:
        code=code("draw_finding.py"),
        study=lambda wildcards: {
            part: {
                "titles": titles(part, list(study.experiments(part, wildcards.tier))),
                "seeds": SEEDS[wildcards.tier][part],
            }
            for part in ("sentiment", "lora")
        },
    message:
        "Drawing finding {wildcards.finding} ({wildcards.tier})"
    script:
        "../scripts/draw_finding.py"


rule draw_rank:
    input:
        runs=runs("lora", LORA, "run.json"),
        logs=runs("lora", LORA, "log.jsonl"),
        heldout=runs("lora", LORA, "heldout.json"),
        generation=runs("lora", LORA, "generation.json"),
        reference=REFERENCE,
        words=WORDS,
    output:
        images("rank"),
    log:
        "logs/{tier}/draw_rank.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=400,
        disk_mb=1,
    params:
        code=code("draw_rank.py"),
        experiments=LORA,
        seeds=lambda wildcards: SEEDS[wildcards.tier]["lora"],
    message:
        "Drawing loss and time against r ({wildcards.tier})"
    script:
        "../scripts/draw_rank.py"


def sources(wildcards):
    """The records of every raw input that a tier's results come from."""
    here = tier(wildcards)
    models = [study.models[here.sentiment.encoder], study.models[here.lora.causal_lm]]
    names = [here.sentiment.input, here.lora.input]
    names += [
        name for model in models for name in (model.input, model.tokenizer) if name
    ]
    return [source(name) for name in dict.fromkeys(names)]


def report_study(wildcards):
    """The settings that the report prints and that no result file holds."""
    here = tier(wildcards)
    stated = [claim for claim in claims.judged() if claim["kind"] == "claim"]
    late_margins = margins.late(stated, margins.read(study, ROOT))
    return {
        "tier": wildcards.tier,
        "report": study.report.model_dump(mode="json"),
        "generation": study.lora.generation.model_dump(),
        "encoder": study.models[here.sentiment.encoder].name,
        "causal_lm": study.models[here.lora.causal_lm].name,
        "causal_lm_citation": study.models[here.lora.causal_lm].citation,
        "max_length": here.sentiment.max_length,
        "citation": here.sentiment.citation,
        "where": here.sentiment.where,
        "findings": here.findings,
        "experiments": {
            part: {
                name: {"arm": settings.arm, "finding": settings.finding}
                for name, settings in study.experiments(part, wildcards.tier).items()
            }
            for part in ("sentiment", "lora")
        },
        "statements": {
            claim.id: claim.statement.model_dump() for claim in claims.claims
        },
        **{
            part: {
                "titles": titles(part, list(study.experiments(part, wildcards.tier))),
                "seeds": SEEDS[wildcards.tier][part],
            }
            for part in ("sentiment", "lora")
        },
        "late_margins": late_margins,
        "waiting": False,
        "licences": {name: given.licence for name, given in study.inputs.items()},
    }


def first_splits(wildcards):
    """Statistics of the first seed's split: the others have the same sizes."""
    return [
        f"{folder}/stats.json".format(
            tier=wildcards.tier, seed=getattr(tier(wildcards), part).seeds[0]
        )
        for part, folder in (("sentiment", REVIEWS), ("lora", CHAT))
    ]


rule write_report:
    input:
        templates=TEMPLATES,
        chapters=CHAPTERS,
        reference=REFERENCE,
        claims=CLAIMS,
        observations=OBSERVATIONS,
        sentiment=runs("sentiment", None, *SENTIMENT_RESULTS),
        lora=runs("lora", None, *LORA_RESULTS),
        answers=answers,
        timings=timings,
        statistics=first_splits,
        sources=sources,
    output:
        sources=[f"{REPORT}/{language}/report.qmd" for language in LANGUAGES],
        provenance="results/{tier}/provenance.json",
    log:
        "logs/{tier}/write_report.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=500,
        disk_mb=1,
    params:
        code=code("write_report.py"),
        folder="results/{tier}",
        study=report_study,
    message:
        "Writing the report ({wildcards.tier})"
    script:
        "../scripts/write_report.py"


rule render_report:
    input:
        source=f"{REPORT}/{{language}}/report.qmd",
        figures=lambda wildcards: [
            f"{FIGURES}/{name}.{wildcards.language}.svg".format(tier=wildcards.tier)
            for name in (
                *own_figures(),
                *[f"hidden_{finding}" for finding in findings_drawn(wildcards)],
            )
        ],
        assets=ASSETS,
    output:
        # The earlier ones stay until the new ones are whole.
        pdf=update(f"{REPORT}/report.{{language}}.pdf"),
        html=update(f"{REPORT}/report.{{language}}.html"),
    log:
        "logs/{tier}/render_report/{language}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=500,
        disk_mb=5,
    params:
        code=code("render_report.py"),
        renderer=study.renderer,
        date=str(study.report.date),
    message:
        "Rendering the report ({wildcards.tier}, {wildcards.language})"
    script:
        "../scripts/render_report.py"


def whole(name):
    """All files of a tier that other tools read."""
    here = SimpleNamespace(tier=name)
    drawn = [
        *own_figures(),
        *[f"hidden_{finding}" for finding in findings_drawn(here)],
    ]
    return [
        *every_result(name),
        *[
            f"{folder}/{file}".format(tier=name, seed=seed)
            for part, folder in (("sentiment", REVIEWS), ("lora", CHAT))
            for seed in dict.fromkeys(
                seed for own in SEEDS[name][part].values() for seed in own
            )
            for file in ("train.parquet", "test.parquet", "stats.json")
        ],
        *timings(here),
        *[path.format(tier=name) for figure in drawn for path in images(figure)],
        f"results/{name}/claims.json",
        f"results/{name}/observations.json",
        f"results/{name}/provenance.json",
        *[
            f"results/{name}/report/report.{language}.{suffix}"
            for language in LANGUAGES
            for suffix in ("pdf", "html")
        ],
    ]


rule join_report:
    input:
        parts=[
            f"results/{study.tier}/report/report.{language}.pdf"
            for language in LANGUAGES
        ],
        words=WORDS,
        # So that what was lost is made again with it.
        evidence=whole(study.tier),
    output:
        pdf=update("report.pdf"),
    log:
        "logs/join_report.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=300,
        disk_mb=5,
    params:
        code=code("join_report.py"),
        tier=study.tier,
        # By a function: of a plain text Snakemake would fill the braces.
        title=lambda wildcards: study.report.title.fr,
    message:
        "Joining both languages in report.pdf"
    script:
        "../scripts/join_report.py"
