"""Draw a mosaic and label maps side by side, with a legend and a scale."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.patches import Patch, Rectangle

from pipeline.errors import UserError

BRIGHTEST = 0.22
"""Reflectance shown as full brightness."""
NODATA = "#101010"


def true_colour(mosaic_BHW: np.ndarray, bands: Sequence[str]) -> np.ndarray:
    """Reflectance x 10,000 as an RGB image, float32 HW3 in 0 .. 1."""
    rgb_HW3 = np.stack([mosaic_BHW[list(bands).index(role)] for role in ("red", "green", "blue")], axis=-1)
    return (rgb_HW3.astype(np.float32) / (10_000 * BRIGHTEST)).clip(0, 1) ** np.float32(0.8)


def color_classes(code_HW: np.ndarray, classes: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Class codes as an image of the classes' colours, uint8 HW3."""
    lut = np.tile(np.array(_rgb(NODATA), np.uint8), (256, 1))
    for row in classes:
        lut[row["code"]] = _rgb(row["color"])
    return lut[code_HW]


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def check_picture(path: Path) -> None:
    """Raises UserError unless the name of a file ends as a format of pictures does."""
    suffixes = FigureCanvasBase.get_supported_filetypes()
    if path.suffix[1:].lower() not in suffixes:
        allowed = ", ".join(f".{suffix}" for suffix in sorted(suffixes))
        raise UserError(f"{path} is no picture's name; end it in one of {allowed}")


def draw_maps(path: Path, cube: xr.Dataset, labels: Mapping[str, np.ndarray], detail: int = 160) -> Path:
    """Writes an image of the first period's mosaic and of label maps (name to HW) and returns its path.

    The upper row shows all of each, the lower row the square of `detail` pixels with the most even mix of classes.
    """
    classes: Sequence[Mapping[str, Any]] = json.loads(cube.attrs["classes"])
    resolution = float(json.loads(cube.attrs["grid"])["resolution"])
    images = {"mosaic": true_colour(cube.mosaic.values[0], [str(band) for band in cube.band.values])}
    images |= {name: color_classes(code_HW, classes) for name, code_HW in labels.items()}
    height, width = next(iter(labels.values())).shape
    y, x = most_mixed_square(next(iter(labels.values())), detail)
    size = 4.2
    figure, axes = pyplot.subplots(
        2,
        len(images),
        figsize=(size * len(images), size * (1 + height / width) + 0.7),
        height_ratios=(height / width, 1),
        layout="constrained",
        squeeze=False,
    )
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
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
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
    metres = pixels * resolution / 4
    step = 10 ** np.floor(np.log10(metres))
    metres = next(m * step for m in (5, 2, 1) if m * step <= metres)
    length, height = metres / resolution, axis.get_ylim()[0]
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    left, top = pixels * 0.04, height * 0.95
    axis.plot([left, left + length], [top, top], color="white", linewidth=3)
    axis.text(left + length / 2, top - height * 0.02, text, color="white", ha="center", va="bottom")
