"""The command `rejeu`: all that can be asked of a study, in its folder.

Each command imports what it needs when it runs, so that help is there at once.
"""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from rejeu.errors import RejeuError

app = typer.Typer(
    help="Rebuild a report from raw data, and say which of its claims the results bear out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Tier = Annotated[
    str | None, typer.Option("--tier", "-t", help="Size of the study; by default config.yaml's.")
]
Folder = Annotated[
    Path, typer.Option("--folder", "-C", help="The study's folder.", exists=True, file_okay=False)
]
Options = Annotated[
    list[str] | None, typer.Argument(help="After `--`: further options of Snakemake's.")
]
HERE = Path()


def enter(folder: Path) -> Path:
    """Go to a study's folder and give its path.

    Raises:
        RejeuError: no study is there.
    """
    os.chdir(folder)
    if not Path("config.yaml").is_file():
        raise RejeuError(
            f"{Path.cwd()}: no config.yaml here; go to a study's folder, or name it by --folder. "
            "`rejeu new FOLDER` makes a study"
        )
    return Path.cwd()


@app.command()
def report(options: Options = None, tier: Tier = None, folder: Folder = HERE) -> None:
    """Make all that is missing or out of date, and the report."""
    from rejeu.build.engine import snakemake  # noqa: PLC0415

    root = enter(folder)
    began, clock = time.time(), time.monotonic()
    if code := snakemake(["all"], tier, options or ()):
        raise typer.Exit(code)
    if not options:  # with some, nothing may have been built
        from rejeu.commands import summary  # noqa: PLC0415

        summary.show(root, tier, began, time.monotonic() - clock)


@app.command()
def claims(tier: Tier = None, folder: Folder = HERE) -> None:
    """Judge the claims and print their verdicts; exit code 1 where one isn't the recorded one."""
    from rejeu.build.engine import snakemake  # noqa: PLC0415
    from rejeu.commands import claims_table  # noqa: PLC0415

    enter(folder)
    raise typer.Exit(snakemake(["claims"], tier) or claims_table.show(tier))


@app.command()
def decide(
    tier: Tier = None,
    claim: Annotated[str | None, typer.Option(help="This claim alone.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Train no longer than this.")] = None,
    jobs: Annotated[
        int, typer.Option(help="Jobs at once, for the estimate.", min=1)
    ] = os.cpu_count() or 1,
    folder: Folder = HERE,
) -> None:
    """Run more seeds for claims that are undecided, look by look."""
    from rejeu.commands import decide  # noqa: PLC0415

    enter(folder)
    decide.main(tier, claim, minutes, jobs)


@app.command()
def replay(
    tier: Tier = None,
    studies: Annotated[int, typer.Option(help="How many studies to draw.", min=1)] = 200,
    folder: Folder = HERE,
) -> None:
    """Say how often each verdict comes out again, if the spread of its runs is the truth."""
    from rejeu.commands import replay  # noqa: PLC0415

    enter(folder)
    replay.main(tier, studies)


@app.command()
def why(
    target: Annotated[str, typer.Argument(help="A file or a rule.")] = "all",
    tier: Tier = None,
    folder: Folder = HERE,
) -> None:
    """Say why a target would be made again: which setting, input or code changed. Runs nothing."""
    from rejeu.commands import why  # noqa: PLC0415

    why.main(target, tier, enter(folder))


@app.command()
def trace(
    number: Annotated[
        str | None, typer.Argument(help="As a report has it: 0.842 or 0,842.")
    ] = None,
    claim: Annotated[str | None, typer.Option(help="A claim's id, in place of a number.")] = None,
    tier: Tier = None,
    folder: Folder = HERE,
) -> None:
    """Say where a number or a claim stands in the report, and all that it was made from."""
    from rejeu.commands import trace  # noqa: PLC0415

    trace.main(number, claim, tier, enter(folder))


