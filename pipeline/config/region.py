"""A region file: what to map, from which scenes, with which model, into which cube."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

import shapely
from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator
from shapely.geometry.base import BaseGeometry

from catalogs.access import PLANETARY_COMPUTER_TOKENS, S3_ACCESS, Access, Header, TokenEndpoint
from catalogs.area import bbox_polygon
from catalogs.comparison import Comparison
from catalogs.errors import CatalogError
from catalogs.hosts import Reach, reach
from catalogs.items.provider import Provider
from catalogs.search import ROLES
from catalogs.secrets import without_secrets
from cluster.dask import THREADS, check_address
from pipeline.config.paths import check_path
from pipeline.config.provider import ProviderSettings
from pipeline.config.sections import (
    ChangeSettings,
    GateSettings,
    GridSettings,
    MosaicSettings,
    OtherMaskSettings,
    PropertyQuery,
    comparisons,
)
from pipeline.config.yaml_file import Frozen
from pipeline.geometry.extent import Extent, extent_of
from pipeline.geometry.grid import Grid
from pipeline.geometry.search_area import search_area
from pipeline.storage.location import Location, parse_location

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2149, 6, 6)
"""Days since 1970-01-01 are uint16 in a cube."""


Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east across the antimeridian."""


def box_in_order(box: Box) -> Box:
    """The box; ValueError unless its degrees are those of a place on earth."""
    try:
        bbox_polygon(*box)
    except CatalogError:
        raise ValueError(
            "must be [west, south, east, north] in degrees, with longitudes within +-180, south < north within "
            "+-90 and west different from east"
        ) from None
    return box


