"""Every training and every scoring, as tasks that need the results of others and leave one JSON behind."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from idgbr import IDGBRPipeline
from idgbr.checkpoint import load_network
from idgbr.classes import class_index
from idgbr.inference.band import band
from idgbr.inference.certainty import certainty
from idgbr.metrics.evaluation import Calibrated, Evaluation
from idgbr.settings import Settings
from idgbr.training import CoarseTraining, RefinerTraining, train_coarse, train_refiner
from idgbr.training.crops import Augmentation
from idgbr.training.refiner import new_refiner
from science import cost, labels, under
from science.blind import KINDS
from science.crf import crf, tune
from science.place import Place, Result, Task
from science.presets import (
    ABLATIONS,
    CHOICE,
    CONTROLS,
    LONG,
    OURS,
    RIVALS,
    STEPS_OF_WALK,
    WALK,
    Preset,
    Variant,
    slug,
)
from science.rivals import Averaged, repeated
from science.sets import BANDS, NO_LABEL, SETS, middle, read

STEPS = (1, 2, 4, 10, 25)
RADIUS, THRESHOLD = Settings.boundary_radius, Settings.uncertainty_threshold
HELD = 0
"""The fold of training places that the choice of the walk's training is scored on."""
TUNED, EVERY = 160, 9
"""The mean field is tuned on the middle px of every so many training images."""
AUGMENTATION = Augmentation(nodata=0.0)


def tasks(preset: Preset) -> list[Task]:
    """All of a preset, in an order in which each comes after what it needs, and a second seed of the ablations after
    all else."""
    first, *others = preset.table
    later = (task for seed in others for task in _ablations(preset, seed))
    walks = [*_choice(preset), *_walks(preset)]
    refining = [*_main(preset), *walks, *_ablations(preset, first), *_runs(preset, first), *later]
    return [*refining, *labels.tasks(preset), *under.tasks(preset)]


def _main(preset: Preset) -> Iterator[Task]:
    for name in preset.sets:
        for seed in preset.table:
            for backbone in preset.backbones:
                for part in _parts(name):
                    yield Task(f"coarse-{name}-{backbone}-{seed}-{part}", (), _coarse(name, backbone, seed, part))
            folds = _folds(preset, name, seed)
            for control, variant in CONTROLS.items():
                trained = f"refiner-{name}-{control}-{seed}"
                yield Task(trained, folds, _refiner(name, control, variant, seed))
                for backbone in preset.backbones:
                    score = _score(name, control, variant, backbone, seed)
                    yield Task(f"score-{name}-{control}-{backbone}-{seed}", (trained,), score)
            for backbone in preset.backbones:
                yield Task(f"score-{name}-crf-{backbone}-{seed}", folds, _crf(name, backbone, seed))


def _choice(preset: Preset) -> Iterator[Task]:
    """Which training of the walk is best, by places that none of its networks has seen and that are no test places."""
    for name in preset.sets:
        for seed in preset.choice:
            for label, variant in CHOICE.items():
                trained = f"refiner-{name}-choice_{slug(label)}-{seed}"
                folds = _folds(preset, name, seed)
                yield Task(trained, folds, _refiner(name, f"choice_{slug(label)}", variant, seed, HELD))
                for backbone in preset.backbones:
                    run = _choice_scores(name, f"choice_{slug(label)}", backbone, seed)
                    yield Task(f"choice-{name}-{slug(label)}-{backbone}-{seed}", (trained,), run)


def _walks(preset: Preset) -> Iterator[Task]:
    """The walk at several numbers of steps, and what else the same passes through a network buy."""
    for name in preset.sets:
        for seed in preset.table:
            for label in (OURS, *RIVALS):
                trained = f"refiner-{name}-{slug(label)}-{seed}"
                if label != OURS:
                    yield Task(trained, _folds(preset, name, seed), _refiner(name, slug(label), RIVALS[label], seed))
                for backbone in preset.backbones:
                    run = _walk(name, label, backbone, seed)
                    yield Task(f"walk-{name}-{slug(label)}-{backbone}-{seed}", (trained,), run)


