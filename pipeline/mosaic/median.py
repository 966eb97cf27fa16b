"""The per-band median of views."""

from collections.abc import Iterable, Iterator

import torch

from pipeline.mosaic.best import BestParams
from pipeline.mosaic.stack import MapRows, reduce_stack
from pipeline.mosaic.view import UNSEEN, PassView


def median(views: Iterable[PassView], params: BestParams | None = None, map_rows: MapRows = map) -> torch.Tensor:
    """The median of each band; for an even number of values the mean of the middle two, half rounded up."""

    def reduce(value_NBHW: torch.Tensor) -> torch.Tensor:
        count_HW = (value_NBHW[:, 0] != UNSEEN).sum(0)
        for low, high in sorting_network(len(value_NBHW)):
            smaller = torch.minimum(value_NBHW[low], value_NBHW[high])
            torch.maximum(value_NBHW[low], value_NBHW[high], out=value_NBHW[high])
            value_NBHW[low] = smaller
        lower_HW, upper_HW = (count_HW - 1).clamp_(min=0) >> 1, count_HW >> 1
        lower_BHW, upper_BHW = (
            value_NBHW.gather(0, at_HW.expand(1, *value_NBHW.shape[1:]))[0].int() for at_HW in (lower_HW, upper_HW)
        )
        return torch.where(count_HW > 0, (lower_BHW + upper_BHW + 1) >> 1, 0).short()

    return reduce_stack(views, reduce, map_rows)


def sorting_network(n: int) -> Iterator[tuple[int, int]]:
    """Pairs of indices (low, high), in order, that sort n values if each pair is compared and swapped.

    Batcher's merge exchange (Knuth, The Art of Computer Programming, 5.2.2 M).
    """
    top = 1 << max(n - 1, 0).bit_length() >> 1
    p = top
    while p:
        q, r, d = top, 0, p
        while True:
            yield from ((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
