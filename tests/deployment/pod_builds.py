"""Builds in the pods of a stand-in cluster, from the profile and the objects that a site copies."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from ruamel.yaml import YAML

from tests.deployment.cluster_api import Cluster, Manifest, Pod, serving
from tests.deployment.node import Image, Node
from tests.workflow.project import ROOT

PROFILE = ROOT / "profiles" / "kubernetes"
IMAGE = "registry.example/rejeu:1"


def objects() -> list[Manifest]:
    """What cluster.yaml and build.yaml create, with an image filled in as a site does."""
    texts = [
        (PROFILE / name).read_text(encoding="utf-8") for name in ("cluster.yaml", "build.yaml")
    ]
    text = "---\n".join(texts).replace("&image IMAGE", f"&image {IMAGE}")
    return list(YAML(typ="safe").load_all(text))


def of_kind(kind: str) -> Manifest:
    (found,) = [each for each in objects() if each["kind"] == kind]
    return found


@contextmanager
def cluster(
    folder: Path, start: Callable[[Pod], None], rules: list[Manifest] | None = None
) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """A cluster whose account may do what cluster.yaml's Role says; its clients' environment."""
    made = Cluster(of_kind("Role")["rules"] if rules is None else rules, start)
    with serving(made, folder) as environment:
        yield made, os.environ | environment | {"REJEU_IMAGE": IMAGE}


def example_study(folder: Path, engine: Path, reviews: Path) -> Path:
    """The small example as a study of its own, with what it reads; a run of each experiment."""
    shutil.copytree(ROOT / "examples" / "two_classifiers", folder)
    for name, old, new in (
        ("Snakefile", '"../../Snakefile"', f'"{engine}/Snakefile"'),
        ("config.yaml", "seeds: [1, 2, 3, 4, 5]", "seeds: [1]"),
    ):
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    shutil.copytree(reviews, folder / ".cache" / "rejeu" / "inputs" / "movie_reviews")
    return folder


def snakemake_pod(image: Image, *words: str) -> Manifest:
    """The pod of build.yaml's own job, which asks often what became of its jobs."""
    pod = of_kind("Job")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    container["command"][2] = str(image.engine / "profiles" / "kubernetes")
    container["args"] = [*container["args"][:2], "--seconds-between-status-checks", "1", *words]
    return pod


@dataclass(frozen=True)
class Built:
    """A build of which the first pod was lost, then Snakemake itself, and that went on."""

    study: Path
    cluster: Cluster
    started: list[Pod]
    killed: str  # what the Snakemake that was killed printed
    again: str


def build_through_losses(image: Image, folder: Path, reviews: Path) -> Built:
    """Run build.yaml's own job, in an image; kill it while two pods run, and run it again."""
    study = example_study(folder / "volume", image.engine, reviews)
    for path in (study, *study.rglob("*")):
        os.chown(path, image.user, image.user)
    node = Node(image, {"rejeu-study": study}, folder)
    started: list[Pod] = []
    third = Event()

    def start(pod: Pod) -> None:
        node.start(pod)
        started.append(pod)
        if len(started) == 1:
            pod.end()
        if len(started) == 3:
            third.set()

    controller = snakemake_pod(image)
    clients = folder / "clients"
    clients.mkdir()
    with cluster(clients, start) as (made, environment):
        seen = {"KUBECONFIG": environment["KUBECONFIG"]}
        try:
            killed = node.run(controller, seen, (clients,))
            assert third.wait(180), killed.said()
            killed.end()
            again = node.run(controller, seen, (clients,))
            assert again.process.wait(300) == 0, again.said()
        finally:
            node.close()
    return Built(study, made, started, killed.said(), again.said())


def train_through_a_loss(image: Image, study: Path, folder: Path, words: list[str]) -> str:
    """Make a trained run in pods, of which the one that trains is lost once it has saved a state.

    Returns:
        What Snakemake printed.
    """
    node = Node(image, {"rejeu-study": study}, folder)
    lost: list[str] = []

    def lose(pod: Pod) -> None:
        states = study / ".cache" / "rejeu" / "checkpoints"
        while pod.code is None and not any(states.rglob("step*.json")):
            time.sleep(0.05)
        pod.end()

    def start(pod: Pod) -> None:
        node.start(pod)
        if "train_" in pod.container["args"][1].split("--allowed-rules")[1] and not lost:
            lost.append(pod.name)
            Thread(target=lose, args=[pod]).start()

    clients = folder / "clients"
    clients.mkdir()
    with cluster(clients, start) as (made, environment):
        seen = {"KUBECONFIG": environment["KUBECONFIG"]}
        try:
            building = node.run(snakemake_pod(image, *words), seen, (clients,))
            assert building.process.wait(400) == 0, building.said()
        finally:
            node.close()
    assert made.refusals == []
    assert f"Job {lost[0]} failed" in building.said()
    return building.said()
