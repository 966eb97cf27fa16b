"""A picture of images side by side, to look at."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

GAP = 4


def write_sheet(path: Path, rows: Sequence[np.ndarray], bands: Sequence[str]) -> None:
    """A PNG of rows of images NBHW in -1..1, whole or not at all; in true colour if there are red, green and blue."""
    chosen = _picture_bands(bands)
    lines = [_line(row_NBHW[:, chosen]) for row_NBHW in rows]
    width = max(line_BHW.shape[2] for line_BHW in lines)
    padded = [
        np.pad(line_BHW, ((0, 0), (0, GAP), (0, width - line_BHW.shape[2])), constant_values=1) for line_BHW in lines
    ]
    sheet_BHW = np.rint((np.concatenate(padded, 1)[:, :-GAP].clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    partial = path.with_name(f"{path.name}.partial")
    profile = {"driver": "PNG", "count": 3, "dtype": "uint8", "height": sheet_BHW.shape[1], "width": sheet_BHW.shape[2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(partial, "w", **profile) as target:
            target.write(sheet_BHW)
    partial.rename(path)


def _picture_bands(bands: Sequence[str]) -> list[int]:
    """The bands shown as red, green and blue: those so called, else the first three, the last repeated."""
    names = [band.lower() for band in bands]
    if {"red", "green", "blue"} <= {*names}:
        return [names.index(name) for name in ("red", "green", "blue")]
    return [min(place, len(bands) - 1) for place in range(3)]


def _line(image_NBHW: np.ndarray) -> np.ndarray:
    spaced = np.pad(image_NBHW, ((0, 0), (0, 0), (0, 0), (0, GAP)), constant_values=1)
    return np.concatenate(list(spaced), 2)[:, :, :-GAP]
