"""Diffusers' schedulers as what a diffusion walks by: idgbr.processes.schedulers."""

import diffusers
import pytest
import torch

from idgbr.errors import InputError
from idgbr.labels import CornerCodec
from idgbr.processes import diffusion, schedulers
from idgbr.processes.sampling import Sampling

SPACED = [(name, spacing) for name in schedulers.MODULES for spacing in ("trailing", "leading")]
SD = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
}
CODEC = CornerCodec(3)
NOISE = torch.randn((2, 2, 8, 8), generator=torch.Generator().manual_seed(1))
COARSE = torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(2)).softmax(1)


class Network:
    """A denoiser that answers a fixed function of state and time."""

    codec = CODEC

    def __init__(self, prediction):
        self.config = {"process": "diffusion", "prediction": prediction}

    def __call__(self, noisy, time, condition):
        return torch.tanh(noisy.flip(1) - time[0])


def of_class(name, prediction_type="epsilon", **config):
    kind = getattr(diffusers, name)
    hidden = {} if name == "DDIMScheduler" else {"clip_sample": False}
    given = {key: value for key, value in SD.items() if key not in hidden}
    scheduler = kind(**given, prediction_type=prediction_type, **config)
    scheduler.register_to_config(**hidden)
    return scheduler


def by_hand(scheduler, prediction, steps, init):
    """As a pipeline of diffusers: text to image from noise, image to image from the coarse mask with strength 0.5."""
    begin = 0 if init == "noise" else steps
    scheduler.set_timesteps(steps + begin)
    times = scheduler.timesteps[begin:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    if init == "noise":
        state = NOISE * scheduler.init_noise_sigma
    else:
        state = scheduler.add_noise(CODEC.encode(COARSE), NOISE, times[:1].repeat(2))
    for time in times:
        answer = Network(prediction)(scheduler.scale_model_input(state, time), torch.full((2,), time / 999), None)
        state = scheduler.step(answer, time, state).prev_sample
    return state


@pytest.mark.parametrize(("name", "spacing"), SPACED)
@pytest.mark.parametrize(("prediction", "kind"), [("epsilon", "epsilon"), ("v", "v_prediction"), ("x0", "sample")])
@pytest.mark.parametrize("init", ["noise", "coarse"])
def test_a_walk_is_that_of_diffusers_by_hand(name, spacing, prediction, kind, init):
    scheduler = of_class(name, kind, timestep_spacing=spacing)
    ours = schedulers.adopt(scheduler, prediction)
    for steps in (1, 2, 3, 7, 25):
        how = Sampling(num_inference_steps=steps, init=init, scheduler=ours)
        found = diffusion.sample(Network(prediction), None, COARSE, NOISE, how)
        assert torch.equal(found, CODEC.logits(by_hand(scheduler, prediction, steps, init))), steps


@pytest.mark.parametrize("options", [{"solver_order": 1}, {"solver_order": 3}])
@pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "UniPCMultistepScheduler"])
def test_a_walk_of_another_order_is_that_of_diffusers_by_hand(name, options):
    scheduler = of_class(name, timestep_spacing="trailing", **options)
    how = Sampling(num_inference_steps=17, init="noise", scheduler=schedulers.adopt(scheduler, "epsilon"))
    found = diffusion.sample(Network("epsilon"), None, COARSE, NOISE, how)
    assert torch.equal(found, CODEC.logits(by_hand(scheduler, "epsilon", 17, "noise")))


def test_the_walk_of_the_published_model_is_that_of_diffusers_by_hand():
    """DDIM at leading times, as Stable Diffusion's scheduler_config.json has it."""
    own = {"timestep_spacing": "leading", "steps_offset": 1, "set_alpha_to_one": False}
    scheduler = of_class("DDIMScheduler", **own)
    ours = schedulers.adopt(scheduler, "epsilon")
    how = Sampling(num_inference_steps=25, init="noise", scheduler=ours)
    found = diffusion.sample(Network("epsilon"), None, COARSE, NOISE, how)
    assert torch.equal(found, CODEC.logits(by_hand(scheduler, "epsilon", 25, "noise")))
    assert scheduler.timesteps[[0, 1, -1]].tolist() == [961, 921, 1]


def test_a_walk_leaves_its_scheduler_as_it_was():
    ours = schedulers.of_solver("dpm++", "epsilon")
    walks = [
        diffusion.sample(
            Network("epsilon"), None, COARSE, NOISE, Sampling(num_inference_steps=steps, init="noise", scheduler=ours)
        )
        for steps in (5, 3, 5)
    ]
    assert torch.equal(walks[0], walks[2])
    assert ours.num_inference_steps is None


