"""`rejeu new`: a study that builds at once, to be made into one's own."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

from rejeu.build.engine import engine
from rejeu.errors import RejeuError
from rejeu.job.whole_files import write_text

TEMPLATES = Path(__file__).parent / "new_study"
NEXT = """\
Made a study in {folder}: two experiments, six seeds, two claims, of which one is false.

Run it:   cd {quoted} && rejeu report
          rejeu claims    judges the claims; `rejeu plan` says before what would run

Edit:     config.yaml          experiments, seeds, inputs
          fit.py               the program: any command that reads a JSON file and writes one
          data/                your data
          report/claims.yaml   what is asserted, and by how much at least"""


def main(folder: Path) -> None:
    """Write the study's files and say what to do with them.

    Raises:
        RejeuError: something is there already, or the folder's name can't be built in.
    """
    snakefile = engine() / "Snakefile"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RejeuError(f"{folder}: is there already, and not empty; name a new folder")
    for path in (folder.resolve(), snakefile):
        if set("{}") & set(str(path)):
            raise RejeuError(f"{path}: Snakemake takes braces in a path for its own; rename it")
    today = datetime.now(UTC).date().isoformat()
    for template in sorted(TEMPLATES.rglob("*")):
        if template.is_file() and "__pycache__" not in template.parts:
            text = template.read_text(encoding="utf-8")
            text = text.replace("@TODAY@", today).replace("@SNAKEFILE@", quoted(str(snakefile)))
            write_text(folder / template.relative_to(TEMPLATES), text)
    print(NEXT.format(folder=folder, quoted=shlex.quote(str(folder))))


def quoted(text: str) -> str:
    """A text as Python writes it, in double quotes where that's all the same."""
    said = repr(text)
    return said if '"' in said else f'"{said[1:-1]}"'
