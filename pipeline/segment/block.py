"""Land cover of one block: its lattice windows go to the device, their scores are blended by `idgbr.inference`."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from idgbr.inference.canvas import Canvas, LabelMap
from idgbr.inference.tiling import Corner, WindowLattice
from idgbr.settings import Settings
from pipeline.geometry.grid import Window, merged
from pipeline.segment.batching import BatchingDevice
from pipeline.segment.kept import RawWindow

Item = TypeVar("Item")

NO_DATA = 0
KEPT, CONFIRMED, CHANGED = 0, 1, 2
JUDGED_BYTES = 48
"""Of a pixel: classes, probabilities and margins of both sums, some of them twice, and the results."""


@dataclass(frozen=True)
class BlockLabels:
    """uint8 HW each: class codes (0 = no data), confidence in percent, and what refinement did: KEPT (not looked at),
    CONFIRMED (same class) or CHANGED."""

    landcover_HW: np.ndarray
    coarse_HW: np.ndarray
    confidence_HW: np.ndarray
    refined_HW: np.ndarray


def reach(window: int, boundary_radius: int) -> int:
    """How far beyond a block its labels depend on the mosaic, in pixels."""
    return window + boundary_radius


def parts_that_see(settings: Settings, window: Window, ground: Sequence[Window]) -> list[Window]:
    """The parts of `window` whose labels depend on the mosaic of `ground`, merged where that is no more to map."""
    lattice = WindowLattice(settings.window, settings.overlap)
    near = (hull(lattice_windows(lattice, each)).pad(settings.boundary_radius) & window for each in ground)
    return merged(part for part in near if not part.empty)


def segment_bytes(block: int, bands: int, classes: int, window: int) -> int:
    """Upper bound of the bytes that segmenting a block takes: its mosaic, both sums of scores with their weights, and
    what is judged and made of them."""
    pixels = (block + 2 * window) ** 2
    return pixels * (bands * 2 + 2 * 4 * (classes + 1) + JUDGED_BYTES)


def segment(
    device: BatchingDevice,
    read_mosaic: Callable[[Window], np.ndarray],
    window: Window,
    add_seconds: Callable[[float], None] = lambda seconds: None,
) -> BlockLabels:
    """Labels of `window`; `read_mosaic` returns uint16 BHW of any window, zeros where there is no data.

    Each lattice window is scored on its own: coarse, then refined if it holds a boundary or an uncertain pixel. So the
    labels do not depend on the block that the windows are computed for. `add_seconds` receives the device's seconds of
    each window.
    """
    settings = device.model.settings
    canvas = window.pad(settings.boundary_radius)
    lattice = lattice_windows(WindowLattice(settings.window, settings.overlap), canvas)
    whole = hull(lattice)
    mosaic_BHW, corner = read_mosaic(whole), (whole.y0, whole.x0)
    seen_HW: np.ndarray = np.bitwise_or.reduce(mosaic_BHW) != 0
    scores = Canvas(settings, (canvas.y0, canvas.x0), canvas.shape, device.model.device)

    seen = (w for w in lattice if seen_HW[w.slices(corner)].any())
    raws = (RawWindow(mosaic_BHW[:, *w.slices(corner)], (w.y0, w.x0)) for w in seen)
    refining: deque[tuple[Corner, Future[torch.Tensor]]] = deque()

    def add_refined() -> None:
        place, future = refining.popleft()
        scores.refined.add(place, device.result(future))

    with device.client(add_seconds) as client:
        for raw, future in _ahead(((raw, client.coarse(raw)) for raw in raws), 2 * settings.batch):
            coarse = device.result(future)
            scores.coarse.add(raw.corner, coarse.logits_KHW)
            if coarse.needs_refinement:
                refining.append((raw.corner, client.refined(raw, coarse.logits_KHW)))
            if len(refining) > 2 * settings.batch:
                add_refined()
        while refining:
            add_refined()

    labels = scores.labels(torch.from_numpy(seen_HW[canvas.slices(corner)]), NO_DATA)
    return _block_labels(labels, window.slices((canvas.y0, canvas.x0)))


def lattice_windows(lattice: WindowLattice, window: Window) -> list[Window]:
    """Every window of the lattice that overlaps `window`, row by row."""
    corners = lattice.corners((window.y0, window.x0), window.shape)
    return [Window(y, x, y + lattice.window, x + lattice.window) for y, x in corners]


def hull(windows: Sequence[Window]) -> Window:
    """Of windows row by row."""
    first, last = windows[0], windows[-1]
    return Window(first.y0, first.x0, last.y1, last.x1)


def _ahead(items: Iterator[Item], count: int) -> Iterator[Item]:
    """The items in order; `count` more are drawn before one is handed out."""
    drawn: deque[Item] = deque()
    for item in items:
        drawn.append(item)
        if len(drawn) > count:
            yield drawn.popleft()
    yield from drawn


def _block_labels(labels: LabelMap, inner: tuple[slice, slice]) -> BlockLabels:
    kept, confirmed, changed = torch.tensor(
        (KEPT, CONFIRMED, CHANGED), dtype=torch.uint8, device=labels.coarse_HW.device
    )
    outcome_HW = torch.where(labels.refined_HW == labels.coarse_HW, confirmed, changed)
    refined_HW = torch.where(labels.editable_HW, outcome_HW, kept)
    percent_HW = (labels.confidence_HW * 100 + 0.5).floor()
    arrays = (labels.refined_HW, labels.coarse_HW, percent_HW, refined_HW)
    together_4HW = torch.stack([array_HW[inner].to(torch.uint8) for array_HW in arrays])
    return BlockLabels(*together_4HW.cpu().numpy())