@pytest.mark.parametrize("name", schedulers.MODULES)
def test_one_of_another_class_made_from_a_models_config_is_one_it_can_walk_by(name):
    """As diffusers' users swap them; no codes are clipped for the sake of a class's own default."""
    mine = schedulers.of_solver("ddim", "v")
    other = getattr(diffusers, name).from_config(mine.config)
    ours = schedulers.adopt(other, "v")
    assert schedulers.config(ours)["clip_sample"] is False
    assert ours.config["prediction_type"] == "v_prediction"
    back = diffusers.DPMSolverMultistepScheduler.from_config(ours.config)
    assert schedulers.digest_content(schedulers.adopt(back, "v")) == "ddim"


def test_schedulers_that_walk_otherwise_are_told_apart_in_digests():
    found = [schedulers.digest_content(schedulers.of_solver(solver, "x0")) for solver in ("ddim", "dpm++")]
    assert found == ["ddim", "dpm++"]
    made = [of_class(name, timestep_spacing=spacing) for name, spacing in SPACED]
    made += [of_class("DPMSolverMultistepScheduler", timestep_spacing="trailing", solver_order=3)]
    told = [repr(schedulers.digest_content(schedulers.adopt(each, "epsilon"))) for each in made]
    assert len(set(told)) == len(made)
    assert told[0] == "'dpm++'"


@pytest.mark.parametrize(
    ("name", "config", "sentence"),
    [
        ("EulerAncestralDiscreteScheduler", {}, "the scheduler must be one of DPMSolverMultistepScheduler, DDIM"),
        ("DDIMScheduler", {"beta_start": 0.0001}, "beta_start of a DDIMScheduler must be 0.00085 here, not 0.0001"),
        ("DDIMScheduler", {"clip_sample": True}, "clip_sample of a DDIMScheduler must be False here, not True"),
        ("DDIMScheduler", {"steps_offset": True}, "steps_offset of a DDIMScheduler must be 0 or 1 here, not True"),
        ("DDIMScheduler", {"timestep_spacing": "linspace"}, "timestep_spacing .* 'trailing' or 'leading' here"),
        ("DDIMScheduler", {"prediction_type": "sample"}, "prediction_type .* must be 'epsilon' here, not 'sample'"),
        ("DDIMScheduler", {"trained_betas": [0.1]}, "trained_betas of a DDIMScheduler must be None here"),
        ("DDIMScheduler", {"thresholding": True}, "thresholding of a DDIMScheduler must be False here"),
        ("DDIMScheduler", {"eta": 1.0}, "a DDIMScheduler has no 'eta'; take it out"),
        ("DPMSolverMultistepScheduler", {"solver_order": 9}, "solver_order .* must be 1 or 2 or 3 here, not 9"),
        (
            "DPMSolverMultistepScheduler",
            {"algorithm_type": "sde-dpmsolver++"},
            r"algorithm_type .* must be 'dpmsolver\+\+' here, not 'sde-dpmsolver\+\+'",
        ),
        ("UniPCMultistepScheduler", {"solver_p": {"_class_name": "os.system"}}, "solver_p .* must be None here"),
        ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, "use_karras_sigmas .* must be False here"),
    ],
)
def test_a_scheduler_that_was_not_tried_is_refused(name, config, sentence):
    good = SD | {"timestep_spacing": "trailing", "prediction_type": "epsilon"}
    with pytest.raises(InputError, match=sentence):
        schedulers.make(name, good | config, "epsilon")


def test_a_schedule_that_a_config_leaves_out_is_that_of_its_class_and_refused():
    with pytest.raises(InputError, match=r"beta_start .* must be 0\.00085 here, not 0\.0001"):
        schedulers.make("DDIMScheduler", {"clip_sample": False}, "epsilon")


def test_an_own_class_under_diffusers_name_is_no_scheduler():
    class DDIMScheduler(diffusers.DDIMScheduler):
        pass

    with pytest.raises(InputError, match="must be diffusers' own DDIMScheduler"):
        schedulers.adopt(DDIMScheduler(**SD), "epsilon")
    with pytest.raises(InputError, match=r"the scheduler must be one of .*, not 'str'"):
        schedulers.adopt("DDIMScheduler", "epsilon")
