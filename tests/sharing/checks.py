"""The tools that check what is shared, in an environment of their own: `make test` installs it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rocrate

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / ".venv" / "checks" / "bin"
needs_checks = pytest.mark.skipif(
    not (CHECKS.parent / "installed").is_file(),
    reason="requirements-checks.lock isn't installed: `make .venv/checks/installed`",
)
# The profiles that a crate says it follows; of each its own checks and those of what it builds on.
PROFILES = ("process-run-crate-0.5", "workflow-run-crate-0.5", "provenance-run-crate-0.5")
# A file of a crate has a relative path for its identifier, and a workflow crate must hold its
# workflow as a file; this check, meant for software on the web, wants http of all software. None
# that holds its workflow passes; the validator's own samples are held to what is required alone.
NEVER_MET = "process-run-crate-0.5_5.1"
VALIDATE = """
import json, sys
from pathlib import Path
import requests
from rocrate_validator import models, services
from rocrate_validator.utils import http

crate, context, *profiles = sys.argv[1:]

def get(self, url, *_, **__):
    # Nothing but the context of RO-Crate 1.1 is looked up, and it is here.
    if url.rstrip("/") != "https://w3id.org/ro/crate/1.1/context":
        raise requests.ConnectionError(url)
    answer = requests.Response()
    answer.status_code, answer.url, answer._content = 200, url, Path(context).read_bytes()
    answer.headers["Content-Type"] = "application/ld+json"
    return answer

http.HttpRequester.get = get
found = {}
for profile in profiles:
    settings = models.ValidationSettings(
        rocrate_uri=crate, profile_identifier=profile,
        requirement_severity=models.Severity.RECOMMENDED,
    )
    for issue in services.validate(settings).get_issues(models.Severity.RECOMMENDED):
        found.setdefault(issue.check.identifier, []).append([issue.message, issue.violatingEntity])
print(json.dumps(found))
"""


def issues(crate: Path, *profiles: str) -> dict[str, list[Any]]:
    """What roc-validator finds at REQUIRED and RECOMMENDED: messages and entities by check."""
    context = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    done = run("python", "-c", VALIDATE, crate, context, *(profiles or PROFILES))
    return json.loads(done.splitlines()[-1])


def run(program: str, *words: Any) -> str:
    """What a program of the checks' environment prints; it must end well."""
    done = subprocess.run(
        [str(CHECKS / program), *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
