"""`idgbr predict`: a model's map of a raster of any size, block by block, as a GeoTIFF."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idgbr import IDGBRPipeline
from idgbr.inference.images import Progress as WindowProgress
from idgbr.inference.tiling import WindowLattice
from pipeline.analysis.colours import class_palette, rgba_table
from pipeline.export.block_parts import Picture, blocks, part_of, write_cog_of_parts, write_part
from pipeline.export.target import Progress, resumable
from pipeline.export.vrt import write_class_names
from pipeline.geometry.grid import Window
from pipeline.prediction.image import ImageWindows

BLOCK = 2048
"""Px a side of what is mapped at a time, beside the model's halo."""


@dataclass(frozen=True)
class ClassPixels:
    """How many pixels a class has. code: in the map."""

    code: int
    name: str
    pixels: int


@dataclass(frozen=True)
class Predicted:
    """A map that was written. width, height: px. no_data: pixels without any. model: its digest. seconds: of the model
    in this call."""

    out: Path
    width: int
    height: int
    no_data: int
    classes: list[ClassPixels]
    model: str
    seconds: float


def predict(model: IDGBRPipeline, image: ImageWindows, out: Path, progress: Progress | None = None) -> Predicted:
    """Writes the refined class codes, uint8, as a COG with colours, class names and the image's georeference.

    The labels are those that `IDGBRPipeline.maps` gives for the whole image at once, whatever BLOCK is. The file
    appears when it is whole. After an interruption the same call goes on, block by block. Raises what `resumable`
    raises.
    """
    request = {"kind": "predict", "model": model.digest, "bands": image.bands, **image.identity}
    settings, squares = model.settings, list(blocks(image.window, BLOCK))
    ends = np.cumsum([_windows(model, image, block) for block in squares]).tolist()
    begun = time.perf_counter()
    with resumable(out, None, request, (".tif", ".tiff")) as scratch:
        for start, end, block in zip([0, *ends[:-1]], ends, squares, strict=True):
            told = None if progress is None else partial(_tell, progress, start, ends[-1])
            write_part(scratch, block, partial(labels, model, image, progress=told))
            if progress is not None:
                progress(end, ends[-1], "windows")
        seconds = time.perf_counter() - begun
        parts = [(block, part_of(scratch, block)) for block in squares]
        count_of = np.sum([np.bincount(np.load(file).ravel(), minlength=256) for _, file in parts], axis=0)
        write_class_names(scratch / out.name, settings.classes)
        write_cog_of_parts(scratch / out.name, scratch / "plain.tif", _picture(model, image), parts)
    rows, cols = image.window.shape
    classes = [ClassPixels(row["code"], row["name"], int(count_of[row["code"]])) for row in settings.classes]
    no_data = int(count_of[settings.no_label])
    return Predicted(out, cols, rows, no_data, classes, model.digest, round(seconds, 3))


def labels(
    model: IDGBRPipeline, image: ImageWindows, block: Window, progress: WindowProgress | None = None
) -> NDArray[np.uint8]:
    """Class codes of a block, uint8 HW, the same as within any other block around it."""
    around = block.pad(model.halo) & image.window
    part = block.y0, block.x0, block.y1, block.x1
    maps = model.maps(image.read(around)[None], origin=(around.y0, around.x0), part=part, progress=progress)
    return maps.refined_BHW[0]


def _tell(progress: Progress, start: int, total: int, done: int, _: int) -> None:
    progress(start + done, total, "windows")


def _windows(model: IDGBRPipeline, image: ImageWindows, block: Window) -> int:
    """How many lattice windows a block's map needs."""
    around = block.pad(model.settings.boundary_radius) & image.window
    lattice = WindowLattice(model.settings.window, model.settings.overlap)
    return lattice.count((around.y0, around.x0), around.shape)


def _picture(model: IDGBRPipeline, image: ImageWindows) -> Picture:
    classes, no_label = model.settings.classes, model.settings.no_label
    tags = {"MODEL": model.digest, **{f"CLASS_{row['code']}": row["name"] for row in classes}}
    colours = {value: tuple(rgba) for value, rgba in enumerate(rgba_table(class_palette(classes)).tolist())}
    georeference = image.window, image.wkt, image.transform
    return Picture(*georeference, "uint8", no_label, "landcover", tags, resampling="MODE", colours=colours)
