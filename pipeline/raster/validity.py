"""Which pixels have no data by what their file alone says: nodata tag, dataset mask (internal or .msk), alpha band."""

from collections.abc import Collection

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window


def marks_invalid(dataset: rasterio.DatasetReader, band: int = 1, nodata: float | None = 0) -> bool:
    """Whether a file marks pixels of a band as invalid by anything but the value `nodata`."""
    tag = dataset.nodatavals[band - 1]
    return _has_dataset_mask(dataset, band) or _alpha(dataset, band) is not None or not (tag is None or tag == nodata)


def invalid(
    dataset: rasterio.DatasetReader,
    window: Window,
    value_HW: np.ndarray,
    nodata: float | None = 0,
    band: int = 1,
    codes: Collection[int] = (),
) -> np.ndarray | None:
    """The pixels of a band that the file marks as invalid by anything but the value `nodata`, bool HW; None if none.

    `codes`: values that have a meaning, whatever the nodata tag says. A pixel of any opacity is valid, as for GDAL.
    """
    tag, alpha = dataset.nodatavals[band - 1], _alpha(dataset, band)
    marks = []
    if tag is not None and tag != nodata and tag not in codes:
        marks.append(np.isnan(value_HW) if np.isnan(tag) else value_HW == tag)
    if _has_dataset_mask(dataset, band):
        marks.append(dataset.read_masks(band, window=window) == 0)
    if alpha is not None:
        marks.append(dataset.read(alpha, window=window) == 0)
    return np.logical_or.reduce(marks) if marks else None


def _has_dataset_mask(dataset: rasterio.DatasetReader, band: int) -> bool:
    flags = dataset.mask_flag_enums[band - 1]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def _alpha(dataset: rasterio.DatasetReader, band: int) -> int | None:
    """The number of the alpha band, None if there is none; the alpha band itself has none."""
    kinds = dataset.colorinterp if dataset.count > 1 else ()
    at = kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else None
    return None if at == band else at
