"""Whether a build needs the Hugging Face hub, and whether the hub answers."""

import threading
import urllib.error
import urllib.request
from pathlib import Path

from rejeu.study.configuration import HubSource, Input, PathSource

WAIT_SECONDS = 3.0  # for its answer


def sources_of(wanted: Input) -> list[HubSource]:
    """The places on the hub that may serve an input."""
    return [source for source in wanted.sources if isinstance(source, HubSource)]


def needed_for(wanted: Input) -> bool:
    """Whether only the hub can serve an input: no other source can, and its cache here doesn't."""
    hub = sources_of(wanted)
    if len(hub) < len(wanted.sources) and any(
        not isinstance(source, PathSource) or has_files(source, wanted)
        for source in wanted.sources
        if source not in hub
    ):
        return False
    return bool(hub) and not any(is_cached(source, wanted) for source in hub)


def is_own(wanted: Input) -> bool:
    """Whether an input is files of the user's, of which nothing is downloaded."""
    folders = [source for source in wanted.sources if isinstance(source, PathSource)]
    return len(folders) == len(wanted.sources) or any(has_files(each, wanted) for each in folders)


def has_files(source: PathSource, wanted: Input) -> bool:
    """Whether a folder of the user's holds an input's files."""
    return all(Path(source.folder, file).is_file() for file in wanted.files)


def is_cached(source: HubSource, wanted: Input) -> bool:
    """Whether the hub's cache here holds an input's files, of the revision that is asked for."""
    if source.split:  # of which a cache may hold a part, and nothing would tell
        return False
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415  where it is needed only

    return all(
        isinstance(
            try_to_load_from_cache(
                source.repository,
                f"{source.folder}/{file}" if source.folder else file,
                revision=None if source.revision == "unpinned" else source.revision,
                repo_type=source.repository_type,
            ),
            str,
        )
        for file in wanted.files
    )


def unreachable() -> str | None:
    """Why the hub doesn't answer within three seconds; None where it does, whatever it says."""
    from huggingface_hub import constants  # noqa: PLC0415  where it is needed only

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids to ask it"
    answer: list[str | None] = [f"no answer in {WAIT_SECONDS:g} s"]

    def ask() -> None:
        asked = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310  a user's own
        try:
            with urllib.request.urlopen(asked, timeout=WAIT_SECONDS):  # noqa: S310
                answer[0] = None
        except urllib.error.HTTPError:  # it is there
            answer[0] = None
        except OSError as error:
            answer[0] = str(getattr(error, "reason", error))

    # In a thread, since the time to look its name up knows no limit.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(WAIT_SECONDS)
    return f"{constants.ENDPOINT} can't be reached ({answer[0]})" if answer[0] else None
