"""What a run would do: its scenes, and block by block which scenes, which fingerprint, and what is due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import shapely
import zarr

import catalogs
from catalogs import Query, Scene, scenelist
from idgbr.pipeline import IDGBRPipeline
from pipeline import store, versions
from pipeline.config import Region, digest
from pipeline.errors import UserError
from pipeline.grid import LONLAT, BlockId, Extent, Window, transformer
from pipeline.layout import DEGRADED, Layout
from pipeline.segment import reach

DATA_VERSION = 1
"""Raised whenever the same scenes and settings would give other pixels."""


@dataclass(frozen=True)
class BlockPlan:
    """One block's part of a run. Fingerprints are 64-bit; `kind` is new, same or changed against the newest version."""

    block: BlockId
    scenes: tuple[str, ...]
    mosaic: int
    landcover: int
    mosaic_due: bool
    landcover_due: bool
    kind: str


@dataclass(frozen=True)
class Plan:
    """A run before it runs. `blocks()` is the very stream that the run executes."""

    region: Region
    model: IDGBRPipeline
    model_digest: str
    items: list[dict]
    scenes: list[Scene]

    @property
    def layout(self) -> Layout:
        settings = self.model.settings
        return Layout(self.region.extent, tuple(settings.bands), tuple(dict(row) for row in settings.classes))

    @property
    def run(self) -> str:
        """Names the run by all that its pixels depend on."""
        region = self.region.model_dump(include={"bounds", "period", "grid"}, mode="json")
        return digest([DATA_VERSION, region, self.model_digest, [scene.digest for scene in self.scenes]])[:16]

    def blocks(self, group: zarr.Group | None, time: int) -> Iterator[BlockPlan]:
        """Every block in order, against what `group` (of the run's branch, or of main) holds for the period."""
        extent = self.region.extent
        footprints = _Footprints(extent, self.scenes)
        halo = reach(self.model.settings.window, self.model.settings.radius)
        held = _Held(group, time, extent)
        for block in extent.blocks():
            covered = extent.covered(block)
            seen = covered.pad(halo) & extent.window
            scenes = footprints.touching(covered)
            mosaic = self._fingerprint("mosaic", covered, scenes)
            landcover = self._fingerprint("landcover", seen, footprints.touching(seen))
            had_mosaic, had_landcover = held.fingerprints(block)
            kind = (
                "same" if (mosaic, landcover) == (had_mosaic, had_landcover) else "changed" if had_landcover else "new"
            )
            ids = tuple(scene.id for scene in scenes)
            yield BlockPlan(
                block,
                ids,
                mosaic,
                landcover,
                mosaic != had_mosaic,
                landcover != had_landcover or held.degraded_near(block, halo),
                kind,
            )

    def _fingerprint(self, what: str, window: Window, scenes: Sequence[Scene]) -> int:
        grid, settings = self.region.extent.grid, self.model.settings
        place = [grid.crs, grid.resolution, window.y0, window.x0, window.y1, window.x1]
        by = list(settings.bands) if what == "mosaic" else self.model_digest
        return int(digest([DATA_VERSION, what, place, by, [scene.digest for scene in scenes]])[:16], 16) or 1


def plan(region: Region, refresh: bool = False) -> Plan:
    """Searches (or reads the durable scene list, unless `refresh`), loads the model, and lays out the run.

    Raises UserError or CatalogError for anything wrong in the region, CheckpointError for the model.
    """
    model = IDGBRPipeline.from_pretrained(region.model)
    path = scene_list(region)
    if refresh or not path.is_file():
        found = catalogs.search_items(query(region))
        items = scenelist.merge(scenelist.read(path), found) if path.is_file() else found
        scenelist.write(path, items)
    items = scenelist.read(path)
    scenes = catalogs.scenes(items, roles=model.settings.bands, max_cloud=region.max_cloud)
    if not scenes:
        raise UserError(
            f"no usable scenes: all {len(items)} items found are above max_cloud "
            f"{region.max_cloud:g}; raise it or widen the period"
        )
    return Plan(region, model, model.digest, items, scenes)


def query(region: Region) -> Query:
    start, end = region.period
    return Query(
        catalog=region.catalog,
        collection=region.collection,
        bbox=region.bounds,
        start=datetime.combine(start, time.min, UTC),
        end=datetime.combine(end, time.max, UTC),
        max_cloud=region.max_cloud,
    )


def scene_list(region: Region) -> Path:
    """The durable list of a query, in the cube's folder."""
    asked = region.model_dump(include={"catalog", "collection", "bounds", "period", "max_cloud"}, mode="json")
    return region.cube / "scenes" / f"{digest(asked)[:16]}.parquet"


def held_by(region: Region, run: str) -> tuple[zarr.Group | None, int]:
    """The state that a run continues from: its own branch if it was interrupted, else the newest version; and the
    period's index (-1: none yet)."""
    if not store.exists(region.cube):
        return None, -1
    repository = store.repository(region.cube)
    branch = f"run-{run}" if f"run-{run}" in repository.list_branches() else versions.MAIN
    group = store.reader(repository, branch=branch)
    if "mosaic" not in group:
        return None, -1
    first = int(np.datetime64(region.period[0], "D").astype(int))
    at = np.flatnonzero(np.asarray(store.array(group, "time")) == first)
    return group, int(at[0]) if len(at) else -1


class _Footprints:
    """Which scenes touch a window, in their total order."""

    def __init__(self, extent: Extent, scenes: Sequence[Scene]) -> None:
        self.grid, self.scenes = extent.grid, scenes
        to_grid = transformer(LONLAT, extent.grid.crs)

        def project(lonlat_N2: np.ndarray) -> np.ndarray:
            return np.stack(to_grid.transform(lonlat_N2[:, 0], lonlat_N2[:, 1]), axis=1)

        shapes = [shapely.transform(shapely.segmentize(scene.footprint, 0.05), project) for scene in scenes]
        self.tree = shapely.STRtree(shapes)

    def touching(self, window: Window) -> list[Scene]:
        return [
            self.scenes[i]
            for i in sorted(self.tree.query(shapely.box(*self.grid.bounds(window)), predicate="intersects"))
        ]


class _Held:
    """The fingerprints and states that a cube has for one period."""

    def __init__(self, group: zarr.Group | None, time: int, extent: Extent) -> None:
        self.extent = extent
        shape = extent.block_range.shape
        known = group is not None and time >= 0
        self.mosaic, self.landcover, self.state = (
            np.asarray(store.array(group, f"blocks/{name}")[time])
            if group is not None and known
            else np.zeros(shape, np.uint64)
            for name in ("mosaic", "landcover", "state")
        )

    def fingerprints(self, block: BlockId) -> tuple[int, int]:
        slot = self.extent.slot(block)
        return int(self.mosaic[slot]), int(self.landcover[slot])

    def degraded_near(self, block: BlockId, halo: int) -> bool:
        """A degraded block is tried again, and with it every block that saw its mosaic."""
        iy, ix = self.extent.slot(block)
        ring = -(-halo // self.extent.grid.block)
        near = self.state[max(iy - ring, 0) : iy + ring + 1, max(ix - ring, 0) : ix + ring + 1]
        return bool((near == DEGRADED).any())
