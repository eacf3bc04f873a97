"""One small report per language that holds every element."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from rejeu.report import escape
from rejeu.report.render import render

FIXTURE = Path(__file__).parent / "fixture"
ASSETS = Path(__file__).parents[2] / "report"  # the study's: its bibliography
TIMESTAMP = datetime(2025, 1, 2, tzinfo=UTC)
NAMES = {"fr": "Français", "en": "English"}
# Markdown, HTML, TeX, Typst and Quarto syntax, as a model or a data set may hold it.
HOSTILE = (
    "= Titre - puce + liste / a: b 1. un 2) deux * x _y_ **z** ~~b~~ H~2~ ^q^ `code` ``` ~~~ "
    "<script>alert(1)</script> <br/> &amp; &#65; $x^2$ $$y$$ \\alpha \\textbf{a} \\ #import #let "
    "@hu2021lora @fig-loss-fr [@x] [a](b) ![i](j.png) <label> // rien /* rien */ -? -- --- ... "
    "\"a\" 'b' l'eau | c || {{< meta title >}} {#id .c} [^note] ::: :smile: http://a.b/c %d "
    "⟶ \u202f; \u00a0! 😀 漢 👨\u200d👩 #[x] $ #{1} \\u{41} (c) (1) ] {{ 7 * 7 }} {% raw %} "
    "{%- if x %} <# jinja #> #eval(1 + 1) #read(/etc/hosts) #include x.typ <!-- c --> </p></main> "
    "[j](javascript:f\\(\\)) ![i](file:///etc/hosts) `<b>`{=html} ```{=typst} [^1]: note [^1] "
    "$\\frac$ “a” ‘b’ « c » … — \u0378 <script>document.title='ran'</script> <svg onload=f> "
    "<img src=x onerror=document.title='ran'>"
)
CODE = f"````\n```{{python}}\n{HOSTILE}\n{{{{< meta title >}}}}\n#{{1}}\n~~~\n    retrait\n```"


def squeezed(text: str) -> str:
    """Drop white space and soft hyphens: where lines break is no part of a text."""
    return re.sub(r"[\s\u00ad\u200b\u200d]+", "", text)


def printed(text: str) -> str:
    """The squeezed text as the PDF has it: a code where its fonts have no picture."""
    return squeezed(re.sub("[😀漢👨👩\u200d\u0378]", lambda found: f"‹U+{ord(found[0]):X}›", text))


def write_source(folder: Path, language: str, change: tuple[str, str] = ("", "")) -> Path:
    """Put the fixture's source and figure into `folder`, with one text changed; return it."""
    text = (FIXTURE / f"report.{language}.qmd").read_text(encoding="utf-8")
    text = text.replace("{{hostile_paragraph}}", escape.markdown(HOSTILE))
    text = text.replace("{{hostile_code}}", escape.code_block(CODE))
    assert change[0] in text
    source = folder / "report.qmd"
    (folder / "figures").mkdir(parents=True)
    shutil.copy(FIXTURE / "figure.svg", folder / "figures")
    source.write_text(text.replace(*change) if change[0] else text, encoding="utf-8")
    return source


def rendered(folder: Path, language: str, renderer: str = "embedded") -> tuple[Path, Path]:
    """Render the fixture in `folder`; return its PDF and its HTML."""
    source = write_source(folder / "source", language)
    pdf, html = folder / "report.pdf", folder / "report.html"
    others = {code: name for code, name in NAMES.items() if code != language}
    render(source, ASSETS, pdf, html, renderer=renderer, timestamp=TIMESTAMP, others=others)
    return pdf, html
