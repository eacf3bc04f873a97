"""As much of the API of a Kubernetes cluster as Snakemake's plugin uses, on loopback.

It records what is posted and refuses what a cluster would: objects that the published schema
doesn't allow, calls that the account's Role doesn't, extended resources without an equal limit. Its
own answers are held against the schema too. Pods are started by whoever uses it.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, cast
from urllib.parse import parse_qs, urlparse

from rejeu.study.yaml_reader import yaml_text

VERSION = "1.32"  # of the schema: the one of the client that the plugin brings
NAMESPACE = "lab"
PATH = re.compile(
    r"(?:/api|/apis/(?P<group>[a-z]+))/v1/namespaces/(?P<namespace>[^/]+)"
    r"/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>[a-z]+))?"
)
VERBS = {"POST": "create", "DELETE": "delete", "GET": "get"}
Manifest = dict[str, Any]
DONE: Manifest = {"apiVersion": "v1", "kind": "Status", "status": "Success"}


@dataclass
class Pod:
    """A pod of a job: how it is ended, and what is known of it."""

    job: Manifest
    end: Callable[[], None] = lambda: None
    code: int | None = None  # of its container, once that has ended
    log: str = ""

    @property
    def name(self) -> str:
        return self.job["metadata"]["name"]

    @property
    def container(self) -> Manifest:
        return self.job["spec"]["template"]["spec"]["containers"][0]

    def manifest(self) -> Manifest:
        """The pod as the API shows it."""
        state: Manifest = {"running": {}}
        phase = "Running"
        if self.code is not None:
            state = {"terminated": {"exitCode": self.code}}
            phase = "Failed" if self.code else "Succeeded"
        status = {
            **{"name": "snakemake", "ready": False, "restartCount": 0, "state": state},
            **{"image": self.container["image"], "imageID": "sha256:0"},
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{self.name}-x7k2p", "labels": {"job-name": self.name}},
            "spec": self.job["spec"]["template"]["spec"],
            "status": {"phase": phase, "containerStatuses": [status]},
        }


@dataclass
class Cluster:
    """What a cluster knows, and what it was asked."""

    rules: list[Manifest]  # of the account's Role
    start: Callable[[Pod], None]  # starts a pod, and sets its `code` once it has ended
    pods: dict[str, Pod] = field(default_factory=dict)
    posted: list[Manifest] = field(default_factory=list)  # all jobs that there were
    refusals: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def answer(self, verb: str, url: str, body: Manifest | None) -> tuple[int, Manifest | str]:
        """The status and the content of an answer to a request."""
        found = PATH.fullmatch(urlparse(url).path)
        if found is None or found["namespace"] != NAMESPACE:
            return self.refuse(404, f"{verb} {url}: there is no such path")
        if verb == "get" and found["name"] is None:
            verb = "list"
        resource = f"{found['kind']}/{found['part']}" if found["part"] else found["kind"]
        if not self.allows(verb, found["group"] or "", resource):
            return self.refuse(403, f"the Role doesn't allow to {verb} {resource}")
        if verb == "create":
            return self.create(body or {})
        query = parse_qs(urlparse(url).query)
        return self.answer_about(verb, found["kind"], found["name"], found["part"], query)

    def answer_about(
        self, verb: str, kind: str, name: str | None, part: str | None, query: dict[str, list[str]]
    ) -> tuple[int, Manifest | str]:
        """The answer to an allowed question about what is there, or to a request to delete it."""
        if kind == "secrets":
            return 200, DONE
        if name is None:
            return 200, self.listed(kind, query)
        pod = self.pods.get(name.removesuffix("-x7k2p"))
        if pod is None:
            return self.refuse(404, f'{kind} "{name}" not found')
        if verb == "delete":
            return self.delete(kind, pod)
        if part == "log":
            return self.log_of(pod, query)
        return 200, job_of(pod)

    def delete(self, kind: str, pod: Pod) -> tuple[int, Manifest]:
        pod.end()
        if kind == "jobs":
            self.pods.pop(pod.name)
        return 200, DONE

    def log_of(self, pod: Pod, query: dict[str, list[str]]) -> tuple[int, Manifest | str]:
        # Without a restart there is no container before the present one.
        if query.get("previous") == ["True"]:
            return self.refuse(400, f'previous terminated container in "{pod.name}" not found')
        return 200, pod.log

    def refuse(self, code: int, message: str) -> tuple[int, Manifest]:
        self.refusals.append(message)
        status = {"status": "Failure", "message": message, "code": code}
        return code, {"apiVersion": "v1", "kind": "Status", **status}

    def check(self, answer: Manifest | str) -> None:
        """Note where an answer of this stand-in is none that a cluster could give."""
        if isinstance(answer, str) or answer["kind"] == "Status":  # it has no schema of its own
            return
        kind = {"PodList": "Pod", "JobList": "Job"}.get(answer["kind"])
        wanted = {"apiVersion": answer["apiVersion"], "kind": kind}
        for each in [item | wanted for item in answer["items"]] if kind else [answer]:
            if wrong := refusal(each):
                self.refusals.append(f"this stand-in's own answer is wrong: {wrong}")

    def allows(self, verb: str, group: str, resource: str) -> bool:
        return any(
            group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
            for rule in self.rules
        )

    def create(self, body: Manifest) -> tuple[int, Manifest]:
        # The client leaves these out, and the API takes them from the path.
        body = {"apiVersion": "v1", "kind": "Secret"} | body
        if "template" in body.get("spec", {}):
            body |= {"apiVersion": "batch/v1", "kind": "Job"}
        if wrong := refusal(body):
            return self.refuse(422, wrong)
        if body["kind"] == "Job":
            pod = Pod(body)
            self.posted.append(body)
            self.pods[pod.name] = pod
            self.start(pod)
        return 201, body

    def listed(self, kind: str, query: dict[str, list[str]]) -> Manifest:
        label, value = query["labelSelector"][0].split("=")
        pods = list(self.pods.values())
        if kind == "pods":
            items = [pod.manifest() for pod in pods]
            answer = {"apiVersion": "v1", "kind": "PodList"}
        else:
            items = [job_of(pod) for pod in pods]
            answer = {"apiVersion": "batch/v1", "kind": "JobList"}
        wanted = [item for item in items if item["metadata"]["labels"].get(label) == value]
        return answer | {"metadata": {}, "items": wanted}


def job_of(pod: Pod) -> Manifest:
    """A pod's job as the API shows it."""
    ended = {} if pod.code is None else {"failed": 1} if pod.code else {"succeeded": 1}
    return pod.job | {"status": ended or {"active": 1}}


