"""Which pixels have no data by what their file alone says: nodata tag, dataset mask (internal or .msk), alpha band."""

from collections.abc import Collection

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window


def marks_invalid(dataset: rasterio.DatasetReader) -> bool:
    """Whether a file marks pixels as invalid by anything but the value 0."""
    return _has_dataset_mask(dataset) or _alpha(dataset) is not None or dataset.nodata not in (None, 0)


def erase_invalid(
    dataset: rasterio.DatasetReader,
    window: Window,
    value_HW: np.ndarray,
    nodata: int = 0,
    codes: Collection[int] = (),
) -> None:
    """Sets the pixels of band 1 that the file marks as invalid to `nodata`.

    `codes`: values that have a meaning, whatever the nodata tag says. A pixel of any opacity is valid, as for GDAL.
    """
    tag, alpha = dataset.nodata, _alpha(dataset)
    if tag is not None and tag != nodata and tag not in codes:
        value_HW[value_HW == tag] = nodata
    if _has_dataset_mask(dataset):
        value_HW[dataset.read_masks(1, window=window) == 0] = nodata
    if alpha is not None:
        value_HW[dataset.read(alpha, window=window) == 0] = nodata


def _has_dataset_mask(dataset: rasterio.DatasetReader) -> bool:
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def _alpha(dataset: rasterio.DatasetReader) -> int | None:
    """The number of the alpha band, None if there is none."""
    kinds = dataset.colorinterp if dataset.count > 1 else ()
    return kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else None
