"""Seeded damage to STAC items: one field removed or replaced by what does not belong there."""

import copy
import math

WRONG = [
    None,
    True,
    False,
    "",
    "x",
    "x" * 5000,
    "two\nlines",
    "../../etc/passwd",
    0,
    -1,
    3.5,
    10**400,
    1e308,
    math.nan,
    math.inf,
    [],
    {},
    [[]],
    [None],
    {"a": {"b": {"c": []}}},
    [[[[[[[["deep"]]]]]]]],
    ["05.09"],
    {"href": "x"},
]


def paths(value, path=()):
    """Every place in an item, by its keys."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(part, (*path, key))


def damaged(item, random):
    """(a copy with one place removed or replaced, what was done); places that tell of values are hit more often.

    The flag that a shift was taken out is never made true or false: no other fact in an item tells of that.
    """
    places = list(paths(item))
    telling = [path for path in places if path[0] == "properties" or {"raster:bands", "bands"} & set(path)]
    path = random.choice(random.choice((places, telling)))
    copied = copy.deepcopy(item)
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    if random.random() < 0.3:
        del holder[path[-1]]
        return copied, (path, "removed")
    flag = str(path[-1]).endswith("boa_offset_applied")
    wrong = random.choice([value for value in WRONG if not (flag and isinstance(value, bool))])
    holder[path[-1]] = copy.deepcopy(wrong)
    return copied, (path, wrong)
