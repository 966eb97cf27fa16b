"""Draw a mosaic and label maps side by side, with a legend and a scale."""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from catalogs.items.provider import REFLECTANCE, Unit
from pipeline.analysis.colours import brightness, rgb
from pipeline.analysis.overview import round_length
from pipeline.cube.create import unit_of
from pipeline.errors import UserError

NODATA = "#101010"
DPI = 110
MOST_PIXELS = 25_000_000
"""Maximum number of pixels of a figure, whose mosaic takes 12 bytes each as an image."""


def true_colour(mosaic_BHW: np.ndarray, bands: Sequence[str], unit: Unit = REFLECTANCE) -> np.ndarray:
    """A mosaic as an RGB image, float32 HW3 in 0 .. 1: of red, green and blue, or grey of its first band
    where one of them is not there."""
    roles = ("red", "green", "blue")
    shown = roles if set(roles) <= set(bands) else (bands[0],) * 3
    rgb_HW3 = np.stack([mosaic_BHW[list(bands).index(role)] for role in shown], axis=-1)
    return np.where((rgb_HW3 > 0).any(-1, keepdims=True), brightness(rgb_HW3, unit), np.float32(0))


def color_classes(code_HW: np.ndarray, classes: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Class codes as an image of the classes' colours, uint8 HW3."""
    lut = np.tile(np.array(rgb(NODATA), np.uint8), (256, 1))
    for row in classes:
        lut[row["code"]] = rgb(row["color"])
    return lut[code_HW]


def check_picture(path: Path) -> None:
    """Raises UserError unless the name of a file ends as a format of pictures does."""
    suffixes = FigureCanvasBase.get_supported_filetypes()
    if path.suffix[1:].lower() not in suffixes:
        allowed = ", ".join(f".{suffix}" for suffix in sorted(suffixes))
        raise UserError(f"{path} is no picture's name; end it in one of {allowed}")


class MapFigure(Figure):
    """A figure of matplotlib, without its global state, that a notebook shows when it ends a cell."""

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.savefig(content, format="png", dpi=DPI)
        return content.getvalue()


def maps(
    cube: xr.Dataset,
    labels: Mapping[str, np.ndarray] | None = None,
    detail: int = 160,
    period: int = 0,
    by: str | None = None,
) -> MapFigure:
    """A figure of one period's mosaic and of label maps (name to HW), with a legend and scale bars.

    cube: what `open_cube` returns, or a part of it cut along y and x. labels: by default the cube's "coarse" and
    "refined". The upper row shows all of each, the lower row the square of `detail` pixels with the most even mix of
    classes in the label map `by`, by default the first one. period: index along time. Every pixel is read: cut a large
    cube first. Raises UserError for a dataset that lacks what a cube has, or has more than MOST_PIXELS pixels.
    """
    if missing := [n for n in ("mosaic", *(() if labels else ("coarse", "landcover"))) if n not in cube.data_vars]:
        raise UserError(f"the dataset has no {', '.join(missing)}; give what open_cube(CUBE) returns, of level 0")
    height, width = cube.sizes["y"], cube.sizes["x"]
    if height * width > MOST_PIXELS:
        raise UserError(
            f"{height} x {width} pixels are too many for a picture, which reads them all; cut the cube first, such as "
            "cube.isel(y=slice(0, 2000), x=slice(0, 2000)), or give a level to open_cube and look at cube.idgbr"
        )
    classes: Sequence[Mapping[str, Any]] = json.loads(cube.attrs["classes"])
    resolution = float(json.loads(cube.attrs["grid"])["resolution"])
    at = cube.isel(time=period)
    labels = labels or {"coarse": at.coarse.values, "refined": at.landcover.values}
    unit = unit_of(cube.mosaic.attrs)
    images = {"mosaic": true_colour(at.mosaic.values, [str(band) for band in cube.band.values], unit)}
    images |= {name: color_classes(code_HW, classes) for name, code_HW in labels.items()}
    detail = min(detail, height, width)
    y, x = most_mixed_square(labels[by or next(iter(labels))], detail)
    size = 4.2
    figure = MapFigure(
        figsize=(size * len(images), size * (1 + height / width) + 0.7),
        layout="constrained",
    )
    axes = figure.subplots(2, len(images), height_ratios=(height / width, 1), squeeze=False)
    for column, (name, image_HW3) in enumerate(images.items()):
        whole, part = axes[:, column]
        whole.imshow(image_HW3, interpolation="nearest" if width < 800 else "antialiased")
        whole.set_title(name)
        whole.add_patch(Rectangle((x, y), detail, detail, fill=False, edgecolor="white", linewidth=1.2))
        part.imshow(image_HW3[y : y + detail, x : x + detail], interpolation="nearest")
    for axis, pixels in ((axes[0, 0], width), (axes[1, 0], detail)):
        _scale(axis, pixels, resolution)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.legend(
        handles=[Patch(color=row["color"], label=row["name"]) for row in classes],
        loc="outside lower center",
        ncols=len(classes),
        frameon=False,
    )
    return figure


def draw_maps(
    path: Path, cube: xr.Dataset, labels: Mapping[str, np.ndarray], detail: int = 160, by: str | None = None
) -> Path:
    """Writes `maps` of the first period as an image and returns its path."""
    maps(cube, labels, detail, by=by).savefig(path, dpi=DPI)
    return path


def most_mixed_square(code_HW: np.ndarray, side: int) -> tuple[int, int]:
    """(y, x) of the square of `side` pixels with the highest entropy of classes, in steps of half a side."""
    best = (-1.0, 0, 0)
    for y in range(0, max(code_HW.shape[0] - side, 0) + 1, side // 2):
        for x in range(0, max(code_HW.shape[1] - side, 0) + 1, side // 2):
            share = np.bincount(code_HW[y : y + side, x : x + side].ravel(), minlength=256)[1:] / side**2
            entropy = -float((share[share > 0] * np.log(share[share > 0])).sum())
            best = max(best, (entropy, y, x))
    return best[1], best[2]


def _scale(axis: Axes, pixels: int, resolution: float) -> None:
    """Draws a scale bar of a round length, at most a quarter of the image's width."""
    metres = round_length(pixels * resolution / 4)
    length, height = metres / resolution, axis.get_ylim()[0]
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    left, top = pixels * 0.04, height * 0.95
    axis.plot([left, left + length], [top, top], color="white", linewidth=3)
    axis.text(left + length / 2, top - height * 0.02, text, color="white", ha="center", va="bottom")