def _ablations(preset: Preset, seed: int) -> Iterator[Task]:
    """The longest training comes first, so that others run beside it and nothing waits for it at the end."""
    name = preset.sets[0]
    chosen = [ablation for ablation, seeds in preset.ablations.items() if seed in seeds]
    for ablation in sorted(chosen, key=lambda ablation: -ABLATIONS[ablation].longer):
        label = slug(ablation)
        variant = replace(ABLATIONS[ablation], run=CONTROLS[OURS].run | ABLATIONS[ablation].run)
        trained = f"refiner-{name}-{label}-{seed}"
        yield Task(trained, _folds(preset, name, seed), _refiner(name, label, variant, seed))
        for backbone in preset.backbones:
            score = _score(name, label, variant, backbone, seed)
            yield Task(f"score-{name}-{label}-{backbone}-{seed}", (trained,), score)


def _runs(preset: Preset, seed: int) -> Iterator[Task]:
    """One refiner run in many ways."""
    name, backbone = preset.sets[0], next(iter(preset.backbones))
    ours = f"refiner-{name}-{OURS}-{seed}"
    yield Task(f"gate-{name}-{seed}", (ours,), _gate(name, backbone, seed))
    guided = ["published", *([slug(LONG)] if seed in preset.ablations.get(LONG, ()) else [])]
    needs = (ours, *(f"refiner-{name}-{label}-{seed}" for label in guided))
    yield Task(f"steps-{name}-{seed}", needs, _steps(name, backbone, seed, guided))
    if preset.device == "cuda":
        yield Task("speed", (ours,), cost.speed)


def _parts(name: str) -> list[str]:
    return ["all", *(f"fold{number}" for number in range(SETS[name].folds))]


def _folds(preset: Preset, name: str, seed: int) -> tuple[str, ...]:
    """The coarse networks whose masks a refiner needs."""
    return tuple(f"coarse-{name}-{backbone}-{seed}-{part}" for backbone in preset.backbones for part in _parts(name))


def _coarse(name: str, backbone: str, seed: int, part: str) -> Callable[[Place], Result]:
    """A coarse network on all training places, or on those not of one fold, and its masks of what it has not seen."""

    def run(place: Place) -> Result:
        preset, labelled = place.preset, SETS[name]
        images = read(name, test=False, centre=preset.train_centre)
        fold = None if part == "all" else int(part[-1])
        seen = {stem: pair for stem, pair in images.items() if labelled.fold(stem) != fold}
        kind, sizes = preset.backbones[backbone]
        how = CoarseTraining(
            classes=labelled.classes,
            bands=BANDS,
            crop=preset.coarse_crop,
            batch=preset.coarse_batch,
            seed=seed,
            network=kind,
            sizes=sizes,
            no_label=NO_LABEL,
            blank=None,
            grey=labelled.grey,
            augmentation=AUGMENTATION,
            optimisation=preset.coarse,
            device=preset.device,
        )
        folder = place.model("coarse", name, backbone, seed, part)
        began = time.monotonic()
        state = folder.with_suffix(".state.safetensors")
        folder.parent.mkdir(parents=True, exist_ok=True)
        for progress in train_coarse(list(seen.values()), folder, how, state, deadline=place.deadline):
            _tell(progress)
        state.unlink()
        model = _model(place, folder)
        for stem, (image_CHW, _) in images.items():
            if fold is None or labelled.fold(stem) == fold:
                _keep(folder / "masks" / f"{stem}.npy", model.coarse_probabilities(image_CHW[None])[0])
        return {"seconds": round(time.monotonic() - began, 1), "steps": preset.coarse.steps, "images": len(seen)}

    return run


