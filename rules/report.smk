# Figures for each language, the report's sources, their renderings, and report.pdf.
from rejeu.graph.snakemake_report import SnakemakeReport
from rejeu.report.renderer import chosen

RENDERER = chosen(study.renderer)
# Of what `snakemake --report` shows.
marked = SnakemakeReport(report_files)


rule draw_confusion:
    input:
        metrics=report_files.metrics_drawn,
        reference=report_files.reference,
        words=report_files.words,
    output:
        marked.figures(report, "confusion_{drawn}"),
    log:
        "logs/{tier}/draw_confusion/{drawn}.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "draw_confusion", mem_mb=400, disk_mb=1),
    params:
        code=graph.code("draw_confusion.py"),
        part=lambda wildcards: report_files.drawn_run(wildcards).part,
        experiment=lambda wildcards: report_files.drawn_run(wildcards).experiment,
    message:
        "Drawing the confusion matrix of {wildcards.drawn} ({wildcards.tier})"
    script:
        "../scripts/draw_confusion.py"


rule draw_claims:
    input:
        claims=CLAIMS,
        words=report_files.words,
    output:
        marked.figures(report, "claims", "claims_title"),
    log:
        "logs/{tier}/draw_claims.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "draw_claims", mem_mb=400, disk_mb=1),
    params:
        code=graph.code("draw_claims.py"),
        statements=lambda wildcards: report_files.settings(wildcards.tier)["statements"],
    message:
        "Drawing the claims ({wildcards.tier})"
    script:
        "../scripts/draw_claims.py"


rule draw_losses:
    input:
        logs=report_files.losses_drawn,
        words=report_files.words,
    output:
        marked.figures(report, "loss_{part}", "loss"),
    log:
        "logs/{tier}/draw_losses/{part}.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "draw_losses", mem_mb=400, disk_mb=1),
    params:
        code=graph.code("draw_losses.py"),
        titles=lambda wildcards: study.titles(wildcards.part),
    message:
        "Drawing the losses of {wildcards.part} ({wildcards.tier})"
    script:
        "../scripts/draw_losses.py"


use rule draw_losses as draw_loss with:
    input:
        logs=report_files.loss_drawn,
        words=report_files.words,
    output:
        marked.figures(report, "loss_of_{drawn}", "loss"),
    log:
        "logs/{tier}/draw_loss/{drawn}.log",
    params:
        code=graph.code("draw_losses.py"),
        titles=lambda wildcards: study.titles(report_files.drawn_run(wildcards).part),
    message:
        "Drawing the loss of {wildcards.drawn} ({wildcards.tier})"


rule draw_figure:
    input:
        runs=report_files.runs_compared,
        timings=report_files.timings_drawn,
        reference=report_files.reference,
        words=report_files.words,
    output:
        marked.figures(report, "{figure}"),
    log:
        "logs/{tier}/draw_figure/{figure}.log",
    wildcard_constraints:
        figure=one_of(graph.comparisons.figures),
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "draw_figure", mem_mb=500, disk_mb=1),
    params:
        code=graph.code("draw_figure.py"),
        study=report_files.figure_settings,
    message:
        "Drawing {wildcards.figure} ({wildcards.tier})"
    script:
        "../scripts/draw_figure.py"


rule write_report:
    input:
        templates=report_files.templates,
        reference=report_files.reference,
        words=report_files.words,
        claims=CLAIMS if graph.claims else [],
        observations=OBSERVATIONS if graph.claims else [],
        runs=lambda wildcards: graph.results(wildcards.tier),
        answers=lambda wildcards: graph.answers(wildcards.tier),
        timings=lambda wildcards: graph.timings(wildcards.tier),
        statistics=graph.first_splits,
        sources=graph.sources,
    output:
        sources=[f"{REPORT}/{language}/report.qmd" for language in study.languages],
        addresses=[
            f"{REPORT}/{language}/addresses.json" for language in study.languages
        ],
        provenance="results/{tier}/provenance.json",
    log:
        "logs/{tier}/write_report.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "write_report", mem_mb=500, disk_mb=1),
    params:
        code=graph.code("write_report.py"),
        texts=lambda wildcards: "report",
        study=lambda wildcards: report_files.settings(wildcards.tier),
        renderer=RENDERER,
    message:
        "Writing the report ({wildcards.tier})"
    script:
        "../scripts/write_report.py"


rule render_report:
    input:
        source=f"{REPORT}/{{language}}/report.qmd",
        addresses=f"{REPORT}/{{language}}/addresses.json",
        figures=report_files.shown,
        assets=report_files.assets,
        words=report_files.words,
    output:
        # The earlier ones stay until the new ones are whole.
        pdf=report(
            update(f"{REPORT}/report.{{language}}.pdf"),
            **marked.document("whole_report", "pdf"),
        ),
        html=report(
            update(f"{REPORT}/report.{{language}}.html"),
            **marked.document("whole_report", "html"),
        ),
        typst=update(f"{REPORT}/{{language}}/report.typ"),
        tables=report(
            update(f"{REPORT}/tables.{{language}}.html"),
            **marked.document("tables"),
        ),
    log:
        "logs/{tier}/render_report/{language}.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "render_report", mem_mb=500, disk_mb=5),
    params:
        code=graph.code("render_report.py"),
        renderer=RENDERER,
        date=str(study.report.date),
        texts=lambda wildcards: "report",
    message:
        "Rendering the report ({wildcards.tier}, {wildcards.language})"
    script:
        "../scripts/render_report.py"


rule join_report:
    input:
        halves=[
            f"results/{study.tier}/report/{language}/report.typ"
            for language in study.languages
        ],
        figures=report_files.drawn_files(study.tier, ["svg"]),
        # So that what was lost is made again with it.
        evidence=report_files.whole(study.tier),
    output:
        pdf=update("report.pdf"),
    log:
        "logs/join_report.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "join_report", mem_mb=300, disk_mb=5),
    params:
        code=graph.code("join_report.py"),
        tier=study.tier,
        languages=study.languages,
        date=str(study.report.date),
    message:
        "Typesetting the languages' reports in report.pdf"
    script:
        "../scripts/join_report.py"
