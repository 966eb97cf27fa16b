"""What a refiner is not run as: idgbr.processes.runs."""

import pytest

from idgbr import Refiner
from idgbr.errors import InputError
from idgbr.processes import schedulers
from idgbr.processes.runs import check_run
from idgbr.processes.sampling import Sampling


def refiner(**config):
    return Refiner(3, 3, (8, 8, 8, 8), full=4, **config)


@pytest.mark.parametrize(
    ("config", "how", "ensemble_size", "says"),
    [
        ({"process": "bridge"}, {"init": "noise"}, 1, "a bridge starts from the coarse mask, not from noise"),
        ({"process": "discrete"}, {"init": "noise"}, 1, "a discrete process starts from the coarse mask"),
        ({}, {"guidance_scale": 3.0}, 1, "guidance_scale 3 needs a refiner that has learned to answer without"),
        ({}, {"guidance_scale": 0.0}, 1, "guidance_scale 0 needs"),
        ({}, {}, 2, r"ensemble_size 2 would average equal answers, .* no noise \(sigma 0\)"),
        ({"process": "discrete"}, {"num_inference_steps": 1}, 3, "ensemble_size 3 .* one step uses no noise"),
    ],
)
def test_a_run_that_a_refiner_has_not_learned_or_that_is_in_vain_is_refused(config, how, ensemble_size, says):
    with pytest.raises(InputError, match=says):
        check_run(refiner(**config), Sampling(**how), ensemble_size)


@pytest.mark.parametrize(
    ("config", "how", "ensemble_size"),
    [
        ({"sigma": 0.5}, {"num_inference_steps": 1}, 8),
        ({"sigma": 0.0}, {"num_inference_steps": 8}, 1),
        ({"condition_dropout": 0.1}, {"guidance_scale": 3.0}, 1),
        ({"process": "discrete"}, {"num_inference_steps": 2}, 3),
    ],
)
def test_all_else_is_run(config, how, ensemble_size):
    check_run(refiner(**config), Sampling(**how), ensemble_size)


@pytest.mark.parametrize(
    ("name", "config", "steps", "init"),
    [
        ("DDIMScheduler", {"timestep_spacing": "leading", "steps_offset": 1}, 1000, "noise"),
        ("DPMSolverMultistepScheduler", {"timestep_spacing": "leading"}, 500, "coarse"),
        ("UniPCMultistepScheduler", {"timestep_spacing": "leading"}, 500, "coarse"),
    ],
)
def test_steps_that_a_scheduler_has_no_times_for_are_refused(name, config, steps, init):
    own = schedulers.SCHEDULE | {"prediction_type": "v_prediction", "clip_sample": False, **config}
    scheduler = schedulers.make(name, own, "v")
    network = refiner(process="diffusion", prediction="v")
    with pytest.raises(InputError, match=f"num_inference_steps {steps} does not fit the times of the {name}"):
        check_run(network, Sampling(num_inference_steps=steps, init=init, scheduler=scheduler), 1)
    check_run(network, Sampling(num_inference_steps=25, init=init, scheduler=scheduler), 1)
