import pytest
import torch

from idgbr.training.corruption import corrupt


def coarse(count=6, side=40):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0)).mul(2).softmax(1)


def generator():
    return torch.Generator().manual_seed(1)


def test_corruption_spares_nothing_at_one_and_all_at_zero():
    masks = coarse()
    assert torch.equal(corrupt(masks, 0.0, 0.0, generator()), masks)
    changed = corrupt(masks, 1.0, 0.0, generator())
    assert changed.shape == masks.shape
    assert torch.allclose(changed.sum(1), torch.ones(6, 40, 40), atol=1e-5)
    assert all((a - b).abs().max() > 0.1 for a, b in zip(changed, masks, strict=True))


def test_each_fault_comes_as_often_as_asked():
    masks = coarse(400, 16)
    changed = corrupt(masks, 0.1, 0.0, generator())
    share = sum((a - b).abs().max().item() > 1e-3 for a, b in zip(changed, masks, strict=True)) / 400
    assert share == pytest.approx(1 - 0.9**4, abs=0.06)


def test_hard_masks_keep_the_labels_and_a_fixed_trust():
    masks = coarse()
    hard = corrupt(masks, 0.0, 1.0, generator())
    assert torch.equal(hard.argmax(1), masks.argmax(1))
    assert hard.amax(1).unique().numpy() == pytest.approx(0.95)


@pytest.mark.parametrize("side", [16, 32])
def test_small_crops_can_be_corrupted(side):
    assert corrupt(coarse(8, side), 1.0, 0.5, generator()).isfinite().all()