class Region(Frozen):
    """One run's whole configuration, as written in one YAML file.

    Relative paths count from the file's folder; `${NAME}` stands for an environment variable, `~/` for the home folder.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "bounds": "bbox",
        "folders": "allowed_paths",
        "signers": "token_endpoints",
        "min_contribution": "min_clear_share",
    }

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="in reports and STAC items: a to z, 0 to 9 and hyphens"
    )
    cube: Path | str = Field(description="a folder, or s3://bucket/prefix")
    catalog: str = Field(
        min_length=1, description="URL of a STAC API or static catalog, path of one, or of a list of items"
    )
    collection: str = Field(default="sentinel-2-l2a", description="the collection's id in the catalog")
    polygon: str | None = Field(
        default=None, description="instead of bbox: a GeoJSON file, also s3://bucket/key (kept here as WKT)"
    )
    bbox: Box | None = Field(
        default=None,
        serialization_alias="bounds",  # its name in the hash that names a run
        description="west, south, east, north in degrees; west > east across the antimeridian",
    )
    period: tuple[date, date] = Field(description="first and last day, both included")
    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = Field(
        default=(), description="months of the period to take scenes from, 1 to 12; default: all"
    )
    query: PropertyQuery = Field(
        default={},
        description="what properties of items must be: {property: {eq, neq, lt, lte, gt, gte: value, in: [values]}}",
    )
    grid: GridSettings = Field(default=GridSettings(), description="projection, pixel size and block size of the cube")
    model: Path | str | None = Field(
        default=None,
        description="a model folder, s3://bucket/prefix of one, or a shipped model's name; only `idgbr plan` goes "
        "without",
    )
    code: str | None = Field(
        default=None,
        description="of a model with a coarse network of one's own: file or package and function, as nets.py:build",
    )
    mosaic: MosaicSettings = Field(default=MosaicSettings(), description="how scenes become one picture")
    provider: ProviderSettings | None = Field(
        default=None, description="a collection that no shipped row knows: its bands, values, mask and access"
    )
    mask: OtherMaskSettings | None = Field(default=None, description="another cloud mask than the provider's own")
    max_cloud: float = Field(default=100, ge=0, le=100, description="percent, of a whole scene")
    min_clear_share: float = Field(
        default=0, ge=0, le=1, description="share of its tile's ground that a scene must be expected to show clear"
    )
    max_degraded: float = Field(
        default=0, ge=0, le=1, description="share of blocks that may lack a scene and still be published"
    )
    gates: GateSettings = Field(default=GateSettings(), description="what a new version may do and still be published")
    change: ChangeSettings | None = Field(
        default=None, description="a change model, by which an update keeps blocks whose ground has not changed"
    )
    allowed_paths: tuple[Path, ...] = Field(default=(), description="folders whose files the catalog's items may name")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="hosts that items may name although they lie nearer to this machine than the catalog"
    )
    token_endpoints: dict[str, str] = Field(default={}, description="host: endpoint that gives its tokens")
    max_blocks: int = Field(default=1_000_000, ge=1, description="blocks above which a region is not planned")
    commit_every: int = Field(default=16, ge=1, description="blocks per commit, or more of them")
    dask: Annotated[str, AfterValidator(check_address)] = Field(
        default=THREADS, description="where blocks are aggregated: threads, processes or a Dask scheduler's address"
    )

    _written: dict[str, Any] = PrivateAttr(default_factory=dict)
    """Values with secrets from the environment as the file has them, with `${NAME}`."""

    @field_validator("cube")
    @classmethod
    def _cube_has_a_location(cls, cube: Path | str) -> Location:
        at = parse_location(cube)
        if isinstance(at, Path):
            check_path(at)
            if at.exists() and not at.is_dir():
                raise ValueError("must be a folder, which a run makes if it is not there, or s3://bucket/prefix")
        return at

    @field_validator("query")
    @classmethod
    def _query_can_be_asked(cls, query: PropertyQuery) -> PropertyQuery:
        try:
            _ = comparisons(query)
        except CatalogError as error:
            raise ValueError(str(error)) from None
        return query

    @field_validator("bbox")
    @classmethod
    def _bbox_in_order(cls, bbox: Box | None) -> Any:
        return None if bbox is None else box_in_order(bbox)

    @field_validator("bbox")
    @classmethod
    def _one_area(cls, bbox: Any, info: ValidationInfo) -> Any:
        if "polygon" in info.data and (bbox is None) == (info.data["polygon"] is None):
            raise ValueError("give one of 'bbox' and 'polygon': what is to be mapped")
        return bbox

    @field_validator("period")
    @classmethod
    def _period_in_order(cls, period: tuple[date, date]) -> tuple[date, date]:
        if period[0] > period[1]:
            raise ValueError("must start before it ends: [first day, last day]")
        if not (period[0] >= FIRST_DAY and period[1] <= LAST_DAY):
            raise ValueError(f"must lie within {FIRST_DAY} and {LAST_DAY}, the days that a cube can hold")
        return period

    @field_validator("token_endpoints")
    @classmethod
    def _endpoints_are_safe(cls, token_endpoints: dict[str, str]) -> dict[str, str]:
        try:
            _ = [TokenEndpoint(host, endpoint) for host, endpoint in token_endpoints.items()]
        except CatalogError as error:
            raise ValueError(str(error)) from None
        return token_endpoints

    @property
    def area(self) -> BaseGeometry:
        """What is mapped, in longitude and latitude, within +-180 degrees."""
        if self.bbox is not None:
            return bbox_polygon(*self.bbox)
        assert self.polygon is not None, "checked: one of both is given"
        return shapely.from_wkt(self.polygon)

    @property
    def extent(self) -> Extent:
        """Raises UserError where the grid cannot show the area."""
        return extent_of(Grid(self.grid.crs, self.grid.resolution, self.grid.block), self.bbox, self.area)

    @property
    def searched(self) -> BaseGeometry:
        """Where scenes are looked for, in longitude and latitude: the area and all of the window that is mapped.

        The rectangle of the grid around a bbox in degrees reaches beyond it.
        """
        return self.area if self.bbox is None else search_area(self.extent, self.area)

    @property
    def where(self) -> tuple[Comparison, ...]:
        """The comparisons of `query`, in a fixed order."""
        return comparisons(self.query)

    @property
    def queried(self) -> set[str]:
        """The key `query` if the file has it, for hashes of a search: they stay what they were without it."""
        return {"query"} if self.query else set()

    @property
    def row(self) -> Provider | None:
        """The row that describes the items, if the file has one; None: the shipped one that fits each item."""
        return None if self.provider is None else self.provider.row(self.collection)

    @property
    def assets(self) -> tuple[str, ...]:
        """The keys of the items' assets that the file names."""
        provider = () if self.row is None else self.row.keys
        return (*provider, self.mask.asset) if self.mask and self.mask.asset else provider

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands of its mosaics that a model can learn from: those of its own provider, else of any."""
        return ROLES if self.provider is None else tuple(self.provider.bands)

    @property
    def access(self) -> Access:
        """Which files and URLs may be read: hosts no nearer to this machine than that of the catalog."""
        url = urlsplit(self.catalog)
        remote = url.scheme in ("http", "https")
        own = [] if remote else [_folder(Path(self.catalog))]
        own += [self.mask.folder] if self.mask and self.mask.folder else []
        token_endpoints = tuple(TokenEndpoint(host, endpoint) for host, endpoint in self.token_endpoints.items())
        return Access(
            tuple(map(str, (*own, *self.allowed_paths))),
            (*token_endpoints, PLANETARY_COMPUTER_TOKENS),
            self.allowed_hosts,
            min(reach(url.hostname or "", url.scheme), Reach.LOOPBACK) if remote else Reach.LOOPBACK,
            s3=S3_ACCESS[self.provider.access] if self.provider else {},
            headers=tuple(Header(*line) for line in self.provider.headers.items()) if self.provider else (),
        )

    def to_json(self) -> str:
        """The region as JSON without secrets: with `${NAME}` as the file has it, and URLs without signed queries."""
        unset = {name for name in ("change", "provider", "code") if getattr(self, name) is None}
        return json.dumps(without_secrets(self.model_dump(mode="json", exclude=unset) | self._written), indent=1)

    @property
    def day_of_year(self) -> int:
        """The day that `best` prefers."""
        start, end = self.period
        return (self.mosaic.target_day or start + timedelta((end - start).days // 2)).timetuple().tm_yday


def _folder(catalog: Path) -> Path:
    return catalog if catalog.is_dir() else catalog.parent
