"""One PDF out of one per language, in which every link stays in its own half."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.constants import PageLabelStyle
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    NameObject,
    TextStringObject,
)

from rejeu.errors import RejeuError
from rejeu.job.whole_files import replacing

# Both halves name their destinations alike (`refs`, `ref-hu2021lora`), and no merged file can
# hold two structure trees as they are, so links become explicit and the rest is left out.
_PER_FILE = ("/Names", "/Dests", "/StructTreeRoot", "/MarkInfo", "/Metadata", "/OutputIntents")


def merge(parts: list[tuple[str, Path]], output: Path, title: str) -> None:
    """Write the PDF `parts`, each a label and a path, one after another into `output`.

    The outline holds a bookmark per part, with the part's own bookmarks under it. Pages are
    numbered anew in each part. The document's language is that of the first part.

    Raises:
        RejeuError: a link of a part leads to a destination that the part does not hold.
    """
    writer = PdfWriter()
    for label, path in parts:
        first = len(writer.pages)
        writer.append(PdfReader(_with_explicit_links(path)), outline_item=label)
        writer.set_page_label(first, len(writer.pages) - 1, style=PageLabelStyle.DECIMAL)
    start = PdfReader(parts[0][1])
    metadata = {"/Title": title, "/Producer": "Rejeu"}
    for key in ("/Author", "/CreationDate"):
        if start.metadata and key in start.metadata:
            metadata[key] = str(start.metadata[key])
    writer.metadata = metadata
    root = writer.root_object
    if "/Lang" in start.root_object:
        root[NameObject("/Lang")] = TextStringObject(str(start.root_object["/Lang"]))
    root[NameObject("/PageMode")] = NameObject("/UseOutlines")
    preferences = {NameObject("/DisplayDocTitle"): BooleanObject(True)}
    root[NameObject("/ViewerPreferences")] = DictionaryObject(preferences)
    with replacing(output) as temporary, temporary.open("wb") as stream:
        writer.write(stream)


def _with_explicit_links(path: Path) -> BytesIO:
    """Return a copy of a PDF in which no link or bookmark goes by a destination's name."""
    writer = PdfWriter(clone_from=path)
    named = {
        name: ArrayObject(destination.dest_array)
        for name, destination in writer.named_destinations.items()
    }
    for page in writer.pages:
        page.pop("/StructParents", None)
        for entry in page.get("/Annots") or ():
            annotation = entry.get_object()
            annotation.pop("/StructParent", None)
            _make_explicit(annotation, named, path)
    for item in _outline_items(writer.root_object.get("/Outlines")):
        _make_explicit(item, named, path)
    for key in _PER_FILE:
        writer.root_object.pop(NameObject(key), None)
    copy = BytesIO()
    writer.write(copy)
    copy.seek(0)
    return copy


def _make_explicit(item: DictionaryObject, named: dict[str, ArrayObject], path: Path) -> None:
    """Put the place itself where a link or bookmark holds a destination's name."""
    action = item.get("/A")
    holder, key = (action.get_object(), "/D") if action else (item, "/Dest")
    if action and holder.get("/S") != "/GoTo":
        return
    name = holder.get(key)
    if name is None or isinstance(name.get_object(), ArrayObject):
        return
    if str(name) not in named:
        raise RejeuError(f"{path}: a link leads to {name!r}, which is nowhere in the file")
    item.pop("/A", None)
    item[NameObject("/Dest")] = named[str(name)]


def _outline_items(node: Any) -> Iterator[DictionaryObject]:
    """Yield every bookmark under an outline node, depth first."""
    child = node.get_object().get("/First") if node is not None else None
    while child is not None:
        item = child.get_object()
        yield item
        yield from _outline_items(item)
        child = item.get("/Next")