def refusal(manifest: Manifest) -> str | None:
    """Why a cluster would refuse an object; None where it would take it."""
    # `make clusters` installs it; other tests need this module's types alone.
    import kubernetes_validate  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{manifest.get('kind')}: {error.message} at {list(error.path)}"
    if manifest["kind"] != "Job":
        return None
    pod = manifest["spec"]["template"]["spec"]
    volumes = [volume["name"] for volume in pod.get("volumes", [])]
    if len(set(volumes)) < len(volumes):
        return f"volumes {volumes}: a name stands twice"
    for container in pod["containers"]:
        mounted = [mount["name"] for mount in container.get("volumeMounts", [])]
        if unknown := set(mounted) - set(volumes):
            return f"volumeMounts: there is no volume {sorted(unknown)}"
        resources = container.get("resources", {})
        asked, limits = resources.get("requests", {}), resources.get("limits", {})
        for name, amount in asked.items():
            if "/" in name and limits.get(name) != amount:
                return f"{name}: an extended resource needs a limit equal to its request, {amount}"
    return None


@contextmanager
def serving(cluster: Cluster, folder: Path) -> Iterator[dict[str, str]]:
    """Serve a cluster's API; yield the environment with which its clients find it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with cluster.lock:
                code, content = cluster.answer(VERBS[self.command], self.path, body)
                cluster.check(content)
            told = content if isinstance(content, str) else json.dumps(content)
            self.send_response(code)
            kind = "text/plain" if isinstance(content, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(told.encode())))
            self.end_headers()
            self.wfile.write(told.encode())

        do_GET = do_POST = do_DELETE = handle_request  # noqa: N815  http.server's names

        def log_message(self, format: str, *args: object) -> None:
            """What is asked stands in `posted` and `refusals`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        host, port = cast(tuple[str, int], server.server_address)
        configuration = folder / "kubeconfig.yaml"
        configuration.write_text(kubeconfig(f"http://{host}:{port}"), encoding="utf-8")
        yield {"KUBECONFIG": str(configuration)}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for pod in cluster.pods.values():
            pod.end()


def kubeconfig(server: str) -> str:
    """What a client's configuration says of a cluster at an address."""
    return yaml_text(
        {
            **{"apiVersion": "v1", "kind": "Config", "current-context": "test"},
            "clusters": [{"name": "test", "cluster": {"server": server}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
    )
