"""The three processes and how they are run: idgbr.processes.bridge, diffusion, discrete and sampling."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from idgbr import Refiner
from idgbr.errors import InputError
from idgbr.labels import CornerCodec, corner_codes, encode
from idgbr.processes import PROCESSES, bridge, diffusion, discrete
from idgbr.processes.sampling import Sampling
from idgbr.processes.schedulers import of_solver

SD = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


class Answers:
    """A denoiser whose answer is a fixed function of its input; it counts how often it is asked."""

    codec = CornerCodec(3)

    def __init__(self, process, prediction, answer):
        self.config = {"process": process, "prediction": prediction, "sigma": 0.5}
        self.answer = answer
        self.times = []

    def drop(self, condition, dropped):
        return None

    def __call__(self, noisy, time, condition):
        self.times.append(time[0].item())
        return self.answer(noisy, condition)


def walked(refiner, coarse, noise, solver="ddim", condition=None, **how):
    """The answer of a refiner that is asked as its process asks."""
    process = refiner.config["process"]
    scheduler = of_solver(solver, refiner.config["prediction"]) if process == "diffusion" else None
    return PROCESSES[process].sample(refiner, condition, coarse, noise, Sampling(scheduler=scheduler, **how))


def noise_of(seed, shape=(2, 2, 8, 8)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def coarse_of(seed, shape=(2, 3, 8, 8)):
    return noise_of(seed, shape).softmax(1)


def test_bridge_runs_from_the_truth_without_noise_to_the_coarse_mask():
    code_KD = corner_codes(3)
    clean = encode(torch.tensor([[[0, 1]]]), code_KD)
    coarse = encode(torch.tensor([[[2, 1]]]), code_KD)
    noise = noise_of(0, clean.shape)
    assert torch.equal(bridge.add_noise(torch.zeros(1), clean, coarse, noise, 0.5), clean)
    assert torch.allclose(bridge.add_noise(torch.ones(1), clean, coarse, noise, 0.5), coarse + 0.5 * noise)
    middle = bridge.add_noise(torch.full((1,), 0.5), clean, coarse, noise, 0.5)
    assert torch.allclose(middle, (clean + coarse) / 2 + 0.25 * noise)


def test_a_discrete_process_shows_each_pixel_fine_or_coarse_as_often_as_its_time_says():
    shape = (3, 2, 100, 100)
    clean, coarse, noise = torch.ones(shape), -torch.ones(shape), noise_of(1, shape)
    seen = discrete.add_noise(torch.tensor([0.0, 0.3, 1.0]), clean, coarse, noise, 0.5)
    assert set(seen.unique().tolist()) == {-1.0, 1.0}
    assert (seen[0] == 1).all()
    assert (seen[2] == -1).all()
    assert (seen[1] == -1).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(seen[:, 0], seen[:, 1]), "all channels of a pixel turn together"


def test_a_discrete_walk_lets_pixels_turn_fine_as_often_as_the_confidence_allows_and_never_back():
    seen = []

    def answer(noisy, condition):
        seen.append(noisy)
        return torch.log(torch.tensor([0.8, 0.1, 0.1]))[:, None, None].expand(1, 3, 200, 200)

    coarse = torch.tensor([0.0, 0.0, 1.0])[:, None, None].expand(1, 3, 200, 200)
    refiner = Answers("discrete", "labels", answer)
    walked(refiner, coarse, noise_of(2, (1, 2, 200, 200)), num_inference_steps=4)
    assert refiner.times == [1.0, 0.75, 0.5, 0.25]
    turned = [(noisy[:, :1] != seen[0][:, :1]) | (noisy[:, 1:] != seen[0][:, 1:]) for noisy in seen]
    left = 1.0
    for number, step in enumerate((4, 3, 2)):
        left *= 1 - 0.8 / step
        assert turned[number + 1].float().mean().item() == pytest.approx(1 - left, abs=0.01)
        assert (turned[number + 1] | ~turned[number]).all()


@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0"])
def test_every_prediction_gives_back_the_codes_it_was_made_from(prediction):
    clean, noise, time = noise_of(3), noise_of(4), torch.tensor([0.2, 0.9])
    seen = diffusion.add_noise(time, clean, clean, noise, 0.0)
    answer = diffusion.target(prediction, time, clean, noise)
    assert torch.allclose(diffusion.clean_codes(prediction, answer, time, seen), clean, atol=1e-4)


def test_noise_is_added_as_stable_diffusion_does():
    scheduler = DDIMScheduler(**SD)
    clean, noise = noise_of(5), noise_of(6)
    ours = diffusion.add_noise(torch.tensor([1.0, 0.4]), clean, clean, noise, 0.0)
    assert torch.allclose(ours, scheduler.add_noise(clean, noise, torch.tensor([999, 400])), atol=1e-6)


def scale(step):
    """Share of signal and of noise after a step of the schedule, float64; before the first step all is signal."""
    kept = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)[step] if step >= 0 else 1.0
    return kept**0.5, (1 - kept) ** 0.5


def ddim(state, clean, step, later):
    """arXiv 2010.02502, equation 12 with sigma 0."""
    (signal, noise), (next_signal, next_noise) = scale(step), scale(later)
    return next_signal * clean + next_noise / noise * (state - signal * clean)


@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0"])
@pytest.mark.parametrize("steps", [1, 2, 4, 7, 25])
@pytest.mark.parametrize("init", ["noise", "coarse"])
def test_a_walk_is_that_of_ddim(prediction, steps, init):
    refiner = Answers("diffusion", prediction, lambda noisy, condition: torch.tanh(noisy.flip(1)))
    found = walked(refiner, coarse_of(7), noise_of(8), num_inference_steps=steps, init=init)
    spaces = steps if init == "noise" else 2 * steps
    times = [round(1000 * k / spaces) - 1 for k in range(steps, 0, -1)]
    assert [round(999 * time) for time in refiner.times] == times
    state = noise_of(8)
    if init == "coarse":
        signal, noise = scale(times[0])
        state = signal * CornerCodec(3).encode(coarse_of(7)) + noise * noise_of(8)
    for time, later in zip(times, [*times[1:], -1], strict=True):
        answer, (signal, noise) = torch.tanh(state.flip(1)), scale(time)
        clean = {
            "epsilon": (state - noise * answer) / signal,
            "v": signal * state - noise * answer,
            "x0": answer,
        }[prediction]
        state = ddim(state, clean, time, later)
    assert torch.allclose(found, CornerCodec(3).logits(state.float()), atol=2e-3, rtol=1e-3)


def test_the_second_order_walk_comes_closer_to_the_exact_one_than_ddim_at_equal_steps():
    """The data are one normal distribution, of which the best denoiser is known; states are compared at step 124."""
    mean, spread = 0.4, 0.3

    def state(solver, steps):
        seen = {}

        def answer(noisy, condition):
            time = round(999 * refiner.times[-1])
            signal, noise = scale(time)
            seen[time] = noisy
            return mean + signal * spread**2 / (signal**2 * spread**2 + noise**2) * (noisy - signal * mean)

        refiner = Answers("diffusion", "x0", answer)
        walked(refiner, coarse_of(1), noise_of(9), solver, num_inference_steps=steps, init="noise")
        return seen[124]

    exact = state("ddim", 800)
    errors = [(state(solver, 8) - exact).abs().mean().item() for solver in ("ddim", "dpm++")]
    assert errors[1] < 0.5 * errors[0]


def test_the_first_two_steps_of_dpm_are_those_of_its_paper():
    """DPM-Solver++(2M): arXiv 2211.01095, algorithm 2."""
    seen = []

    def answer(noisy, condition):
        seen.append(noisy)
        return torch.tanh(noisy)

    refiner = Answers("diffusion", "x0", answer)
    walked(refiner, coarse_of(1), noise_of(10), "dpm++", num_inference_steps=3, init="noise")
    times = [999, 666, 332]
    assert [round(999 * time) for time in refiner.times] == times
    snr = [np.log(signal / noise) for signal, noise in map(scale, times)]
    ratio = (snr[1] - snr[0]) / (snr[2] - snr[1])
    first = ddim(noise_of(10), torch.tanh(noise_of(10)), 999, 666)
    clean = torch.lerp(torch.tanh(first), torch.tanh(noise_of(10)), -0.5 / ratio)
    assert torch.allclose(seen[1], first, atol=1e-4)
    assert torch.allclose(seen[2], ddim(first, clean, 666, 332), atol=1e-4)


def test_few_steps_trail_so_the_first_is_at_pure_noise():
    for steps in (1, 2, 4):
        refiner = Answers("diffusion", "labels", lambda noisy, condition: torch.zeros(2, 3, 8, 8))
        walked(refiner, coarse_of(1), noise_of(2), num_inference_steps=steps, init="noise")
        assert refiner.times[0] == 1.0
        assert len(refiner.times) == steps


def test_a_walk_from_the_coarse_mask_starts_at_the_mask_under_noise():
    seen = []

    def answer(noisy, condition):
        seen.append(noisy)
        return torch.zeros(2, 3, 8, 8)

    refiner = Answers("diffusion", "labels", answer)
    coarse, noise = coarse_of(1), noise_of(2)
    walked(refiner, coarse, noise, num_inference_steps=2, init="coarse")
    assert [round(999 * time) for time in refiner.times] == [499, 249]
    half = torch.full((2,), 499 / 999)
    assert torch.allclose(
        seen[0], diffusion.add_noise(half, CornerCodec(3).encode(coarse), noise, noise, 0.0), atol=1e-6
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_guidance_moves_the_answer_away_from_the_unconditional_one_and_costs_one_more_evaluation_a_step(process):
    def answer(noisy, condition):
        return torch.full((2, 3, 8, 8), 0.0 if condition is None else 1.0) * torch.tensor([1.0, 2, 3])[:, None, None]

    for scale, factor, evaluations in ((1.0, 1.0, 3), (3.0, 3.0, 6), (0.0, 0.0, 6)):
        refiner = Answers(process, "labels", answer)
        found = walked(
            refiner, coarse_of(1), noise_of(2), condition="given", num_inference_steps=3, guidance_scale=scale
        )
        assert torch.allclose(found[0, :, 0, 0], factor * torch.tensor([1.0, 2.0, 3.0]))
        assert len(refiner.times) == evaluations


def test_a_dropped_condition_leaves_no_trace_of_image_and_mask():
    torch.manual_seed(0)
    refiner = Refiner(3, 3, (8, 8, 8, 8), full=4)
    for fusion in refiner.fusions:
        torch.nn.init.normal_(fusion.zero.weight)
    noisy, time = noise_of(1, (2, 2, 32, 32)), torch.ones(2)
    answers = []
    for seed in (1, 2):
        condition = refiner.condition(noise_of(seed, (2, 3, 32, 32)), coarse_of(seed, (2, 3, 32, 32)))
        answers.append(refiner(noisy, time, refiner.drop(condition, torch.tensor([True, False]))))
    assert torch.equal(answers[0][0], answers[1][0])
    assert not torch.allclose(answers[0][1], answers[1][1])


@pytest.mark.parametrize("process", ["bridge", "discrete"])
def test_processes_between_two_masks_cannot_start_from_noise(process):
    refiner = Answers(process, "labels", lambda noisy, condition: noisy)
    with pytest.raises(InputError, match="starts from the coarse mask, not from noise"):
        walked(refiner, coarse_of(1), noise_of(2), init="noise")


def test_a_walk_from_the_coarse_mask_has_no_more_steps_than_its_half_of_the_schedule():
    refiner = Answers("diffusion", "x0", lambda noisy, condition: noisy)
    walked(refiner, coarse_of(1), noise_of(2), num_inference_steps=500)
    with pytest.raises(InputError, match="from the coarse mask must be at most 500, not 501"):
        walked(refiner, coarse_of(1), noise_of(2), num_inference_steps=501)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_inference_steps": 0}, "num_inference_steps must be a whole number in 1..1000, not 0"),
        ({"init": "middle"}, "init must be one of coarse, noise, not 'middle'"),
        ({"guidance_scale": -1.0}, "guidance_scale must be a number in 0"),
    ],
)
def test_wrong_sampling_is_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Sampling(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"process": "flow"}, "process of a flow refiner must be one of bridge, diffusion, discrete"),
        ({"prediction": "epsilon"}, "prediction of a bridge refiner must be one of labels"),
        ({"code": "words"}, "code of a bridge refiner must be one of corner"),
    ],
)
def test_a_refiner_of_unknown_kind_is_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Refiner(3, 3, **changes)


def test_noise_levels_are_those_of_the_schedule():
    kept = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    assert diffusion._kept().numpy() == pytest.approx(kept)
