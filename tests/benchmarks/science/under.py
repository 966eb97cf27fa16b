"""Networks that have learned from unlabelled images, and their controls, under one refiner each of the same kind."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from idgbr.metrics.evaluation import Evaluation
from idgbr.training import RefinerTraining, train_refiner
from idgbr.training.crops import Augmentation
from science import labels
from science.place import Place, Result, Task, tell
from science.presets import Preset
from science.variants import CONTROLS, OURS

SHARE = 1.0
METRICS = ("mean_iou", "boundary_iou_4px")
MAPS = ("coarse", "refined")


def tasks(preset: Preset) -> Iterator[Task]:
    study = preset.few_labels
    name = study.sets[0]
    for seed in study.seeds:
        for arm in labels.ARMS:
            coarse = labels.task_name(name, arm, SHARE, seed)
            yield Task(task_name(name, arm, seed), (coarse,), _under(name, coarse, seed))


def _under(name: str, label: str, seed: int) -> Callable[[Place], Result]:
    """A refiner of the network's own masks of the training places, both scored on the test places."""

    def run(place: Place) -> Result:
        preset, study = place.preset, place.preset.few_labels
        pairs = list(labels.read_pairs(place, name, test=False).values())
        how = RefinerTraining(
            crop=study.crop,
            batch=study.batch,
            seed=seed,
            sizes={**preset.sizes, **CONTROLS[OURS].sizes},
            augmentation=Augmentation(nodata=0.0),
            optimisation=preset.refiner,
            device=preset.device,
            **CONTROLS[OURS].training,
        )
        folder = place.model("under", label)
        labels.with_windows_of_crops(place.model(label), place).save_pretrained(folder)
        began, state = time.monotonic(), place.state(folder)
        for progress in train_refiner(pairs, folder, how, state=state, deadline=place.deadline):
            tell(progress)
        state.unlink()
        return {"seconds": round(time.monotonic() - began, 1), **_scores(place, name, folder)}

    return run


def _scores(place: Place, name: str, folder: Path) -> Result:
    model = labels.with_windows_of_crops(folder, place)
    total = None
    for image_CHW, label_HW in labels.read_pairs(place, name, test=True).values():
        maps = model.maps(image_CHW[None])
        settings = model.settings
        one = Evaluation.of(label_HW, maps.coarse_BHW[0], maps.refined_BHW[0], settings.codes, settings.no_label)
        total = one if total is None else total + one
    assert total is not None
    scores = total.scores([row["name"] for row in model.settings.classes])
    return {which: {key: getattr(getattr(scores, which), key) for key in METRICS} for which in MAPS}


def task_name(name: str, arm: str, seed: int) -> str:
    return f"under-{name}-{labels.slug(arm)}-{seed}"
