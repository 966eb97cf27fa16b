"""Plan of a run: its scenes and, for each block, its scenes, its fingerprints and what is due."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any

from catalogs import Scene, read_scenes
from catalogs.items.provider import REFLECTANCE
from catalogs.passes import PassCount, count_passes
from catalogs.select import Selection
from idgbr.coarse import NetworkCode, read_code
from idgbr.pipeline import IDGBRPipeline
from idgbr.settings import Settings
from pipeline.config.model import model_at
from pipeline.config.region import Region
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.records import Records, block_records
from pipeline.cube.schema import Layout
from pipeline.digest import json_digest
from pipeline.errors import NoScenes, UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId
from pipeline.mosaic.block import best_params
from pipeline.mosaic.params import mosaic_params
from pipeline.planning.blocks import NOTHING_LOST, BlockPlan, Blocks, Lost
from pipeline.planning.size import check_size
from pipeline.planning.suitability import model_doubts
from pipeline.scenes.coverage import Coverage, coverage
from pipeline.scenes.decisions import OffsetDecision
from pipeline.scenes.item_list import read_refusals, read_warnings, read_withdrawn
from pipeline.scenes.news import SceneNews, UsedScene, read_used, scene_news
from pipeline.scenes.passes import group_passes
from pipeline.scenes.resolve import resolve_offsets
from pipeline.scenes.search import catalog_query, find_items
from pipeline.segment.block import reach
from pipeline.storage.draft_files import DraftFiles
from pipeline.storage.files import files_at

NO_MODEL = (
    "the region {name} names no model, which only idgbr plan does without; give it the key 'model', such as "
    "model: simulated-s2"
)
DATA_VERSION = 5
"""Raised whenever the same scenes and settings would give other pixels."""
BEST_VERSION = 1
"""Raised where that is so of `mosaic.method` best alone."""


@dataclass(frozen=True)
class Plan:
    """The plan of a run. `blocks()` is the stream that the run executes. `cube` is None before a first run.

    A plan without a model tells scenes and mosaics; no run executes it.

    `search_warnings`: sentences about what the search may have missed. `signatures`: the queries that the catalog
    signed hrefs with, by href; they are secrets, and in memory only. `withdrawn`: ids of items that the last search did
    not give any more. `code`: of a coarse network of one's own; workers have it from here.
    """

    region: Region
    model: IDGBRPipeline | None
    model_digest: str
    items: list[dict]
    decisions: dict[str, OffsetDecision]
    selection: Selection
    cube: Cube | None = None
    search_warnings: tuple[str, ...] = ()
    signatures: Mapping[str, str] = field(default_factory=dict, repr=False)
    withdrawn: tuple[str, ...] = ()
    code: NetworkCode | None = None

    @property
    def scenes(self) -> list[Scene]:
        return self.selection.scenes

    @property
    def warnings(self) -> list[str]:
        """What the model has not seen, what the search may have missed, and doubts about the metadata of scenes."""
        return [*self.search_warnings, *sorted(decision.why for decision in self.decisions.values())]

    @property
    def settings(self) -> Settings:
        """Of the model. Raises UserError for a region that names none."""
        if self.model is None:
            raise UserError(NO_MODEL.format(name=self.region.name))
        return self.model.settings

    @property
    def bands(self) -> tuple[str, ...]:
        """Of the mosaic."""
        return self.region.bands if self.model is None else tuple(self.model.settings.bands)

    @cached_property
    def extent(self) -> Extent:
        return self.region.extent

    @property
    def layout(self) -> Layout:
        settings = self.settings
        unit = self.scenes[0].bands[0].unit if self.scenes else REFLECTANCE
        return Layout(self.extent, tuple(settings.bands), tuple(dict(row) for row in settings.classes), unit)

    @cached_property
    def run(self) -> str:
        """Id of the run: a hash of everything that its pixels depend on."""
        region = self.region.model_dump(include={"bbox", "polygon", "period", "grid"}, mode="json", by_alias=True)
        made = [
            DATA_VERSION,
            region,
            self._mosaic_inputs,
            self.model_digest,
            [scene.digest for scene in self.scenes],
        ]
        return json_digest(made)[:16]

    @cached_property
    def _mosaic_inputs(self) -> list[Any]:
        """What a mosaic depends on besides its scenes and its place in the grid."""
        area = None if self.extent.area is None else json_digest(self.extent.area.wkt)
        best = [BEST_VERSION] if self.region.mosaic.method == "best" else []
        return [self.bands, asdict(mosaic_params(self.region)), area, *best]

    @cached_property
    def blocks_of(self) -> Blocks:
        """The blocks with the scenes that touch them."""
        return self.make_blocks()

    def make_blocks(self) -> Blocks:
        """See `blocks_of`, which keeps them."""
        place = [asdict(self.extent.grid), asdict(self.extent.window)]
        by = [DATA_VERSION, place, *self._mosaic_inputs]
        return Blocks(
            self.extent,
            self.scenes,
            0 if self.model is None else reach(self.settings.window, self.settings.boundary_radius),
            json_digest(["mosaic", by]).encode(),
            json_digest(["landcover", by, self.model_digest]).encode(),
        )

    @property
    def branch(self) -> str:
        return f"{versions.RUN}{self.run}"

    def blocks(self) -> Iterator[BlockPlan]:
        """Every block in order, compared with the run's branch if there is one, else with the newest version."""
        published = self._records(versions.MAIN)
        return self.blocks_of.plans(self._records(self.branch) or published, published)

    def compared(self, done: Records) -> Iterator[BlockPlan]:
        """Every block in order, compared with what is done."""
        return self.blocks_of.plans(done, None)

    def _records(self, branch: str) -> Records | None:
        if self.cube is None:
            return None
        return block_records(self.cube, branch, self.extent, self.region.period[0])

    def fingerprints(self, block: BlockId, lost: Lost = NOTHING_LOST) -> tuple[int, int]:
        """See `Blocks.fingerprints`."""
        return self.blocks_of.fingerprints(block, lost)

    def coverage(self, block: BlockId) -> Coverage:
        """Share of a block that its scenes cover, and its expected number of clear views."""
        return coverage(self.extent, block, group_passes(self.blocks_of.touching(block)))

    @cached_property
    def news(self) -> SceneNews:
        """What has happened to the scenes since the newest version was mapped."""
        used: list[UsedScene] = []
        if self.cube is not None:
            run = versions.runs_of(self.cube, versions.head(self.cube)).get(str(self.region.period[0]))
            used = [] if run is None else read_used(self.cube.files, f"runs/{run}/applied.json")
        return scene_news(self.scenes, used, self.withdrawn)

    @cached_property
    def passes(self) -> list[PassCount]:
        """Passes expected in the period from the orbits' calendar, and those found among the items."""
        asked = catalog_query(self.region)
        found, _ = read_scenes(self.items, self.bands, provider=self.region.row)
        return count_passes(found, asked.start, asked.end, self.region.months)

    @property
    def region_km2(self) -> float:
        """On the grid; true on an equal-area one."""
        area = self.extent.area
        pixels = math.prod(self.extent.window.shape) * self.extent.grid.resolution**2
        return (pixels if area is None else area.area) / 1e6


