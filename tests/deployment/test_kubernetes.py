"""Kubernetes: what the real plugin asks of a cluster, and a study that is built through it.

No cluster is to be had here. Snakemake, its plugin and the pods' programs are real; the cluster's
API and its node are stand-ins (`cluster_api`, `node`), which say what they do.
"""

import base64
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("kubernetes_validate", reason="`make clusters` installs what these need")

from rejeu.graph.paths import model_files
from tests.deployment.cluster_api import NAMESPACE, Manifest, Pod, refusal
from tests.deployment.node import can_contain, installed
from tests.deployment.pod_builds import (
    IMAGE,
    PROFILE,
    build_through_losses,
    cluster,
    objects,
    of_kind,
    train_through_a_loss,
)
from tests.workflow.project import ROOT, Project, copy_of_the_project

pytestmark = pytest.mark.clusters
RUN = "results/paper/sentiment/baseline/seed42/run.json"


def build(project: Project, environment: dict[str, str], *words: str) -> str:
    """Let Snakemake ask for the one training job that waits, and fail; all that it printed."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", RUN, "--workflow-profile", str(PROFILE)),
            *("--kubernetes-namespace", NAMESPACE, "--seconds-between-status-checks", "1"),
            *("--kubernetes-persistent-volumes", f"rejeu-study:{project.folder}"),
            *("--retries", "1", *words),
        ],
        cwd=project.folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def fails(pod: Pod) -> None:
    pod.code, pod.log = 1, f"{pod.name} printed this"


@dataclass(frozen=True)
class Asked:
    """What a cluster was asked by a build of which each job fails."""

    project: Project
    jobs: list[Manifest]
    refusals: list[str]
    said: str

    @property
    def pod(self) -> Manifest:
        return self.jobs[0]["spec"]["template"]["spec"]

    @property
    def container(self) -> Manifest:
        return self.pod["containers"][0]


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The repository's study, of whose paper tier one training run waits.

    What the run would read are placeholders: here it is only asked for.
    """
    project = copy_of_the_project(ROOT, tmp_path_factory.mktemp("kubernetes") / "s", inputs=False)
    rows = [f"results/paper/data/sentiment/seed42/{rows}.arrow" for rows in ("train", "test")]
    for name in [*model_files("distilbert"), *rows]:
        path = project.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def asked(waiting: Project, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    with cluster(tmp_path_factory.mktemp("cluster"), fails) as (made, environment):
        said = build(waiting, environment)
    return Asked(waiting, made.posted, made.refusals, said)


def test_a_cluster_takes_what_a_site_creates() -> None:
    assert [refusal(each) for each in objects()] == [None] * 5


def test_a_cluster_takes_the_plugin_s_jobs_and_answers_its_calls(asked: Asked) -> None:
    assert asked.refusals == []
    assert [job["kind"] for job in asked.jobs] == ["Job", "Job"]


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (lambda job: job["spec"].update(backoffLimits=0), "backoffLimits"),
        (lambda job: job["spec"]["template"]["spec"].update(restartPolicy=1), "is not of type"),
        (lambda job: job["spec"]["template"]["spec"].update(volumes=[]), "no volume"),
        (
            lambda job: job["spec"]["template"]["spec"]["containers"][0]["resources"].pop("limits"),
            "nvidia.com/gpu",
        ),
    ],
)
def test_the_stand_in_refuses_what_a_cluster_would(
    asked: Asked, words: Callable[[Manifest], None], refused: str
) -> None:
    job = read_back(asked.jobs[0])
    words(job)
    assert refused in (refusal(job) or "nothing was refused")


def read_back(manifest: Manifest) -> Manifest:
    return {
        key: read_back(value)
        if isinstance(value, dict)
        else [read_back(each) if isinstance(each, dict) else each for each in value]
        if isinstance(value, list)
        else value
        for key, value in manifest.items()
    }


def test_a_training_job_gets_a_gpu_memory_and_one_core(asked: Asked) -> None:
    resources = asked.container["resources"]
    expected = {"memory": "12000M", "nvidia.com/gpu": "1", "ephemeral-storage": "1000M"}
    assert resources["requests"] == expected | {"cpu": "950m"}
    assert resources["limits"] == expected | {"cpu": "1000m"}
    assert [each["key"] for each in asked.pod["tolerations"]] == ["nvidia.com/gpu"]


def test_a_second_attempt_gets_more_memory(asked: Asked) -> None:
    second = asked.jobs[1]["spec"]["template"]["spec"]["containers"][0]
    assert second["resources"]["limits"]["memory"] == "18000M"


def test_a_job_without_a_gpu_keeps_off_nodes_that_have_one(
    waiting: Project, tmp_path: Path
) -> None:
    with cluster(tmp_path, fails) as (made, environment):
        build(waiting, environment, "--set-resources", "train_classifier:gpu=0", "--retries", "0")
    assert made.refusals == []
    pod = made.posted[0]["spec"]["template"]["spec"]
    assert not any("gpu" in name for name in pod["containers"][0]["resources"]["limits"])
    assert "tolerations" not in pod


