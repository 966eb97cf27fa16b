"""The schedulers a diffusion walks by: diffusers' own, on the noise schedule that all diffusions here are trained with.

Those that draw noise of their own are not among them, for a map's noise is keyed by its absolute pixels; nor are times
between two steps of the training.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from idgbr.errors import InputError
from idgbr.values import check_choice, short

TRAIN_STEPS = 1000
BETA = 0.00085, 0.012
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": TRAIN_STEPS,
    "beta_schedule": "scaled_linear",
    "beta_start": BETA[0],
    "beta_end": BETA[1],
}
PREDICTION_TYPES = {"epsilon": "epsilon", "v": "v_prediction", "x0": "sample", "labels": "sample"}
"""diffusers' name of what a network predicts; class logits become the clean codes of their probabilities."""
DPM = "DPMSolverMultistepScheduler"
MODULES = {
    DPM: "dpmsolver_multistep",
    "DDIMScheduler": "ddim",
    "EulerDiscreteScheduler": "euler_discrete",
    "UniPCMultistepScheduler": "unipc_multistep",
}
"""Of each class, by name; imported late, as few models walk by diffusion."""
CHOICES: dict[str, tuple[Any, ...]] = {
    **{key: (value,) for key, value in SCHEDULE.items()},
    "clip_sample": (False,),
    "timestep_spacing": ("trailing", "leading"),
    "steps_offset": (0, 1),
    "set_alpha_to_one": (True, False),
    "solver_order": (1, 2, 3),
}
"""Values that an argument may have. Any other argument has the one that its class sets."""
SOLVERS = {"ddim": 1, "dpm++": 2}
"""DPM's order under the names that `model_index.json` and digests had for it. Its first order is DDIM; diffusers'
DDIMScheduler steps down by 1000 // steps, which misses the next time where the number of steps does not divide 1000."""


def make(name: str, config: Mapping[str, Any], prediction: str) -> Any:
    """A fresh scheduler for a network of that prediction; arguments that are not in the config are as its class sets
    them. InputError for another class, an argument that none of the classes has, and a value that none may have."""
    check_choice("the scheduler", name, tuple(MODULES))
    kind = _kind(name)
    defaults, choices = _defaults(kind), CHOICES | {"prediction_type": (PREDICTION_TYPES[prediction],)}
    given = {key: value for key, value in config.items() if not key.startswith("_")}
    for key, value in (defaults | given).items():
        if key not in defaults and key not in choices:
            raise InputError(f"a {name} has no {short(key)}; take it out")
        allowed = choices[key] if key in choices else (defaults[key],)
        if not any(type(value) is type(each) and value == each for each in allowed):
            raise InputError(f"{key} of a {name} must be {' or '.join(map(repr, allowed))} here, not {short(value)}")
    scheduler = kind(**{key: value for key, value in given.items() if key in defaults})
    scheduler.register_to_config(**{key: value for key, value in given.items() if key not in defaults})
    return scheduler


def of_solver(solver: str, prediction: str) -> Any:
    """DPM-Solver++ of the order that the name stands for, at trailing times, whose last step ends without noise.

    Leading times, which pair pure noise with a late step, make few steps useless (arXiv 2409.11355).
    """
    check_choice("solver", solver, tuple(SOLVERS))
    own = {"prediction_type": PREDICTION_TYPES[prediction], "clip_sample": False}
    return make(DPM, own | _of_order(SOLVERS[solver]), prediction)


def adopt(scheduler: Any, prediction: str) -> Any:
    """A fresh scheduler like this one; InputError as of `make`."""
    name = type(scheduler).__name__
    check_choice("the scheduler", name, tuple(MODULES))
    if type(scheduler) is not _kind(name):
        raise InputError(f"the scheduler must be diffusers' own {name}, not another class of this name")
    known = _defaults(type(scheduler)).keys() | CHOICES
    return make(name, {key: value for key, value in scheduler.config.items() if key in known}, prediction)


def config(scheduler: Any) -> dict[str, Any]:
    """What scheduler_config.json says of it: all that it does not have in common with every one of its class."""
    keys = (*CHOICES, "prediction_type")
    return {key: scheduler.config[key] for key in keys if key in scheduler.config}


def digest_content(scheduler: Any) -> Any:
    """What a model's digest has as its solver; the names of SOLVERS for what they stand for, so that digests last."""
    name, taken = type(scheduler).__name__, _defaults(type(scheduler)).keys()
    used = {key: scheduler.config[key] for key in CHOICES if key in taken}
    solver = [each for each, order in SOLVERS.items() if (name, used) == (DPM, _of_order(order))]
    return solver[0] if solver else [name, used]


def _of_order(order: int) -> dict[str, Any]:
    return SCHEDULE | {"timestep_spacing": "trailing", "steps_offset": 0, "solver_order": order}


def _kind(name: str) -> Any:
    return getattr(import_module(f"diffusers.schedulers.scheduling_{MODULES[name]}"), name)


def _defaults(kind: Any) -> dict[str, Any]:
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}
