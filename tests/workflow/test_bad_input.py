"""What a user gets wrong, told in a line or two by the real Snakefile; what was made stays."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.workflow.project import SMOKE, Project

Copy = Callable[[], Project]
# Trained weights, measures, reports, and what the jobs logged.
MADE = ("results/**/*", ".cache/rejeu/**/*", "logs/**/*", "report.pdf")

FOLDER = "données d’été (1)"
FILE = "critiques à lire.csv"
REVIEWS = "text,label\n" + "".join(
    f'"{mood}, film ""{n}"",\nle {n}e",{label}\n'
    for n in range(500)
    for label, mood in enumerate(("Bad « très mauvais »", "Good « très bon »"))
)
CLEAN = "results/smoke/data/sentiment/clean.parquet"


def made(project: Project) -> dict[Path, int]:
    """Every file that a build makes, with the time of its last change."""
    found = (path for pattern in MADE for path in project.folder.glob(pattern))
    return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


def refused(project: Project) -> str:
    """Start a build that must fail; return what was said, once no job ran and nothing was lost."""
    before = made(project)
    assert len(before) > 100
    said = project.snakemake(*SMOKE, check=False)
    assert "Traceback" not in said
    assert made(project) == before
    return said


def test_configuration_and_claims(copy: Copy) -> None:
    project = copy()
    for file, old, new, fault in (
        (
            "config.yaml",
            "    r4: {rank: 4, ",
            "    r4: {rank: 0, ",
            "lora.experiments.r4.rank: Input should be greater than 0 (found: 0)",
        ),
        (
            "config.yaml",
            "renderer: auto ",
            "tier: paper\nrenderer: auto ",
            "config.yaml, line 6: malformed YAML: the key 'tier' stands twice in one mapping, "
            "first in line 5; remove or rename one",
        ),
        (
            "config.yaml",
            'fr: "Rejouer le devoir 6"',
            'fr: "Rejouer le devoir 6',
            "config.yaml, line 9: malformed YAML: ",
        ),
        (
            "report/claims.yaml",
            "  - id: baseline_learns\n",
            "  - id: a\n    id: b\n",
            "claims.yaml, line 11: malformed YAML: the key 'id' stands twice",
        ),
    ):
        project.replace(file, old, new)
        assert fault in refused(project)
        project.replace(file, new, old)
    assert project.planned(*SMOKE) == {}


def test_own_reviews(copy: Copy) -> None:
    """Bad ones stop the build before any job and cost nothing; corrected ones are read at once."""
    project = copy()
    (project.folder / FOLDER).mkdir()
    path = project.folder / FOLDER / FILE
    project.replace(
        "config.yaml",
        "      encoder: minilm_l3\n      input: movie_reviews\n      where: {source: imdb}\n",
        "      encoder: minilm_l3\n      input: mine\n",
    )
    project.replace(
        "config.yaml",
        "\ninputs:\n",
        f'\ninputs:\n  mine:\n    licence: mine\n    files: {{"{FILE}": null}}\n'
        f'    sources: [{{kind: path, folder: "{FOLDER}"}}]\n',
    )
    place = f"input 'mine' ({FILE} of path {FOLDER}) was refused, and nothing was run"
    for content, fault in (
        (None, f"{FOLDER}/{FILE}: No such file or directory"),
        (REVIEWS.encode("utf-16"), f"{FOLDER}/{FILE}, line 1, byte 0: not UTF-8 (0xff)"),
        ((REVIEWS + "so so,2\n").encode(), "row 1000 (from 0), column 'label': the label 2 is"),
    ):
        if content:
            path.write_bytes(content)
        said = refused(project)
        assert place in said
        assert fault in said

    clean = (CLEAN, "--config", "tier=smoke")
    path.write_text(REVIEWS, encoding="utf-8")
    project.snakemake(*clean)
    texts = pd.read_parquet(project.folder / CLEAN)["text"]
    assert (texts[0], len(texts)) == ('Bad « très mauvais », film "0", le 0e', 1000)
    path.touch()
    assert project.planned(*clean) == {}
    path.write_text(REVIEWS + "so so,2\n", encoding="utf-8")
    assert place in refused(project)
    path.write_text(REVIEWS, encoding="utf-8")
    assert project.planned(*clean) == {}
    path.write_text(REVIEWS + "so so,1\n", encoding="utf-8")
    assert project.planned(*clean).keys() == {"fetch", "clean_sentiment"}
