"""What a run would do: its scenes, and block by block which scenes, which fingerprint, and what is due."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import shapely

from catalogs import Scene, read_scenes
from catalogs.passes import Passes, passes
from catalogs.select import Selection
from idgbr.pipeline import IDGBRPipeline
from pipeline import scenes, versions
from pipeline.config import Region, digest
from pipeline.coverage import Coverage, coverage
from pipeline.errors import UserError
from pipeline.footprint import ground
from pipeline.grid import BlockId, Extent, Window
from pipeline.held import held
from pipeline.layout import Layout
from pipeline.mosaic import READERS, making, memory, passes_of
from pipeline.offsets import Decision
from pipeline.segment import reach

DATA_VERSION = 2
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
    decisions: dict[str, Decision]
    selection: Selection

    @property
    def scenes(self) -> list[Scene]:
        return self.selection.kept

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
        region = self.region.model_dump(include={"bounds", "polygon", "period", "grid"}, mode="json")
        made = [DATA_VERSION, region, self._making, self.model_digest, [scene.digest for scene in self.scenes]]
        return digest(made)[:16]

    @cached_property
    def _making(self) -> list[Any]:
        """What a mosaic depends on besides its scenes and its place."""
        area = None if self.extent.area is None else digest(self.extent.area.wkt)
        return [self.model.settings.bands, asdict(making(self.region)), area]

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

    def coverage(self, block: BlockId) -> Coverage:
        """How much of a block its scenes can show."""
        return coverage(self.extent, block, passes_of(self._touching(self.extent.covered(block))))

    @cached_property
    def passes(self) -> list[Passes]:
        """The passes that the orbits' calendar expects in the period, and those among the items found."""
        asked = scenes.query(self.region)
        found, _ = read_scenes(self.items, self.model.settings.bands)
        return passes(found, asked.start, asked.end, self.region.months)

    @property
    def region_km2(self) -> float:
        """On the grid; true on an equal-area one."""
        area = self.extent.area
        pixels = math.prod(self.extent.window.shape) * self.extent.grid.resolution**2
        return (pixels if area is None else area.area) / 1e6

    @property
    def memory(self) -> int:
        """Bytes that a worker's mosaic may take at most."""
        busiest = max((len(passes_of(self._touching(self.extent.covered(b)))) for b in self.extent.blocks()), default=0)
        bands = len(self.model.settings.bands)
        return memory(self.extent.grid, busiest, bands, making(self.region), READERS)

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

        by = self._making
        return fingerprint("mosaic", covered, by), fingerprint("landcover", seen, [self.model_digest, *by])

    def _touching(self, window: Window) -> list[Scene]:
        """The scenes whose footprints touch a window, in their total order."""
        box = shapely.box(*self.extent.grid.bounds(window))
        return [self.scenes[i] for i in sorted(self._footprints.query(box, predicate="intersects"))]

    @cached_property
    def _footprints(self) -> shapely.STRtree:
        return shapely.STRtree([ground(scene, self.extent.grid.crs) for scene in self.scenes])


def plan(region: Region, refresh: bool = False, count: Callable[[str, int], None] | None = None) -> Plan:
    """Searches (or reads the durable scene list, unless `refresh`), loads the model, and lays out the run.

    `count` is told how many items were "found" and how many offsets were "settled" so far. Raises UserError or
    CatalogError for anything wrong in the region, CheckpointError for the model.
    """

    def counting(what: str) -> Callable[[int], None] | None:
        return None if count is None else partial(count, what)

    model = IDGBRPipeline.from_pretrained(region.model)
    _check_values(region, model)
    bands = tuple(model.settings.bands)
    _check_bands(region, bands)
    _ = region.extent
    items = scenes.items(region, refresh, counting("found"))
    decisions = scenes.settle(region, items, bands, counting("settled"))
    selection = scenes.choose(region, items, bands, decisions)
    if not selection.kept:
        first = next(iter(selection.left.values()))
        raise UserError(f"no usable scenes among the {len(items)} items found, the first because {first}")
    left = {**scenes.refused(region), **selection.left}
    return Plan(region, model, model.digest, items, decisions, Selection(selection.kept, left))


def _check_values(region: Region, model: IDGBRPipeline) -> None:
    settings = model.settings
    if settings.no_label != 0 or settings.blank != 0:
        raise UserError(
            f"the model {region.model} has no_label {settings.no_label} and blank {settings.blank}, but in maps and "
            "mosaics 0 means no data; give a model whose no_label and blank are 0, with class codes in 1..255"
        )


def _check_bands(region: Region, bands: tuple[str, ...]) -> None:
    if region.mosaic.method == "best" and not {"blue", "red"} <= set(bands):
        raise UserError(
            f"mosaic.method best tells haze by blue and red, but the model sees {', '.join(bands)}; "
            "choose another method"
        )
