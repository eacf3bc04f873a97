"""Kubernetes: what the real plugin asks of a cluster, and a study that is built through it.

No cluster is to be had here. Snakemake, its plugin and the pods' programs are real; the cluster's
API and its node are stand-ins (`cluster_api`, `node`), which say where they are less.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deployment.cluster_api import NAMESPACE, Cluster, Pod, refusal, serving
from tests.deployment.node import Node, installed
from tests.workflow.project import ROOT, copy_of_the_project

PROFILE = ROOT / "profiles" / "kubernetes"
IMAGE = "registry.example/rejeu:1"


def objects() -> list[dict[str, Any]]:
    """What cluster.yaml creates."""
    text = (PROFILE / "cluster.yaml").read_text(encoding="utf-8")
    return list(YAML(typ="safe").load_all(text.replace("&image IMAGE", f"&image {IMAGE}")))


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = [each for each in objects() if each["kind"] == kind]
    return found


@contextmanager
def cluster(folder: Path, start: Callable[[Pod], None]) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """A cluster whose account may do what the Role of cluster.yaml says, and its environment."""
    made = Cluster(of_kind("Role")["rules"], start)
    with serving(made, folder) as environment:
        yield made, os.environ | environment | {"REJEU_IMAGE": IMAGE}


def test_a_cluster_takes_what_a_site_creates() -> None:
    assert [refusal(each) for each in objects()] == [None] * 5


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume that holds a study, the small example, with what it reads."""
    folder = tmp_path / "volume"
    shutil.copytree(ROOT / "examples" / "two_classifiers", folder)
    snakefile = folder / "Snakefile"
    rules = snakefile.read_text(encoding="utf-8").replace('"../../Snakefile"', f'"{ROOT}/Snakefile"')
    snakefile.write_text(rules, encoding="utf-8")
    for name in ("inputs", ".made/inputs"):
        read = ROOT / ".cache" / "rejeu" / name / "movie_reviews"
        shutil.copytree(read, folder / ".cache" / "rejeu" / name / "movie_reviews")
    return folder


def test_a_study_is_built_in_pods_though_some_fail(tmp_path: Path, volume: Path) -> None:
    node = Node(installed(), {"rejeu-study": volume}, tmp_path)
    controller = of_kind("Job")["spec"]["template"]["spec"]
    controller["containers"][0]["command"][2] = str(PROFILE)
    controller["containers"][0]["args"] = ["--kubernetes-namespace", "$(NAMESPACE)", "--seconds-between-status-checks", "1", "-j", "2"]
    lost = []

    def start(pod: Pod) -> None:
        node.start(pod)
        if not lost:  # its node is lost
            lost.append(pod.name)
            Timer(3, pod.end).start()

    with cluster(tmp_path, start) as (made, environment):
        snakemake = node.run(controller, {"KUBECONFIG": environment["KUBECONFIG"]}, (tmp_path,))
        try:
            code = snakemake.process.wait(timeout=120)
        finally:
            node.close()
            print(snakemake.said(), made.refusals)
    assert code == 0, snakemake.said()