def _refiner(name: str, label: str, variant: Variant, seed: int, held: int | None = None) -> Callable[[Place], Result]:
    """A refiner on the masks of all backbones together, since it must serve any of them: each training image with the
    mask of a network that lacks its fold and with that of the one that does not, as a new place's lie between them.

    held: a fold that it must not know; then only masks of networks that lack their image's fold are at hand."""

    def run(place: Place) -> Result:
        preset = place.preset
        images = read(name, test=False, centre=preset.train_centre)
        images = {stem: pair for stem, pair in images.items() if SETS[name].fold(stem) != held}
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
                    number = SETS[name].fold(stem) if part == "fold" else ""
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
        state = folder.with_suffix(".state.safetensors")
        for progress in train_refiner(pairs, folder, how, masks, refiner, tokens, state, place.deadline):
            _tell(progress)
        state.unlink()
        count = sum(weight.numel() for weight in refiner.parameters())
        return {"seconds": round(time.monotonic() - began, 1), "steps": optimisation.steps, "parameters": count}

    return run


def _score(name: str, label: str, variant: Variant, backbone: str, seed: int) -> Callable[[Place], Result]:
    """Coarse and refined maps of the test places, scored; ours are kept for the pictures."""

    def run(place: Place) -> Result:
        model = _joined(place, name, label, backbone, seed, variant.run)
        keep = place.home / "maps" / f"{name}-{backbone}-{seed}" if label == OURS else None
        return _scores(model, place, name, keep)

    return run


def _walk(name: str, label: str, backbone: str, seed: int) -> Callable[[Place], Result]:
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
            model = _joined(place, name, slug(label), backbone, seed, {"num_inference_steps": steps}, kind=kind)
            rows.append({"refiner": label, "way": way, "passes": passes, **_scores(model, place, name, None)})
        return {"rows": rows}

    return run


def _choice_scores(name: str, label: str, backbone: str, seed: int) -> Callable[[Place], Result]:
    """A candidate on the training places that it has not seen, behind the coarse network that has not either."""

    def run(place: Place) -> Result:
        images = read(name, test=False, centre=place.preset.centre)
        held = {stem: pair for stem, pair in images.items() if SETS[name].fold(stem) == HELD}
        rows = []
        for steps in STEPS_OF_WALK:
            settings = {"num_inference_steps": steps}
            model = _joined(place, name, label, backbone, seed, settings, part=f"fold{HELD}")
            rows.append({"steps": steps, **_scores(model, place, name, None, images=held)})
        return {"rows": rows}

    return run


def _crf(name: str, backbone: str, seed: int) -> Callable[[Place], Result]:
    """The mean field control, its weights tuned on masks of training places that the network had not seen."""

    def run(place: Place) -> Result:
        preset = place.preset
        device = torch.device(preset.device)
        triples = []
        for stem, (image_CHW, label_HW) in list(read(name, test=False, centre=preset.train_centre).items())[::EVERY]:
            fold = place.model("coarse", name, backbone, seed, f"fold{SETS[name].fold(stem)}")
            mask_KHW = np.load(fold / "masks" / f"{stem}.npy", mmap_mode="r")
            mask_KHW, image_CHW, label_HW = (middle(array, TUNED) for array in (mask_KHW, image_CHW, label_HW))
            index_HW = class_index(label_HW, tuple(row["code"] for row in SETS[name].classes), NO_LABEL)
            triples.append((_on(mask_KHW / np.float32(255), device), _on(image_CHW, device), index_HW))
        (how, _), *_ = tune(triples)
        model = _model(place, place.model("coarse", name, backbone, seed, "all"))
        codes = np.array(model.settings.codes, np.uint8)

        def refine(image_CHW: np.ndarray, _: np.ndarray) -> np.ndarray:
            coarse_KHW = _on(model.coarse_probabilities(image_CHW[None])[0], device)
            return codes[crf(coarse_KHW, _on(image_CHW, device), how).argmax(0).cpu().numpy()]

        return _scores(model, place, name, None, refine) | {"crf": asdict(how)}

    return run


def _steps(name: str, backbone: str, seed: int, guided: list[str]) -> Callable[[Place], Result]:
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
                model = _joined(place, name, label, backbone, seed, settings)
                found = _scores(model, place, name, None)
                rows.append(
                    {"refiner": label, "start": start, "guidance": scale, "steps": steps, **found, **cost.of(model)}
                )
        return {"rows": rows}

    return run


