"""The folder of a model: model_index.json, coarse/ and, if there is one, refiner/."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from idgbr.checkpoint import load_network, load_weights
from idgbr.coarse import KINDS, CoarseNetwork, NetworkCode, Wrapped
from idgbr.errors import CheckpointError
from idgbr.json_file import read_json
from idgbr.refiners.refiner import Refiner
from idgbr.settings import Settings, read_settings
from idgbr.values import short

if TYPE_CHECKING:
    from idgbr.refiners.sd15 import SD15Refiner

AnyRefiner: TypeAlias = "Refiner | SD15Refiner"

INDEX, CLASS_NAME = "model_index.json", "IDGBRPipeline"


def save(folder: Path, settings: Settings, coarse: CoarseNetwork, refiner: AnyRefiner | None) -> None:
    coarse.save_pretrained(folder / "coarse")
    if refiner is not None:
        refiner.save_pretrained(folder / "refiner")
    index = {"_class_name": CLASS_NAME, "refiner": refiner and type(refiner).__name__}
    (folder / INDEX).write_text(json.dumps(index | asdict(settings), indent=2) + "\n")


def load(
    folder: Path, coarse: CoarseNetwork | None, code: NetworkCode | None
) -> tuple[Settings, CoarseNetwork, AnyRefiner | None]:
    """coarse: a network to fill with the saved weights; code: builds it, in its place. Raises CheckpointError."""
    index = read_json(folder, INDEX, CLASS_NAME)
    index.pop("_class_name")
    refiner = index.pop("refiner", None)
    try:
        settings = read_settings(index)
    except (TypeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{folder / INDEX} has wrong settings: {error}") from error
    if coarse is None:
        coarse = _load_coarse(folder / "coarse", settings, code)
    else:
        coarse = load_weights(coarse, folder / "coarse")
    return settings, coarse, None if refiner is None else _load_refiner(refiner, folder)


def _load_coarse(folder: Path, settings: Settings, code: NetworkCode | None) -> CoarseNetwork:
    own = None if code is None else code.network(len(settings.bands), len(settings.classes))
    own_names = {Wrapped.__name__} if own is None else {type(own).__name__}
    kind = read_json(folder, "config.json", *KINDS, *own_names)["_class_name"]
    if kind in KINDS:
        if code is not None:
            raise CheckpointError(f"{folder} holds a {kind}, which is no network of one's own; leave 'code' out")
        return load_network(KINDS, folder)
    if own is None:
        raise CheckpointError(
            f"{folder} holds a network of one's own, whose code is not taken from a model folder; name the function "
            "that builds it, as in code: nets.py:build (--code nets.py:build)"
        )
    return load_weights(own, folder)


def _load_refiner(name: Any, folder: Path) -> AnyRefiner:
    """Diffusers' own U-Net takes seconds to import, so only for those who use it."""
    if name == "Refiner":
        return load_network({"Refiner": Refiner}, folder / "refiner")
    if name != "SD15Refiner":
        raise CheckpointError(
            f"{folder / INDEX} names the refiner {short(name)}, but only Refiner and SD15Refiner are known"
        )
    from idgbr.refiners.sd15 import SD15Refiner

    return load_network({"SD15Refiner": SD15Refiner}, folder / "refiner")
