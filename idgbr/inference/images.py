"""Maps of whole images: lattice windows through the model in full batches, blended on one canvas an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.inference.blend import Blend
from idgbr.inference.canvas import Canvas, needs_refinement
from idgbr.inference.coarse_input import coarse_input_logits
from idgbr.inference.tiling import Corner, WindowLattice
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

    def coarse_logits(self, image_BCHW: Tensor) -> Tensor:
        """BKHW coarse logits of raw windows."""

    def refine_logits(
        self,
        image_BCHW: Tensor,
        coarse_logits_BKHW: Tensor,
        corners: Sequence[Corner],
        num_inference_steps: int | None = None,
        seed: int | None = None,
    ) -> Tensor:
        """BKHW refined logits of raw windows at absolute corners."""


Listener: TypeAlias = Callable[[int, slice, NDArray[np.float32], NDArray[np.float32]], None]
"""Takes an image's number in the batch, some of its rows, and in them the class probabilities KHW of the coarse and of
the refined map, 0 without data."""


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
    """A lattice window that sees some data of an image. image: its number in the batch."""

    image: int
    corner: Corner
    raw_CHW: Tensor


def map_images(
    model: WindowModel,
    image_BCHW: Tensor,
    coarse: NDArray[Any] | None,
    num_inference_steps: int | None,
    seed: int | None,
    origin: Corner,
    listener: Listener | None = None,
) -> Maps:
    """See `IDGBRPipeline.maps`."""
    settings = model.settings
    mask_BKHW = None if coarse is None else coarse_input_logits(coarse, image_BCHW, settings.codes, settings.no_label)
    shape = image_BCHW.shape[2], image_BCHW.shape[3]
    canvases = [Canvas(settings, origin, shape, model.device) for _ in image_BCHW]
    due: list[tuple[_Tile, Tensor]] = []

    def refine(chosen: list[tuple[_Tile, Tensor]]) -> None:
        tiles = [tile for tile, _ in chosen]
        refined_NKHW = model.refine_logits(
            torch.stack([tile.raw_CHW for tile in tiles]),
            torch.stack([logits_KHW for _, logits_KHW in chosen]),
            [tile.corner for tile in tiles],
            num_inference_steps,
            seed,
        )
        for tile, refined_KHW in zip(tiles, refined_NKHW, strict=True):
            canvases[tile.image].refined.add(tile.corner, refined_KHW)

    for tiles, logits_NKHW in _coarse_logits(model, image_BCHW, mask_BKHW, origin):
        due_N = needs_refinement(logits_NKHW, settings) if model.refiner is not None else [False] * len(tiles)
        for tile, logits_KHW, is_due in zip(tiles, logits_NKHW, due_N, strict=True):
            canvases[tile.image].coarse.add(tile.corner, logits_KHW)
            if is_due:
                due.append((tile, logits_KHW))
            if len(due) == settings.batch:
                refine(due)
                due.clear()
    if due:
        refine(due)

    seen_BHW = ~missing(image_BCHW, settings.blank)[:, 0]
    maps = [canvas.labels(seen_HW, settings.no_label) for canvas, seen_HW in zip(canvases, seen_BHW, strict=True)]
    if listener is not None:
        for number, (canvas, labels) in enumerate(zip(canvases, maps, strict=True)):
            for rows, *each_KHW in canvas.probabilities(labels):
                coarse_KHW, refined_KHW = (probability_KHW.cpu().numpy() for probability_KHW in each_KHW)
                listener(number, rows, coarse_KHW, refined_KHW)
    names = ("coarse_HW", "refined_HW", "confidence_HW", "editable_HW")
    return Maps(*(torch.stack([getattr(each, name) for each in maps]).cpu().numpy() for name in names))


def coarse_of_images(model: WindowModel, image_BCHW: Tensor, origin: Corner) -> NDArray[np.float32]:
    """See `IDGBRPipeline.coarse_probabilities`."""
    settings = model.settings
    shape = image_BCHW.shape[2], image_BCHW.shape[3]
    weight_HW = torch.from_numpy(WindowLattice(settings.window, settings.overlap).weights()).to(model.device)
    blends = [Blend(origin, shape, len(settings.classes), weight_HW) for _ in image_BCHW]
    for tiles, logits_NKHW in _coarse_logits(model, image_BCHW, None, origin):
        for tile, logits_KHW in zip(tiles, logits_NKHW, strict=True):
            blends[tile.image].add(tile.corner, logits_KHW)
    return np.stack([probabilities(blend.logits()[None])[0].cpu().numpy() for blend in blends])


def _coarse_logits(
    model: WindowModel, image_BCHW: Tensor, mask_BKHW: Tensor | None, origin: Corner
) -> Iterator[tuple[list[_Tile], Tensor]]:
    """Every window that sees data, image by image, row by row, in batches with their NKHW coarse logits: the model's,
    or the mask's if there is one."""
    settings = model.settings
    lattice = WindowLattice(settings.window, settings.overlap)
    places = [
        (number, corner)
        for number in range(len(image_BCHW))
        for corner in lattice.corners(origin, (image_BCHW.shape[2], image_BCHW.shape[3]))
    ]
    tiles = (
        _Tile(number, corner, raw_CHW)
        for number, corner in places
        for raw_CHW in [cut_window(image_BCHW[number], corner, origin, settings.window, settings.blank)]
        if not bool(missing(raw_CHW[None], settings.blank).all())
    )
    for batch in _batches(tiles, settings.batch):
        if mask_BKHW is None:
            logits_NKHW = model.coarse_logits(torch.stack([tile.raw_CHW for tile in batch]))
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
