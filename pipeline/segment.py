"""One block's land cover: coarse scores and refined scores of every lattice window it touches, blended."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from idgbr.band import band, margin
from idgbr.labels import probabilities
from idgbr.pipeline import IDGBRPipeline
from pipeline.grid import Window
from pipeline.windows import covering, taper

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


def segment(model: IDGBRPipeline, read_mosaic: Callable[[Window], np.ndarray], window: Window) -> Labels:
    """Labels of `window`; `read_mosaic` gives uint16 BHW of any window, zeros where there is nothing.

    Each lattice window is scored on its own (coarse, then refined if it holds a boundary or doubt); scores are
    added up with fixed weights in row-by-row order. So the labels do not depend on which block asks.
    """
    settings = model.settings
    stride = settings.window - settings.overlap
    canvas = window.pad(settings.radius)
    lattice = covering(canvas, settings.window, stride)
    hull = Window(lattice[0].y0, lattice[0].x0, lattice[-1].y1, lattice[-1].x1)
    mosaic_BHW = read_mosaic(hull)
    weight_HW = torch.from_numpy(taper(settings.window, stride)).to(model.device)
    coarse = _Blend(canvas, len(settings.classes), weight_HW)
    refined = _Blend(canvas, len(settings.classes), weight_HW)

    for group in _batched(lattice, settings.batch):
        images = {w: mosaic_BHW[:, *w.slices((hull.y0, hull.x0))] for w in group}
        images = {w: image_BHW for w, image_BHW in images.items() if image_BHW.any()}
        if not images:
            continue
        image_NBHW = np.stack(list(images.values()))
        logits_NKHW = model.coarse_logits(image_NBHW)
        for w, logits_KHW in zip(images, logits_NKHW, strict=True):
            coarse.add(w, logits_KHW)
        if model.refiner is None:
            continue
        probability_NKHW = probabilities(logits_NKHW).cpu().numpy()
        doubtful_NHW = band(probability_NKHW.argmax(1), margin(probability_NKHW), settings.radius, settings.threshold)
        due = [i for i, doubtful_HW in enumerate(doubtful_NHW) if doubtful_HW.any()]
        if not due:
            continue
        at = [w for i, w in enumerate(images) if i in due]
        answer_NKHW = model.refine_logits(image_NBHW[due], logits_NKHW[due], [(w.y0, w.x0) for w in at])
        for w, logits_KHW in zip(at, answer_NKHW, strict=True):
            refined.add(w, logits_KHW)

    seen_HW: np.ndarray = np.any(mosaic_BHW[:, *canvas.slices((hull.y0, hull.x0))], axis=0)
    return _gated(model, coarse, refined, seen_HW, window.slices((canvas.y0, canvas.x0)))


def _gated(
    model: IDGBRPipeline, coarse: "_Blend", refined: "_Blend", seen_HW: np.ndarray, inner: tuple[slice, slice]
) -> Labels:
    """The coarse label everywhere but in the band of boundaries and doubt, where the refined label stands."""
    settings = model.settings
    code_K = np.array(settings.codes, np.uint8)
    coarse_KHW, refined_KHW = coarse.probability(), refined.probability()
    coarse_HW = np.where(seen_HW, code_K[coarse_KHW.argmax(0)], 0)
    editable_HW = band(coarse_HW, margin(coarse_KHW), settings.radius, settings.threshold) & seen_HW & refined.covered()
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


def _batched(windows: Sequence[Window], size: int) -> Iterator[list[Window]]:
    iterator = iter(windows)
    while group := list(islice(iterator, size)):
        yield group
