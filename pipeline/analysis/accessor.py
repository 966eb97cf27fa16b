"""`.idgbr` of a dataset that `open_cube` returns: what a notebook shows of it, and its picture."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pipeline.analysis.areas import class_areas
from pipeline.analysis.colours import class_palette
from pipeline.analysis.overview import map_svg
from pipeline.console import html
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_version
from pipeline.cube.periods import time_of
from pipeline.cube.schema import Layout
from pipeline.errors import UserError
from pipeline.geometry.areal_scale import is_equal_area, pixel_hectares
from pipeline.geometry.grid import Window

if TYPE_CHECKING:
    from pipeline.analysis.picture import MapFigure

SIDE = 768
"""Maximum number of pixels along a side of the thumbnail."""


@xr.register_dataset_accessor("idgbr")
class CubeAccessor:
    """A cube's dataset, or a part of it cut along y and x or time, at a glance; the dataset stays one of xarray."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def plot(self, detail: int = 160, period: int = 0) -> "MapFigure":
        """The mosaic and its maps: see `pipeline.picture.maps`."""
        from pipeline.analysis.picture import maps

        self._check()
        return maps(self._dataset, detail=detail, period=period)

    def _repr_html_(self) -> str:
        """The newest period's map at a level that fits, its legend, its version, and the areas of its classes."""
        self._check()
        dataset = self._dataset
        cube, version = Cube.open(dataset.attrs["cube"]), dataset.attrs["version_id"]
        layout = Layout.of(cube.group(snapshot=version))
        resolution, periods = layout.extent.grid.resolution, np.atleast_1d(dataset.time.values)
        coarse = self._coarse(cube, layout)
        code_HW = coarse.landcover.sel(time=self._newest()).values
        metres = float(coarse.x[1] - coarse.x[0]) if coarse.sizes["x"] > 1 else resolution
        km2, exact = self._areas(cube, layout, code_HW, metres)
        total = sum(km2.values()) or 1.0
        rows = [(name, f"{area:,.2f}", f"{area / total:.1%}") for name, area in km2.items()]
        facts = [
            ("cube", dataset.attrs["cube"]),
            ("version", version),
            ("periods", ", ".join(str(start)[:10] for start in np.sort(periods))),
            (
                "grid",
                f"{dataset.attrs['crs']}, {resolution:g} m, {dataset.sizes['y']:,} x {dataset.sizes['x']:,} pixels",
            ),
        ]
        note = "" if exact else f" (about, from pixels of {metres:g} m)"
        caption = f"land cover from {str(self._newest())[:10]}"
        svg = map_svg(code_HW, class_palette(layout.classes), metres, caption)
        return html.fragment(
            f'<div class="maps">{html.figure(svg, caption, html.class_legend(layout.classes))}<div>{html.table(facts)}'
            f"{html.table(rows, ('class', f'km2{note}', 'share'), numbers=(1, 2))}</div></div>"
        )

    def _check(self) -> None:
        missing = [name for name in ("cube", "version_id", "crs") if name not in self._dataset.attrs]
        missing += [name for name in ("y", "x", "time") if name not in self._dataset.coords]
        missing += [name for name in ("y", "x") if self._dataset.sizes.get(name, 0) == 0]
        if missing:
            raise UserError(
                f"the dataset has no {', '.join(dict.fromkeys(missing))}; .idgbr is for what open_cube(CUBE) returns, "
                "and for parts of it"
            )

    def _coarse(self, cube: Cube, layout: Layout) -> xr.Dataset:
        """The same ground at the finest level of the same version that fits the thumbnail, or the coarsest."""
        dataset, level = self._dataset, 0
        metres = float(dataset.x[1] - dataset.x[0]) if dataset.sizes["x"] > 1 else layout.extent.grid.resolution
        longest = max(dataset.sizes["y"], dataset.sizes["x"]) * metres / layout.extent.grid.resolution
        while level < layout.levels and longest / 2**level > SIDE:
            level += 1
        coarse = open_version(cube, dataset.attrs["version_id"], level)
        half = layout.extent.grid.resolution * 2**level / 2
        (south, north), (west, east) = (
            (float(dataset[axis].min()) - half, float(dataset[axis].max()) + half) for axis in ("y", "x")
        )
        return coarse.sel(y=slice(north, south), x=slice(west, east))

    def _areas(self, cube: Cube, layout: Layout, code_HW: np.ndarray, metres: float) -> tuple[dict[str, float], bool]:
        """km2 of each class, and whether they are exact: by the blocks' records of a whole map, else by its pixels."""
        version = self._dataset.attrs["version_id"]
        if (self._dataset.sizes["y"], self._dataset.sizes["x"]) == layout.extent.window.shape:
            group = cube.group(snapshot=version)
            return class_areas(group, time_of(group, version, self._newest().astype("datetime64[D]").item())), True
        counts = np.bincount(code_HW.ravel(), self._weights(layout, code_HW.shape, metres).ravel(), minlength=256)
        areas = {row["name"]: float(counts[row["code"]]) * metres**2 / 1e6 for row in layout.classes}
        return areas, metres == layout.extent.grid.resolution

    def _weights(self, layout: Layout, shape: tuple[int, int], metres: float) -> np.ndarray:
        """True area of the dataset's pixels of `metres` by their area on the grid, HW."""
        if is_equal_area(layout.extent):
            return np.ones(shape)
        top, left = (round(float(at) / metres) for at in (-self._dataset.y.max(), self._dataset.x.min()))
        window = Window(top, left, top + shape[0], left + shape[1])
        return pixel_hectares(replace(layout.extent.grid, resolution=metres), window) * 1e4 / metres**2

    def _newest(self) -> np.datetime64:
        return np.atleast_1d(self._dataset.time.values).max()
