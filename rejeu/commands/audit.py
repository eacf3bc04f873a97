"""`rejeu audit`: known vulnerabilities of the pinned packages, by pip-audit from PyPI's database.

Exit code 1: a vulnerability is known. Where the database can't be reached nothing was checked,
which is said and is no failure.
"""

import json
import re
import subprocess
import venv
from pathlib import Path
from typing import Any

from rejeu.build.engine import engine
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json
from rejeu.sharing.sbom import pins_of

PIP_AUDIT = "pip-audit==2.10.1"
UNCHECKED = "audit: nothing was checked: "


def pins(lock: str) -> list[str]:
    """The `name==version` of each package in the text of a lock file, without hashes."""
    return re.findall(r"^([A-Za-z0-9][\w.\-]*==[^\s\\]+)", lock, re.MULTILINE)


def pinned(file: Path) -> list[str]:
    """The pins of a lock file, or of a bill of materials (.json) as `rejeu sbom` writes it.

    Raises:
        RejeuError: the bill has no packages.
    """
    if file.suffix != ".json":
        return pins(file.read_text(encoding="utf-8"))
    try:
        return pins_of(read_json(file))
    except (KeyError, TypeError):
        raise RejeuError(
            f"{file}: no list `components` of packages with name and version; expected a CycloneDX "
            "bill as `rejeu sbom` writes it"
        ) from None


def told(report: dict[str, Any]) -> tuple[str, int]:
    """What to say of pip-audit's JSON, and the exit code.

    An index without a vulnerability database answers too, and pip-audit then skips the package
    and calls the whole clean.
    """
    packages = report["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    known = [
        f"  {package['name']} {package['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version yet'}"
        for package in packages
        for fault in package.get("vulns", [])
    ]
    if len(skipped) == len(packages):
        return f"{UNCHECKED}the package index has no vulnerability database (offline mirror?)", 0
    without = f"; not in the database: {', '.join(skipped)}" if skipped else ""
    summary = f"audit: {len(packages) - len(skipped)} of {len(packages)} packages checked{without}"
    if known:
        return "\n".join([f"{summary}. Known vulnerabilities:", *known]), 1
    return f"{summary}. No vulnerability is known.", 0


def audit(lock: Path, environment: Path) -> tuple[str, int]:
    """Run pip-audit, installed into `environment`, over the pins of `lock` or of a bill.

    Raises:
        RejeuError: pip-audit failed for another reason than an unreachable network.
    """
    tool = environment / "bin" / "python"
    # One whose making was interrupted has Python, and no pip.
    if not tool.exists() or run(str(tool), "-m", "pip", "--version").returncode:
        venv.create(environment, with_pip=True, clear=True)
    installed = run(str(tool), "-m", "pip", "install", "--quiet", PIP_AUDIT)
    if installed.returncode:
        reason = installed.stderr.strip().split("\n")[-1]
        return f"{UNCHECKED}{PIP_AUDIT} can't be installed: {reason}", 0
    listed = environment / "pins.txt"
    listed.write_text("\n".join(pinned(lock)), encoding="utf-8")
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    done = run(str(tool), "-m", "pip_audit", "--requirement", str(listed), *options)
    if done.stdout:
        return told(json.loads(done.stdout))
    if re.search(r"could not connect|ConnectionError|timed out", done.stderr, re.IGNORECASE):
        return f"{UNCHECKED}the vulnerability database can't be reached (no network?)", 0
    raise RejeuError(f"pip-audit failed:\n{done.stderr.strip()}")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program until it ends, whatever its exit code, and hold what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def main(sbom: Path | None) -> int:
    """Print what is known of the pinned packages; 1 where there is a vulnerability.

    Args:
        sbom: a bill to read them from; None: the engine's lock.

    Raises:
        RejeuError: pip-audit failed.
    """
    root = engine()
    words, code = audit(sbom or root / "requirements.lock", root / ".cache" / "rejeu" / "audit")
    print(words)
    return code