@app.command()
def verify(
    path: Annotated[
        Path, typer.Argument(help="A report, PDF or HTML, or a folder of them.", exists=True)
    ] = HERE,
    tier: Tier = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            *("--folder", "-C"),
            help="The study's folder, with its results.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Say whether each number, sign and verdict of a finished report is what the results say."""
    from rejeu.commands import verify  # noqa: PLC0415

    path = path.resolve()
    own = path if (path / "config.yaml").is_file() else HERE
    raise typer.Exit(verify.main(path, tier, enter(folder or own)))


@app.command()
def plan(
    target: Annotated[str, typer.Argument(help="A file or a rule.")] = "all",
    tier: Tier = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print times by rule as JSON.")] = False,
    folder: Folder = HERE,
) -> None:
    """Say what would run for a target, how long it takes, what it needs and what is missing."""
    from rejeu.commands import plan  # noqa: PLC0415

    plan.main(target, tier, enter(folder), as_json=as_json)


@app.command()
def probe(
    seconds: Annotated[float, typer.Option(help="About how long to measure.", min=1)] = 50,
    folder: Folder = HERE,
) -> None:
    """Measure how fast this machine trains, beside stock Trainer; `plan` then scales by it."""
    from rejeu.commands import probe  # noqa: PLC0415

    probe.main(seconds, enter(folder))


@app.command()
def retrain(
    options: Options = None,
    tier: Tier = None,
    names: Annotated[bool, typer.Option("--names", help="Only print their paths.")] = False,
    folder: Folder = HERE,
) -> None:
    """Make again what other versions of packages made than those installed."""
    from rejeu.build.engine import snakemake  # noqa: PLC0415
    from rejeu.commands import retrain  # noqa: PLC0415

    enter(folder)
    stale = list(map(str, retrain.main(tier)))
    if names:
        print(*stale)
    elif not stale:
        print("No result comes from other packages than those installed.")
    else:
        raise typer.Exit(snakemake(["all"], tier, [*(options or ()), "--forcerun", *stale]))


@app.command()
def accept(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files whose change is harmless.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it changes no number.")] = "",
    folder: Folder = HERE,
) -> None:
    """Show which code changed since results were made, or say that a change alters no number."""
    from rejeu.commands import accept  # noqa: PLC0415

    accept.main(files or [], reason, enter(folder))


@app.command()
def audit(
    sbom: Annotated[
        Path | None,
        typer.Option(help="A bill of `rejeu sbom`; by default the lock.", dir_okay=False),
    ] = None,
) -> None:
    """Look for known vulnerabilities of the pinned packages; exit code 1 where one is known."""
    from rejeu.commands import audit  # noqa: PLC0415

    raise typer.Exit(audit.main(sbom))


@app.command()
def sbom(
    out: Annotated[
        Path | None, typer.Argument(help="By default sbom.cdx.json.", dir_okay=False)
    ] = None,
) -> None:
    """Write the software bill of materials (CycloneDX) of all pinned packages."""
    from rejeu.commands import sbom  # noqa: PLC0415

    sbom.main(out)


@app.command()
def judge(
    claims: Annotated[Path, typer.Argument(help="A file of claims.", dir_okay=False)],
    results: Annotated[
        Path, typer.Option("--results", "-r", help="Folder of tables or of Rejeu's results.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print all that was measured.")] = False,
    expected: Annotated[
        Path | None, typer.Option(help="Verdicts by claim; exit code 1 where one differs.")
    ] = None,
) -> None:
    """Judge anyone's results, made by any program: of each claim, whether they bear it out."""
    from rejeu.commands import judge  # noqa: PLC0415

    raise typer.Exit(judge.main(claims, results, as_json, expected))


@app.command()
def export(
    experiment: Annotated[str, typer.Argument(help="Its name, or PART.NAME.")],
    out: Annotated[
        Path | None, typer.Argument(help="A folder that isn't there; by default NAME-seedN.")
    ] = None,
    tier: Tier = None,
    seed: Annotated[int | None, typer.Option(help="By default the experiment's first.")] = None,
    folder: Folder = HERE,
) -> None:
    """Write a trained model as a folder that transformers or peft loads, with its card."""
    from rejeu.commands import export  # noqa: PLC0415

    out = out and out.absolute()
    export.main(experiment, out, tier, seed, enter(folder))


@app.command()
def crate(
    out: Annotated[
        Path | None, typer.Argument(help="A folder, or a .zip; by default TIER.crate.zip.")
    ] = None,
    tier: Tier = None,
    folder: Folder = HERE,
) -> None:
    """Write a tier's results, how they were made and its verdicts as an RO-Crate."""
    from rejeu.commands import crate  # noqa: PLC0415

    out = out and out.absolute()
    crate.main(out, tier, enter(folder))


@app.command()
def new(folder: Annotated[Path, typer.Argument(help="A folder that isn't there yet.")]) -> None:
    """Make a small study that builds at once, to be made into your own."""
    from rejeu.commands import new  # noqa: PLC0415

    new.main(folder)


def main() -> None:
    """Run the command; what a user can mend ends it with one message and exit code 1."""
    try:
        app()
    except RejeuError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
