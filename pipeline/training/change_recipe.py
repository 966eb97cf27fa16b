"""A recipe file of a change model: its two stages, and the pairs of dates that it learns from."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.yaml_file import Frozen
from pipeline.training.area_kinds import Areas, Seed, check_apart
from pipeline.training.recipe import Steps, load_as


class ChangePairs(Frozen):
    """A labelled change set: a folder of `A/`, `B/` and `label/` with equal stems."""

    kind: Literal["pairs"] = Field(description="names this kind of areas")
    path: Path = Field(description="the folder")
    bands: list[str] = Field(min_length=1, description="names of the bands of both dates, in the order of the files")
    include: list[str] = Field(default=["*"], min_length=1, description="patterns of the stems to use")
    ignore: list[int] = Field(default_factory=list, description="label values that mean no label")
    nodata: float | None = Field(
        default=0.0,
        allow_inf_nan=False,
        description="the pixel value that, in all bands of a date, means no data; null for photos, which have none",
    )


class SimulatedPairs(Frozen):
    """Pairs of mosaics of simulated worlds whose land changes between them. `data` keeps them, and each mosaic of two
    seasons with its classes as a labelled area of the same folder."""

    kind: Literal["simulated-pairs"] = Field(description="names this kind of areas")
    seeds: list[Seed] = Field(default=[], description="of worlds that give a pair of two seasons each")
    years: list[Seed] = Field(default=[], description="of worlds that give eight pairs each, as updates compare them")
    kilometres: float = Field(default=4, gt=0, description="side of a world")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.seeds and not self.years:
            raise ValueError("simulated pairs name no world; list some under seeds or years")
        return self


ChangeAreas = Annotated[ChangePairs | SimulatedPairs, Field(discriminator="kind")]


class Spn(Frozen):
    """The stage of the Semantic Prior Network: to find the foreground of single images, on any labelled areas."""

    areas: Areas = Field(description="labelled areas of single dates")
    foreground: list[int] = Field(min_length=1, description="codes of the classes that are the foreground")
    steps: Steps = Field(description="optimiser steps")


class ScoutStage(Frozen):
    """The stage of the scout, which looks first and calls for the change network where it sees something."""

    steps: Steps = Field(description="optimiser steps")
    recall: float = Field(
        default=0.998,
        gt=0,
        le=1,
        description="share of the changed area that the network finds in the pairs, in pieces that it must see",
    )
    pixels: int = Field(default=50, ge=1, description="of the smallest of these pieces")


class ChangeRecipe(Frozen):
    """The training of a change model: the stage `spn` where it is given, that of the Semantic Change Network, and the
    stage `scout` where it is given."""

    model: Path = Field(description="the model folder to write")
    data: Path = Field(description="a folder that keeps the labelled areas, and the network of the stage spn")
    areas: ChangeAreas = Field(description="the pairs to train on")
    validation: ChangeAreas = Field(description="pairs of other places, for the scores of the model card")
    title: str = Field(description="of the model's card")
    license: str = Field(description="of the weights: an SPDX identifier, or other")
    steps: Steps = Field(description="optimiser steps of the stage scn")
    spn: Spn | None = Field(default=None, description="default: the change network starts from nothing")
    scout: ScoutStage | None = Field(default=None, description="default: the change network looks at every window")
    preset: Literal["small", "base", "siamese"] = Field(
        default="small", description="the Semantic Change Network in one of its published sizes, or a siamese U-Net"
    )
    model_args: dict[str, Any] = Field(default_factory=dict, description="constructor arguments of the network")
    crop_size: int = Field(default=256, multiple_of=16, ge=32, description="pixels per side of a crop")
    window_size: int | None = Field(
        default=None,
        multiple_of=16,
        ge=32,
        description="pixels per side of the model's windows, siamese only: the other network weighs its channels by "
        "their means over a window; default: crop_size",
    )
    batch_size: int = Field(default=8, ge=1, description="crops per step")
    learning_rate: float = Field(default=5e-4, gt=0, description="at its peak")
    seed: Seed = Field(default=0, description="of first weights, crops and swaps")
    precision: Literal["fp32", "bf16", "fp16"] = Field(default="fp32", description="of the forward pass")
    device: Literal["cpu", "cuda"] | None = Field(default=None, description="default: a GPU where there is one")

    @model_validator(mode="after")
    def _apart(self) -> Self:
        check_apart(self.areas, self.validation)
        if self.preset == "siamese" and self.spn is not None:
            raise ValueError("a siamese U-Net starts from no prior network; take the stage spn out")
        if self.preset != "siamese" and self.window_size is not None:
            raise ValueError("window_size is of a siamese U-Net: the windows of others are as large as their crops")
        return self


def load_change(path: Path) -> ChangeRecipe:
    """Reads a recipe; relative paths count from its folder. Raises UserError, one line for each error in it."""
    return load_as(ChangeRecipe, path)
