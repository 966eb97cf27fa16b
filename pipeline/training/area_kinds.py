"""The kinds of labelled areas that a recipe can name, as keys of its file."""

from collections.abc import Mapping
from datetime import date
from itertools import product
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from pipeline.config.region import Box, box_in_order
from pipeline.config.yaml_file import Frozen

Code = Annotated[int, Field(ge=1, le=255, strict=True)]
"""Of a class of a map, in which 0 means no data."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]

BoxInOrder = Annotated[Box, AfterValidator(box_in_order)]


class Simulated(Frozen):
    """Simulated worlds, one for each seed."""

    kind: Literal["simulated"] = Field(description="names this kind of areas")
    seeds: list[Seed] = Field(min_length=1, description="of the worlds, one each")
    kilometres: float = Field(default=8, gt=0, description="side of a world")


class ClassRow(Frozen):
    """A class of the labels."""

    code: int = Field(ge=0, le=255, strict=True, description="the label's value")
    name: str = Field(min_length=1, description="for legends")
    color: str = Field(pattern="^#[0-9a-fA-F]{6}$", description="such as #006400")


class MapClassRow(ClassRow):
    """A class of a map, in which 0 means no data."""

    code: int = Field(ge=1, le=255, strict=True, description="the value in the scene classification and in the map")


class SceneClasses(Frozen):
    """Part of a region of real scenes, labelled by the scenes' own classification where it is clear."""

    RENAMED: ClassVar[Mapping[str, str]] = {"bounds": "bbox"}

    kind: Literal["scene-classes"] = Field(description="names this kind of areas")
    region: Path = Field(description="a region file, which says which scenes to use")
    bbox: BoxInOrder = Field(serialization_alias="bounds", description="west, south, east, north in degrees")
    classes: list[MapClassRow] = Field(min_length=2, description="the classes to learn")


class Folder(Frozen):
    """A labelled data set folder."""

    RENAMED: ClassVar[Mapping[str, str]] = {
        "only": "include",
        "place": "group",
        "grey": "mask_threshold",
        "blank": "nodata",
    }

    kind: Literal["folder"] = Field(description="names this kind of areas")
    path: Path = Field(description="the folder, with images/ and labels/ of equal stems")
    include: list[str] = Field(
        default=["*"], min_length=1, serialization_alias="only", description="patterns of the stems to use"
    )
    group: str | None = Field(
        default=None,
        serialization_alias="place",
        description="a regular expression: images whose stems begin with the same match show the same place; "
        "default: each image is a place of its own",
    )
    classes: list[ClassRow] | None = Field(default=None, min_length=2, description="if there is no classes.json")
    bands: list[str] | None = Field(default=None, min_length=1, description="if there is no classes.json")
    ignore: list[int] = Field(default_factory=list, description="label values that mean no label")
    mask_threshold: int | None = Field(
        default=None,
        ge=0,
        le=255,
        serialization_alias="grey",
        description="for grey label pictures of two classes: the value above which a pixel is of the second",
    )
    nodata: float | None = Field(
        default=0.0,
        allow_inf_nan=False,
        serialization_alias="blank",
        description="the pixel value that, in all bands, means no data; null for photos, which have none",
    )


class FromRegion(Frozen):
    """Areas of a region of real scenes: its mosaic is the image. What has no label counts for nothing."""

    RENAMED: ClassVar[Mapping[str, str]] = {"bounds": "bbox"}

    region: Path = Field(description="a region file, which says which scenes to use, and how")
    bbox: BoxInOrder | None = Field(
        default=None, description="west, south, east, north in degrees; default: all of the region"
    )
    classes: list[MapClassRow] | None = Field(
        default=None, min_length=2, description="the classes to learn; default: those that the labels name"
    )
    erode: int = Field(
        default=0, ge=0, le=64, description="pixels along the borders of labels that count as not labelled"
    )


class LabelMap(Frozen):
    """Somebody's map: a raster file, or an asset of the items of a STAC collection."""

    path: Path | None = Field(default=None, description="a raster file")
    collection: str | None = Field(default=None, min_length=1, description="instead of path: a STAC collection")
    asset: str | None = Field(default=None, min_length=1, description="the key of the map's asset in its items")
    catalog: str | None = Field(default=None, min_length=1, description="of the collection; default: the region's")
    period: tuple[date, date] | None = Field(
        default=None,
        description="first and last day of its items; default: all; of items that overlap the newest counts",
    )
    mapping: dict[int, Code] = Field(
        default_factory=dict,
        description="value of the map: code of a class; others have no label; default: values are codes",
    )

    @model_validator(mode="after")
    def _one_place(self) -> "LabelMap":
        if (self.path is None) == (self.collection is None):
            raise ValueError("give one of 'path' and 'collection': where the map is")
        if (self.collection is None) != (self.asset is None):
            raise ValueError("give 'collection' and 'asset' together: the asset holds the map")
        if self.path is not None and (self.catalog or self.period):
            raise ValueError("'catalog' and 'period' are of a collection; leave them out beside 'path'")
        return self


