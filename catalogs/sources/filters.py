"""What a query asks of the properties of items, in the languages of STAC APIs: CQL2 as JSON and as text (OGC 21-065r2),
and the query extension."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from catalogs.comparison import Comparison
from catalogs.errors import CatalogError

LANGUAGES: Mapping[str, tuple[str, ...]] = {"POST": ("cql2-json", "query"), "GET": ("cql2-text", "query")}
"""By method, the ones that it carries, the best first."""

_SIGNS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def parameters(method: str, known: Collection[str], where: Sequence[Comparison], max_cloud: float) -> dict[str, Any]:
    """The parameters of a search by which a server that knows these languages narrows it; none if it knows none.

    The server is asked for no less than what meets every comparison and has a cloud cover of at most `max_cloud`
    percent, or none: comparisons that servers understand differently are left out, and so is what the query extension
    cannot say, or not everywhere (`in`: stac-fastapi 7 refuses it).
    """
    language = next((name for name in LANGUAGES[method] if name in known), None)
    portable = [comparison for comparison in where if comparison.is_portable]
    if language == "query":
        query: dict[str, dict[str, Any]] = {}
        for comparison in portable:
            if comparison.operator != "in":
                query.setdefault(comparison.name, {})[comparison.operator] = comparison.value
        return {"query": query} if query else {}
    terms = [_term(comparison) for comparison in portable]
    if max_cloud < 100:
        cloud = {"property": "eo:cloud_cover"}
        terms.append(_joined("or", [{"op": "<=", "args": [cloud, max_cloud]}, {"op": "isNull", "args": [cloud]}]))
    if language is None or not terms:
        return {}
    expression = _joined("and", terms)
    return {"filter": expression if language == "cql2-json" else cql2_text(expression), "filter-lang": language}


def cql2_text(expression: Any) -> str:
    """An expression of CQL2 JSON as text; CatalogError for one with other operators than those of `parameters`."""
    match expression:
        case {"op": "and" | "or" as word, "args": [_, _, *_] as parts}:
            return f"({f' {word.upper()} '.join(map(cql2_text, parts))})"
        case {"op": "isNull", "args": [part]}:
            return f"{cql2_text(part)} IS NULL"
        case {"op": "=" | "<>" | "<" | "<=" | ">" | ">=" as sign, "args": [left, right]}:
            return f"{cql2_text(left)} {sign} {cql2_text(right)}"
        case {"property": str(name)} if '"' not in name:
            return f'"{name}"'
        case bool(value):
            return str(value).upper()
        case int() | float():
            return json.dumps(expression)
        case str(text):
            return "'" + text.replace("'", "''") + "'"
    raise CatalogError(f"the filter {json.dumps(expression):.200} cannot be written as text")


def _term(comparison: Comparison) -> dict[str, Any]:
    """`in` as a chain of =, which servers with the basic class know."""
    sign = _SIGNS["eq" if comparison.operator == "in" else comparison.operator]
    name = {"property": comparison.name}
    return _joined("or", [{"op": sign, "args": [name, value]} for value in comparison.values])


def _joined(word: str, terms: list[dict[str, Any]]) -> dict[str, Any]:
    return terms[0] if len(terms) == 1 else {"op": word, "args": terms}
