"""The section `provider` of a region file: a collection that no shipped row knows, as a row."""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from catalogs.access import Header
from catalogs.errors import CatalogError
from catalogs.items import acquisition
from catalogs.items.provider import Band, Declared, Product, Provider, Unit
from pipeline.config.sections import MaskSettings
from pipeline.config.yaml_file import Frozen

PASSES = {"platform-time": acquisition.platform_time, "item": acquisition.alone}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _declared(value: Any) -> Any:
    if value == "item" or _is_number(value):
        return value
    raise ValueError("must be a number, or item: what each item declares")


FromItem = Annotated[Declared, BeforeValidator(_declared)]


def _not_zero(value: Declared) -> Declared:
    if value == 0:
        raise ValueError("must not be 0: all values would be one")
    return value


class BandSettings(Frozen):
    asset: str = Field(min_length=1, description="key of the band's asset in each item")
    band: Annotated[int, Field(ge=1, le=65_535)] | str | None = Field(
        default=None, description="its number in the file, from 1, or its name in the item; default: the only one"
    )
    scale: Annotated[FromItem, AfterValidator(_not_zero)] | None = Field(
        default=None, description="other than the provider's"
    )
    offset: FromItem | None = Field(default=None, description="other than the provider's")


class UnitSettings(Frozen):
    """What the numbers of the mosaic mean: value = stored x scale + offset, stored from 1 to 32,766."""

    name: str = Field(default="reflectance", min_length=1, max_length=80, description="of the values")
    scale: float = Field(default=0.0001, gt=0, allow_inf_nan=False, description="of a stored number")
    offset: float = Field(default=0, allow_inf_nan=False, description="value of the stored number 0, which is no data")


class ProviderSettings(Frozen):
    """Where the items of a collection keep what a scene needs, and what their values mean."""

    bands: dict[str, BandSettings] = Field(min_length=1, description="role: asset, or {asset: key, band: number}")
    mask: MaskSettings | None = Field(description="none, or {asset: key, clear: [values], cloud: [values]}")
    scale: Annotated[FromItem, AfterValidator(_not_zero)] = Field(
        default="item", description="value = DN x scale + offset; item: as the item declares"
    )
    offset: FromItem = Field(default="item", description="see scale")
    nodata: float | Literal["item", "none"] = Field(default="item", description="DN that is no data; none: every DN is")
    valid: tuple[float, float] | None = Field(default=None, description="lowest and highest DN that are data")
    declared: Literal["check", "ignore"] = Field(
        default="check", description="what items declare otherwise: check refuses such an item, ignore does not look"
    )
    passes: Literal["platform-time", "item"] = Field(
        default="platform-time", description="what counts as one observation: a platform's pass, or each item"
    )
    unit: UnitSettings = Field(default=UnitSettings(), description="of the mosaic's values")
    access: Literal["open", "signed", "requester-pays"] = Field(
        default="signed", description="to s3:// hrefs: open needs no keys, signed and requester-pays those of AWS_*"
    )
    headers: dict[str, str] = Field(
        default={}, description="host: header line with ${NAME}, such as 'Authorization: Bearer ${TOKEN}'"
    )

    @field_validator("bands", mode="before")
    @classmethod
    def _bands_by_asset(cls, bands: Any) -> Any:
        if not isinstance(bands, Mapping):
            return bands
        return {role: {"asset": band} if isinstance(band, str) else band for role, band in bands.items()}

    @field_validator("mask", mode="before")
    @classmethod
    def _no_mask(cls, mask: Any) -> Any:
        return None if mask == "none" else mask

    @field_validator("nodata", mode="before")
    @classmethod
    def _known_nodata(cls, nodata: Any) -> Any:
        if nodata in ("item", "none") or _is_number(nodata):
            return nodata
        raise ValueError("must be a number, item or none; NaN is never data and needs no word")

    @field_validator("valid")
    @classmethod
    def _valid_in_order(cls, valid: tuple[float, float] | None) -> tuple[float, float] | None:
        if valid is not None and not valid[0] <= valid[1]:
            raise ValueError("must be [lowest, highest]")
        return valid

    @field_validator("headers")
    @classmethod
    def _headers_are_lines(cls, headers: dict[str, str]) -> dict[str, str]:
        try:
            _ = [Header(host, line) for host, line in headers.items()]
        except CatalogError as error:
            raise ValueError(str(error)) from None
        return headers

    @model_validator(mode="after")
    def _one_file_one_band(self) -> "ProviderSettings":
        places = [(band.asset, band.band) for band in self.bands.values()]
        twice = [place for place in places if places.count(place) > 1]
        if twice:
            raise ValueError(f"bands names the asset {twice[0][0]} for two roles; give each its own 'band'")
        return self

    def row(self, collection: str) -> Provider:
        """The same as a row for the items of `collection`."""
        unit = Unit(self.unit.name, self.unit.scale, self.unit.offset)
        rule, mask = None, None
        if self.mask is not None:
            rule, mask = self.mask.rule, Band(self.mask.asset, self.mask.band)
        return Provider(
            name=f"provider of the region file for {collection}",
            urls=(),
            collections=(collection,),
            product=Product(
                levels=(),
                platforms=(),
                repeat_days=0,
                scale=self.scale,
                offset=self.offset,
                nodata=None if self.nodata == "none" else self.nodata,
                rule=rule,
                acquisition=PASSES[self.passes],
                unit=unit,
                valid=self.valid,
                dtypes=(),
            ),
            bands={role: Band(b.asset, b.band, b.scale, b.offset) for role, b in self.bands.items()},
            mask=mask,
            trusts_items=self.declared == "check",
        )
