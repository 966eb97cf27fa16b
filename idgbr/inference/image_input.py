"""The images that a user gives: one or a batch, as an array, a list or an `xarray.DataArray`, and answers alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from idgbr.classes import cf_flags
from idgbr.errors import InputError
from idgbr.inference.batches import Array
from idgbr.inference.tiling import Corner
from idgbr.settings import Settings
from idgbr.values import check_whole, short

BAND, Y, X = ("band", "bands", "channel"), ("y", "lat", "latitude"), ("x", "lon", "longitude")
"""Names of the axes of a DataArray."""
MAX_PLACE = 2**48
"""Px from the origin; sums of places stay within 64 bits."""

Answer: TypeAlias = Any
"""An array, or a DataArray where the image was one."""


@dataclass(frozen=True)
class ImageInput:
    """image_BCHW: in the model's order of bands. origin: absolute (y, x) of its top left pixel, as far as it is known.
    answer: makes a map BHW what the image was, without its bands; takes the map, its name and its attributes."""

    image_BCHW: Array
    origin: Corner
    answer: Callable[[NDArray[Any], str, dict[str, Any]], Answer]

    def labels(self, label_BHW: NDArray[np.uint8], settings: Settings) -> Answer:
        attributes = {"long_name": "land cover", "_FillValue": settings.no_label, **cf_flags(settings.classes)}
        return self.answer(label_BHW, "landcover", attributes)

    def confidence(self, confidence_BHW: NDArray[np.float32]) -> Answer:
        attributes = {"long_name": "probability of the mapped class", "units": "1"}
        return self.answer(confidence_BHW, "confidence", attributes)


def read_image(image: Any, bands: Sequence[str]) -> ImageInput:
    """Takes image_BCHW or image_CHW as an array, a tensor, nested lists, or a DataArray with such axes.

    The bands of a DataArray whose `band` coordinate or `long_name` names them are put into the model's order, and its
    evenly spaced coordinates tell the origin. Raises InputError for what is none of these, and for a DataArray that
    lacks a band.
    """
    if hasattr(image, "data_vars"):
        raise InputError(
            "a Dataset holds several arrays; give one, such as cube.mosaic, or dataset.to_dataarray('band')"
        )
    if all(hasattr(image, name) for name in ("dims", "coords", "isel", "transpose")):
        return _of_data_array(image, bands)
    if isinstance(image, list | tuple):
        image = _of_list(image)
    if getattr(image, "ndim", 4) != 3:
        return ImageInput(image, (0, 0), lambda map_BHW, name, attributes: map_BHW)
    return ImageInput(image[None], (0, 0), lambda map_BHW, name, attributes: map_BHW[0])


def read_mask(mask: Any) -> NDArray[Any]:
    """An array, a tensor or a DataArray, such as a map's labels, as an array; InputError for other things."""
    if all(hasattr(mask, name) for name in ("dims", "transpose", "values")):
        named = [name for names in (BAND, Y, X) for name in mask.dims if str(name).lower() in names]
        mask = mask.transpose(*(name for name in mask.dims if name not in named), *named).values
    if isinstance(mask, Tensor):
        mask = mask.detach().cpu()
        mask = (mask.float() if mask.is_floating_point() else mask).numpy()
    if not hasattr(mask, "ndim"):
        raise InputError(f"coarse must be an array, not a {type(mask).__name__}")
    return cast("NDArray[Any]", mask)


def read_origin(origin: Any) -> Corner:
    """An absolute (y, x); InputError unless it is two whole numbers."""
    try:
        y, x = map(index, origin)
    except (TypeError, ValueError):
        raise InputError(f"origin must be two whole numbers (y, x), not {short(origin)}") from None
    for place in (y, x):
        check_whole("origin's y and x", place, -MAX_PLACE, MAX_PLACE)
    return y, x


def band_order(names: Sequence[str], bands: Sequence[str]) -> list[int]:
    """Where each of the model's bands lies among an image's; InputError where the image lacks one."""
    if missing := [band for band in bands if band not in names]:
        raise InputError(
            f"the image's bands are named {short(', '.join(names))}, but the model takes {', '.join(bands)}: there is "
            f"no {', '.join(missing)}; give these bands these names, or leave all without names and in this order"
        )
    return [list(names).index(band) for band in bands]


def _of_list(image: list[Any] | tuple[Any, ...]) -> NDArray[Any]:
    try:
        return np.asarray(image)
    except ValueError:
        raise InputError("the image is a list of rows of different lengths; give an array") from None


def _of_data_array(image: Any, bands: Sequence[str]) -> ImageInput:
    axes = [next((name for name in image.dims if str(name).lower() in names), None) for names in (BAND, Y, X)]
    others = [name for name in image.dims if name not in axes]
    if None in axes or len(others) > 1:
        raise InputError(
            f"a DataArray has the axes band, y and x, and at most one more, not {', '.join(map(str, image.dims))}; "
            "rename or select"
        )
    band, y, x = axes
    names = _band_names(image, band)
    if names is not None:
        image = image.isel({band: band_order(names, bands)})
    image = image.transpose(*others, band, y, x)
    template = image.isel({band: 0}, drop=True)

    def answer(map_BHW: NDArray[Any], name: str, attributes: dict[str, Any]) -> Any:
        result = template.copy(data=map_BHW if others else map_BHW[0])
        result.name, result.attrs = name, attributes
        result.encoding = {key: value for key, value in template.encoding.items() if key == "grid_mapping"}
        return result

    values = np.asarray(image.values)
    return ImageInput(values if others else values[None], _origin(image, y, x), answer)


def _band_names(image: Any, band: Any) -> list[str] | None:
    """From the coordinate of the bands, or from the descriptions that rioxarray keeps as long_name; None for numbers
    or none."""
    names = image.coords[band].values.tolist() if band in image.coords else []
    if not _are_names(names):
        names = image.attrs.get("long_name", [])
    return list(names) if _are_names(names) and len(names) == image.sizes[band] else None


def _are_names(names: Any) -> bool:
    return isinstance(names, list | tuple) and bool(names) and all(isinstance(name, str) for name in names)


def _origin(image: Any, y: Any, x: Any) -> Corner:
    """The pixels between the origin of the coordinates and the image's top left corner; (0, 0) unless both are evenly
    spaced, y downwards and x to the right."""
    down, right = _step(image, y), _step(image, x)
    if not down < 0 < right:
        return 0, 0
    first = (float(image.coords[axis].values[0]) for axis in (y, x))
    row, column = (round(centre / step - 0.5) for centre, step in zip(first, (down, right), strict=True))
    return row, column


def _step(image: Any, axis: Any) -> float:
    """Between the coordinates of an axis; 0 unless they are evenly spaced numbers."""
    place_N = image.coords[axis].values if axis in image.coords else np.empty(0)
    if len(place_N) < 2 or place_N.dtype.kind not in "iuf":
        return 0.0
    step = (float(place_N[-1]) - float(place_N[0])) / (len(place_N) - 1)
    return step if np.allclose(np.diff(place_N.astype(np.float64)), step, rtol=1e-3, atol=0) else 0.0
