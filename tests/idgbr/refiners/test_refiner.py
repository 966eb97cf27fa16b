"""The refiner of this project. Covers idgbr.refiners.refiner and guidance."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from idgbr import CoarseUNet, Refiner
from idgbr.errors import InputError
from idgbr.labels import corner_codes


def flops(compute):
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        compute()
    return counter.get_total_flops()


def parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def test_default_networks_stay_within_their_cost():
    coarse, refiner = CoarseUNet(4, 6), Refiner(4, 6)
    image, mask, noisy = torch.randn(1, 4, 256, 256), torch.rand(1, 6, 256, 256), torch.randn(1, 3, 256, 256)
    condition = refiner.condition(image, mask)
    assert parameters(coarse) < 1.4e6
    assert parameters(coarse) + parameters(refiner) < 4e6
    assert flops(lambda: coarse(image)) < 3.5e9
    assert flops(lambda: refiner.condition(image, mask)) < 5e9
    assert flops(lambda: refiner(noisy, torch.ones(1), condition)) < 7e9


@pytest.mark.parametrize("classes", [2, 5])
def test_networks_answer_one_logit_per_class_at_full_size(classes):
    image, mask = torch.randn(2, 3, 48, 32), torch.rand(2, classes, 48, 32)
    coarse, refiner = CoarseUNet(3, classes, (4, 8, 8, 8)), Refiner(3, classes, (4, 8, 8, 8), full=4)
    noisy = torch.randn(2, corner_codes(classes).shape[1], 48, 32)
    assert coarse(image).shape == (2, classes, 48, 32)
    assert refiner(noisy, torch.rand(2), refiner.condition(image, mask)).shape == (2, classes, 48, 32)


def test_far_pixels_do_not_change_an_answer():
    coarse = CoarseUNet(3, 3, (4, 8, 8, 8)).eval()
    image = torch.randn(1, 3, 384, 64)
    changed = image.clone()
    changed[..., :32, :] = 99.0
    with torch.inference_mode():
        assert torch.equal(coarse(image)[..., 256:, :], coarse(changed)[..., 256:, :])


def test_guidance_is_silent_before_training_but_learns_from_the_second_step_on():
    refiner = Refiner(3, 3, (4, 8, 8, 8), full=4)
    assert all(not fusion.zero.weight.any() for fusion in refiner.fusions)
    image, mask, noisy = torch.randn(1, 3, 32, 32), torch.rand(1, 3, 32, 32).softmax(1), torch.randn(1, 2, 32, 32)
    optimiser = torch.optim.SGD(refiner.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        refiner(noisy, torch.ones(1), refiner.condition(image, mask)).square().mean().backward()
        optimiser.step()
    assert all(weight.grad is not None and weight.grad.any() for weight in refiner.fusions.parameters())
    assert all(weight.grad is not None and weight.grad.any() for weight in refiner.guidance.parameters())


def test_the_answer_depends_on_time_image_and_noisy_labels():
    torch.manual_seed(0)
    refiner = Refiner(3, 2, (4, 8, 8, 8), full=4)
    image, mask, noisy = torch.randn(1, 3, 32, 32), torch.rand(1, 2, 32, 32), torch.randn(1, 1, 32, 32)
    condition = refiner.condition(image, mask)
    answer = refiner(noisy, torch.ones(1), condition)
    assert not torch.allclose(answer, refiner(noisy, torch.zeros(1), condition))
    assert not torch.allclose(answer, refiner(-noisy, torch.ones(1), condition))
    assert not torch.allclose(answer, refiner(noisy, torch.ones(1), refiner.condition(-image, mask)))


def test_sizes_that_do_not_fit_the_strides_are_refused():
    with pytest.raises(InputError, match="multiples of 16 px, not 40 x 32"):
        CoarseUNet(3, 2, (4, 8, 8, 8))(torch.zeros(1, 3, 40, 32))