def _gate(name: str, backbone: str, seed: int) -> Callable[[Place], Result]:
    """The band that refinement may change, from nothing but boundaries to everywhere; harm outside it."""

    def run(place: Place) -> Result:
        rows = []
        for radius, threshold in ((2, 0.0), (4, 0.0), (2, 0.3), (4, 0.3), (8, 0.3), (4, 0.6), (4, 0.9), (4, 1.0)):
            settings = dict(CONTROLS[OURS].run) | {"boundary_radius": radius, "uncertainty_threshold": threshold}
            model = _joined(place, name, OURS, backbone, seed, settings)
            rows.append({"radius": radius, "threshold": threshold, **_scores(model, place, name, None)})
        return {"rows": rows}

    return run


def _scores(
    model: IDGBRPipeline,
    place: Place,
    name: str,
    keep: Path | None,
    refine: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    images: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Result:
    """images: to score instead of those of the test places."""
    total, gated, seconds, megapixels, edited, harmed = None, None, 0.0, 0.0, 0, 0
    by_image = {}
    names = [row["name"] for row in model.settings.classes]
    images = read(name, test=True, centre=place.preset.centre) if images is None else images
    for stem, (image_CHW, label_HW) in images.items():
        calibration = Calibrated(true_HW=label_HW, codes=model.settings.codes, ignore=NO_LABEL)
        began = time.monotonic()
        found = model.maps(image_CHW[None], listener=calibration)
        refined_HW = found.refined_BHW[0] if refine is None else refine(image_CHW, found.coarse_BHW[0])
        seconds += time.monotonic() - began - calibration.seconds
        if refine is not None:
            calibration.refined = None
        megapixels += label_HW.size / 1e6
        coarse_HW, editable_HW = found.coarse_BHW[0], found.editable_BHW[0]
        edited += int(editable_HW.sum())
        harmed += int(((refined_HW != coarse_HW) & ~editable_HW).sum()) if refine is None else 0
        one = Evaluation.of(label_HW, coarse_HW, refined_HW, model.settings.codes, NO_LABEL, calibration)
        by_image[stem] = asdict(one.scores(names))
        total = one if total is None else total + one
        if model.settings.uncertainty_threshold == 1:
            logits_KHW = torch.from_numpy(model.coarse_probabilities(image_CHW[None])[0]).log()
            margin_HW = certainty(logits_KHW, model.settings.codes).margin_HW
            allowed_HW = band(torch.from_numpy(coarse_HW), margin_HW, RADIUS, THRESHOLD).numpy()
            bounded_HW = np.where(allowed_HW, refined_HW, coarse_HW)
            one = Evaluation.of(label_HW, coarse_HW, bounded_HW, model.settings.codes, NO_LABEL)
            gated = one if gated is None else gated + one
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(keep / f"{stem}.npz", coarse=coarse_HW, refined=refined_HW)
    assert total is not None
    counts_K = total.coarse.confusion.sum(1)
    return asdict(total.scores(names)) | {
        "class_share": (100 * counts_K / counts_K.sum()).tolist(),
        "seconds_per_megapixel": round(seconds / megapixels, 3),
        "editable": edited / (1e6 * megapixels),
        "changed_outside": harmed,
        "gated": None if gated is None else asdict(gated.scores(names)),
        "images": by_image,
    }


def _joined(
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
    return _placed(kind(replace(coarse.settings, **settings), coarse.coarse, refiner), place)


def _model(place: Place, folder: Path) -> IDGBRPipeline:
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


def _on(array: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(device)


def _teacher(place: Place, name: str, seed: int, images: list[np.ndarray]) -> list[torch.Tensor]:
    """tokens_hwC at stride 16 of each image: what the first coarse network, a U-Net trained on all training places,
    knows before its last layer. No large self-supervised teacher is at hand here."""
    model = _model(place, place.model("coarse", name, next(iter(place.preset.backbones)), seed, "all"))
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


def _tell(progress: Any) -> None:
    if progress.step % 50 == 0 or progress.step == progress.steps:
        print(f"{progress.step}/{progress.steps} loss {progress.smoothed:.3f} {progress.speed:.2f}/s", flush=True)
