"""An executed notebook as a page of the site, with its results and without scripts of other hosts."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

SHOWN = "text/html", "image/png", "text/plain"
"""Kinds of a result, the first that there is is shown."""


def notebook_page(notebook: dict[str, Any], file: str) -> str:
    """Markdown of a notebook (nbformat 4) that lies beside the page's folder as `file`."""
    first, *others = (part for cell in notebook["cells"] for part in _parts(cell))
    return "\n\n".join([first, f'This page is a notebook: <a href="../{file}" download>{file}</a>.', *others]) + "\n"


def _parts(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        data = output.get("data") or {"text/plain": output["text"]}
        kind = next(kind for kind in SHOWN if kind in data)
        yield f'<div class="result">{_html(kind, "".join(data[kind]))}</div>'


def _html(kind: str, content: str) -> str:
    """Without the empty lines that end HTML in Markdown."""
    if kind == "text/html":
        return re.sub(r"\n\s*\n", "\n", content)
    if kind == "image/png":
        return f'<img alt="" src="data:image/png;base64,{content.strip()}">'
    return f"<pre>{escape(content)}</pre>".replace("\n\n", "\n&#8203;\n")
