"""`rejeu sbom`: the engine's software bill of materials, from its lock."""

from importlib.metadata import version
from pathlib import Path

from rejeu.build.engine import engine
from rejeu.job.whole_files import write_json
from rejeu.sharing.sbom import sbom

FILE = "sbom.cdx.json"


def main(out: Path | None) -> None:
    """Write the bill of requirements.lock."""
    lock = (engine() / "requirements.lock").read_text(encoding="utf-8")
    out = out or Path(FILE)
    bill = sbom(lock, "rejeu", version("rejeu"))
    write_json(out, bill)
    print(f"{out}: {len(bill['components'])} packages")
