"""Which items the filters of a search let through, read by other means than those that wrote them: CQL2 text as SQL."""

import json
import operator
import sqlite3

LANGUAGES = {
    "cql2-json": ("item-search#filter", "cql2/1.0/conf/cql2-json"),
    "cql2-text": ("item-search#filter", "cql2/1.0/conf/cql2-text"),
    "query": ("item-search#query",),
    "fields": ("item-search#fields",),
}
SIGNS = {"=": "eq", "<>": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
WORDS = {"eq": "eq", "neq": "ne", "lt": "lt", "lte": "le", "gt": "gt", "gte": "ge"}


def conformance(*languages):
    """The classes that a server of these languages declares."""
    homes = {"item-search": "https://api.stacspec.org/v1.0.0/", "cql2": "http://www.opengis.net/spec/"}
    classes = dict.fromkeys(name for language in languages for name in LANGUAGES[language])
    return [next(home for start, home in homes.items() if name.startswith(start)) + name for name in classes]


def language_of(body):
    """The language of a search's filter, None without one."""
    return body["filter-lang"] if "filter" in body else "query" if "query" in body else None


def meets(item, body):
    properties = item["properties"]
    match language_of(body):
        case "cql2-json":
            return bool(by_json(properties, body["filter"]))
        case "cql2-text":
            return by_sql(properties, body["filter"])
        case "query":
            return all(
                by_word(properties.get(name), *one) for name, own in body["query"].items() for one in own.items()
            )
    return True


def by_json(properties, expression):
    op, args = expression["op"], expression["args"]
    if op in ("and", "or"):
        return (all if op == "and" else any)([by_json(properties, part) for part in args])
    own = properties.get(args[0]["property"])
    return own is None if op == "isNull" else compared(SIGNS[op], own, args[1])


def by_word(own, word, value):
    return any(compared("eq", own, each) for each in value) if word == "in" else compared(WORDS[word], own, value)


def compared(name, own, value):
    if own is None:
        return False
    if isinstance(own, str) != isinstance(value, str):
        return name == "ne"
    return getattr(operator, name)(own, value)


def by_sql(properties, text):
    """A property that no item has is null, not the text of its name."""
    names = {*properties, *text.split('"')[1::2]}
    with sqlite3.connect(":memory:") as database:
        columns = ", ".join(f'"{name}"' for name in names)
        database.execute(f"CREATE TABLE item ({columns})")
        values = [properties.get(name) for name in names]
        values = [json.dumps(value) if isinstance(value, list | dict) else value for value in values]
        database.execute(f"INSERT INTO item VALUES ({', '.join('?' * len(names))})", values)
        return bool(database.execute(f"SELECT 1 FROM item WHERE {text}").fetchall())
