"""Models put together of what was trained, and run as the preset says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from idgbr import IDGBRPipeline
from idgbr.checkpoint import load_network
from science.blind import KINDS
from science.place import Place


def joined(
    place: Place,
    name: str,
    label: str,
    backbone: str,
    seed: int,
    settings: Any,
    part: str = "all",
    kind: type[IDGBRPipeline] = IDGBRPipeline,
) -> IDGBRPipeline:
    """The refiner behind any backbone's coarse network, that of all training places or of a `part`."""
    coarse = IDGBRPipeline.from_pretrained(place.model("coarse", name, backbone, seed, part))
    refiner = load_network(KINDS, place.model("refiner", name, label, seed) / "refiner")
    settings = dict(settings)
    if "sigma" in settings:
        refiner.register_to_config(sigma=settings.pop("sigma"))
    return _placed(kind(replace(coarse.settings, **settings), coarse.coarse, refiner), place)


def loaded(place: Place, folder: Path) -> IDGBRPipeline:
    return _placed(IDGBRPipeline.from_pretrained(folder), place)


def _placed(model: IDGBRPipeline, place: Place) -> IDGBRPipeline:
    """A batch is always filled, so one of 1 is the cheapest where nothing is computed side by side. An
    image that fits into one window of the lattice gets just that one."""
    window = place.preset.window
    one_window = place.preset.centre is not None and place.preset.centre <= window
    overlap = 0 if one_window else min(model.settings.overlap, window // 4)
    settings = replace(model.settings, window=window, overlap=overlap, batch=1)
    if place.preset.device == "cuda":
        settings = replace(settings, batch=16, precision="bf16")
    return type(model)(settings, model.coarse, model.refiner).to(place.preset.device)
