"""Do features of a diffusion U-Net help where labels are few? Diff-HRNet beside what is like it but for the features.

All are trained alike on the same share of the labels; what learns without labels sees all training images.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from idgbr import IDGBRPipeline
from idgbr.checkpoint import load_network
from idgbr.coarse import DiffHRNet, DiffusionUNet, HRNet
from idgbr.metrics.evaluation import Evaluation
from idgbr.training import CoarseTraining, DDPMTraining, train_coarse, train_ddpm
from idgbr.training.crops import Augmentation
from idgbr.training.ddpm import new_ddpm, unlabelled_crops
from idgbr.training.denoising import denoising_errors
from science.cost import gmac
from science.masked import train_masked
from science.place import Place, Result, Task, tell
from science.presets import Preset
from science.sets import labelled, read

PLAIN, OURS, RANDOM, MASKED = "HRNet", "Diff-HRNet", "random U-Net", "masked images"
ARMS = {PLAIN: None, OURS: "ddpm", RANDOM: "random", MASKED: "masked"}
"""Arms and what they start from: nothing, the trained diffusion U-Net, the same untrained, or HRNet's own encoder
trained on masked images: the same crops and steps as the diffusion U-Net's."""
ABLATIONS = {
    "stage 4 alone": {"stages": (4,)},
    "stages 1 to 4": {"stages": (1, 2, 3, 4)},
    "signal 0.994 alone": {"alpha_bars": (0.994,)},
    "signal 0.975 alone": {"alpha_bars": (0.975,)},
    "signal 0.67 alone": {"alpha_bars": (0.67,)},
    "second decoder block": {"decoder_block": 1},
    "last decoder block": {"decoder_block": 2},
}
ABLATED_SHARE = 0.1


def tasks(preset: Preset) -> Iterator[Task]:
    study = preset.few_labels
    for name in study.sets:
        for seed in study.seeds:
            yield Task(f"prior-{name}-ddpm-{seed}", (), _ddpm(name, seed))
            yield Task(f"prior-{name}-masked-{seed}", (f"prior-{name}-ddpm-{seed}",), _masked(name, seed))
            for share in study.shares:
                for arm, start in ARMS.items():
                    label = task_name(name, arm, share, seed)
                    prior = "masked" if start == "masked" else "ddpm"
                    yield Task(label, (f"prior-{name}-{prior}-{seed}",), _train(name, label, start, share, seed, {}))
    name = study.sets[0]
    for seed in study.ablation_seeds:
        for ablation, sizes in ABLATIONS.items():
            label = task_name(name, ablation, ABLATED_SHARE, seed)
            run = _train(name, label, "ddpm", ABLATED_SHARE, seed, sizes)
            yield Task(label, (f"prior-{name}-ddpm-{seed}",), run)
    yield Task("labels-cost", (f"prior-{name}-ddpm-{study.seeds[0]}",), _cost(name, study.seeds[0]))


def _ddpm(name: str, seed: int) -> Callable[[Place], Result]:
    """The diffusion U-Net of all training images, beside it the same untrained."""

    def run(place: Place) -> Result:
        config, images = _unlabelled(place, name, seed)
        held = [image_CHW for image_CHW, _ in read_pairs(place, name, test=True).values()]
        new_ddpm(images, config).save_pretrained(place.model("random", name, seed))
        folder = place.model("ddpm", name, seed)
        began, state = time.monotonic(), place.state(folder)
        for progress in train_ddpm(images, folder, config, state, deadline=place.deadline):
            tell(progress)
        state.unlink()
        network = _prior(place, name, seed)
        errors = denoising_errors(network, unlabelled_crops(held, config), batches=2)
        return {"seconds": round(time.monotonic() - began, 1), "errors": [vars(error) for error in errors]}

    return run


def _masked(name: str, seed: int) -> Callable[[Place], Result]:
    def run(place: Place) -> Result:
        study = place.preset.few_labels
        config, images = _unlabelled(place, name, seed)
        prior = _prior(place, name, seed)
        file = place.model("masked", name, seed).with_suffix(".safetensors")
        began, state = time.monotonic(), place.state(file)
        crops = unlabelled_crops(images, config)
        for progress in train_masked(prior, crops, study.hrnet, config, file, state, place.deadline):
            tell(progress)
        state.unlink()
        return {"seconds": round(time.monotonic() - began, 1), "steps": config.optimisation.steps}

    return run


