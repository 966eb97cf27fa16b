"""One block's land cover: coarse scores and refined scores of every lattice window it touches, blended."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from idgbr.inference.band import band, margin
from idgbr.labels import probabilities
from idgbr.pipeline import IDGBRPipeline
from idgbr.settings import Settings
from pipeline.geometry.grid import Window
from pipeline.segment.batching import Device
from pipeline.segment.lattice import covering, taper

Thing = TypeVar("Thing")

KEPT, CONFIRMED, CHANGED = 0, 1, 2


@dataclass(frozen=True)
class Labels:
    """Class codes (0 = no data), confidence in percent, and where refinement looked (1) and changed the class (2).
    All uint8 HW."""

    landcover_HW: np.ndarray
    coarse_HW: np.ndarray
    confidence_HW: np.ndarray
    refined_HW: np.ndarray


def reach(window: int, radius: int) -> int:
    """How far beyond a block its labels depend on the mosaic, in pixels."""
    return window + radius


def memory(block: int, bands: int, classes: int, window: int) -> int:
    """Bytes that a block may take at most while it is segmented: its mosaic, both sums of scores, their probabilities
    and the four results."""
    pixels = (block + 2 * window) ** 2
    return pixels * (bands * 2 + 4 * (4 * classes + 2) + 8)


def segment(
    device: Device,
    read_mosaic: Callable[[Window], np.ndarray],
    window: Window,
    tell: Callable[[float], None] = lambda seconds: None,
) -> Labels:
    """Labels of `window`; `read_mosaic` gives uint16 BHW of any window, zeros where there is nothing.

    Each lattice window is scored on its own (coarse, then refined if it holds a boundary or doubt); scores are
    added up with fixed weights in row-by-row order. So the labels do not depend on which block asks. `tell` is given
    the device's seconds, window by window.
    """
    model = device.model
    settings = model.settings
    stride = settings.window - settings.overlap
    canvas = window.pad(settings.boundary_radius)
    lattice = covering(canvas, settings.window, stride)
    hull = Window(lattice[0].y0, lattice[0].x0, lattice[-1].y1, lattice[-1].x1)
    mosaic_BHW = read_mosaic(hull)
    weight_HW = torch.from_numpy(taper(settings.window, stride)).to(model.device)
    coarse = _Blend(canvas, len(settings.classes), weight_HW)
    refined = _Blend(canvas, len(settings.classes), weight_HW)

    def image(w: Window) -> np.ndarray:
        return mosaic_BHW[:, *w.slices((hull.y0, hull.x0))]

    refining: deque[tuple[Window, Future[torch.Tensor]]] = deque()
    with device.asking(tell) as asker:
        asked = ((w, asker.coarse(image(w))) for w in lattice if image(w).any())
        for w, answer in _ahead(asked, 2 * settings.batch):
            logits_KHW = device.answer(answer)
            coarse.add(w, logits_KHW)
            if model.refiner is None or not _doubtful(logits_KHW, settings):
                continue
            refining.append((w, asker.refined(image(w), logits_KHW, (w.y0, w.x0))))
            while len(refining) > 2 * settings.batch:
                first, answer = refining.popleft()
                refined.add(first, device.answer(answer))
        for w, answer in refining:
            refined.add(w, device.answer(answer))

    seen_HW: np.ndarray = np.any(mosaic_BHW[:, *canvas.slices((hull.y0, hull.x0))], axis=0)
    return _gated(model, coarse, refined, seen_HW, window.slices((canvas.y0, canvas.x0)))


def _doubtful(logits_KHW: torch.Tensor, settings: Settings) -> bool:
    """Whether a window holds a boundary or doubt."""
    probability_1KHW = probabilities(logits_KHW[None]).cpu().numpy()
    return bool(
        band(
            probability_1KHW.argmax(1),
            margin(probability_1KHW),
            settings.boundary_radius,
            settings.uncertainty_threshold,
        ).any()
    )


def _ahead(asked: Iterator[Thing], most: int) -> Iterator[Thing]:
    """The things in order, of which so many are asked for ahead."""
    waiting: deque[Thing] = deque()
    for thing in asked:
        waiting.append(thing)
        if len(waiting) > most:
            yield waiting.popleft()
    yield from waiting


def _gated(
    model: IDGBRPipeline, coarse: "_Blend", refined: "_Blend", seen_HW: np.ndarray, inner: tuple[slice, slice]
) -> Labels:
    """The coarse label everywhere but in the band of boundaries and doubt, where the refined label stands."""
    settings = model.settings
    code_K = np.array(settings.codes, np.uint8)
    coarse_KHW, refined_KHW = coarse.probability(), refined.probability()
    coarse_HW = np.where(seen_HW, code_K[coarse_KHW.argmax(0)], 0)
    editable_HW = (
        band(coarse_HW, margin(coarse_KHW), settings.boundary_radius, settings.uncertainty_threshold)
        & seen_HW
        & refined.covered()
    )
    landcover_HW = np.where(editable_HW, code_K[refined_KHW.argmax(0)], coarse_HW)
    share_HW = np.where(editable_HW, refined_KHW.max(0), coarse_KHW.max(0)) * seen_HW
    refined_HW = np.where(editable_HW, np.where(landcover_HW == coarse_HW, CONFIRMED, CHANGED), KEPT)
    confidence_HW = np.floor(share_HW * 100 + 0.5)
    return Labels(
        *(array_HW[inner].astype(np.uint8) for array_HW in (landcover_HW, coarse_HW, confidence_HW, refined_HW))
    )


class _Blend:
    """Weighted sums of scores on a canvas; windows must come row by row."""

    def __init__(self, canvas: Window, classes: int, weight_HW: torch.Tensor) -> None:
        self.canvas, self.weight_HW = canvas, weight_HW
        self.total_KHW = torch.zeros(classes, *canvas.shape, device=weight_HW.device)
        self.sum_HW = torch.zeros(canvas.shape, device=weight_HW.device)

    def add(self, window: Window, logits_KHW: torch.Tensor) -> None:
        part = window & self.canvas
        there, here = part.slices((self.canvas.y0, self.canvas.x0)), part.slices((window.y0, window.x0))
        self.total_KHW[:, *there] += logits_KHW[:, *here] * self.weight_HW[here]
        self.sum_HW[there] += self.weight_HW[here]

    def covered(self) -> np.ndarray:
        return (self.sum_HW > 0).cpu().numpy()

    def probability(self) -> np.ndarray:
        """Softmax of the weighted mean scores, float32 KHW."""
        mean_KHW = self.total_KHW / torch.where(self.sum_HW > 0, self.sum_HW, 1)
        return probabilities(mean_KHW[None])[0].cpu().numpy()
