"""Trains coarse networks, by parts of the training places, and the refiners of their masks."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from idgbr import IDGBRPipeline
from idgbr.training import CoarseTraining, RefinerTraining, train_coarse, train_refiner
from idgbr.training.crops import Augmentation
from idgbr.training.refiner import new_refiner
from science.blind import KINDS
from science.models import loaded
from science.place import Place, Result, tell
from science.sets import labelled, read
from science.variants import Variant

AUGMENTATION = Augmentation(nodata=0.0)


def coarse(name: str, backbone: str, seed: int, part: str) -> Callable[[Place], Result]:
    """A coarse network on all training places, or on those not of one fold, and its masks of what it has not seen."""

    def run(place: Place) -> Result:
        preset, known = place.preset, labelled(name)
        images = read(name, False, place.home, preset.train_centre)
        fold = None if part == "all" else int(part[-1])
        seen = {stem: pair for stem, pair in images.items() if known.fold(stem) != fold}
        kind, sizes = preset.backbones[backbone]
        how = CoarseTraining(
            classes=known.classes,
            bands=known.bands,
            crop=preset.coarse_crop,
            batch=preset.coarse_batch,
            seed=seed,
            network=kind,
            sizes=sizes,
            no_label=known.no_label,
            blank=None,
            grey=known.grey,
            augmentation=AUGMENTATION,
            optimisation=preset.coarse,
            device=preset.device,
        )
        folder = place.model("coarse", name, backbone, seed, part)
        began = time.monotonic()
        state = place.state(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for progress in train_coarse(list(seen.values()), folder, how, state, deadline=place.deadline):
            tell(progress)
        state.unlink()
        model = loaded(place, folder)
        for stem, (image_CHW, _) in images.items():
            if fold is None or known.fold(stem) == fold:
                _keep(folder / "masks" / f"{stem}.npy", model.coarse_probabilities(image_CHW[None])[0])
        return {"seconds": round(time.monotonic() - began, 1), "steps": preset.coarse.steps, "images": len(seen)}

    return run


def refiner(name: str, label: str, variant: Variant, seed: int, held: int | None = None) -> Callable[[Place], Result]:
    """A refiner on the masks of all backbones together, since it must serve any of them: each training image with the
    mask of a network that lacks its fold and with that of the one that does not, as a new place's lie between them.

    held: a fold that it must not know; then only masks of networks that lack their image's fold are at hand."""

    def run(place: Place) -> Result:
        preset = place.preset
        images = read(name, False, place.home, preset.train_centre)
        images = {stem: pair for stem, pair in images.items() if labelled(name).fold(stem) != held}
        changes = dict(variant.training)
        parts = changes.pop("masks", ("fold", "all") if held is None else ("fold",))
        kind = KINDS[changes.pop("kind", "Refiner")]
        tokens = None
        if changes.pop("teacher", False):
            found = _teacher(place, name, seed, [image for image, _ in images.values()])
            tokens = [each for each in found for _ in parts] * len(preset.backbones)
        masks, pairs = [], []
        for backbone in preset.backbones:
            for stem, pair in images.items():
                for part in parts:
                    number = labelled(name).fold(stem) if part == "fold" else ""
                    source = place.model("coarse", name, backbone, seed, f"{part}{number}") / "masks" / f"{stem}.npy"
                    masks.append(np.load(source, mmap_mode="r"))
                    pairs.append(pair)
        first = place.model("coarse", name, next(iter(preset.backbones)), seed, "all")
        folder = place.model("refiner", name, label, seed)
        coarse = IDGBRPipeline.from_pretrained(first)
        coarse.save_pretrained(folder)
        sizes = dict(preset.sizes) | dict(variant.sizes)
        optimisation = replace(preset.refiner, steps=round(variant.longer * preset.refiner.steps))
        how = RefinerTraining(
            crop=preset.refiner_crop,
            batch=preset.refiner_batch,
            seed=seed,
            sizes=sizes,
            augmentation=AUGMENTATION,
            optimisation=optimisation,
            device=preset.device,
            **changes,
        )
        refiner = new_refiner(pairs, coarse.settings, how, kind)
        began = time.monotonic()
        state = place.state(folder)
        for progress in train_refiner(pairs, folder, how, masks, refiner, tokens, state, place.deadline):
            tell(progress)
        state.unlink()
        count = sum(weight.numel() for weight in refiner.parameters())
        return {"seconds": round(time.monotonic() - began, 1), "steps": optimisation.steps, "parameters": count}

    return run


def _teacher(place: Place, name: str, seed: int, images: list[np.ndarray]) -> list[torch.Tensor]:
    """tokens_hwC at stride 16 of each image: what the first coarse network, a U-Net trained on all training places,
    knows before its last layer. No large self-supervised teacher is at hand here."""
    model = loaded(place, place.model("coarse", name, next(iter(place.preset.backbones)), seed, "all"))
    seen: list[torch.Tensor] = []
    hook = model.coarse.head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    for image_CHW in images:
        height, width = (side - side % 16 for side in image_CHW.shape[1:])
        with torch.inference_mode():
            model.coarse(model.normalise(image_CHW[None, :, :height, :width]))
    hook.remove()
    return [F.avg_pool2d(found.float(), 4)[0].movedim(0, -1).cpu().clone() for found in seen]


def _keep(path: Path, probability_KHW: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.rint(probability_KHW * 255).astype(np.uint8))
