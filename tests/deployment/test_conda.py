"""`snakemake --use-conda` by a Snakemake that was installed alone, from the real `envs/*.yaml`.

No conda and no channel can be had everywhere, so a stand-in answers as conda would: it solves and
installs for real (`stand_in_conda`), and pip installs for real what the `pip:` sections pin.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rejeu.build import packages
from rejeu.build.conda_environments import locked
from rejeu.commands.audit import pins
from rejeu.job.whole_files import read_json
from tests.deployment import stand_in_conda
from tests.workflow.project import ROOT, Project, copy_of_the_project

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
HIDDEN = ("PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTEST_CURRENT_TEST")
NOTHING = "Nothing to be done"


needs_3_11 = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11),
    reason="envs/*.yaml want Python 3.11, and the channel here has the one that runs the tests",
)


@dataclass(frozen=True)
class Shell:
    """What a user has on PATH, beside the system's own programs."""

    path: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, folder: Path, *words: str | Path, fails: bool = False) -> str:
        """Run a command in a folder; return all that it printed."""
        mine = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        mine |= self.variables
        mine["PATH"] = os.pathsep.join([*map(str, self.path), os.defpath])
        done = subprocess.run(
            words, cwd=folder, env=mine, check=False, capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        return said


@pytest.fixture(scope="session")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, with python and pip on its channel; its folder of programs."""
    folder = tmp_path_factory.mktemp("conda")
    channel = folder / "channels" / "conda-forge"
    subprocess.run(
        [sys.executable, "-m", "tests.deployment.stand_in_channel", channel], cwd=ROOT, check=True
    )
    return stand_in_conda.install(folder / "conda", channel.parent)


@pytest.fixture(scope="session")
def alone(conda: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Conda, and a Snakemake with what pip brings for it."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder, with_pip=True)
    (pin,) = [pin for pin in pins(LOCK) if pin.startswith("snakemake==")]
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", pin], check=True)
    # Where two studies share the environments.
    place = str(tmp_path_factory.mktemp("environments"))
    return Shell((conda, folder / "bin"), {"SNAKEMAKE_CONDA_PREFIX": place})


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_of_the_project(ROOT, tmp_path_factory.mktemp("conda") / "a project's copy")


def installed(prefix: Path) -> dict[str, str]:
    """The version of each package that an environment's own Python finds, by canonical name."""
    words = [prefix / "bin" / "python", "-m", "pip", "list", "--format", "json"]
    listed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return {packages.canonical(each["name"]): each["version"] for each in json.loads(listed)}


@pytest.mark.parametrize(
    ("program", "words", "said"),
    [
        (None, ["--use-conda"], "there is no `conda` on PATH. Install conda 24.7.1 or newer"),
        (None, ["--sdm", "conda", "--dry-run"], "there is no `conda` on PATH."),
        ("echo conda 23.10.0", ["--use-conda"], "found 'conda 23.10.0', which is too old for"),
        ("echo a; echo b; exit 3", ["--use-conda"], "`conda --version` fails: b. Install conda"),
    ],
)
def test_without_a_usable_conda_there_is_one_line(
    program: str | None, words: list[str], said: str, tmp_path: Path
) -> None:
    study = copy_of_the_project(ROOT, tmp_path / "project", inputs=False).folder
    if program:
        (tmp_path / "conda").write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        (tmp_path / "conda").chmod(0o755)
    snakemake = (sys.executable, "-m", "snakemake", "--cores", "1", *words)
    printed = Shell((tmp_path,)).run(study, *snakemake, fails=True).splitlines()
    errors = [line for line in printed if not line.startswith("Using workflow specific profile")]
    assert len(errors) == 1, printed
    assert errors[0].startswith(f"error: --use-conda: {said}")
    assert not (study / "results").exists()


def test_an_environment_has_what_its_file_says(conda: Path, tmp_path: Path) -> None:
    """And nothing of the Python that runs this; a file of another content is refused."""
    lock = locked(LOCK)
    pinned = [" ".join(lock[name]) for name in ("jinja2", "markupsafe")]
    file, prefix = tmp_path / "a.yaml", tmp_path / "a"
    words = (conda / "conda", "env", "create", "--quiet", "--file", file, "--prefix", prefix)

    def write(lines: list[str]) -> None:
        dependencies = ["python=3", "pip", {"pip": lines}]
        wanted = {"channels": ["conda-forge", "nodefaults"], "dependencies": dependencies}
        file.write_text(json.dumps(wanted), encoding="utf-8")

    write(pinned)
    Shell().run(tmp_path, *words)
    found = installed(prefix)
    assert found.pop("pip")
    assert found == {name: lock[name][0].partition("==")[2] for name in ("jinja2", "markupsafe")}
    shutil.rmtree(prefix)
    write([f"{pinned[0].split()[0]} --hash=sha256:{'0' * 64}", pinned[1]])
    assert "DO NOT MATCH THE HASHES" in Shell().run(tmp_path, *words, fails=True)


def test_a_further_index_gives_torch_s_cpu_build(conda: Path, tmp_path: Path) -> None:
    """As docs/conda.md says: for `torch==2.13.0` pip takes 2.13.0+cpu where it finds both."""
    for index, version in (("pypi", "2.13.0"), ("cpu", "2.13.0+cpu")):
        place = tmp_path / index / "torch"
        place.mkdir(parents=True)
        name, about = f"torch-{version}", f"torch-{version}.dist-info"
        with zipfile.ZipFile(place / f"{name}-py3-none-any.whl", "w") as wheel:
            said = f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
            wheel.writestr(f"{about}/METADATA", said)
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")
        link = f'<a href="{name.replace("+", "%2B")}-py3-none-any.whl">{name}-py3-none-any.whl</a>'
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}", encoding="utf-8")
    file = tmp_path / "a.yaml"
    wanted = '{channels: [conda-forge], dependencies: [python=3, pip, {pip: ["torch==2.13.0"]}]}'
    file.write_text(wanted, encoding="utf-8")
    indexes = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    indexes["PIP_INDEX_URL"] = (tmp_path / "pypi").as_uri()
    cpu = {"PIP_EXTRA_INDEX_URL": (tmp_path / "cpu").as_uri()}
    for further, version in (({}, "2.13.0"), (cpu, "2.13.0+cpu")):
        prefix = tmp_path / version
        words = ("env", "create", "--file", file, "--prefix", prefix)
        Shell(variables=indexes | further).run(tmp_path, conda / "conda", *words)
        assert installed(prefix)["torch"] == version


