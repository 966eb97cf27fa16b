"""What a run would do: its scenes, and block by block which scenes, which fingerprint, and what is due."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import shapely

import catalogs
from catalogs import Query, Scene, scenelist
from idgbr.pipeline import IDGBRPipeline
from pipeline import versions
from pipeline.config import Region, digest
from pipeline.errors import UserError
from pipeline.footprint import ground
from pipeline.grid import BlockId, Extent, Window
from pipeline.held import held
from pipeline.layout import Layout
from pipeline.segment import reach

DATA_VERSION = 1
"""Raised whenever the same scenes and settings would give other pixels."""

Lost = Mapping[BlockId, Collection[str]]
"""The scenes that blocks could not read."""

NOTHING_LOST: Lost = MappingProxyType({})


@dataclass(frozen=True)
class BlockPlan:
    """One block's part of a run: its scenes, its fingerprints (64-bit), and what is still to be done of it.

    `kind` is new, changed or same against the newest published version.
    """

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

    @cached_property
    def extent(self) -> Extent:
        return self.region.extent

    @property
    def layout(self) -> Layout:
        settings = self.model.settings
        return Layout(self.extent, tuple(settings.bands), tuple(dict(row) for row in settings.classes))

    @cached_property
    def run(self) -> str:
        """Names the run by all that its pixels depend on."""
        region = self.region.model_dump(include={"bounds", "period", "grid"}, mode="json")
        return digest([DATA_VERSION, region, self.model_digest, [scene.digest for scene in self.scenes]])[:16]

    @property
    def branch(self) -> str:
        return f"run-{self.run}"

    def blocks(self) -> Iterator[BlockPlan]:
        """Every block in order, against what the run's branch has of it, or else the newest version."""
        published = held(self.region, versions.MAIN)
        done = held(self.region, self.branch) or published
        for block in self.extent.blocks():
            mosaic, landcover = self.fingerprints(block)
            had_mosaic, had_landcover = done.of(block) if done else (0, 0)
            old_landcover = published.of(block)[1] if published else 0
            yield BlockPlan(
                block,
                tuple(scene.id for scene in self._touching(self.extent.covered(block))),
                mosaic,
                landcover,
                mosaic_due=mosaic != had_mosaic,
                landcover_due=landcover != had_landcover,
                kind="same" if landcover == old_landcover else "changed" if old_landcover else "new",
            )

    def fingerprints(self, block: BlockId, lost: Lost = NOTHING_LOST) -> tuple[int, int]:
        """Of a block's mosaic and of its land cover, which also sees the mosaics around it.

        Where blocks lost scenes, theirs are not the fingerprints that were planned: what was made is due again.
        """
        extent, settings = self.extent, self.model.settings
        covered = extent.covered(block)
        seen = covered.pad(reach(settings.window, settings.radius)) & extent.window

        def fingerprint(what: str, window: Window, by: object) -> int:
            place = [extent.grid.crs, extent.grid.resolution, window.y0, window.x0, window.y1, window.x1]
            scenes = self._touching(window)
            near = [b for b in lost if not (extent.covered(b) & window).empty]
            missing = sorted([*b, scene.id] for b in near for scene in scenes if scene.id in lost[b])
            return (
                int(digest([DATA_VERSION, what, place, by, [scene.digest for scene in scenes], missing])[:16], 16) or 1
            )

        return fingerprint("mosaic", covered, settings.bands), fingerprint("landcover", seen, self.model_digest)

    def _touching(self, window: Window) -> list[Scene]:
        """The scenes whose footprints touch a window, in their total order."""
        box = shapely.box(*self.extent.grid.bounds(window))
        return [self.scenes[i] for i in sorted(self._footprints.query(box, predicate="intersects"))]

    @cached_property
    def _footprints(self) -> shapely.STRtree:
        return shapely.STRtree([ground(scene, self.extent.grid.crs) for scene in self.scenes])


def plan(region: Region, refresh: bool = False) -> Plan:
    """Searches (or reads the durable scene list, unless `refresh`), loads the model, and lays out the run.

    Raises UserError or CatalogError for anything wrong in the region, CheckpointError for the model.
    """
    model = IDGBRPipeline.from_pretrained(region.model)
    path = scene_list(region)
    if refresh or not path.is_file():
        found = catalogs.search_items(query(region))
        items = scenelist.merge(scenelist.read(path), found) if path.is_file() else found
        if not items:
            raise UserError(
                f"no scenes of {region.collection!r} in {region.catalog} for these bounds from {region.period[0]} to "
                f"{region.period[1]}; check the collection, or widen the bounds, the period or max_cloud"
            )
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
