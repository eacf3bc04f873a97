"""`rejeu export`: a run's model as a folder that transformers or peft loads."""

from pathlib import Path

from rejeu.commands.study_here import study_here
from rejeu.errors import RejeuError
from rejeu.sharing.cards import CHECKPOINTS
from rejeu.sharing.export import export
from rejeu.study import looks
from rejeu.study.configuration import Study
from rejeu.study.names import suggest


def main(name: str, folder: Path | None, tier: str | None, seed: int | None, root: Path) -> None:
    """Export the model of an experiment, by default of its first seed.

    Raises:
        RejeuError: there is no such experiment or seed, or `export` refused.
    """
    study, tier = study_here(tier)
    part, experiment = found(study, tier, name)
    drawn = looks.seeds(study, tier, looks.taken(study, root))[part][experiment]
    if seed is None:
        seed = drawn[0]
    elif seed not in drawn:
        raise RejeuError(f"--seed {seed}: {name} has the seeds {', '.join(map(str, drawn))}")
    kind = study.parts[part].kind
    if kind not in CHECKPOINTS:
        raise RejeuError(f"{name}: a part of kind {kind} leaves no model that is known here")
    given = study.tiers[tier].parts[part]
    model = getattr(given, "encoder", None) or getattr(given, "causal_lm", None)
    assert isinstance(model, str)  # noqa: S101  every part that leaves a model starts from one
    place = folder or Path(f"{experiment}-seed{seed}")
    run = {"tier": tier, "part": part, "experiment": experiment, "seed": seed}
    files = export(run, kind, model, place, getattr(given, "classes", None), hub(study, model))
    print(f"{place}:", *(f"  {path.relative_to(place)}" for path in files), sep="\n")


def found(study: Study, tier: str, name: str) -> tuple[str, str]:
    """Part and experiment of a name, which may have its part before a dot.

    Raises:
        RejeuError: the tier runs no such experiment, or two parts do.
    """
    known = [(part, each) for part in study.parts for each in study.experiments(part, tier)]
    named = [(part, each) for part, each in known if name in (each, f"{part}.{each}")]
    if len(named) > 1:
        both = " or ".join(f"{part}.{each}" for part, each in named)
        raise RejeuError(f"{name}: in several parts; say {both}")
    if not named:
        names = [each for _, each in known]
        raise RejeuError(f"{name}: no such experiment at tier {tier}; {suggest(name, names)}")
    return named[0]


def hub(study: Study, model: str) -> tuple[str, str] | None:
    """The hub's repository and commit of a model that is there as it was trained on, if any."""
    for source in study.inputs[study.models[model].input].sources:
        if source.kind == "hub" and not source.folder and source.revision != "unpinned":
            return source.repository, source.revision
    return None
