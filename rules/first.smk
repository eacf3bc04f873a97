# A first report, of the report's own experiments: made as soon as these are there, while the runs of
# groups are still to come.
FIRST_PRIORITY = PREPARATION + 1  # before further training


use rule judge_claims as judge_first with:
    input:
        runs=lambda wildcards: graph.results(wildcards.tier, report_files.own),
        answers=[],
        timings=[],
        reference=report_files.reference,
    output:
        claims=f"{FIRST}/claims.json",
        observations=f"{FIRST}/observations.json",
    log:
        "logs/{tier}/judge_first.log",
    priority: FIRST_PRIORITY
    localrule: True
    message:
        "Judging the claims by the report's own experiments ({wildcards.tier})"


use rule draw_claims as draw_first with:
    input:
        claims=f"{FIRST}/claims.json",
        words=report_files.words,
    output:
        report_files.figure_files("claims", folder=f"{FIRST}/figures"),
    log:
        "logs/{tier}/draw_first.log",
    priority: FIRST_PRIORITY
    localrule: True
    message:
        "Drawing the claims by the report's own experiments ({wildcards.tier})"


use rule write_report as write_first with:
    input:
        templates=report_files.templates,
        reference=report_files.reference,
        words=report_files.words,
        claims=f"{FIRST}/claims.json" if graph.claims else [],
        observations=f"{FIRST}/observations.json" if graph.claims else [],
        runs=lambda wildcards: graph.results(wildcards.tier, report_files.own),
        answers=[],
        timings=[],
        statistics=graph.first_splits,
        sources=graph.sources,
    output:
        sources=[f"{FIRST}/{language}/report.qmd" for language in study.languages],
        addresses=[f"{FIRST}/{language}/addresses.json" for language in study.languages],
        provenance=f"{FIRST}/provenance.json",
    log:
        "logs/{tier}/write_first.log",
    priority: FIRST_PRIORITY
    localrule: True
    params:
        code=graph.code("write_report.py"),
        texts=lambda wildcards: "report",
        study=lambda wildcards: report_files.settings(
            wildcards.tier, report_files.own, waiting=True
        ),
        renderer=RENDERER,
    message:
        "Writing the first report ({wildcards.tier})"


use rule render_report as render_first with:
    input:
        source=f"{FIRST}/{{language}}/report.qmd",
        addresses=f"{FIRST}/{{language}}/addresses.json",
        figures=report_files.first_shown,
        assets=report_files.assets,
        words=report_files.words,
    output:
        pdf=update(f"{FIRST}/report.{{language}}.pdf"),
        html=update(f"{FIRST}/report.{{language}}.html"),
        typst=update(f"{FIRST}/{{language}}/report.typ"),
        tables=update(f"{FIRST}/tables.{{language}}.html"),
    log:
        "logs/{tier}/render_first/{language}.log",
    priority: FIRST_PRIORITY
    localrule: True
    message:
        "Rendering the first report ({wildcards.tier}, {wildcards.language})"
