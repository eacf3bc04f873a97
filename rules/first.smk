# A first report, of the document's own experiments: made as soon as these are there, while the runs
# that take up what the notebook hid are still to come.
FIRST = "results/{tier}/first"
FIRST_PRIORITY = 6  # before further training


def first_study(wildcards):
    """What the first report is told: nothing of any finding."""
    told = report_study(wildcards)
    own = {"sentiment": SENTIMENT, "lora": LORA}
    return (
        told
        | {"findings": [], "waiting": True}
        | {
            part: {
                "titles": titles(part, names),
                "seeds": {name: told[part]["seeds"][name] for name in names},
            }
            for part, names in own.items()
        }
    )


def first_reports(name):
    """The first report, while runs are missing that only the whole one shows."""
    made = run_files(name, SEEDS[name])
    if not study.tiers[name].findings or all(
        path.exists() for paths in made.values() for path in paths
    ):
        return []
    return [
        f"{FIRST}/report.{language}.pdf".format(tier=name) for language in LANGUAGES
    ]


use rule judge_claims as judge_first with:
    input:
        sentiment=runs("sentiment", SENTIMENT, *SENTIMENT_RESULTS),
        lora=runs("lora", LORA, *LORA_RESULTS),
        answers=[],
        timings=[],
        reference=REFERENCE,
    output:
        claims=f"{FIRST}/claims.json",
        observations=f"{FIRST}/observations.json",
    log:
        "logs/{tier}/judge_first.log",
    priority: FIRST_PRIORITY
    message:
        "Judging the claims of the document's own part ({wildcards.tier})"


use rule write_report as write_first with:
    input:
        templates=TEMPLATES,
        chapters=CHAPTERS,
        reference=REFERENCE,
        claims=f"{FIRST}/claims.json",
        observations=f"{FIRST}/observations.json",
        sentiment=runs("sentiment", SENTIMENT, *SENTIMENT_RESULTS),
        lora=runs("lora", LORA, *LORA_RESULTS),
        answers=[],
        timings=[],
        statistics=first_splits,
        sources=sources,
    output:
        sources=[f"{FIRST}/{language}/report.qmd" for language in LANGUAGES],
        provenance=f"{FIRST}/provenance.json",
    log:
        "logs/{tier}/write_first.log",
    priority: FIRST_PRIORITY
    params:
        code=code("write_report.py"),
        folder="results/{tier}",
        study=first_study,
    message:
        "Writing the first report ({wildcards.tier})"


use rule render_report as render_first with:
    input:
        source=f"{FIRST}/{{language}}/report.qmd",
        figures=lambda wildcards: [
            f"{FIGURES}/{name}.{wildcards.language}.svg".format(tier=wildcards.tier)
            for name in (*own_figures(), "hidden_a2")
        ],
        assets=ASSETS,
    output:
        pdf=update(f"{FIRST}/report.{{language}}.pdf"),
        html=update(f"{FIRST}/report.{{language}}.html"),
    log:
        "logs/{tier}/render_first/{language}.log",
    priority: FIRST_PRIORITY
    message:
        "Rendering the first report ({wildcards.tier}, {wildcards.language})"
