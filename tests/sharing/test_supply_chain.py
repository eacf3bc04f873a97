"""The bill of materials, licences, and how the project is cited: each by its own tool."""

import json
import re
from pathlib import Path

import pytest

from rejeu.build.conda_environments import locked
from rejeu.commands import sbom as command
from rejeu.commands.audit import pinned, pins
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json
from rejeu.sharing.licences import UNKNOWN, of_packages, spdx, table
from rejeu.study.strict_reading import read_yaml
from tests.sharing.checks import ROOT, needs_checks, run

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
STRICT = """
import sys
from pathlib import Path
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(sys.argv[1]).read_text())
sys.exit(str(fault) if fault else 0)
"""


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bill") / "sbom.cdx.json"
    command.main(path)
    return path


def test_the_bill_holds_every_pin_with_its_hashes(bill: Path, tmp_path: Path) -> None:
    components = {each["name"]: each for each in read_json(bill)["components"]}
    assert pinned(bill) == pins(LOCK)
    for pin, *hashes in locked(LOCK).values():
        found = components[pin.partition("==")[0]]["externalReferences"][0].get("hashes", [])
        assert [f"--hash=sha256:{each['content']}" for each in found] == hashes
    assert len(re.findall("sha256:", LOCK)) == bill.read_text("utf-8").count('"SHA-256"') > 1000
    command.main(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == bill.read_bytes()


@needs_checks
def test_the_bill_is_valid_by_cyclonedx_own_validator(bill: Path, tmp_path: Path) -> None:
    run("python", "-c", STRICT, bill)
    broken = read_json(bill)
    broken["components"][0]["type"] = "paquet"
    (tmp_path / "broken.json").write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(AssertionError, match="paquet"):
        run("python", "-c", STRICT, tmp_path / "broken.json")


def test_a_bill_without_packages_is_refused_by_the_audit(tmp_path: Path) -> None:
    (tmp_path / "bill.json").write_text('{"components": [{"name": "numpy"}]}', encoding="utf-8")
    with pytest.raises(RejeuError, match="expected a CycloneDX bill"):
        pinned(tmp_path / "bill.json")


def test_licences_are_told_as_spdx_writes_them() -> None:
    names = [lines[0].partition("==")[0] for lines in locked(LOCK).values()]
    found = of_packages(names)
    assert found["numpy"].startswith("BSD-3-Clause")
    assert found["transformers"] == "Apache-2.0"  # "Apache 2.0 License", it says
    assert found["torch"] == "BSD-3-Clause"  # by the words of its file alone
    unknown = [name for name, licence in found.items() if spdx(licence) is None]
    assert len(unknown) < 5, unknown
    assert of_packages(["no-such-package"]) == {}


def test_the_table_has_each_thing_once() -> None:
    packages, inputs = {"a": "MIT", "B": "MIT", "c": UNKNOWN}, {"rows": "MIT", "weights": "own"}
    assert table(packages, inputs) == [
        {"licence": "MIT", "inputs": ["rows"], "packages": ["a", "B"]},
        {"licence": "own", "inputs": ["weights"], "packages": []},
        {"licence": UNKNOWN, "inputs": [], "packages": ["c"]},
    ]


@needs_checks
def test_citation_is_valid_and_zenodo_says_the_same() -> None:
    run("cffconvert", "--validate", "--infile", ROOT / "CITATION.cff")
    derived = json.loads(run("cffconvert", "-f", "zenodo", "--infile", ROOT / "CITATION.cff"))
    derived["license"] = derived["license"]["id"]
    given = read_json(ROOT / ".zenodo.json")
    assert {key: given[key] for key in derived} == derived
    # What Zenodo wants of a deposit besides.
    assert given["upload_type"] == "software"
    assert given["access_right"] == "open"
    assert given["description"]


def test_the_workflow_catalog_finds_what_it_asks_for() -> None:
    """Its rules for all workflows (its README, and `generate-catalog.py`).

    "Standardized usage" wants workflow/Snakefile and config/README.md besides: here the Snakefile
    lies at the top, so that the repository is a study, and only the first list has it.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "Snakefile").is_file()
    assert [*(ROOT / "rules").glob("*.smk")]
    usage = read_yaml(ROOT / ".snakemake-workflow-catalog.yml")["usage"]
    assert usage.keys() <= {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    deployed = usage["software-stack-deployment"]
    assert deployed.keys() <= {"conda", "apptainer", "apptainer+conda"}
    assert deployed["conda"] is True
    # What it says of conda and of containers is so.
    assert "conda:" in (ROOT / "rules" / "classifier.smk").read_text(encoding="utf-8")
