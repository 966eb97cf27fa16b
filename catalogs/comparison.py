"""Comparisons of properties of items, by which a query narrows a search."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import starmap
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Literal, get_args

from catalogs.errors import CatalogError
from catalogs.items import fields

Scalar = bool | int | float | str
Operator = Literal["eq", "neq", "lt", "lte", "gt", "gte", "in"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
"""Named as by the query extension of STAC APIs."""

_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {"eq": eq, "neq": ne, "lt": lt, "lte": le, "gt": gt, "gte": ge}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]{0,199}")
_NO_PROPERTIES = ("id", "collection", "geometry", "bbox", "assets", "links")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([Tt ].+)?")
MAX_CHOICES = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the property `name` of an item must be: `operator` and `value`, of `in` a tuple of which it is one.

    An item without the property, or with null, meets none. Texts are compared by code points, but times, where both
    sides are, as moments (UTC where they name no zone). CatalogError for what cannot be compared.
    """

    name: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise CatalogError(
                f"{fields.brief(self.name)} is no name of a property, which has letters, digits and _ : - only"
            )
        if self.name in _NO_PROPERTIES:
            raise CatalogError(f"{self.name} is a part of an item, but only its properties can be compared")
        if self.operator not in OPERATORS:
            raise CatalogError(f"{self.operator!r:.80} is no comparison; there are {', '.join(OPERATORS)}")
        if (self.operator == "in") != isinstance(self.value, tuple):
            form = "a list of values" if self.operator == "in" else "one value"
            raise CatalogError(f"{self.name} {self.operator} {fields.brief(self.value)}: it takes {form}")
        if not 1 <= len(self.values) <= MAX_CHOICES:
            raise CatalogError(f"{self.name} in takes 1 to {MAX_CHOICES} values, not {len(self.values)}")
        for value in self.values:
            if not _is_scalar(value):
                raise CatalogError(
                    f"{self.name} {self.operator} {fields.brief(value)}: a value is a printable text, a finite "
                    "number, true or false"
                )
            if isinstance(value, bool) and self.operator not in ("eq", "neq", "in"):
                raise CatalogError(f"{self.name} {self.operator} {value}: true and false have no order")

    @property
    def values(self) -> tuple[Scalar, ...]:
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @property
    def is_portable(self) -> bool:
        """Whether every server understands it so: times and the order of texts are up to each one."""
        ordered = self.operator in ("lt", "lte", "gt", "gte")
        texts = [value for value in self.values if isinstance(value, str)]
        return not any(ordered or _moment(text) is not None for text in texts)

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Whether an item meets it; CatalogError where the item's property is of another type."""
        own = fields.properties(item).get(self.name)
        if own is None:
            return False
        pairs = [self._pair(item, own, value) for value in self.values]
        return any(starmap(_TESTS["eq" if self.operator == "in" else self.operator], pairs))

    def _pair(self, item: Mapping[str, Any], own: Any, value: Scalar) -> tuple[Any, Any]:
        if _kind(own) != _kind(value):
            raise CatalogError(
                f"item {fields.identity(item)} has {self.name} {fields.brief(own)}, but the query compares it with "
                f"{fields.brief(value)}: write a text in quotes, and a number without"
            )
        if isinstance(own, str) and isinstance(value, str):
            left, right = _moment(own), _moment(value)
            if left is not None and right is not None:
                return left, right
        return own, value

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {', '.join(map(fields.brief, self.values))}"


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return value.isprintable()
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _moment(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
        return time if time is None else time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
