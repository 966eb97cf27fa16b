"""Source pixels to resample from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

MARGIN = 4
"""Pixels of no data around a part, so that neighbours outside it are no data: as many as `cubic` can reach."""


@dataclass(frozen=True)
class SourcePixels:
    """The bands of a part of a raster, with a margin of no data around it.

    `flat_BN`: uint16 pixels as int16, because torch does not index uint16. `wide`: some are above 32,767 and so
    negative here. A pixel that is 0 in one band is set to 0 in all; `whole`: there is none outside the margin.
    `width`: columns, the margin included.
    """

    flat_BN: torch.Tensor
    width: int
    whole: bool
    wide: bool

    @staticmethod
    def of(bands: Sequence[np.ndarray], device: str = "cpu") -> "SourcePixels":
        """Pads the same part of several bands, uint16 HW each."""
        height, width = (side + 2 * MARGIN for side in bands[0].shape)
        padded_BHW = np.zeros((len(bands), height, width), np.uint16)
        inner_BHW = padded_BHW[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        for inner_HW, band_HW in zip(inner_BHW, bands, strict=True):
            inner_HW[:] = band_HW
        whole = all(band_HW.all() for band_HW in bands)
        if not whole:
            inner_BHW *= inner_BHW.all(0)
        wide = any(int(band_HW.max()) > 32_767 for band_HW in bands)
        flat_BN = torch.from_numpy(padded_BHW.view(np.int16)).flatten(1).to(device)
        return SourcePixels(flat_BN, width, whole, wide)

    @cached_property
    def data_N(self) -> torch.Tensor:
        """Which pixels have data, bool N."""
        return self.flat_BN[0] != 0

    def values(self, band: int, index_N: torch.Tensor, offset: int = 0) -> torch.Tensor:
        """The pixels at flat indices plus `offset`, float32 N."""
        value_N = _take(self.flat_BN[band], index_N, offset).float()
        return value_N + (value_N < 0) * 65_536.0 if self.wide else value_N

    def weights(self, index_N: torch.Tensor, offset: int) -> torch.Tensor:
        """1 where the pixels at flat indices plus `offset` have data, else 0: float32 N."""
        return _take(self.data_N, index_N, offset).float()

    def all_data(self, index_N: torch.Tensor, offsets: Sequence[int]) -> torch.Tensor:
        """Whether the pixels at flat indices plus each of `offsets` all have data, bool N."""
        whole_N = _take(self.data_N, index_N, offsets[0])
        for offset in offsets[1:]:
            whole_N &= _take(self.data_N, index_N, offset)
        return whole_N


def _take(flat_N: torch.Tensor, index_N: torch.Tensor, offset: int) -> torch.Tensor:
    if offset >= 0:
        return flat_N[offset:].index_select(0, index_N)
    return flat_N.index_select(0, index_N + offset)
