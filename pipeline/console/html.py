"""HTML that stands alone: pages and parts of pages without outside requests, in light and dark, and typed results as a
notebook shows them."""

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from html import escape
from typing import Any

ROWS = 20
"""Maximum number of rows that a notebook shows of a list."""

STYLE = """
.idgbr{--line:#8886;--mute:#666;--bar:#3b7dd8;font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
.idgbr table{border-collapse:collapse;margin:.4em 0;font-variant-numeric:tabular-nums}
.idgbr th,.idgbr td{border-bottom:1px solid var(--line);padding:.25em .7em .25em 0;text-align:left;vertical-align:top}
.idgbr td.n,.idgbr th.n{text-align:right}.idgbr td.n{white-space:nowrap}
.idgbr thead th{white-space:nowrap}.idgbr tbody th{font-weight:500;min-width:min(9em,26vw)}
.idgbr thead th,.idgbr thead~tbody>tr>*{overflow-wrap:break-word}
.idgbr caption{text-align:left;font-weight:600;padding:.3em 0}
.idgbr figure{margin:0;min-width:0}.idgbr figcaption{font-size:.9em;margin:.2em 0 .8em}
.idgbr svg{display:block;width:100%;height:auto}
.idgbr .maps{display:grid;gap:1em;grid-template-columns:repeat(auto-fit,minmax(min(100%,26em),1fr))}
.idgbr .legend{display:flex;flex-wrap:wrap;gap:.2em 1.1em;list-style:none;margin:.4em 0;padding:0}
.idgbr .legend i{display:inline-block;width:.9em;height:.9em;margin-right:.4em;border:1px solid #8888;
vertical-align:-.1em}
.idgbr .wide{overflow-x:auto}.idgbr .mute{color:var(--mute)}
.idgbr pre{overflow-x:auto;font-size:.85em}.idgbr summary{cursor:pointer}
@media (max-width:32em){.idgbr thead th,.idgbr td.n{white-space:normal}}
@media (prefers-color-scheme:dark){.idgbr{--mute:#aaa}}
"""
PAGE_STYLE = """
:root{color-scheme:light dark}
body{margin:0 auto;max-width:72em;padding:1em;background:#fff;color:#1b1b1b}
h1{font-size:1.5em;margin:.2em 0}h2{font-size:1.15em;margin:1.6em 0 .4em;border-bottom:2px solid var(--line)}
@media (prefers-color-scheme:dark){body{background:#16181b;color:#e8e8e8}}
@media print{body{max-width:none}details{display:none}h2,figure{break-inside:avoid;break-after:avoid}}
"""


def page(title: str, lead: str, sections: Iterable[tuple[str, str]]) -> str:
    """A whole page; `sections` are headings and their HTML, of which the empty ones are left out."""
    body = "\n".join(f"<section><h2>{escape(name)}</h2>\n{html}</section>" for name, html in sections if html)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{PAGE_STYLE}</style></head>\n"
        f'<body class="idgbr"><main><h1>{escape(title)}</h1><p>{escape(lead)}</p>\n{body}\n</main></body></html>\n'
    )


