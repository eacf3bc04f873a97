# A card beside each checkpoint and in each folder of split data, after the judge: nothing trains for it.
rule write_cards:
    input:
        templates=report_files.card_templates,
        runs=lambda wildcards: graph.results(wildcards.tier),
        claims=CLAIMS if graph.claims else [],
        statistics=lambda wildcards: graph.statistics(wildcards.tier),
        sources=graph.sources,
        words=report_files.words,
    output:
        # The names of the cards, which lie where what they are about does.
        cards=CARDS,
    log:
        "logs/{tier}/write_cards.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "write_cards", mem_mb=400, disk_mb=1),
    params:
        code=graph.code("write_cards.py"),
        study=lambda wildcards: report_files.settings(wildcards.tier),
        origins=settings.origins,
    message:
        "Writing the cards of models and data ({wildcards.tier})"
    script:
        "../scripts/write_cards.py"
