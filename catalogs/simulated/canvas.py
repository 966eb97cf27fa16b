"""The raster of patch ids that layers of a landscape are painted on."""

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from catalogs.errors import CatalogError
from catalogs.simulated.noise import Bounds, Field
from catalogs.simulated.settlements import PATCH_CODES, Town, town_patches
from catalogs.simulated.shapes import Shapes, polygons

PATCH_METRES = 2.5
BAND_ROWS = 256
MAX_PATCHES = 2**16


class LandscapeError(CatalogError):
    """A landscape that cannot be made."""


def patch_transform(bounds: Bounds) -> Affine:
    """Affine transform of the 2.5 m grid over `bounds`."""
    return Affine(PATCH_METRES, 0, bounds[0], 0, -PATCH_METRES, bounds[3])


@dataclass(frozen=True)
class Quarter:
    """The part of a canvas that a town reaches, and its patches there (see `town_patches`), None where it is empty."""

    rows: slice
    columns: slice
    town_YX: NDArray[np.int32] | None


class Canvas:
    """Patch ids at 2.5 m over `bounds`; each layer has its own ids. Id 0 is land that no layer has painted."""

    def __init__(self, bounds: Bounds, ground: int) -> None:
        west, south, east, north = bounds
        self.bounds = bounds
        self.x_X = np.arange(west + PATCH_METRES / 2, east, PATCH_METRES)
        self.y_Y = np.arange(north - PATCH_METRES / 2, south, -PATCH_METRES)
        self.patch_YX = np.zeros((len(self.y_Y), len(self.x_X)), np.uint16)
        self.code_P = np.array([ground], np.uint8)

    def paint(self, *layers: Shapes) -> None:
        """Paint layers of polygons, in order, over the present content."""
        firsts = [self._claim(layer.code) for layer in layers]
        pairs = (
            (polygon, patch)
            for layer, first in zip(layers, firsts, strict=True)
            for polygon, patch in zip(polygons(layer.geometry), (layer.patch + first).tolist(), strict=True)
        )
        rasterize(pairs, out=self.patch_YX, transform=patch_transform(self.bounds))

    def overgrow(self, density: Field, limit: float, stand_P: NDArray[np.intp], code: int) -> None:
        """Where `density` exceeds `limit`, replace patch p by the new patch `stand_P[p]` of class `code`."""
        first = self._claim(np.full(int(stand_P.max()) + 1, code, np.uint8))
        stand_P = (stand_P + first).astype(np.uint16)
        for top in range(0, len(self.y_Y), BAND_ROWS):
            band_YX = self.patch_YX[top : top + BAND_ROWS]
            dense_YX = density.on(self.x_X, self.y_Y[top : top + BAND_ROWS]) > limit
            np.copyto(band_YX, stand_P[band_YX], where=dense_YX)

    def lay_out(self, rng: np.random.Generator, town: Town) -> Quarter:
        """A town on the canvas, which stays as it is."""
        reach = 1.6 * town.radius
        columns = slice(*np.searchsorted(self.x_X, (town.x - reach, town.x + reach)))
        rows = slice(*np.searchsorted(-self.y_Y, (-town.y - reach, -town.y + reach)))
        x_X, y_Y = self.x_X[columns], self.y_Y[rows]
        inside = len(x_X) and len(y_Y)
        return Quarter(rows, columns, town_patches(rng, town, x_X, y_Y) if inside else None)

    def settle(self, quarter: Quarter) -> None:
        """Paint a town over the present content."""
        first = self._claim(PATCH_CODES)
        if (town_YX := quarter.town_YX) is not None:
            part_YX = self.patch_YX[quarter.rows, quarter.columns]
            np.copyto(part_YX, (town_YX + first).astype(np.uint16), where=town_YX >= 0)

    def _claim(self, code_P: NDArray[np.uint8]) -> int:
        first = len(self.code_P)
        if first + len(code_P) > MAX_PATCHES:
            west, south, east, north = self.bounds
            raise LandscapeError(
                f"bounds of {(east - west) / 1000:g} x {(north - south) / 1000:g} km hold more than {MAX_PATCHES} "
                "patches of land: give smaller bounds (about 25 km a side is the most)."
            )
        self.code_P = np.concatenate([self.code_P, code_P])
        return first
