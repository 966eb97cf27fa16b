"""How the pixels of a band become the numbers that are resampled: uint16, 0 where there is no data."""

from dataclasses import dataclass

import numpy as np

from catalogs import Asset
from catalogs.access import redact
from pipeline.raster.retry import ReadError

SATURATED = 65_535
"""DN of a saturated pixel: Sentinel-2 Products Specification (special value SATURATED), Landsat Collection 2 Level-2
Science Product Guide (saturate value of surface reflectance). It is no data in any raster of uint16."""
SHIFTS = {"uint8": 1, "int8": 129, "uint16": 1, "int16": 32_768}
"""What makes all values of a type positive. In int16 the lowest, and in uint16 the highest, are no data then."""
FRACTIONS = ("uint32", "int32", "uint64", "int64", "float16", "float32", "float64")
BELOW = 16_384
"""Steps of the unit below its lowest stored number that are told apart, so that means over them are right."""
HIGHEST = 65_534


@dataclass(frozen=True)
class Coding:
    """Value in the unit of the mosaic = number * `scale` + `offset`, where the number is not 0.

    `shift`: number = DN + shift; None: the number is the value in steps of the unit above `offset`, rounded.
    `dn_scale`, `dn_offset`: those of the value by DN. `nodata`, `valid`: DN that are no data, and those that can be
    data.
    """

    shift: int | None
    scale: float
    offset: float
    dn_scale: float = 1.0
    dn_offset: float = 0.0
    nodata: float | None = 0
    valid: tuple[float, float] | None = None

    @staticmethod
    def of(asset: Asset, dtype: str) -> "Coding":
        """The coding of a band's raster of a type. Raises ReadError for a type that its item does not have."""
        allowed = asset.dtypes or (*SHIFTS, *FRACTIONS)
        if dtype not in allowed:
            raise ReadError(f"{redact(asset.href)} holds {dtype}, but {asset.role} must hold {' or '.join(allowed)}")
        shift = SHIFTS.get(dtype)
        if asset.nodata == 0 and dtype in ("uint8", "uint16"):
            shift = 0
        facts = asset.scale, asset.offset, asset.nodata, asset.valid
        if shift is None:
            return Coding(None, asset.unit.scale, asset.unit.offset - BELOW * asset.unit.scale, *facts)
        return Coding(shift, asset.scale, asset.offset - shift * asset.scale, *facts)

    def encode(self, dn_HW: np.ndarray, invalid_HW: np.ndarray | None) -> np.ndarray:
        """The numbers of pixels, uint16 HW; 0 where `invalid_HW`. May change `dn_HW`."""
        gone_HW = self._gone(dn_HW, invalid_HW)
        if self.shift is None:
            with np.errstate(invalid="ignore", over="ignore"):
                value_HW = dn_HW.astype(np.float64) * self.dn_scale + (self.dn_offset - self.offset)
                number_HW = np.floor(value_HW / self.scale + 0.5).clip(1, HIGHEST)
            number_HW = np.nan_to_num(number_HW, nan=0).astype(np.uint16)
        elif self.shift and dn_HW.dtype == np.uint16:
            number_HW = dn_HW + np.uint16(self.shift)  # 65,535, saturated, becomes 0.
        else:
            number_HW = (dn_HW.astype(np.int32) + self.shift).astype(np.uint16) if self.shift else _plain(dn_HW)
        if gone_HW is not None:
            number_HW[gone_HW] = 0
        return number_HW

    def _gone(self, dn_HW: np.ndarray, invalid_HW: np.ndarray | None) -> np.ndarray | None:
        tests = [invalid_HW] if invalid_HW is not None else []
        if self.nodata not in (None, 0) or (self.nodata == 0 and self.shift != 0):
            tests.append(dn_HW == self.nodata)
        if self.valid is not None:
            tests.append(~((dn_HW >= self.valid[0]) & (dn_HW <= self.valid[1])))
        if dn_HW.dtype == np.uint16 and self.shift == 0:
            tests.append(dn_HW == SATURATED)
        if dn_HW.dtype.kind == "f":
            tests.append(~np.isfinite(dn_HW))
        return np.logical_or.reduce(tests) if tests else None


def _plain(dn_HW: np.ndarray) -> np.ndarray:
    return dn_HW if dn_HW.dtype == np.uint16 else dn_HW.astype(np.uint16)