def plan(
    region: Region, refresh: bool = False, count: Callable[[str, int], None] | None = None, dry: bool = False
) -> Plan:
    """Searches (or reads the durable scene list, unless `refresh`), loads the model if there is one, and lays out the
    run.

    `dry`: what a search finds is not written into the cube. `count` is told how many items were "found" and how many
    offsets were "settled" so far. Raises UserError or CatalogError for anything wrong in the region, CheckpointError
    for the model.
    """

    def counting(what: str) -> Callable[[int], None] | None:
        return None if count is None else partial(count, what)

    code = None if region.code is None else read_code(region.code)
    model = folder = None
    if region.model is not None:
        with model_at(region.model) as folder:
            model = IDGBRPipeline.from_pretrained(folder, code=code)
        _check_values(region, model)
    bands = region.bands if model is None else tuple(model.settings.bands)
    check_size(region)
    files = DraftFiles(files_at(region.cube)) if dry else files_at(region.cube)
    query = catalog_query(region)
    items, signatures = find_items(files, query, refresh, counting("found"))
    selection, decisions = resolve_offsets(region, files, items, bands, counting("settled"), signatures)
    if region.mosaic.method == "best":
        best_params(selection.scenes, bands, mosaic_params(region))
    if not selection.scenes:
        first = next(iter(selection.exclusions.values()))
        raise NoScenes(f"no usable scenes among the {len(items)} items found, the first because {first}")
    left = {**read_refusals(files, query), **selection.exclusions}
    selection = Selection(selection.scenes, left)
    doubts = [] if folder is None else model_doubts(folder, region.grid.resolution, selection.scenes, items)
    warnings = (*doubts, *read_warnings(files, query))
    withdrawn = tuple(read_withdrawn(files, query))
    cube = Cube.find(region.cube)
    digest = "" if model is None else model.digest
    return Plan(region, model, digest, items, decisions, selection, cube, warnings, signatures, withdrawn, code)


def _check_values(region: Region, model: IDGBRPipeline) -> None:
    settings = model.settings
    if settings.no_label != 0 or settings.blank != 0:
        raise UserError(
            f"the model {region.model} has no_label {settings.no_label} and blank {settings.blank}, but in maps and "
            "mosaics 0 means no data; give a model whose no_label and blank are 0, with class codes in 1..255"
        )