def _train(
    name: str, label: str, start: str | None, share: float, seed: int, sizes: dict[str, Any]
) -> Callable[[Place], Result]:
    """A network of one start, trained on a share of the labels and scored on the test places."""

    def run(place: Place) -> Result:
        study = place.preset.few_labels
        ddpm = place.model(start, name, seed) if start in ("ddpm", "random") else None
        backbone = place.model("masked", name, seed).with_suffix(".safetensors") if start == "masked" else None
        config = CoarseTraining(
            classes=labelled(name).classes,
            bands=labelled(name).bands,
            crop=study.crop,
            batch=study.batch,
            seed=seed,
            network="HRNet" if ddpm is None else "DiffHRNet",
            sizes={**study.hrnet, **({} if ddpm is None else study.fusion | sizes)},
            backbone=backbone,
            ddpm=ddpm,
            share=share,
            no_label=labelled(name).no_label,
            blank=None,
            augmentation=Augmentation(nodata=0.0),
            optimisation=study.coarse,
            device=place.preset.device,
        )
        folder = place.model(label)
        began, state = time.monotonic(), place.state(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        pairs = list(read_pairs(place, name, test=False).values())
        for progress in train_coarse(pairs, folder, config, state, deadline=place.deadline):
            tell(progress)
        state.unlink()
        return {"seconds": round(time.monotonic() - began, 1), **_scores(place, name, folder)}

    return run


def _scores(place: Place, name: str, folder: Path) -> Result:
    """Percent, of the test places."""
    model, total = with_windows_of_crops(folder, place), None
    settings = model.settings
    for image_CHW, label_HW in read_pairs(place, name, test=True).values():
        coarse_HW = model.maps(image_CHW[None]).coarse_BHW[0]
        one = Evaluation.of(label_HW, coarse_HW, None, settings.codes, settings.no_label)
        total = one if total is None else total + one
    assert total is not None
    coarse = total.scores([row["name"] for row in settings.classes]).coarse
    return {"mean_iou": coarse.mean_iou, "boundary_iou_4px": coarse.boundary_iou_4px}


def with_windows_of_crops(folder: Path, place: Place) -> IDGBRPipeline:
    """A model that maps by windows as large as the crops of the training: a network of strided branches that has only
    seen small crops knows their sides, and is lost in the middle of a large window."""
    model = IDGBRPipeline.from_pretrained(folder)
    window = place.preset.few_labels.crop
    settings = replace(model.settings, window=window, overlap=window // 4, batch=4)
    return IDGBRPipeline(settings, model.coarse, model.refiner).to(place.preset.device)


def _cost(name: str, seed: int) -> Callable[[Place], Result]:
    """Multiply-adds (G) and seconds a megapixel of the networks, with all noise levels and with one."""

    def run(place: Place) -> Result:
        study, side = place.preset.few_labels, place.preset.window
        prior, bands = _prior(place, name, seed), len(labelled(name).bands)
        sizes = {"names": list(prior.config["bands"])}
        sizes |= {key: prior.config[key] for key in ("inner", "multipliers", "schedule")}
        one = {"alpha_bars": tuple(study.fusion.get("alpha_bars", (0.975,)))[-1:]}
        networks = {
            PLAIN: HRNet(bands, 5, **study.hrnet),
            OURS: DiffHRNet(bands, 5, **study.hrnet, **study.fusion, **sizes),
            f"{OURS}, one noise level": DiffHRNet(bands, 5, **study.hrnet, **(study.fusion | one), **sizes),
        }
        image = torch.zeros(1, bands, side, side, device=place.preset.device)
        megapixels, rows = side * side / 1e6, []
        seconds: dict[str, list[float]] = {label: [] for label in networks}
        for network in networks.values():
            network.eval().place(place.preset.device)
        for _ in range(5):
            for label, network in networks.items():
                began = time.process_time()
                with torch.inference_mode():
                    network(image)
                seconds[label].append(time.process_time() - began)
        for label, network in networks.items():
            work = gmac(lambda network=network: network(image))
            cpu = float(np.median(seconds[label][1:]))
            rows.append({"network": label, "gmac": work / megapixels, "cpu_seconds": cpu / megapixels})
        return {"rows": rows}

    return run


def _unlabelled(place: Place, name: str, seed: int) -> tuple[DDPMTraining, list[np.ndarray]]:
    study = place.preset.few_labels
    config = DDPMTraining(
        bands=labelled(name).bands,
        crop=study.ddpm_crop,
        batch=study.ddpm_batch,
        seed=seed,
        sizes=study.unet,
        blank=None,
        optimisation=study.ddpm,
        device=place.preset.device,
    )
    return config, [image_CHW for image_CHW, _ in read_pairs(place, name, test=False).values()]


def read_pairs(place: Place, name: str, test: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    study = place.preset.few_labels
    return read(name, test, place.home, study.centre if test else study.train_centre)


def _prior(place: Place, name: str, seed: int) -> DiffusionUNet:
    network = load_network({"DiffusionUNet": DiffusionUNet}, place.model("ddpm", name, seed))
    return network.eval().place(place.preset.device)


def task_name(name: str, arm: str, share: float, seed: int) -> str:
    """Of an arm's or an ablation's training."""
    return f"labels-{name}-{slug(arm)}-{share:g}-{seed}"


def slug(text: str) -> str:
    return text.replace(" ", "_").replace(".", "")
