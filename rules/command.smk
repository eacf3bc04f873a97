# Parts of kind command: a program of the study, run once per experiment and seed. A rule for each
# part, since each writes files of its own.
for command_part in study.of_kind("command"):

    rule:
        name:
            f"run_{command_part}"
        input:
            files=study.parts[command_part].files,
            sources=[source(name) for name in study.parts[command_part].inputs],
            start=graph.started_from("metrics.json", *study.parts[command_part].writes),
        output:
            metrics=f"{RUN}/metrics.json",
            run=f"{RUN}/run.json",
            written=[f"{RUN}/{file}" for file in study.parts[command_part].writes],
        log:
            f"logs/{{tier}}/run_command/{{part}}.{{experiment}}.seed{{seed}}.log",
        benchmark:
            f"results/{{tier}}/benchmark/run_command/{{part}}.{{experiment}}.seed{{seed}}.tsv"
        wildcard_constraints:
            part=command_part,
        priority: graph.priority
        conda:
            "../envs/data.yaml"
        threads: study.parts[command_part].threads
        resources:
            **SAVE_STATE,
            **needs(study, f"run_{command_part}", mem_mb=2000, disk_mb=10, gpu=True),
        params:
            code=graph.code("run_command.py"),
            # By a function: of a plain text Snakemake would fill the braces.
            command=lambda wildcards: study.parts[wildcards.part].command,
            settings=settings.of_program,
            metrics=study.parts[command_part].metrics,
            inputs={name: source(name) for name in study.parts[command_part].inputs},
            writes=study.parts[command_part].writes,
            seed=lambda wildcards: int(wildcards.seed),
            checkpoints=f"{CHECKPOINTS}/{RUN}",
        message:
            "Running {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
        script:
            "../scripts/run_command.py"
