"""A program that answers as `quarto` does, by pandoc: the calls, the files and the messages.

Quarto itself can't be had everywhere; this tries what the project does around it. LOSES and SAYS in
the environment make it lose an identifier, or say something, as Quarto does and goes on.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pypandoc

FILTERS = ("portable.lua", "crossref.lua")


def main(words: list[str]) -> None:
    if words == ["--version"]:
        print(os.environ.get("VERSION", "1.10.18"))
        return
    render, name, to, target, *rest = words
    assert (render, to) == ("render", "--to")
    assert rest == (["-M", "output-ext:typ"] if target == "typst" else [])
    assert int(os.environ["SOURCE_DATE_EPOCH"]) > 0
    source = Path(name)
    output = source.with_suffix(".typ" if target == "typst" else ".html")
    template = "embedded.typ" if target == "typst" else "embedded.html"
    subprocess.run(
        [
            *(pypandoc.get_pandoc_path(), name, f"--output={output}", "--standalone"),
            *("--metadata-file=_quarto.yml", f"--template={template}", "--mathml"),
            *(*(f"--lua-filter={each}" for each in FILTERS), "--citeproc"),
            *("--toc", "--number-sections", "--wrap=none", "--embed-resources", "--css=style.css"),
            *(["--syntax-highlighting=idiomatic"] if target == "typst" else []),
            f"--to={target}",
        ],
        check=True,
    )
    if lost := os.environ.get("LOSES"):
        text = output.read_text(encoding="utf-8")
        output.write_text(re.sub(rf'<{lost}>|id="{lost}"', "", text), encoding="utf-8")
    print(os.environ.get("SAYS", "Output created: " + output.name), file=sys.stderr)


main(sys.argv[1:])
