"""Jobs in the pods of Kubernetes, which share the study's folder as the nodes of a cluster do.

Snakemake's plugin takes for granted that pods share nothing: each gets an empty folder, into which
a storage provider copies the declared files. What a run keeps beside them, its resumable state
first of all, would be lost with the pod. So, unless the command names a storage provider, the
plugin is told that pods share the folder that Snakemake runs in, which must then lie on one of the
volumes that it mounts into them.
"""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rejeu.build import snakemake_run
from rejeu.errors import RejeuError

EXECUTOR = "kubernetes"
LABEL = "app=snakemake"  # of the plugin's jobs
SCRATCH = "1000M"  # for temporary files and what a job prints; a pod that writes more is evicted
PATIENCE = 120.0  # seconds; a pod that is asked to end has 30 of them


def share_folder(workflow: Any) -> None:
    """Let the plugin, where it is installed, run jobs in the folder of this Snakemake."""
    from snakemake_interface_executor_plugins.registry import (  # noqa: PLC0415  jobs need none
        ExecutorPluginRegistry,
    )

    plugins: dict[str, Any] = ExecutorPluginRegistry().plugins
    plugin = plugins.get(EXECUTOR)
    if plugin is None or workflow.storage_settings.default_storage_provider is not None:
        return
    if not plugin.common_settings.implies_no_shared_fs:
        return
    plugins[EXECUTOR] = replace(
        plugin,
        executor=in_shared_folder(plugin.executor),
        common_settings=replace(
            plugin.common_settings,
            implies_no_shared_fs=False,
            job_deploy_sources=False,
            auto_deploy_default_storage_provider=False,
        ),
    )


def in_shared_folder(executor: Any) -> Any:
    """The plugin's executor, for pods that share the folder of this Snakemake."""

    class InSharedFolder(executor):
        """Starts each job in that folder, and lets no job of a Snakemake that is gone go on."""

        def __post_init__(self) -> None:
            volumes = self.workflow.executor_settings.persistent_volumes
            image = self.workflow.remote_execution_settings.container_image
            try:
                refuse_unusable(Path.cwd(), [volume.path for volume in volumes], image)
                with clear_refusals():
                    super().__post_init__()
                    end_leftovers(self)
            except RejeuError as error:
                snakemake_run.refuse(error)

        def get_job_exec_prefix(self, job: Any) -> str:  # noqa: ARG002
            return start()

        # Properties, since the plugin makes both anew when its token has expired.
        @property
        def kubeapi(self) -> Any:
            return self.core_api

        @kubeapi.setter
        def kubeapi(self, api: Any) -> None:
            # Of a pod that failed the plugin reads the log of its container before the last. There
            # is none (restartPolicy: Never), and the cluster's refusal would end the whole build.
            read = api.read_namespaced_pod_log
            api.read_namespaced_pod_log = lambda **asked: read(**(asked | {"previous": False}))
            self.core_api = api

        @property
        def batchapi(self) -> Any:
            return self.batch_api

        @batchapi.setter
        def batchapi(self, api: Any) -> None:
            create = api.create_namespaced_job
            api.create_namespaced_job = lambda namespace, job: create(namespace, fitted(job))
            self.batch_api = api

    return InSharedFolder


def fitted(job: Any) -> Any:
    """A job as the plugin describes it, less what isn't meant, plus what a cluster may demand."""
    pod = job.spec.template.spec
    (container,) = pod.containers
    for amounts in (container.resources.requests, container.resources.limits or {}):
        # Results go to the volume: of the node's own disk only this is used, whatever `disk_mb` is.
        amounts["ephemeral-storage"] = SCRATCH
        for name in [name for name in amounts if name.endswith("/gpu") and amounts[name] == "0"]:
            del amounts[name]
            pod.tolerations = None  # of nodes that are kept for jobs with a GPU
    # What the strictest of Kubernetes' own standards for pods, "restricted", asks for.
    pod.security_context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    container.security_context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    return job


@contextmanager
def clear_refusals() -> Iterator[None]:
    """Say in one line what else would be a traceback of the cluster's client.

    Raises:
        RejeuError: there is no cluster, or it doesn't answer, or it refuses.
    """
    from kubernetes.client import (  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  `make clusters`
        ApiException,
    )
    from kubernetes.config import (  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
        ConfigException,
    )
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except ConfigException as error:
        raise RejeuError(
            f"no cluster is known here ({error}); run Snakemake in a pod of it "
            "(profiles/kubernetes/build.yaml), or where `kubectl` works"
        ) from None
    except ApiException as error:
        raise RejeuError(
            f"the cluster refuses ({error.status} {error.reason}: {error.body}); what the account "
            "must be allowed is the Role in profiles/kubernetes/cluster.yaml"
        ) from None
    except HTTPError as error:
        raise RejeuError(f"the cluster doesn't answer: {error}") from None


def start() -> str:
    """How each job's command begins."""
    return f"cd {shlex.quote(str(Path.cwd()))}"


def refuse_unusable(folder: Path, volumes: list[Path], image: str) -> None:
    """Refuse settings with which no job could start.

    Raises:
        RejeuError: pods wouldn't find the study, or the engine.
    """
    if not any(folder.is_relative_to(volume) for volume in volumes):
        mounted = ", ".join(map(str, volumes)) or "none"
        raise RejeuError(
            f"{folder}: pods can't see this folder; volumes that they mount: {mounted}. Run "
            "Snakemake where such a volume is mounted (profiles/kubernetes/build.yaml), or name "
            "the one that is mounted here: kubernetes-persistent-volumes: [CLAIM:FOLDER]"
        )
    if "$" in image or "snakemake/snakemake" in image:
        raise RejeuError(
            f"no image is named that has Rejeu in it (container-image: {image}); build one "
            "(docs/containers.md), push it where the cluster gets its images, and name it in "
            "REJEU_IMAGE"
        )


def end_leftovers(executor: Any) -> None:
    """Name and end the jobs that a killed Snakemake left in this folder, before twins of them.

    Raises:
        RejeuError: they don't end.
    """
    until = time.monotonic() + PATIENCE
    named: set[str] = set()
    while left := leftovers(executor):
        for name in sorted(left - named):
            executor.logger.info(
                f"Job {name}, which a killed Snakemake left, is ended; its run goes on from its "
                "last saved state."
            )
            executor.safe_delete_job(name)
        named |= left
        if time.monotonic() > until:
            raise RejeuError(
                f"jobs that a killed Snakemake left don't end: {', '.join(sorted(left))}; see "
                f"`kubectl describe job {min(left)}`. Nothing was run."
            )
        time.sleep(1)


def leftovers(executor: Any) -> set[str]:
    """The names of jobs in this folder; of a Snakemake that has just begun, others' only."""
    jobs = executor.batchapi.list_namespaced_job(executor.namespace, label_selector=LABEL).items
    return {
        job.metadata.name
        for job in jobs
        if job.spec.template.spec.containers[0].args[-1].startswith(f"{start()} &&")
    }
