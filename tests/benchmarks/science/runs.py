"""Each refiner as it ships, as a walk of several steps, within other bands, and the mean field: run and scored."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch

from idgbr import IDGBRPipeline
from idgbr.classes import class_index
from science import cost
from science.crf import crf, tune
from science.models import joined, loaded
from science.place import Place, Result
from science.rivals import Averaged, repeated
from science.scoring import scores
from science.sets import labelled, middle, read
from science.variants import CONTROLS, OURS, STEPS_OF_WALK, WALK, Variant, slug

STEPS = (1, 2, 4, 10, 25)
HELD = 0
"""The fold of training places that the choice of the walk's training is scored on."""
TUNED, EVERY = 160, 9
"""The mean field is tuned on the middle px of every so many training images."""


def score(name: str, label: str, variant: Variant, backbone: str, seed: int) -> Callable[[Place], Result]:
    """Coarse and refined maps of the test places, scored; ours are kept for the pictures."""

    def run(place: Place) -> Result:
        model = joined(place, name, label, backbone, seed, variant.run)
        keep = place.home / "maps" / f"{name}-{backbone}-{seed}" if label == OURS else None
        return scores(model, place, name, keep)

    return run


def walk(name: str, label: str, backbone: str, seed: int) -> Callable[[Place], Result]:
    """One refiner in all its ways, scored on the test places: as a walk of several steps, or again on its own answer
    where it answers in one; and as the mean over turns and flips."""

    def run(place: Place) -> Result:
        if label == "twin":
            ways = [(f"{times} times", times, 1, repeated(times)) for times in STEPS_OF_WALK]
        else:
            ways = [(f"{steps} steps", steps, steps, IDGBRPipeline) for steps in STEPS_OF_WALK]
        if label in (WALK, "twin"):
            steps = 1 if label == "twin" else 2
            ways.append(("mean of 8 turns and flips", 8 * steps, steps, Averaged))
        rows = []
        for way, passes, steps, kind in ways:
            model = joined(place, name, slug(label), backbone, seed, {"num_inference_steps": steps}, kind=kind)
            rows.append({"refiner": label, "way": way, "passes": passes, **scores(model, place, name, None)})
        return {"rows": rows}

    return run


def choice(name: str, label: str, variant: Variant, backbone: str, seed: int) -> Callable[[Place], Result]:
    """A candidate on the training places that it has not seen, behind the coarse network that has not either."""

    def run(place: Place) -> Result:
        images = read(name, False, place.home, place.preset.centre)
        held = {stem: pair for stem, pair in images.items() if labelled(name).fold(stem) == HELD}
        rows = []
        for steps in STEPS_OF_WALK:
            settings = {**variant.run, "num_inference_steps": steps}
            model = joined(place, name, label, backbone, seed, settings, part=f"fold{HELD}")
            rows.append({"steps": steps, **scores(model, place, name, None, images=held)})
        return {"rows": rows}

    return run


def mean_field(name: str, backbone: str, seed: int) -> Callable[[Place], Result]:
    """The mean field control, its weights tuned on masks of training places that the network had not seen."""

    def run(place: Place) -> Result:
        preset, known = place.preset, labelled(name)
        device = torch.device(preset.device)
        model = loaded(place, place.model("coarse", name, backbone, seed, "all"))
        triples = []
        for stem, (image_CHW, label_HW) in list(read(name, False, place.home, preset.train_centre).items())[::EVERY]:
            fold = place.model("coarse", name, backbone, seed, f"fold{known.fold(stem)}")
            mask_KHW = np.load(fold / "masks" / f"{stem}.npy", mmap_mode="r")
            mask_KHW, image_CHW, label_HW = (middle(array, TUNED) for array in (mask_KHW, image_CHW, label_HW))
            index_HW = class_index(label_HW, tuple(row["code"] for row in known.classes), known.no_label)
            triples.append((_on(mask_KHW / np.float32(255), device), model.normalise(image_CHW[None])[0], index_HW))
        (how, _), *_ = tune(triples)
        codes = np.array(model.settings.codes, np.uint8)

        def refine(image_CHW: np.ndarray, _: np.ndarray) -> np.ndarray:
            coarse_KHW = _on(model.coarse_probabilities(image_CHW[None])[0], device)
            return codes[crf(coarse_KHW, model.normalise(image_CHW[None])[0], how).argmax(0).cpu().numpy()]

        return scores(model, place, name, None, refine) | {"crf": asdict(how)}

    return run


def steps(name: str, backbone: str, seed: int, guided: list[str]) -> Callable[[Place], Result]:
    """Quality and cost of the walks from coarse mask or noise, those of `guided` with and without guidance, all in one
    process."""

    def run(place: Place) -> Result:
        rows = []
        plans = [(OURS, "coarse", 1.0, CONTROLS[OURS].run)]
        plans += [
            (label, start, scale, CONTROLS["published"].run)
            for label in guided
            for start in ("noise", "coarse")
            for scale in (1.0, 3.0)
        ]
        for label, start, scale, kept in plans:
            for steps in STEPS:
                settings = dict(kept) | {"num_inference_steps": steps, "init": start, "guidance_scale": scale}
                model = joined(place, name, label, backbone, seed, settings)
                found = scores(model, place, name, None)
                rows.append(
                    {"refiner": label, "start": start, "guidance": scale, "steps": steps, **found, **cost.of(model)}
                )
        return {"rows": rows}

    return run


def gate(name: str, backbone: str, seed: int) -> Callable[[Place], Result]:
    """The band that refinement may change, from nothing but boundaries to everywhere; harm outside it."""

    def run(place: Place) -> Result:
        rows = []
        for radius, threshold in ((2, 0.0), (4, 0.0), (2, 0.3), (4, 0.3), (8, 0.3), (4, 0.6), (4, 0.9), (4, 1.0)):
            settings = dict(CONTROLS[OURS].run) | {"boundary_radius": radius, "uncertainty_threshold": threshold}
            model = joined(place, name, OURS, backbone, seed, settings)
            rows.append({"radius": radius, "threshold": threshold, **scores(model, place, name, None)})
        return {"rows": rows}

    return run


def _on(array: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(device)