def fragment(html: str) -> str:
    """A part of a notebook, with its style."""
    return f'<div class="idgbr"><style>{STYLE}</style>{html}</div>'


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def details(summary: str, html: str) -> str:
    """HTML that opens when its summary is pressed."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def preformatted(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def table(
    rows: Iterable[Sequence[object]],
    columns: Sequence[str] = (),
    caption: str = "",
    numbers: Collection[int] = (),
) -> str:
    """Rows under `columns`; without columns a row is a name and its value.

    numbers: columns that are set to the right, besides those whose values are all numbers.
    """
    rows = list(rows)
    right = {at for at in range(len(columns)) if rows and all(_is_number(row[at]) for row in rows)} | set(numbers)
    head = f"<caption>{escape(caption)}</caption>" if caption else ""
    if columns:
        cells = "".join(f'<th scope="col"{_class(at in right)}>{escape(n)}</th>' for at, n in enumerate(columns))
        head += f"<thead><tr>{cells}</tr></thead>"
    lines = ("".join(_cell(value, at == 0, at in right) for at, value in enumerate(row)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide" tabindex="0"><table>{head}<tbody>{body}</tbody></table></div>'


def _cell(value: object, is_name: bool, right: bool) -> str:
    tag, scope = ("th", ' scope="row"') if is_name else ("td", "")
    return f"<{tag}{scope}{_class(right)}>{escape(text_of(value))}</{tag}>"


def _class(right: bool) -> str:
    return ' class="n"' if right else ""


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def text_of(value: object) -> str:
    """A value for people: floats to four digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Names and their colours ("#rrggbb")."""
    items = "".join(f'<li><i style="background:{escape(color)}"></i>{escape(name)}</li>' for name, color in entries)
    return f'<ul class="legend">{items}</ul>'


def class_legend(classes: Iterable[Mapping[str, Any]]) -> str:
    """The legend of a class table."""
    return legend((row["name"], row["color"]) for row in classes)


def figure(picture: str, caption: str, key: str = "") -> str:
    """A picture, as HTML or SVG, with its caption and its legend, which is HTML."""
    return f"<figure>{picture}<figcaption>{escape(caption)}{key}</figcaption></figure>"


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


class Tabular:
    """A dataclass that a notebook shows as tables: of its values, and of its lists of dataclasses."""

    def _repr_html_(self) -> str:
        return fragment(tables_of(self))


def tables_of(value: Any, caption: str = "") -> str:
    """A dataclass as tables: its plain values first, then what it contains. Of a list the first ROWS are shown."""
    plain, inner = [], []
    for name, content in _fields(value).items():
        if is_dataclass(content) and any(_is_compound(item) for item in _fields(content).values()):
            inner.append(tables_of(content, name))
        elif _is_compound(content):
            inner.append(_listed(_records(content), name))
        else:
            plain.append((name, _inline(content)))
    title = caption or "".join(f" {c.lower()}" if c.isupper() else c for c in type(value).__name__).strip()
    return (table(plain, caption=title) if plain else "") + "".join(inner)


def _fields(value: Any) -> dict[str, Any]:
    return {each.name.strip("_").replace("_", " "): getattr(value, each.name) for each in fields(value)}


def _is_compound(content: Any) -> bool:
    """Whether something is a list, or a mapping by name, of dataclasses or of mappings."""
    items = list(content.values()) if isinstance(content, Mapping) else content
    return isinstance(items, list | tuple) and bool(items) and all(_is_record(item) for item in items)


def _is_record(item: Any) -> bool:
    return is_dataclass(item) or isinstance(item, Mapping)


def _records(content: Any) -> list[dict[str, Any]]:
    named = isinstance(content, Mapping)
    pairs = content.items() if named else enumerate(content)
    return [
        ({"": str(key)} if named else {}) | (dict(item) if isinstance(item, Mapping) else _fields(item))
        for key, item in pairs
    ]


def _listed(rows: list[dict[str, Any]], caption: str) -> str:
    """Records as rows; one or two as columns, for theirs may be long."""
    names = list(rows[0])
    if len(rows) < 3:
        return table([(name, *(_inline(row[name]) for row in rows)) for name in names], caption=caption)
    cells = [[value if _is_number(value := row.get(name)) else _inline(value) for name in names] for row in rows[:ROWS]]
    more = paragraph(f"and {len(rows) - ROWS:,} more") if len(rows) > ROWS else ""
    return table(cells, names, caption) + more


def _inline(content: Any) -> Any:
    """A value in one cell; of a long list the first, and how many more. A dataclass with words of its own is those."""
    if is_dataclass(content) and type(content).__str__ is not object.__str__:
        return str(content)
    if _is_record(content):
        items = (content if isinstance(content, Mapping) else _fields(content)).items()
        return ", ".join(f"{name} {text_of(_inline(value))}" for name, value in items) or "none"
    if isinstance(content, tuple) and len(content) == 2:
        return " to ".join(map(str, content)) if isinstance(content[0], date | str) else str(content)
    if not isinstance(content, list | tuple):
        return "none" if content is None else content
    if _is_compound(content):
        return f"{len(content):,} entries"
    if content and all(isinstance(row, list | tuple) and len(row) > 2 for row in content):
        return f"{len(content):,} rows of {len(content[0]):,}"
    texts = [text_of(_inline(value)) for value in content]
    shown = texts[: 1 if max(map(len, texts), default=0) > 60 else 6]
    more = f" and {len(texts) - len(shown):,} more" if len(texts) > len(shown) else ""
    return (", ".join(shown) or "none") + more
