"""Every training and every scoring, as tasks that need the results of others and leave one JSON behind."""

from collections.abc import Iterator
from dataclasses import replace

from science import cost, labels, runs, trainings, under
from science.place import Task
from science.presets import Preset
from science.runs import HELD
from science.sets import labelled
from science.variants import ABLATIONS, CHOICE, CONTROLS, LONG, OURS, RIVALS, slug


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
                    yield Task(
                        f"coarse-{name}-{backbone}-{seed}-{part}", (), trainings.coarse(name, backbone, seed, part)
                    )
            folds = _folds(preset, name, seed)
            for control, variant in CONTROLS.items():
                trained = f"refiner-{name}-{control}-{seed}"
                yield Task(trained, folds, trainings.refiner(name, control, variant, seed))
                for backbone in preset.backbones:
                    score = runs.score(name, control, variant, backbone, seed)
                    yield Task(f"score-{name}-{control}-{backbone}-{seed}", (trained,), score)
            for backbone in preset.backbones:
                yield Task(f"score-{name}-crf-{backbone}-{seed}", folds, runs.mean_field(name, backbone, seed))


def _choice(preset: Preset) -> Iterator[Task]:
    """Which training of the walk is best, by places that none of its networks has seen and that are no test places."""
    for name in preset.sets:
        for seed in preset.choice:
            for label, variant in CHOICE.items():
                trained = f"refiner-{name}-choice_{slug(label)}-{seed}"
                folds = _folds(preset, name, seed)
                yield Task(trained, folds, trainings.refiner(name, f"choice_{slug(label)}", variant, seed, HELD))
                for backbone in preset.backbones:
                    run = runs.choice(name, f"choice_{slug(label)}", variant, backbone, seed)
                    yield Task(f"choice-{name}-{slug(label)}-{backbone}-{seed}", (trained,), run)


def _walks(preset: Preset) -> Iterator[Task]:
    """The walk at several numbers of steps, and what else the same passes through a network buy."""
    for name in preset.sets:
        for seed in preset.table:
            for label in (OURS, *RIVALS):
                trained = f"refiner-{name}-{slug(label)}-{seed}"
                if label != OURS:
                    yield Task(
                        trained, _folds(preset, name, seed), trainings.refiner(name, slug(label), RIVALS[label], seed)
                    )
                for backbone in preset.backbones:
                    run = runs.walk(name, label, backbone, seed)
                    yield Task(f"walk-{name}-{slug(label)}-{backbone}-{seed}", (trained,), run)


def _ablations(preset: Preset, seed: int) -> Iterator[Task]:
    """The longest training comes first, so that others run beside it and nothing waits for it at the end."""
    name = preset.sets[0]
    chosen = [ablation for ablation, seeds in preset.ablations.items() if seed in seeds]
    for ablation in sorted(chosen, key=lambda ablation: -ABLATIONS[ablation].longer):
        label = slug(ablation)
        variant = replace(ABLATIONS[ablation], run=CONTROLS[OURS].run | ABLATIONS[ablation].run)
        trained = f"refiner-{name}-{label}-{seed}"
        yield Task(trained, _folds(preset, name, seed), trainings.refiner(name, label, variant, seed))
        for backbone in preset.backbones:
            score = runs.score(name, label, variant, backbone, seed)
            yield Task(f"score-{name}-{label}-{backbone}-{seed}", (trained,), score)


def _runs(preset: Preset, seed: int) -> Iterator[Task]:
    """One refiner run in many ways."""
    name, backbone = preset.sets[0], next(iter(preset.backbones))
    ours = f"refiner-{name}-{OURS}-{seed}"
    yield Task(f"gate-{name}-{seed}", (ours,), runs.gate(name, backbone, seed))
    guided = ["published", *([slug(LONG)] if seed in preset.ablations.get(LONG, ()) else [])]
    needs = (ours, *(f"refiner-{name}-{label}-{seed}" for label in guided))
    yield Task(f"steps-{name}-{seed}", needs, runs.steps(name, backbone, seed, guided))
    if preset.device == "cuda":
        yield Task("speed", (ours,), cost.speed)


def _parts(name: str) -> list[str]:
    return ["all", *(f"fold{number}" for number in range(len(labelled(name).folds)))]


def _folds(preset: Preset, name: str, seed: int) -> tuple[str, ...]:
    """The coarse networks whose masks a refiner needs."""
    return tuple(f"coarse-{name}-{backbone}-{seed}-{part}" for backbone in preset.backbones for part in _parts(name))
