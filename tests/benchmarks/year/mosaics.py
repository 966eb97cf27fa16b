"""Mosaics of blocks that stay in a folder, for later evenings and other cubes of the same world."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from catalogs import Scene
from pipeline.digest import json_digest
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.block import BlockMosaic, mosaic_block
from pipeline.mosaic.params import MosaicParams

ARRAYS = tuple(field.name for field in fields(BlockMosaic) if field.name != "lost")


@dataclass(frozen=True)
class KeptMosaics:
    """Makes mosaics of the newest view as `mosaic_block` does, byte for byte, and goes on with those that it has made
    of the passes of earlier days."""

    folder: Path

    def __call__(
        self,
        grid: Grid,
        window: Window,
        scenes: Sequence[Scene],
        bands: Sequence[str],
        params: MosaicParams,
        selection: Sequence[Scene] = (),
        area: Any = None,
        **more: Any,
    ) -> BlockMosaic:
        assert params.method == "newest", "other methods need all views at once"
        days = sorted({scene.datetime.date() for scene in scenes})
        for count in range(len(days), -1, -1):
            had = [scene for scene in scenes if scene.datetime.date() in days[:count]]
            path = self._path(window, had, bands, area)
            if count == 0 or path.is_file():
                break
        later = [scene for scene in scenes if scene.datetime.date() in days[count:]]
        made = self._read(path) if count else None
        if later or made is None:
            new = mosaic_block(grid, window, later, bands, params, selection, area, **more)
            if new.lost:
                return mosaic_block(grid, window, scenes, bands, params, selection, area, **more)
            made = new if made is None else newer(made, new)
            self._write(self._path(window, scenes, bands, area), made)
        return made

    def _path(self, window: Window, scenes: Sequence[Scene], bands: Sequence[str], area: Any) -> Path:
        told = [[scene.id, repr(scene.rule), repr(scene.doubt)] for scene in sorted(scenes, key=lambda each: each.id)]
        return self.folder / f"{json_digest([astuple(window), told, list(bands), str(area)])}.npz"

    def _read(self, path: Path) -> BlockMosaic:
        with np.load(path) as stored:
            return BlockMosaic(*(stored[name] for name in ARRAYS), {})

    def _write(self, path: Path, made: BlockMosaic) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft.npz")
        np.savez(draft, **{name: getattr(made, name) for name in ARRAYS})
        draft.rename(path)


def newer(old: BlockMosaic, new: BlockMosaic) -> BlockMosaic:
    """The mosaic of the newest view of the passes of both, of which the new ones are the later."""
    seen_HW = new.observations_HW > 0
    count_HW = np.minimum(old.observations_HW.astype(int) + new.observations_HW, 255).astype(np.uint8)
    return BlockMosaic(
        np.where(seen_HW, new.mosaic_BHW, old.mosaic_BHW),
        count_HW,
        np.where(old.observations_HW > 0, old.first_clear_HW, new.first_clear_HW),
        np.where(seen_HW, new.last_clear_HW, old.last_clear_HW),
        {},
    )
