"""A recipe file: what to train, on which labelled areas; and these areas as arrays."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from pipeline.config.yaml_file import Frozen, checked, read

PATHS = ("model", "data", "region", "path", "backbone", "stable_diffusion")

Pair = tuple[np.ndarray, np.ndarray]
Report = Callable[[int, int, str], None]


class Simulated(Frozen):
    """Simulated worlds, one a seed."""

    kind: Literal["simulated"]
    seeds: list[int] = Field(min_length=1)
    kilometres: float = Field(default=8, gt=0)


class ClassRow(Frozen):
    code: int = Field(ge=0, le=255)
    name: str
    color: str = Field(pattern="^#[0-9a-fA-F]{6}$")


class MapClassRow(ClassRow):
    code: int = Field(ge=1, le=255)


class SceneClasses(Frozen):
    """A part of a region of real scenes, labelled by their own scene classification where it is clear."""

    kind: Literal["scene-classes"]
    region: Path
    bounds: tuple[float, float, float, float]
    classes: list[MapClassRow] = Field(min_length=2)


class Folder(Frozen):
    """An existing data set folder.

    only: patterns of the stems to use. place: a regular expression; images whose stems begin with the same match of it
    show one place, and each image is a place of its own where there is none. classes, bands: where the folder has no
    classes.json. ignore: label values without meaning. grey: where labels are grey pictures of two classes, the value
    above which a pixel is of the second. blank: the raw number that, in all bands, means no data; null for photos,
    which have none.
    """

    kind: Literal["folder"]
    path: Path
    only: list[str] = Field(default=["*"], min_length=1)
    place: str | None = None
    classes: list[ClassRow] | None = Field(default=None, min_length=2)
    bands: list[str] | None = Field(default=None, min_length=1)
    ignore: list[int] = Field(default_factory=list)
    grey: int | None = None
    blank: float | None = 0.0


Areas = Annotated[Simulated | SceneClasses | Folder, Field(discriminator="kind")]


class Recipe(Frozen):
    """One training of one network: the coarse network makes the folder `model`, the refiner completes it.

    Labelled areas are kept in `data`. `check` are areas of other places, on which the model card's scores are taken.
    network: of `idgbr.coarse`, for the coarse network alone; preset: of the refiner alone (`idgbr.presets`), or
    stable_diffusion: a local folder of Stable Diffusion 1.5 to make it of; sizes: of either network; backbone: local
    weights of the coarse network's encoder. folds: of the refiner alone, where it learns from areas that the coarse
    network has learned from too: their coarse masks then come from so many further coarse networks, each trained like
    it but without one part of the places. precision: of the forward pass. device: a GPU where there is one, if not
    named. workers: processes that train together, each with a GPU or a CPU and `batch` crops a step; address: of their
    Ray.
    """

    model: Path
    data: Path
    areas: Areas
    check: Areas
    title: str
    licence: str
    steps: int = Field(ge=1)
    crop: int = Field(default=160, multiple_of=16, ge=32)
    batch: int = Field(default=8, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    seed: int = 0
    network: str | None = None
    preset: Literal["tiny", "base"] | None = None
    stable_diffusion: Path | None = None
    sizes: dict[str, Any] = Field(default_factory=dict)
    backbone: Path | None = None
    folds: int | None = Field(default=None, ge=2)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    device: Literal["cpu", "cuda"] | None = None
    workers: int = Field(default=1, ge=1)
    address: str = "local"


def load(path: Path) -> Recipe:
    """Reads a recipe; its paths count from its folder. Raises UserError with one sentence for anything wrong in it."""
    raw = read(path)
    folder = path.resolve().parent
    for holder in (raw, raw.get("areas"), raw.get("check")):
        if isinstance(holder, dict):
            holder |= {key: folder / holder[key] for key in PATHS if isinstance(holder.get(key), str)}
    return checked(Recipe, raw, path)
