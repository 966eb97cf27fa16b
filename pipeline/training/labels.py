"""What the values in label files mean, and the class codes that they stand for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.training.image_file import ImageFile, equals, read_file

MAX_LISTED = 8


@dataclass(frozen=True)
class LabelValues:
    """codes: the classes. no_label: stands for none; values in `ignore` become it. grey: if not None, labels are grey
    pictures of two classes, the second where they are brighter than this, and only `ignore` has no label.
    """

    codes: tuple[int, ...]
    no_label: int = 0
    ignore: tuple[int, ...] = ()
    grey: int | None = None

    def __post_init__(self) -> None:
        both = sorted({*self.codes} & {*self.ignore})
        if both and self.grey is None:
            raise UserError(
                f"the label values to ignore hold the class code {_listing(both)}; ignore only values that are none of "
                f"the classes {_listing(self.codes)}"
            )

    def codes_of(self, label: ImageFile, where: object) -> np.ndarray:
        """Class codes and no_label, uint8 HW: no_label also where the number is NaN or the file says so.

        Raises UserError, naming the file `where`, for all other values and for a nodata tag that is a class.
        """
        raw_HW, (tag,) = label.array_BHW[0], label.nodata
        none_HW = label.empty_HW | np.isin(raw_HW, self.ignore) | np.isnan(raw_HW)
        if tag is not None:
            tagged_HW = equals(raw_HW, tag)
            if tag in self.codes and self.grey is None and tagged_HW.any():
                raise UserError(
                    f"{where} has pixels of the class {tag:g}, which its nodata tag says hold none; take the tag away "
                    "(gdal_edit.py -unsetnodata) or the class"
                )
            none_HW |= tagged_HW
        held = {*np.unique(raw_HW[~none_HW]).tolist()}
        if self.grey is not None:
            if odd := sorted(held - {*range(256)}):
                raise UserError(f"{where} holds {_listing(odd)}, but grey labels are whole numbers in 0..255")
            raw_HW = np.where(raw_HW > self.grey, np.uint8(self.codes[1]), np.uint8(self.codes[0]))
        elif strange := sorted(held - {*self.codes, self.no_label}):
            raise UserError(
                f"{where} holds {_listing(strange)}, but the classes are {_listing(self.codes)} and no label is "
                f"{self.no_label}; leave such values out, as in --ignore {','.join(map(str, strange[:MAX_LISTED]))}"
            )
        return np.where(none_HW, np.uint8(self.no_label), raw_HW).astype(np.uint8)


def read_label(file: Path, values: LabelValues) -> np.ndarray:
    """Class codes HW of a label file, from its numbers (of a palette's, the indices). Raises UserError."""
    return values.codes_of(read_label_file(file), file)


def read_label_file(file: Path) -> ImageFile:
    """Raises UserError."""
    return read_file(file, file.parent.parent, 1, "a label is one band of class codes")


def _listing(values: Any) -> str:
    values = list(values)
    more = len(values) - MAX_LISTED
    return ", ".join(map(str, values[:MAX_LISTED])) + (f" and {more} more" if more > 0 else "")
