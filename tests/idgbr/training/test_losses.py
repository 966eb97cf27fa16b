import math

import pytest
import torch

from idgbr.classes import UNLABELLED
from idgbr.training.losses import boundary_loss, cross_entropy, edge_weights


def test_edges_weigh_more_and_unlabelled_pixels_make_no_edge():
    index = torch.zeros(1, 1, 20, dtype=torch.long)
    index[..., 8:] = 1
    index[..., 14:] = UNLABELLED
    assert edge_weights(index, 4.0, 2)[0, 0].tolist() == [1] * 6 + [4] * 4 + [1] * 10


def test_cross_entropy_by_hand():
    logits = torch.tensor([[[[0.0, 2.0, 5.0]], [[0.0, 0.0, 0.0]]]])
    target = torch.tensor([[[1, 0, UNLABELLED]]])
    weight = torch.tensor([[[3.0, 1.0, 9.0]]])
    expected = (3 * math.log(2) + math.log(1 + math.exp(-2))) / 4
    assert cross_entropy(logits, target, weight).item() == pytest.approx(expected)
    assert cross_entropy(logits, torch.full_like(target, UNLABELLED)).item() == 0


def halves(column):
    """Class 1 from a column on, as logits that are sure."""
    index = (torch.arange(32) >= column).long().expand(1, 32, 32)
    return 50.0 * torch.nn.functional.one_hot(index, 2).movedim(-1, 1), index


def test_the_boundary_loss_is_0_within_its_tolerance_and_1_beyond():
    target = halves(16)[1]
    assert boundary_loss(halves(16)[0], target, 2).item() == pytest.approx(0, abs=1e-4)
    assert boundary_loss(halves(18)[0], target, 2).item() == pytest.approx(0, abs=1e-4)
    assert boundary_loss(halves(25)[0], target, 2).item() == pytest.approx(1, abs=1e-4)
    soft = torch.tensor([0.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 32, 32)
    assert boundary_loss(soft, target, 2).item() == pytest.approx(1, abs=1e-4), "no contour at all finds none"


def test_contours_against_unlabelled_pixels_do_not_count():
    target = halves(16)[1].clone()
    target[:, :, 13:19] = UNLABELLED
    assert boundary_loss(halves(25)[0], target, 2).item() == 0
