"""The sections of a region file that have keys of their own: grid, query, mosaic, mask, gates, change."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from catalogs import comparison
from catalogs.comparison import Comparison
from catalogs.errors import CatalogError
from catalogs.items.mask import MaskAsset, MaskChoice, MaskFiles, MaskRule
from pipeline.config.yaml_file import Frozen
from pipeline.geometry.grid import projected_crs


class GridSettings(Frozen):
    crs: Annotated[str, AfterValidator(projected_crs)] = Field(
        default="europe", description="a named continental grid, or any projected CRS in metres, such as EPSG:32633"
    )
    resolution: float = Field(default=10, ge=0.1, le=100_000, allow_inf_nan=False, description="metres per pixel")
    block: int = Field(default=2048, ge=256, le=8192, multiple_of=256, description="pixels per side")


def _scalar(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError("must be a text, a number, true or false")


Scalar = Annotated[comparison.Scalar, BeforeValidator(_scalar)]
PropertyQuery = dict[str, dict[str, Scalar | tuple[Scalar, ...]]]
"""By the name of a property: by operator, what it is compared with."""


def comparisons(query: PropertyQuery) -> tuple[Comparison, ...]:
    """The same in a fixed order. Raises CatalogError."""
    for name, wanted in query.items():
        if not wanted:
            raise CatalogError(f"{name} has no comparison; give one of {', '.join(comparison.OPERATORS)}")
    return tuple(
        Comparison(name, cast("comparison.Operator", operator), value)
        for name, wanted in sorted(query.items())
        for operator, value in sorted(wanted.items())
    )


class MosaicSettings(Frozen):
    """How many scenes become one picture: see `pipeline.mosaic.composite` and `pipeline.raster.resample`."""

    RENAMED: ClassVar[Mapping[str, str]] = {"day": "target_day"}

    method: Literal["median", "geometric-median", "mean", "best", "newest"] = Field(
        default="median", description="how the clear observations of a pixel become one"
    )
    resampling: Literal["bilinear", "nearest", "cubic", "average"] = Field(
        default="bilinear", description="how a scene is brought to the grid"
    )
    target_day: date | None = Field(
        default=None, description="the day of the year that 'best' prefers; default: mid-period"
    )
    min_clear: int = Field(default=1, ge=1, le=255, description="clear observations below which a block is reported")


class MaskRuleSettings(Frozen):
    """What the values (or bits) of a mask mean."""

    clear: tuple[int, ...] = Field(description="values of pixels that may be used; with bits, bits that must be set")
    cloud: tuple[int, ...] = Field(
        default=(), description="values, or bits, of cloud, cirrus and shadow; dilate makes them grow"
    )
    bits: bool = Field(default=False, description="whether clear, cloud and bad are numbers of bits")
    bad: tuple[int, ...] = Field(default=(), description="bits only: those that exclude a pixel, and do not grow")
    dilate: float = Field(default=0, description="metres by which cloud grows")
    band: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        default=None, description="number of the mask's band in its file, from 1, such as 4 for an alpha band"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "MaskRuleSettings":
        try:
            _ = self.rule
        except CatalogError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def rule(self) -> MaskRule:
        return MaskRule(self.clear, self.cloud, self.bits, self.bad, self.dilate)


class MaskSettings(MaskRuleSettings):
    """An asset of each item, and what its values (or bits) mean."""

    asset: str = Field(min_length=1, description="key of the mask's asset in each item")


class OtherMaskSettings(MaskRuleSettings):
    """Another mask than the provider's own: an asset of each item, or files that somebody made for the items."""

    asset: str | None = Field(default=None, min_length=1, description="key of the mask's asset in each item")
    path: str | None = Field(
        default=None, description="instead of asset: one file for each item, with {id} for its id, as masks/{id}.tif"
    )

    @model_validator(mode="after")
    def _one_place(self) -> "OtherMaskSettings":
        try:
            _ = self.choice
        except CatalogError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def choice(self) -> MaskChoice:
        """ValueError unless there is one place."""
        if self.path is not None and self.asset is None:
            return MaskFiles(self.path, self.rule, self.band)
        if self.asset is not None and self.path is None:
            return MaskAsset(self.asset, self.rule, self.band)
        raise ValueError("give one of 'asset' and 'path': where the mask of each item is")

    @property
    def folder(self) -> Path | None:
        """Which holds the files of all items."""
        return None if self.path is None else Path(self.path.partition("{id}")[0] + "_").parent


class GateSettings(Frozen):
    """What a new version may do and still be published: see `pipeline.execution.gates`."""

    max_lost_coverage: float = Field(
        default=0.05, ge=0, le=1, description="share of the pixels mapped before that may become no data"
    )
    max_drift: float = Field(
        default=0.25, ge=0, le=1, description="total variation distance between the classes' shares before and now"
    )
    max_holes: float = Field(
        default=0, ge=0, le=1, description="share of observed pixels without a class, or of blocks never processed"
    )


def _percent_or_none(share: float) -> float:
    if 0 < share < 0.01:
        raise ValueError("must be 0 or at least 0.01")
    return share


class ChangeSettings(Frozen):
    """Which blocks keep their map although new scenes show them, for their ground has not changed."""

    model: Path | str = Field(
        description="the folder of a change model, s3://bucket/prefix of one, or the name of a shipped one"
    )
    threshold: float = Field(
        default=0.5, ge=0.01, le=1, description="probability from which a pixel has changed, to the percent"
    )
    min_area: float = Field(
        default=0.5, gt=0, le=1_000_000, description="hectares that a change must cover in one piece of a block"
    )
    confirm: int = Field(default=0, ge=0, le=100, description="later views that must show a change before it counts")
    better: Annotated[float, AfterValidator(_percent_or_none)] = Field(
        default=0.3,
        ge=0,
        le=1,
        description="how much better a new mosaic's views must be for its block to be mapped although the ground has "
        "not changed, to the percent; 0: never",
    )
    audit: float = Field(
        default=0.02, ge=0, le=1, description="share of the skipped blocks that are mapped to judge it"
    )