def test_what_no_channel_has_is_refused(conda: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("channels: [conda-forge]\ndependencies: [python=2]\n", encoding="utf-8")
    words = ("env", "create", "--file", file, "--prefix", tmp_path / "a")
    assert "No candidates" in Shell().run(tmp_path, conda / "conda", *words, fails=True)


@needs_3_11
@pytest.mark.slow
def test_the_flag_makes_nothing_anew(alone: Shell, project: Project) -> None:
    """Built with conda, then without, then with it again: only what changed is computed."""
    study = Project(project.folder / "examples" / "two_classifiers")
    study.replace("config.yaml", "seeds: [1, 2, 3, 4, 5]", "seeds: [1]")
    if (project.folder / ".cache").is_dir():
        shutil.copytree(project.folder / ".cache", study.folder / ".cache")
    options = ("--workflow-profile", str(project.folder / "profiles" / "default"), "--cores", "1")

    def with_conda(*words: str) -> str:
        return alone.run(study.folder, "snakemake", "--sdm", "conda", *options, *words)

    def computed(build: Callable[..., str]) -> dict[str, bool]:
        """Whether each run was computed, and not put back as it was kept."""
        build()
        logs = (study.folder / "logs/laptop/run_command").glob("*.log")
        return {log.stem: "as kept of" not in log.read_text("utf-8") for log in logs}

    runs = ("reviews.bayes.seed1", "reviews.logistic.seed1")
    accuracy = study.folder / "results/laptop/reviews/bayes/seed1/metrics.json"
    assert computed(with_conda) == dict.fromkeys(runs, True)
    before = read_json(accuracy)["accuracy"]
    assert NOTHING in study.snakemake(*options, "--dry-run")
    study.replace("config.yaml", "most_words: 20000", "most_words: 10000")
    assert computed(lambda: study.snakemake("report.pdf", *options)) == dict.fromkeys(runs, True)
    assert NOTHING in with_conda("--dry-run")
    study.replace("config.yaml", "most_words: 10000", "most_words: 20000")
    assert computed(with_conda) == dict.fromkeys(runs, False)
    assert read_json(accuracy)["accuracy"] == before
    assert "Stale results" not in study.snakemake(*options, "--dry-run")


@needs_3_11
@pytest.mark.slow
def test_smoke_tier_from_the_real_environments(alone: Shell, project: Project) -> None:
    folder, smoke = project.folder, ("--config", "tier=smoke")
    alone.run(folder, "snakemake", "--cores", "1", "--use-conda", *smoke)
    assert (folder / "report.pdf").is_file()

    # One set of versions, though each environment has a part of it.
    pinned = packages.pins(sorted((ROOT / "envs").glob("*.yaml")))
    versions = read_json(folder / "results/smoke/provenance.json")["packages"]
    known = {packages.canonical(name): number for name, number in pinned.items()}
    for name, number in versions.items():
        assert name == "snakemake" or number == known[packages.canonical(name)], name
    run = read_json(folder / "results/smoke/lora/r8/seed42/run.json")["packages"]
    assert run.keys() == set(packages.NUMERIC)

    # Each holds what its file pins; of torch's CUDA build also what pip brings for it.
    files = list(Path(alone.variables["SNAKEMAKE_CONDA_PREFIX"]).glob("*.yaml"))
    assert len(files) == len(list((ROOT / "envs").glob("*.yaml")))
    for file in files:
        there = installed(file.with_suffix(""))
        wanted = {packages.canonical(name): n for name, n in packages.pins([file]).items()}
        assert {name: packages.without_build(there[name]) for name in wanted} == wanted
        assert "torch" in wanted or there.keys() == {*wanted, "pip"}

    # Without the flag nothing is made anew, and what is trained then has the same bytes.
    assert project.planned(*smoke) == {}
    assert NOTHING in alone.run(folder, "snakemake", "--dry-run", "--sdm", "conda", *smoke)
    for weights in (
        "results/smoke/sentiment/baseline/seed42/model/model.safetensors",
        "results/smoke/lora/r8/seed42/adapter/adapter_model.safetensors",
    ):
        by_conda = project.sha256(weights)
        project.snakemake(weights, "--forcerun", weights, *smoke)
        assert project.sha256(weights) == by_conda, weights