def test_the_image_runs_as_no_root_and_with_no_more_rights_than_it_needs(asked: Asked) -> None:
    assert asked.container["image"] == IMAGE
    assert asked.pod["securityContext"]["runAsNonRoot"] is True
    assert asked.container["securityContext"]["allowPrivilegeEscalation"] is False
    assert asked.container["env"] == []


def test_only_snakemake_repeats_what_failed(asked: Asked) -> None:
    assert asked.pod["restartPolicy"] == "Never"
    assert asked.jobs[0]["spec"]["backoffLimit"] == 0


def test_a_job_runs_in_the_study_s_folder_on_the_volume(asked: Asked) -> None:
    study = str(asked.project.folder)
    mounted = {mount["name"]: mount["mountPath"] for mount in asked.container["volumeMounts"]}
    assert mounted["rejeu-study"] == study
    claims = {
        volume["name"]: volume.get("persistentVolumeClaim") for volume in asked.pod["volumes"]
    }
    assert claims["rejeu-study"] == {"claimName": "rejeu-study"}
    assert asked.container["args"][1].startswith(f"cd {study} && python -m snakemake ")


def test_a_job_s_command_names_no_file_that_its_pod_has_not(asked: Asked) -> None:
    words = [plain(word) for word in shlex.split(asked.container["args"][1])]
    absolute = {path for word in words for path in re.findall(r"(?<![\w.])/[\w./-]+", word)}
    outside = {path for path in absolute if not Path(path).is_relative_to(asked.project.folder)}
    assert outside == set()
    assert f"{asked.project.folder}/Snakefile" in absolute


def plain(word: str) -> str:
    """A word of a command, without the form in which Snakemake passes some of them."""
    coded = word.removeprefix("base64//")
    return base64.b64decode(coded).decode() if coded != word else word


def test_what_a_failed_pod_printed_is_kept_and_named(asked: Asked) -> None:
    for job in asked.jobs:
        name = job["metadata"]["name"]
        log = asked.project.folder / f".snakemake/auxiliary/kubernetes-logs/{name}.log"
        assert log.read_text(encoding="utf-8") == f"{name} printed this\n"
        assert str(log) in asked.said


def test_without_an_image_the_error_says_how_to_get_one(waiting: Project, tmp_path: Path) -> None:
    with cluster(tmp_path, fails) as (made, environment):
        environment.pop("REJEU_IMAGE")
        said = build(waiting, environment)
    assert "error: no image is named" in said
    assert "docs/containers.md" in said
    assert "Traceback" not in said
    assert made.posted == []


def test_a_study_beside_the_volume_is_refused(waiting: Project, tmp_path: Path) -> None:
    with cluster(tmp_path, fails) as (made, environment):
        said = build(waiting, environment, "--kubernetes-persistent-volumes", "rejeu-study:/data")
    assert f"error: {waiting.folder}: pods can't see this folder" in said
    assert made.posted == []


def test_what_the_account_may_not_do_is_said_in_one_line(waiting: Project, tmp_path: Path) -> None:
    rules = [rule for rule in of_kind("Role")["rules"] if rule["resources"] != ["secrets"]]
    with cluster(tmp_path, fails, rules) as (_, environment):
        said = build(waiting, environment)
    assert "error: the cluster refuses (403" in said
    assert "the Role doesn't allow to create secrets" in said
    assert "Traceback" not in said


def test_no_cluster_is_said_in_one_line(waiting: Project, tmp_path: Path) -> None:
    environment = os.environ | {"KUBECONFIG": str(tmp_path / "none"), "REJEU_IMAGE": IMAGE}
    said = build(waiting, environment)
    assert "error: no cluster is known here" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.skipif(not can_contain(), reason="containers can't be made here: not root")
def test_a_study_is_built_though_a_pod_is_lost_and_then_snakemake(
    tmp_path: Path, input_folder: Callable[[str], Path]
) -> None:
    built = build_through_losses(installed(), tmp_path, input_folder("movie_reviews"))
    assert built.cluster.refusals == []
    assert built.started[0].name in built.killed
    for pod in built.started[1:3]:
        assert f"Job {pod.name}, which a killed Snakemake left, is ended" in built.again
    assert not built.cluster.pods
    assert (built.study / "report.pdf").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not can_contain(), reason="containers can't be made here: not root")
def test_training_goes_on_in_another_pod_with_the_same_bytes(tmp_path: Path) -> None:
    run = "results/smoke/sentiment/baseline/seed42"
    weights = f"{run}/model/model.safetensors"
    here = copy_of_the_project(ROOT, tmp_path / "here")
    here.snakemake(weights)
    there = copy_of_the_project(ROOT, tmp_path / "there")
    often = ["--set-resources", "train_classifier:checkpoint_steps=1"]
    train_through_a_loss(installed(), there.folder, tmp_path, [weights, *often])
    log = "logs/smoke/train_classifier/sentiment.baseline.seed42.log"
    assert "goes on after step" in (there.folder / log).read_text(encoding="utf-8")
    for name in (weights, f"{run}/log.jsonl"):
        assert there.sha256(name) == here.sha256(name)
