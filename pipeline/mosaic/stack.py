"""Reduce all views of a window at once."""

from collections.abc import Callable, Iterable

import torch

from pipeline.mosaic.view import PassView

IN_CACHE = 2**19
"""Values (int16) that are reduced at a time."""
MapRows = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]
"""`map`, or the `map` of a thread pool."""


def reduce_stack(
    views: Iterable[PassView], reduce: Callable[[torch.Tensor], torch.Tensor], map_rows: MapRows
) -> torch.Tensor:
    """Applies `reduce` (NBHW to BHW) to all views, in strips of rows that fit the processor's cache."""
    values = [view.value_BHW for view in views]
    bands, height, width = values[0].shape
    rows = max(1, IN_CACHE // (len(values) * bands * width))
    result_BHW = torch.empty_like(values[0])

    def reduce_rows(y: int) -> None:
        rows_NBHW = torch.stack([value_BHW[:, y : y + rows] for value_BHW in values])
        result_BHW[:, y : y + rows] = reduce(rows_NBHW)

    for _ in map_rows(reduce_rows, range(0, height, rows)):
        pass
    return result_BHW
