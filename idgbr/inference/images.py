"""Maps of whole images: lattice windows through the model in full batches, blended on one canvas an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.errors import InputError
from idgbr.inference.blend import Blend
from idgbr.inference.canvas import Canvas, needs_refinement
from idgbr.inference.coarse_input import coarse_input_logits
from idgbr.inference.tiling import Corner, Shape, WindowLattice
from idgbr.inference.window import cut_window
from idgbr.labels import probabilities
from idgbr.no_data import missing
from idgbr.settings import Settings


class WindowModel(Protocol):
    """What map making asks of a model; see `idgbr.pipeline.IDGBRPipeline`."""

    @property
    def settings(self) -> Settings: ...

    @property
    def refiner(self) -> object | None: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def batch(self) -> int: ...

    def coarse_logits(self, image_BCHW: Tensor, corners: Sequence[Corner]) -> Tensor:
        """BKHW coarse logits of raw windows at absolute corners."""

    def refine_logits(
        self,
        image_BCHW: Tensor,
        coarse_logits_BKHW: Tensor,
        corners: Sequence[Corner],
    ) -> Tensor:
        """BKHW refined logits of raw windows at absolute corners."""


Listener: TypeAlias = Callable[[int, slice, NDArray[np.float32], NDArray[np.float32]], None]
"""Takes an image's number in the batch, some rows of what is asked for, and in them the class probabilities KHW of the
coarse and of the refined map, 0 without data."""


Progress: TypeAlias = Callable[[int, int], None]
"""Takes how many of the windows have been through the coarse network, and of how many."""
Part: TypeAlias = tuple[int, int, int, int]
"""Absolute (y0, x0, y1, x1), half-open."""


@dataclass(frozen=True)
class Maps:
    """Maps of a batch of images: class codes, uint8 BHW, and the probability of the refined ones, float32 BHW.

    `editable_BHW`: pixels that refinement was allowed to change.
    """

    coarse_BHW: NDArray[np.uint8]
    refined_BHW: NDArray[np.uint8]
    confidence_BHW: NDArray[np.float32]
    editable_BHW: NDArray[np.bool_]


class _Tile(NamedTuple):
    """A lattice window that sees some data of an image. number: among all windows, from 1. image: its number in the
    batch."""

    number: int
    image: int
    corner: Corner
    raw_CHW: Tensor


def map_images(
    model: WindowModel,
    image_BCHW: Tensor,
    coarse: NDArray[Any] | None,
    origin: Corner,
    listener: Listener | None = None,
    progress: Progress | None = None,
    part: Part | None = None,
) -> Maps:
    """See `IDGBRPipeline.maps`."""
    settings = model.settings
    mask_BKHW = None if coarse is None else coarse_input_logits(coarse, image_BCHW, settings.codes, settings.no_label)
    shape = image_BCHW.shape[2], image_BCHW.shape[3]
    corner, size, inner = _canvas(origin, shape, part, settings.boundary_radius)
    canvases = [Canvas(settings, corner, size, model.device) for _ in image_BCHW]
    total = len(image_BCHW) * WindowLattice(settings.window, settings.overlap).count(corner, size)
    due: list[tuple[_Tile, Tensor]] = []

    def refine(chosen: list[tuple[_Tile, Tensor]]) -> None:
        tiles = [tile for tile, _ in chosen]
        refined_NKHW = model.refine_logits(
            torch.stack([tile.raw_CHW for tile in tiles]),
            torch.stack([logits_KHW for _, logits_KHW in chosen]),
            [tile.corner for tile in tiles],
        )
        for tile, refined_KHW in zip(tiles, refined_NKHW, strict=True):
            canvases[tile.image].refined.add(tile.corner, refined_KHW)

    for tiles, logits_NKHW in _coarse_logits(model, image_BCHW, mask_BKHW, origin, corner, size):
        due_N = needs_refinement(logits_NKHW, settings) if model.refiner is not None else [False] * len(tiles)
        for tile, logits_KHW, is_due in zip(tiles, logits_NKHW, due_N, strict=True):
            canvases[tile.image].coarse.add(tile.corner, logits_KHW)
            if is_due:
                due.append((tile, logits_KHW))
            if len(due) == model.batch:
                refine(due)
                due.clear()
        if progress is not None:
            progress(tiles[-1].number, total)
    if due:
        refine(due)
    if progress is not None:
        progress(total, total)

    rows, columns = (
        slice(low - start, low - start + side) for low, start, side in zip(corner, origin, size, strict=True)
    )
    seen_BHW = ~missing(image_BCHW[:, :, rows, columns], settings.blank)[:, 0]
    maps = [canvas.labels(seen_HW, settings.no_label) for canvas, seen_HW in zip(canvases, seen_BHW, strict=True)]
    if listener is not None:
        for number, (canvas, labels) in enumerate(zip(canvases, maps, strict=True)):
            for strip, *each_KHW in canvas.probabilities(labels):
                first, last = max(strip.start, inner[0].start), min(strip.stop, inner[0].stop)
                if first >= last:
                    continue
                within = slice(None), slice(first - strip.start, last - strip.start), inner[1]
                coarse_KHW, refined_KHW = (probability_KHW[within].cpu().numpy() for probability_KHW in each_KHW)
                listener(number, slice(first - inner[0].start, last - inner[0].start), coarse_KHW, refined_KHW)
    names = ("coarse_HW", "refined_HW", "confidence_HW", "editable_HW")
    return Maps(*(torch.stack([getattr(each, name)[inner] for each in maps]).cpu().numpy() for name in names))


def _canvas(origin: Corner, shape: Shape, part: Part | None, radius: int) -> tuple[Corner, Shape, tuple[slice, slice]]:
    """The corner and shape of the part with what its band depends on, and the part in it; InputError for a part that
    does not lie within the image."""
    (y, x), (height, width) = origin, shape
    y0, x0, y1, x1 = part or (y, x, y + height, x + width)
    if not (y <= y0 < y1 <= y + height and x <= x0 < x1 <= x + width):
        raise InputError(f"the part {part} does not lie within the images, whose first pixel is {origin}")
    top, left = max(y0 - radius, y), max(x0 - radius, x)
    bottom, right = min(y1 + radius, y + height), min(x1 + radius, x + width)
    return (top, left), (bottom - top, right - left), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def coarse_of_images(model: WindowModel, image_BCHW: Tensor, origin: Corner) -> NDArray[np.float32]:
    """See `IDGBRPipeline.coarse_probabilities`."""
    settings = model.settings
    shape = image_BCHW.shape[2], image_BCHW.shape[3]
    weight_HW = torch.from_numpy(WindowLattice(settings.window, settings.overlap).weights()).to(model.device)
    blends = [Blend(origin, shape, len(settings.classes), weight_HW) for _ in image_BCHW]
    for tiles, logits_NKHW in _coarse_logits(model, image_BCHW, None, origin, origin, shape):
        for tile, logits_KHW in zip(tiles, logits_NKHW, strict=True):
            blends[tile.image].add(tile.corner, logits_KHW)
    return np.stack([probabilities(blend.logits()[None])[0].cpu().numpy() for blend in blends])


def _coarse_logits(
    model: WindowModel,
    image_BCHW: Tensor,
    mask_BKHW: Tensor | None,
    origin: Corner,
    corner: Corner,
    shape: Shape,
) -> Iterator[tuple[list[_Tile], Tensor]]:
    """Every window that overlaps the rectangle of `shape` at `corner` and sees data, image by image, row by row, in
    batches with their NKHW coarse logits: the model's, or the mask's if there is one."""
    settings = model.settings
    lattice = WindowLattice(settings.window, settings.overlap)
    places = [(image, place) for image in range(len(image_BCHW)) for place in lattice.corners(corner, shape)]
    tiles = (
        _Tile(number, image, place, raw_CHW)
        for number, (image, place) in enumerate(places, 1)
        for raw_CHW in [cut_window(image_BCHW[image], place, origin, settings.window, settings.blank)]
        if not bool(missing(raw_CHW[None], settings.blank).all())
    )
    for batch in _batches(tiles, model.batch):
        if mask_BKHW is None:
            raw_NCHW = torch.stack([tile.raw_CHW for tile in batch])
            logits_NKHW = model.coarse_logits(raw_NCHW, [tile.corner for tile in batch])
        else:
            parts = [cut_window(mask_BKHW[tile.image], tile.corner, origin, settings.window, None) for tile in batch]
            logits_NKHW = torch.stack(parts).to(model.device)
        yield batch, logits_NKHW


def _batches(tiles: Iterator[_Tile], size: int) -> Iterator[list[_Tile]]:
    batch: list[_Tile] = []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
