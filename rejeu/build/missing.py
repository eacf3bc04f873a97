"""What a build lacks on this machine: found before any job, all of it at once.

Jobs of a cluster may find there a GPU and memory that aren't here; those that get their packages
from environments of their own find packages there. Of such jobs these aren't looked at.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from rejeu.build import gpu_memory, hub
from rejeu.build.estimates import YARDSTICKS
from rejeu.build.plan import disk_of, free_mb, planned_jobs
from rejeu.errors import RejeuError, listed
from rejeu.study.configuration import Study

# PyTorch alone knows which GPUs it can use. Asked in a process of its own: it is slow to load.
ASK_GPU = (
    "import json, torch; cuda = torch.cuda; print(json.dumps({"
    "'built': torch.version.cuda or torch.version.hip, "
    "'gpus': [[(p := cuda.get_device_properties(n)).name, p.total_memory / 1e9]"
    " for n in range(cuda.device_count())]}))"
)


@dataclass(frozen=True)
class Waiting:
    """A job that will run, as far as it matters here."""

    rule: str
    tier: str
    part: str | None
    input: str | None
    memory_mb: float
    disk_mb: float
    gpus: int


def refuse_missing(workflow: Any, study: Study, *, machine: bool, packages: bool) -> None:
    """Refuse a build that lacks what its jobs need. Arguments as of `missing`.

    Raises:
        RejeuError: as `refuse` does.
    """
    jobs = waiting_jobs(workflow, study)
    refuse(missing(jobs, study, Path(), machine=machine, packages=packages))


def refuse(found: list[str]) -> None:
    """Refuse a build where something is missing.

    Raises:
        RejeuError: with all that is missing, each with how to get it.
    """
    if found:
        lines = "".join(f"\n  - {each}" for each in found)
        raise RejeuError(f"this build can't be made here:{lines}\nNothing was run.")


def waiting_jobs(workflow: Any, study: Study) -> list[Waiting]:
    """The jobs that Snakemake's graph says will run."""
    jobs = []
    for job in planned_jobs(workflow):
        given = dict(job.wildcards.items())
        part = given.get("part")
        if part is None and "timing" in given:
            part = study.timing[given["timing"]].part
        tier, wanted = given.get("tier", study.tier), given.get("input")
        asked = {name: job.resources.get(name, 0) for name in ("mem_mb", "gpu")}
        disk = disk_of(job, study)
        jobs.append(Waiting(job.rule.name, tier, part, wanted, asked["mem_mb"], disk, asked["gpu"]))
    return jobs


def missing(
    jobs: list[Waiting], study: Study, folder: Path, *, machine: bool, packages: bool
) -> list[str]:
    """What jobs lack, one line for each with how to get it.

    Args:
        folder: where they write.
        machine: they run on this machine.
        packages: they run with the packages that are installed here.
    """
    checks: list[Callable[[], Iterable[str]]] = [
        lambda: downloads(jobs, study),
        lambda: disk(jobs, folder),
    ]
    if machine:
        checks += [lambda: gpus(jobs, study), lambda: memory(jobs)]
    if packages:
        checks += [lambda: quantisation(jobs, study)]
    with ThreadPoolExecutor() as pool:  # asking the hub and PyTorch takes seconds each
        return [line for lines in pool.map(lambda check: list(check()), checks) for line in lines]


def downloads(jobs: list[Waiting], study: Study) -> Iterable[str]:
    """Inputs that only the hub has, where it can't be asked."""
    wanted = sorted({job.input for job in jobs if job.input})
    try:
        needed = [name for name in wanted if hub.needed_for(study.inputs[name])]
        reason = hub.unreachable() if needed else None
    except ImportError:  # with conda only the jobs may have what asks the hub
        return
    if reason:
        sources = [source for name in needed for source in hub.sources_of(study.inputs[name])]
        repositories = ", ".join(source.repository for source in sources)
        yield (
            f"the hub: {', '.join(needed)} must be fetched ({repositories}), and {reason}. "
            "Connect this machine, or set HF_ENDPOINT to a mirror; or download them elsewhere with "
            "`hf download` and set HF_HUB_CACHE to that cache; or add a source of kind 'path' to "
            "the inputs"
        )


def gpus(jobs: list[Waiting], study: Study) -> Iterable[str]:
    """A GPU, where jobs ask for one, and its memory."""
    asking = [job for job in jobs if job.gpus]
    if not asking:
        return
    needed = {
        (job.tier, job.part): wanted
        for job in asking
        if job.part and (wanted := gpu_memory.of_training(study, job.tier, job.part))
    }
    most = max(needed.items(), key=lambda item: item[1].gigabytes, default=None)
    memory_words = f", with {most[1].gigabytes:.1f} GB ({most[1].arithmetic})" if most else ""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", ASK_GPU], capture_output=True, text=True, check=False
    )
    if done.returncode:  # a package is missing, which is said elsewhere
        return
    here = json.loads(done.stdout)
    rules = listed(sorted({job.rule for job in asking}), 3)
    if not here["gpus"]:
        why = (
            "PyTorch sees none"
            if here["built"]
            else "the installed PyTorch is a build for processors, without CUDA"
        )
        yield (
            f"a GPU{memory_words}: jobs of {rules} ask for one "
            f"(tiers.{asking[0].tier}.resources), and {why}. Build on a machine or cluster with "
            "one (docs/clusters.md), or choose a smaller tier; or take `gpu: 1` out of the tier's "
            "resources, for days on the processor"
        )
        return
    name, total = here["gpus"][0]
    for (tier, part), wanted in needed.items():
        if wanted.gigabytes > total:
            yield (
                f"GPU memory: tiers.{tier}.parts.{part} needs about {wanted.gigabytes:.1f} GB "
                f"({wanted.arithmetic}); the {name} has {total:.1f} GB. Choose a larger GPU, a "
                "smaller max_length or batch_size, or `quantisation: nf4` where the part has it"
            )


def disk(jobs: list[Waiting], folder: Path) -> Iterable[str]:
    """Space on the study's disk."""
    wanted, free = sum(job.disk_mb for job in jobs), free_mb(folder)
    if wanted > free:
        yield (
            f"disk: the build will write about {wanted:,.0f} MB to {folder.resolve()}, and "
            f"{free:,.0f} MB are free. Free some space, or choose a smaller tier"
        )


def memory(jobs: list[Waiting]) -> Iterable[str]:
    """Memory for the largest job."""
    largest = max(jobs, key=lambda job: job.memory_mb, default=None)
    total = psutil.virtual_memory().total / 1e6
    if largest and largest.memory_mb > total:
        yield (
            f"memory: {largest.rule} needs about {largest.memory_mb:,.0f} MB, and this machine has "
            f"{total:,.0f} MB. Choose a larger machine or a smaller tier"
        )


def quantisation(jobs: list[Waiting], study: Study) -> Iterable[str]:
    """The package that quantises weights, where jobs of a tier's part use it."""
    parts = {
        (job.tier, job.part) for job in jobs if job.part and YARDSTICKS.get(job.rule) == "decoder"
    }
    for tier, part in sorted(parts):
        quantised = getattr(study.tiers[tier].parts[part], "quantisation", "none")
        if quantised == "nf4" and importlib.util.find_spec("bitsandbytes") is None:
            yield (
                f"the package bitsandbytes: tiers.{tier}.parts.{part} has `quantisation: nf4`. "
                "Install requirements-quantised.lock (`make report` and `make clusters` do for the "
                "paper tier, once they are online), or "
                "set `quantisation: none`, which takes more memory"
            )
