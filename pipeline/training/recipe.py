"""A recipe file: which network to train, on which labelled areas, and with which settings.

A key's serialization alias is its name in a model's training.json and in the parameters of `idgbr.training`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from pipeline.config.yaml_file import Frozen, checked, read

PATHS = ("model", "data", "region", "path", "backbone", "stable_diffusion")

SECTIONS = ("areas", "validation", "spn")
"""Keys whose values hold paths too."""

AnyRecipe = TypeVar("AnyRecipe", bound=Frozen)
Report = Callable[[int, int, str], None]
"""Takes steps done, steps in all, and a note."""


class Simulated(Frozen):
    """Simulated worlds, one for each seed."""

    kind: Literal["simulated"] = Field(description="names this kind of areas")
    seeds: list[int] = Field(min_length=1, description="of the worlds, one each")
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
    bbox: tuple[float, float, float, float] = Field(
        serialization_alias="bounds", description="west, south, east, north in degrees"
    )
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


Areas = Annotated[Simulated | SceneClasses | Folder, Field(discriminator="kind")]


class Recipe(Frozen):
    """One training of one network: the coarse network makes the folder `model`, the refiner completes it.

    folds: for a refiner trained on the areas that its coarse network was trained on. That many further coarse networks
    are trained, each without one part of the places; they make the coarse masks of the part they have not seen.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "rate": "learning_rate",
        "crop": "crop_size",
        "batch": "batch_size",
        "sizes": "model_args",
        "check": "validation",
        "licence": "license",
    }

    model: Path = Field(description="the model folder to write")
    data: Path = Field(description="a folder that keeps the labelled areas")
    areas: Areas = Field(description="the labelled areas to train on")
    validation: Areas = Field(description="labelled areas of other places, for the scores of the model card")
    title: str = Field(description="of the model's card")
    license: str = Field(description="of the weights: an SPDX identifier, or other")
    steps: int = Field(ge=1, description="optimiser steps")
    crop_size: int = Field(
        default=160, multiple_of=16, ge=32, serialization_alias="crop", description="pixels per side of a crop"
    )
    batch_size: int = Field(default=8, ge=1, serialization_alias="batch", description="crops per step and worker")
    learning_rate: float = Field(default=1e-3, gt=0, serialization_alias="rate", description="at its peak")
    seed: int = Field(default=0, description="of first weights, crops and noise")
    network: str | None = Field(default=None, description="coarse network only: a class of `idgbr.coarse`")
    preset: Literal["tiny", "base"] | None = Field(default=None, description="refiner only")
    stable_diffusion: Path | None = Field(
        default=None, description="refiner only, instead of preset: a local folder of Stable Diffusion 1.5"
    )
    model_args: dict[str, Any] = Field(
        default_factory=dict, serialization_alias="sizes", description="constructor arguments of the network"
    )
    backbone: Path | None = Field(default=None, description="local weights of the coarse network's encoder")
    folds: int | None = Field(default=None, ge=2, description="refiner only")
    true_states: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="refiner only: share of the steps that start from noised true labels instead of from the network's "
        "own answer; default: 0",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(default="fp32", description="of the forward pass")
    device: Literal["cpu", "cuda"] | None = Field(default=None, description="default: a GPU where there is one")
    workers: int = Field(default=1, ge=1, description="processes that train together, each with a GPU or a CPU")
    address: str = Field(default="local", description="of the workers' Ray")


def load(path: Path) -> Recipe:
    """Reads a recipe; relative paths count from its folder. Raises UserError, one line for each error in it."""
    return load_as(Recipe, path)


def load_as(kind: type[AnyRecipe], path: Path) -> AnyRecipe:
    """`load` of a recipe of another kind."""
    file = read(path)
    _resolve(file.values, path.resolve().parent)
    return checked(kind, file)


def _resolve(values: dict[str, Any], folder: Path) -> None:
    values |= {key: folder / values[key] for key in PATHS if isinstance(values.get(key), str)}
    for key in SECTIONS:
        if isinstance(values.get(key), dict):
            _resolve(values[key], folder)
