"""A recipe file: which network to train, on which labelled areas, and with which settings.

A key's serialization alias is its name in a model's training.json and in the parameters of `idgbr.training`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, model_validator

from pipeline.config.yaml_file import Frozen, checked, read
from pipeline.training.area_kinds import Areas, Seed, Split, check_apart

PATHS = ("model", "data", "region", "path", "backbone", "ddpm", "stable_diffusion")

SECTIONS = ("areas", "validation", "spn", "maps")
"""Keys whose values hold paths too."""

Steps = Annotated[int, Field(ge=1, le=10**9)]

AnyRecipe = TypeVar("AnyRecipe", bound=Frozen)
Report = Callable[[int, int, str], None]
"""Takes steps done, steps in all, and a note."""


class Inference(Frozen):
    """How a refiner's model maps where that is not as it was trained."""

    overlap: int | None = Field(default=None, ge=0, description="px that neighbouring windows share; default: 64")
    num_inference_steps: int | None = Field(default=None, ge=1, description="default: as many as its training is for")
    init: Literal["coarse", "noise"] | None = Field(
        default=None, description="diffusion only: where its walk starts; default: coarse"
    )
    guidance_scale: float | None = Field(
        default=None, ge=0, description="of classifier-free guidance; needs condition_dropout; default: 1, which is off"
    )
    sigma: float | None = Field(
        default=None, ge=0, description="bridge only: standard deviation of the noise; 0: none; default: as in training"
    )


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
    validation: Areas | None = Field(
        default=None, description="labelled areas of other places, for the scores of the model card"
    )
    split: Split | None = Field(
        default=None, description="instead of validation: which of the labels of areas are kept out of training"
    )
    title: str = Field(description="of the model's card")
    license: str = Field(description="of the weights: an SPDX identifier, or other")
    steps: Steps = Field(description="optimiser steps")
    crop_size: int = Field(
        default=160, multiple_of=16, ge=32, serialization_alias="crop", description="pixels per side of a crop"
    )
    batch_size: int = Field(default=8, ge=1, serialization_alias="batch", description="crops per step and worker")
    learning_rate: float = Field(default=1e-3, gt=0, serialization_alias="rate", description="at its peak")
    seed: Seed = Field(default=0, description="of first weights, crops and noise")
    network: str | None = Field(default=None, description="coarse network only: a class of `idgbr.coarse`")
    preset: Literal["tiny", "base"] | None = Field(default=None, description="refiner only")
    stable_diffusion: Path | None = Field(
        default=None, description="refiner only, instead of preset: a local folder of Stable Diffusion 1.5"
    )
    model_args: dict[str, Any] = Field(
        default_factory=dict, serialization_alias="sizes", description="constructor arguments of the network"
    )
    backbone: Path | None = Field(default=None, description="local weights of the coarse network's encoder")
    code: str | None = Field(
        default=None,
        description="of a coarse network of one's own: a file or package and its function, as nets.py:build",
    )
    ddpm: Path | None = Field(
        default=None, description="coarse network DiffHRNet only: the folder that `idgbr train ddpm` wrote"
    )
    share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="coarse network only: share of the labels to learn from, as patches of about crop_size; with one "
        "seed a smaller share is part of a larger one; default: all",
    )
    folds: int | None = Field(default=None, ge=2, description="refiner only")
    true_states: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="refiner only: share of the steps that start from the true labels instead of from the network's "
        "own answer; default: 0.5",
    )
    condition_dropout: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="refiner only: share of the samples that are answered without image and coarse mask, which "
        "inference.guidance_scale needs; default: 0",
    )
    inference: Inference | None = Field(
        default=None, description="refiner only: how the model maps where that is not as it was trained"
    )
    calibrate: bool | None = Field(
        default=None,
        description="fit the temperature of the probabilities on what is kept out of training, so that the confidence "
        "of maps means what it says, and keep the errors of mapped areas for intervals; default: false",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(default="fp32", description="of the forward pass")
    device: Literal["cpu", "cuda"] | None = Field(default=None, description="default: a GPU where there is one")
    threads: int | None = Field(
        default=None,
        ge=1,
        description="of each process, on CPUs: sums are rounded otherwise on another number, so name it where the "
        "weights must come out with the same bits on another machine; default: as many as the process has",
    )
    workers: int = Field(default=1, ge=1, description="processes that train together, each with a GPU or a CPU")
    address: str = Field(default="local", description="of the workers' Ray")

    @model_validator(mode="after")
    def _something_is_kept_out(self) -> "Recipe":
        if (self.validation is None) == (self.split is None):
            raise ValueError("give one of 'validation' and 'split': what is kept out of training, for the scores")
        check_apart(self.areas, self.validation)
        if self.code is not None and (self.network, self.ddpm, self.backbone) != (None, None, None):
            raise ValueError("'code' builds the coarse network; leave out 'network', 'ddpm' and 'backbone'")
        return self


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
    if isinstance(code := values.get("code"), str):
        values["code"] = str(folder / code)
    if isinstance(catalog := values.get("catalog"), str) and "://" not in catalog:
        values["catalog"] = str(folder / catalog)
    if isinstance(cube := values.get("cube"), str) and "://" not in cube:
        values["cube"] = folder / cube
    for key in SECTIONS:
        for section in values[key] if isinstance(values.get(key), list) else [values.get(key)]:
            if isinstance(section, dict):
                _resolve(section, folder)
