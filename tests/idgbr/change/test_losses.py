"""What change networks are trained with."""

import math

import pytest
import torch
from torch.nn import functional as F

from idgbr.change.losses import change_loss


def test_the_loss_is_cross_entropy_and_dice_summed_over_all_logits():
    random = torch.Generator().manual_seed(0)
    logits_B6HW = torch.randn(2, 6, 8, 8, generator=random)
    target_BHW = (torch.rand(2, 8, 8, generator=random) < 0.3).long()
    expected = 0.0
    for logit_BHW in logits_B6HW.unbind(1):
        share, true = torch.sigmoid(logit_BHW).flatten(), target_BHW.flatten().float()
        expected += F.binary_cross_entropy(share, true) + 1 - 2 * (share * true).sum() / (share.sum() + true.sum())
    assert change_loss(logits_B6HW, target_BHW).item() == pytest.approx(expected.item(), rel=1e-5)


def test_pixels_without_a_label_do_not_count_in_the_loss():
    random = torch.Generator().manual_seed(0)
    logits_B6HW, target_BHW = torch.randn(1, 6, 8, 8, generator=random), torch.zeros(1, 8, 8).long()
    target_BHW[:, :3] = 1
    known = change_loss(logits_B6HW[..., :5], target_BHW[..., :5])
    target_BHW[..., 5:] = 255
    assert change_loss(logits_B6HW, target_BHW).item() == pytest.approx(known.item(), rel=1e-5)
    target_BHW[:] = 255
    assert math.isfinite(change_loss(logits_B6HW, target_BHW).item())
