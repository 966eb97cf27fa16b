"""Refiners that are trained, their controls, rivals and ablations: what each changes in network, training and run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Variant:
    """A refiner that is trained: changes to the preset's network and training, `longer` times its steps, and how it is
    then run: settings, and `sigma` where the noise of its maps is not that of its training."""

    sizes: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    longer: float = 1


def _bridge(sizes: Mapping[str, Any] | None = None, **training: Any) -> Variant:
    """With noise, on its own answers alone, but for these changes."""
    return Variant({"sigma": 0.5, **(sizes or {})}, {"true_states": 0.0, **training})


OURS = "bridge"
CONTROLS = {
    OURS: _bridge(),
    "feed-forward": Variant({"sigma": 0.0}, {"times": "last", "true_states": 1.0}, {"num_inference_steps": 1}),
    "discrete": Variant({"process": "discrete"}, {"times": "uniform", "true_states": 1.0}, {"num_inference_steps": 6}),
    "published": Variant(
        {"process": "diffusion", "prediction": "epsilon"},
        {"times": "uniform", "condition_dropout": 0.1},
        {"num_inference_steps": 25, "init": "noise", "guidance_scale": 3.0, "uncertainty_threshold": 1.0},
    ),
}
WALK = "walk"
TRUE_STATES = 0.5
_ANSWERED = {"sigma": 0.0}, {"times": "last", "true_states": 1.0}
RIVALS = {
    WALK: replace(_bridge(true_states=TRUE_STATES), longer=8 / 7),
    "walk without noise": Variant({"sigma": 0.0}, {"true_states": TRUE_STATES}, longer=8 / 7),
    "twin": Variant(*_ANSWERED, longer=4 / 3),
    "recurrent": replace(_bridge({"sigma": 0.0}, times="uniform", unrolled=True), longer=2 / 3),
}
"""The walk and its rivals, all trained with as many passes through the network as ours. A pass backward counts as two
forward. A step of ours answers once more without gradient (4), true states need no answer (3), an unrolled step has two
with gradients (6)."""
STEPS_OF_WALK = (1, 2, 4, 8)
CHOICE = {
    **{f"true states {share:g}": _bridge(true_states=share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)},
    "true states 0.5, no noise": _bridge({"sigma": 0.0}, true_states=0.5),
    "true states 0.5, noise in training alone": replace(_bridge(true_states=0.5), run={"sigma": 0.0}),
    "true states 0.5, times uniform": _bridge(true_states=0.5, times="uniform"),
    "true states 0.5, unrolled": _bridge(true_states=0.5, unrolled=True),
}
"""Trainings of the walk that it is chosen from, on training places alone."""
LONG = "published recipe, ten times the steps"
ABLATIONS = {
    "no image in the guidance": _bridge(kind="WithoutImage"),
    "no coarse mask in the guidance": _bridge(kind="WithoutCoarse"),
    "with cross-attention": _bridge({"attention": True}),
    "learned embedding": _bridge({"code": "embedding"}),
    "mask autoencoder": _bridge({"code": "autoencoder"}),
    "times uniform": _bridge(times="uniform"),
    "times last": _bridge(times="last"),
    "noisy truth in half of the steps": _bridge(true_states=0.5),
    "noisy truth in all steps": _bridge(true_states=1.0),
    "masks out of fold alone": _bridge(masks=("fold",)),
    "masks of the training fit alone": _bridge(masks=("all",)),
    "masks not corrupted": _bridge(corruption=0.0),
    "coarse labels, not probabilities": _bridge(hard=1.0),
    "boundary loss": _bridge(boundary=0.5),
    "alignment": _bridge(teacher=True),
    LONG: replace(CONTROLS["published"], longer=10),
}
REDUCED = (
    "no image in the guidance",
    "no coarse mask in the guidance",
    "with cross-attention",
    "learned embedding",
    "mask autoencoder",
    "times uniform",
    "times last",
    "masks out of fold alone",
    "masks of the training fit alone",
    "alignment",
)


def slug(refiner: str) -> str:
    """A refiner's name in the names of tasks and folders."""
    return refiner.replace(" ", "_").replace(",", "")