class RasterLabels(FromRegion):
    """Part of a region of real scenes, labelled by one map, or by several where they agree."""

    kind: Literal["raster"] = Field(description="names this kind of areas")
    maps: list[LabelMap] = Field(min_length=1, description="the maps; of several, a pixel needs the same label of all")


class VectorLabels(FromRegion):
    """Part of a region of real scenes, labelled where polygons cover pixels, or points lie in them."""

    kind: Literal["vector"] = Field(description="names this kind of areas")
    path: Path = Field(description="GeoPackage, GeoJSON, GeoParquet or Shapefile of polygons or points")
    layer: str | None = Field(default=None, description="of a GeoPackage with several")
    column: str = Field(min_length=1, description="the column that tells the class")
    mapping: dict[str, Code] = Field(
        default_factory=dict,
        description="value of the column: code of a class; others have no label; default: names or codes of classes",
    )

    @field_validator("mapping", mode="before")
    @classmethod
    def _keys_are_text(cls, mapping: Any) -> Any:
        return {str(key): code for key, code in mapping.items()} if isinstance(mapping, dict) else mapping


class CubeLabels(FromRegion):
    """Part of a region of real scenes, labelled by an earlier map of this system where that was confident."""

    kind: Literal["cube"] = Field(description="names this kind of areas")
    cube: Path | str = Field(description="the map's folder, or s3://bucket/prefix")
    version: str | None = Field(default=None, description="that `idgbr history` names, or a tag; default: the newest")
    period: date | None = Field(default=None, description="its first day; default: the newest")
    min_confidence: int = Field(default=80, ge=0, le=100, description="percent, below which a pixel has no label")
    mapping: dict[int, Code] = Field(
        default_factory=dict, description="code in the map: code of a class; others have no label"
    )


LabelledRegion = RasterLabels | VectorLabels | CubeLabels
Area = Annotated[Simulated | SceneClasses | Folder | LabelledRegion, Field(discriminator="kind")]


def _number(areas: Any) -> str:
    return "several" if isinstance(areas, list | tuple) else "one"


Areas = Annotated[
    Annotated[Area, Tag("one")] | Annotated[tuple[Area, ...], Field(min_length=1), Tag("several")],
    Discriminator(_number),
]
"""One kind of areas, or a list of them, all of the same classes."""


def each(areas: Areas) -> tuple[Area, ...]:
    """The kinds of areas, one or several."""
    return areas if isinstance(areas, tuple) else (areas,)


class Split(Frozen):
    """Which labels are kept out of training, for the scores, by their place on the ground."""

    by: Literal["blocks", "checkerboard", "column"] = Field(
        description="squares drawn by lot, every second square as on a checkerboard, or a column of vector labels"
    )
    size: float | None = Field(default=None, gt=0, le=1e6, description="metres: side of a square")
    share: float | None = Field(default=None, gt=0, lt=1, description="blocks only: of them, kept out; default: 0.25")
    seed: Seed = Field(default=0, description="of the lot")
    column: str | None = Field(default=None, min_length=1, description="column only: its name")
    validation: list[str] | None = Field(default=None, min_length=1, description="column only: values kept out")

    @field_validator("validation", mode="before")
    @classmethod
    def _values_are_text(cls, values: Any) -> Any:
        return [str(value) for value in values] if isinstance(values, list) else values

    @model_validator(mode="after")
    def _complete(self) -> "Split":
        needs = ("column", "validation") if self.by == "column" else ("size",)
        for key in needs:
            if getattr(self, key) is None:
                raise ValueError(f"a split by {self.by} needs '{key}'; add it")
        allowed = {"column": needs, "checkerboard": ("size",), "blocks": ("size", "share")}[self.by]
        for key in ("size", "share", "column", "validation"):
            if key not in allowed and getattr(self, key) is not None:
                raise ValueError(f"a split by {self.by} has no '{key}'; leave it out")
        return self


def check_apart(areas: Any, validation: Any) -> None:
    """Raises ValueError where areas to train on and to score on are the same; each one kind of areas or a tuple."""
    every, kept_out = (each if isinstance(each, tuple) else (each,) for each in (areas, validation))
    for one, other in product(every, kept_out):
        if one == other:
            raise ValueError("validation is equal to areas: scores on what was trained on mean nothing; name others")
        same_size = getattr(one, "kilometres", None) == getattr(other, "kilometres", 0.0)
        if same_size and (shared := sorted(_worlds(one) & _worlds(other))):
            words = ", ".join(map(str, shared))
            raise ValueError(f"areas and validation share the worlds of seeds {words}; give one of them others")


def _worlds(areas: Any) -> set[int]:
    return {*areas.seeds, *getattr(areas, "years", ())}
