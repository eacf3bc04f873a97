"""`rejeu accept`: say that a change of code has no effect on any number, so that nothing reruns.

Without a file: shows what changed since the results were made, and accepts nothing. A change of the
words of messages is proved harmless and accepted in any file; any other is refused where numbers
are computed, and accepted on somebody's word elsewhere (`accepted.PLUMBING`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rejeu.build import accepted, records
from rejeu.build.changed_files import Change, changed_files
from rejeu.build.commit import git
from rejeu.build.engine import engine
from rejeu.build.identity import Packages, packages_of
from rejeu.build.snakemake_run import recorded_codes
from rejeu.errors import RejeuError


def accept(
    files: list[str],
    reason: str,
    packages: Packages,
    made: Mapping[str, int],
    root: Path,
    commit: str | None,
) -> str:
    """Accept the changes of these files, all or none; returns what to tell.

    Arguments as of `changed_files`; `commit` is the engine's present one.

    Raises:
        RejeuError: there is no reason, or a change can't be accepted, with what it is.
    """
    if not reason.strip():
        raise RejeuError("--reason: is blank; expected why the change has no effect on any number")
    known = changed_files(packages, made, root)
    for file in files:
        refuse(file, known)
    time = datetime.now(UTC).replace(microsecond=0).isoformat()
    taken = [known[file] for file in dict.fromkeys(files)]
    accepted.add(
        (
            accepted.Entry(one.file, one.before, one.after, one.proved, reason, time, commit)
            for one in taken
        ),
        root,
    )
    lines = [
        f"accepted: {one.file} ({'only words of messages changed' if one.proved else reason}); "
        f"{one.results} results stay"
        + (f", {one.newer} made with it as it is now are made again" if one.newer else "")
        for one in taken
    ]
    left = [file for file in known if file not in files]
    lines += [f"still changed, so what depends on it is made again: {file}" for file in left]
    return "\n".join([*lines, f"Keep {accepted.FILE} with the study."])


def refuse(file: str, known: Mapping[str, Change]) -> None:
    """Refuse a file that didn't change, or whose change can't be accepted."""
    if file not in known:
        listed = ", ".join(known) or "none"
        raise RejeuError(
            f"{file}: no result was made with another version of it; files that changed: {listed}"
        )
    change = known[file]
    if change.old is None:
        raise RejeuError(
            f"{change.diff()}, so nobody can see what changed; build again, or put the file back"
        )
    if accepted.computes(file) and not change.proved:
        raise RejeuError(
            f"{file} computes numbers, and more changed in it than the words of its messages:\n"
            f"{change.diff()}\nNothing was accepted. Build again, or take back all but the words "
            "inside print(...), log.warning(...) and raise RejeuError(...)"
        )


def shown(known: Mapping[str, Change]) -> str:
    """Each change, and what can be done about it."""
    lines = []
    for one in known.values():
        if one.proved:
            what = "only words of messages changed: can be accepted"
        elif accepted.computes(one.file) or one.old is None:
            what = "what depends on it is made again"
        else:
            what = "can be accepted, if you know that it alters no number"
        lines.append(f"{one.diff()}\n{one.file}, behind {one.results} results: {what}\n")
    return "\n".join(lines) or "No code changed since the results were made."


def main(files: list[str], reason: str, root: Path) -> None:
    """Accept the changes of these files, for this reason; without any file, print what changed.

    Raises:
        RejeuError: as `accept` does.
    """
    packages = packages_of(root, engine())
    tiers = [folder.name for folder in (root / records.RESULTS / records.FOLDER).glob("*/")]
    made = recorded_codes({record.output for _, record in records.every(tiers)})
    if files:
        commit = git(packages["rejeu"])["commit"]
        print(accept(files, reason, packages, made, root, commit))
    else:
        print(shown(changed_files(packages, made, root)))
