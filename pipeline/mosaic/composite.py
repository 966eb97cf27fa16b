"""Methods that reduce the views of a window to one image.

Each takes the views in order, the parameters of `best`, and how to map over rows, and returns values as they are stored
(of reflectance: x 10,000), int16 BHW, 0 where no view is clear. The result of a pixel depends on no other pixel, nor on
how many rows are reduced at a time.
"""

from collections.abc import Callable, Iterable

import torch

from pipeline.mosaic.best import BestParams, best
from pipeline.mosaic.geometric_median import geometric_median
from pipeline.mosaic.median import median
from pipeline.mosaic.stack import MapRows
from pipeline.mosaic.view import PassView


def mean(views: Iterable[PassView], params: BestParams | None = None, map_rows: MapRows = map) -> torch.Tensor:
    """The mean of the clear values, half rounded up."""
    total_BHW = count_HW = None
    for view in views:
        clear_HW = view.clear_HW
        value_BHW = view.value_BHW.int() * clear_HW
        total_BHW = value_BHW if total_BHW is None else total_BHW.add_(value_BHW)
        count_HW = clear_HW.int() if count_HW is None else count_HW.add_(clear_HW)
    assert total_BHW is not None and count_HW is not None, "at least one view is required"
    return ((2 * total_BHW + count_HW) // (2 * count_HW).clamp_(min=1)).short()


def newest(views: Iterable[PassView], params: BestParams | None = None, map_rows: MapRows = map) -> torch.Tensor:
    """The clear values of the last view that has any."""
    newest_BHW = None
    for view in views:
        before_BHW = torch.zeros_like(view.value_BHW) if newest_BHW is None else newest_BHW
        newest_BHW = torch.where(view.clear_HW, view.value_BHW, before_BHW)
    assert newest_BHW is not None, "at least one view is required"
    return newest_BHW


Method = Callable[[Iterable[PassView], BestParams | None, MapRows], torch.Tensor]
METHODS: dict[str, Method] = {
    "median": median,
    "geometric-median": geometric_median,
    "mean": mean,
    "best": best,
    "newest": newest,
}
STACKED = ("median", "geometric-median")
"""Methods that need all views of a pixel at once. The others need one view at a time."""
