"""Class tables: the codes, names and colors of a model's or a data set's classes, and the index of each code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.values import short

UNLABELLED = 255
"""Class index of a pixel without a label."""


def check_class_rows(classes: Any) -> None:
    """InputError unless it is a list of rows, each an object of a code in 0..255, a name and a color, and neither codes
    nor names come twice."""
    if not isinstance(classes, list | tuple):
        raise InputError(f"classes must be a list of rows, not {short(classes)}")
    for row in classes:
        if not _is_row(row):
            raise InputError(f"a class needs a code in 0..255, a name and a color such as #006400, not {short(row)}")
    for key in ("code", "name"):
        values = [row[key] for row in classes]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise InputError(f"every class needs a {key} of its own, but {short(twice)} comes twice")


def check_codes(codes: tuple[int, ...], no_label: int) -> None:
    """InputError unless there are at least two, and none of them is `no_label`."""
    if len(codes) < 2 or no_label in codes:
        raise InputError(
            f"a class table needs at least 2 different codes in 0..255 without {no_label}, which stands for no label, "
            f"not {list(codes)}"
        )


def class_index(label_HW: NDArray[Any], codes: tuple[int, ...], no_label: int = 0) -> NDArray[np.uint8]:
    """Index 0..K-1 of each class code, UNLABELLED for `no_label`; any other value, and numbers that are not whole by
    type, are an InputError.

    Leading axes are allowed.
    """
    if not np.issubdtype(label_HW.dtype, np.integer):
        raise InputError(f"labels must be whole numbers, such as uint8, not {label_HW.dtype}")
    index_of = np.full(256, UNLABELLED, np.uint8)
    index_of[list(codes)] = np.arange(len(codes))
    strange = set(np.unique(label_HW).tolist()) - {no_label, *codes}
    if strange:
        raise InputError(
            f"labels hold {short(sorted(strange))}, but the class table has {list(codes)} and {no_label} for no label"
        )
    return index_of[label_HW]


def cf_flags(classes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """CF flags of an array of class codes."""
    return {
        "flag_values": [row["code"] for row in classes],
        "flag_meanings": " ".join(re.sub(r"[^A-Za-z0-9]+", "_", row["name"]).strip("_") for row in classes),
        "flag_colors": " ".join(row["color"] for row in classes),
    }


def _is_row(row: Any) -> bool:
    if not isinstance(row, Mapping):
        return False
    code, name, color = (row.get(key) for key in ("code", "name", "color"))
    return (
        type(code) is int
        and 0 <= code <= 255
        and isinstance(name, str)
        and bool(name.strip())
        and isinstance(color, str)
        and re.fullmatch("#[0-9a-fA-F]{6}", color) is not None
    )
