"""A recipe file of a diffusion U-Net: the images without labels that it learns from, and the training."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.config.yaml_file import Frozen
from pipeline.training.area_kinds import Seed, Simulated
from pipeline.training.recipe import Steps, load_as


class Scenes(Frozen):
    """Part of a region of real scenes: the composite of all of them."""

    kind: Literal["scenes"] = Field(description="names this kind of areas")
    region: Path = Field(description="a region file, which says which scenes to use")
    bbox: tuple[float, float, float, float] = Field(description="west, south, east, north in degrees")


class CubeMosaics(Frozen):
    """Mosaics of a cube: windows drawn at random from those that hold data in half of their pixels at least."""

    kind: Literal["cube"] = Field(description="names this kind of areas")
    path: Path = Field(description="the cube")
    version: str | None = Field(default=None, description="of the cube; default: the newest")
    bbox: tuple[float, float, float, float] | None = Field(
        default=None, description="west, south, east, north in degrees; default: the whole region"
    )
    windows: int = Field(default=64, ge=1, description="how many; they are kept in memory")
    side: int = Field(default=512, ge=32, description="pixels per side of a window")
    seed: Seed = Field(default=0, description="of the windows' places and periods")


class Images(Frozen):
    """A folder of PNG, JPEG or GeoTIFF files."""

    kind: Literal["images"] = Field(description="names this kind of areas")
    path: Path = Field(description="the folder that holds the files")
    bands: list[str] = Field(min_length=1, description="names of the bands, in the order of the files")
    include: list[str] = Field(default=["*"], min_length=1, description="patterns of the stems to use")
    nodata: float | None = Field(
        default=0.0,
        allow_inf_nan=False,
        description="the pixel value that, in all bands, means no data; null for photos, which have none",
    )


Unlabelled = Annotated[Simulated | Scenes | CubeMosaics | Images, Field(discriminator="kind")]


class DDPMRecipe(Frozen):
    """The training of a diffusion U-Net, whose features a coarse network `DiffHRNet` uses."""

    model: Path = Field(description="the folder to write")
    data: Path = Field(description="a folder that keeps simulated areas and mosaics of scenes")
    areas: Unlabelled = Field(description="the images to train on; their labels, if any, are not read")
    validation: Unlabelled = Field(description="images of other places, for the error by noise level")
    title: str = Field(description="of the model's card")
    license: str = Field(description="of the weights: an SPDX identifier, or other")
    steps: Steps = Field(description="optimiser steps; 200,000 and more are usual on a GPU")
    preset: Literal["S", "M", "L"] = Field(default="S", description="24, 99 or 398 million parameters")
    model_args: dict[str, Any] = Field(default_factory=dict, description="constructor arguments of the network")
    crop_size: int = Field(default=256, multiple_of=16, ge=32, description="pixels per side of a crop")
    batch_size: int = Field(default=32, ge=1, description="crops per step and worker")
    learning_rate: float = Field(default=1e-4, gt=0, description="at its peak")
    warmup: int = Field(default=1000, ge=0, description="steps until then; at most a tenth of all is taken")
    average: float = Field(default=0.9999, ge=0, lt=1, description="decay of the average of the weights that is kept")
    seed: Seed = Field(default=0, description="of first weights, crops and noise")
    sampling_steps: int = Field(default=100, ge=2, le=1000, description="of the sample images")
    precision: Literal["fp32", "bf16", "fp16"] = Field(default="fp32", description="of the forward pass")
    device: Literal["cpu", "cuda"] | None = Field(default=None, description="default: a GPU where there is one")
    workers: int = Field(default=1, ge=1, description="processes that train together, each with a GPU or a CPU")
    address: str = Field(default="local", description="of the workers' Ray")


def load_ddpm(path: Path) -> DDPMRecipe:
    """Reads a recipe; relative paths count from its folder. Raises UserError, one line for each error in it."""
    return load_as(DDPMRecipe, path)
