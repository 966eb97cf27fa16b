"""A labelled data set: a folder of `images/` and `labels/` with the same stems, as PNG, JPEG or GeoTIFF."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from pipeline.errors import UserError

SIDECARS = (".xml", ".wld", ".jgw", ".pgw", ".tfw", ".prj")
MAX_LISTED = 8
STRICT = {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO"}
"""Without it GDAL reads a truncated PNG as garbage, without an error."""


@dataclass(frozen=True)
class LabelValues:
    """What the values in label files mean.

    codes: the classes. no_label: stands for none; values in `ignore` become it. grey: if not None, labels are grey
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

    def codes_of(self, raw_HW: np.ndarray, where: object) -> np.ndarray:
        """Class codes and no_label, uint8 HW, of a label file's numbers. Raises UserError, naming the file `where`."""
        ignored_HW = np.isin(raw_HW, self.ignore)
        if self.grey is not None:
            code_HW = np.where(raw_HW > self.grey, np.uint8(self.codes[1]), np.uint8(self.codes[0]))
            return np.where(ignored_HW, np.uint8(self.no_label), code_HW)
        strange = sorted({*np.unique(raw_HW).tolist()} - {*self.codes, *self.ignore, self.no_label})
        if strange:
            raise UserError(
                f"{where} holds {_listing(strange)}, but the classes are {_listing(self.codes)} and no label is "
                f"{self.no_label}; leave such values out, as in --ignore {','.join(map(str, strange[:MAX_LISTED]))}"
            )
        return np.where(ignored_HW, self.no_label, raw_HW).astype(np.uint8)


def pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Image and label file of every stem, in order of the stems. Raises UserError."""
    for part in ("images", "labels"):
        if not (folder / part).is_dir():
            raise UserError(f"{folder} has no {part}; a labelled data set is a folder of images/ and labels/")
    images, labels = (_by_stem(folder / part) for part in ("images", "labels"))
    if not images:
        raise UserError(f"{folder}/images has no images; put PNG, JPEG or GeoTIFF files there")
    for stem, image in images.items():
        if stem not in labels:
            raise UserError(
                f"{folder}/images/{image.name} has no label of the same stem in labels/; add it or take the image out"
            )
    return {stem: (image, labels[stem]) for stem, image in images.items()}


def read_image(file: Path) -> np.ndarray:
    """BHW of an image file. Raises UserError."""
    with _open(file) as source:
        return source.read()


def read_label(file: Path, values: LabelValues) -> np.ndarray:
    """Class codes HW of a label file, from its numbers (of a palette's, the indices). Raises UserError."""
    with _open(file) as source:
        if source.count != 1:
            raise UserError(f"{file} has {source.count} bands; write a label as one band of class codes")
        raw_HW = source.read(1)
    return values.codes_of(raw_HW, file)


def read_pair(image: Path, label: Path, values: LabelValues) -> tuple[np.ndarray, np.ndarray]:
    """Image BHW and class codes HW. Raises UserError for files that are unreadable or of different size."""
    image_BHW, label_HW = read_image(image), read_label(label, values)
    (tall, wide), (label_tall, label_wide) = image_BHW.shape[1:], label_HW.shape
    if (tall, wide) != (label_tall, label_wide):
        raise UserError(
            f"{image} is {wide} x {tall} px, but its label {label.name} is {label_wide} x {label_tall} px; "
            "they must have one size"
        )
    return image_BHW, label_HW


def metadata(folder: Path) -> dict[str, Any] | None:
    """ "classes" and "bands" of the folder's classes.json, tuples; None where there is none. Raises UserError."""
    file = folder / "classes.json"
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text())
        bands, classes = tuple(content["bands"]), tuple(content["classes"])
        _ = [int(row["code"]) for row in classes]
    except (OSError, ValueError, LookupError, TypeError):
        raise UserError(f'{file} is not {{"classes": [...], "bands": [...]}}; write it so') from None
    return {"bands": bands, "classes": classes}


def _by_stem(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.suffix.lower() in SIDECARS or not file.is_file():
            continue
        if file.stem in files:
            raise UserError(f"{folder} has both {files[file.stem].name} and {file.name}; keep one file of a stem")
        files[file.stem] = file
    return files


@contextmanager
def _open(file: Path) -> Iterator[rasterio.DatasetReader]:
    try:
        with warnings.catch_warnings(), rasterio.Env(**STRICT):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(file) as source:
                yield source
    except (RasterioError, OSError) as error:
        why = (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{file} cannot be read ({why}); take it out or write it again") from None


def _listing(values: Any) -> str:
    values = list(values)
    more = len(values) - MAX_LISTED
    return ", ".join(map(str, values[:MAX_LISTED])) + (f" and {more} more" if more > 0 else "")
