"""The tables of a report alone, as a page that Snakemake's own report shows beside the figures."""

import re

SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
LINK = re.compile(r"</?a\b[^>]*>")
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def tables_page(page: str, heading: str) -> str:
    """The captioned tables of a report's HTML, with its look and without its links.

    Args:
        heading: the languages' word for tables.
    """
    head, _, body = SCRIPT.sub("", page).partition("<body")
    title = TITLE.search(head)
    tables = [LINK.sub("", table) for table in TABLE.findall(body) if "<caption" in table]
    return "\n".join(
        [
            TITLE.sub(lambda found: f"<title>{heading} · {found[1]}</title>", head) + "<body>",
            f"<main><h1>{heading}</h1><p>{title[1] if title else ''}</p>",
            *(f'<div class="wide">{table}</div>' for table in tables),
            "</main></body></html>\n",
        ]
    )
