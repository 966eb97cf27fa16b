import numpy as np
import pytest
import torch

from idgbr.training.alignment import Alignment, PixelPositions, tokens_at, weight
from idgbr.training.crops import Augmentation, Crops


@pytest.fixture
def alignment():
    torch.manual_seed(0)
    return Alignment(4, 3, hidden=8)


def projected(alignment, student_BCHW):
    return alignment.layers(student_BCHW.movedim(1, -1))


def test_the_loss_is_minus_the_mean_cosine(alignment):
    student = torch.randn(2, 4, 5, 5)
    tokens = torch.randn(2, 5, 5, 3)
    answer = projected(alignment, student)
    cosine = (answer * tokens).sum(-1) / answer.norm(dim=-1) / tokens.norm(dim=-1)
    assert alignment.loss(student, tokens).item() == pytest.approx(-cosine.mean().item(), abs=1e-6)
    assert alignment.loss(student, 7 * answer).item() == pytest.approx(-1, abs=1e-6)
    assert alignment.loss(student, -answer).item() == pytest.approx(1, abs=1e-6)


def test_empty_tokens_do_not_count(alignment):
    student = torch.randn(1, 4, 4, 4)
    tokens = projected(alignment, student).detach().clone()
    tokens[:, 2:] = 0
    assert alignment.loss(student, tokens).item() == pytest.approx(-1, abs=1e-6)
    assert alignment.loss(student, tokens * 0).item() == 0


def test_features_are_resized_to_the_teachers_grid(alignment):
    student = torch.randn(2, 4, 1, 1)
    tokens = projected(alignment, student).detach().expand(2, 6, 9, 3)
    assert alignment.loss(student, tokens).item() == pytest.approx(-1, abs=1e-6)


def test_gradients_reach_the_student_and_every_layer(alignment):
    student = torch.randn(1, 4, 4, 4, requires_grad=True)
    alignment.loss(student, torch.randn(1, 8, 8, 3)).backward()
    assert all(tensor.grad.abs().sum() > 0 for tensor in (student, *alignment.parameters()))


def test_alignment_ends_after_its_steps():
    assert [weight(step, 3) for step in (1, 3, 4)] == [0.5, 0.5, 0.0]


def test_tokens_follow_their_pixels_through_cropping_turning_and_zooming():
    """Tokens and pixels hold one linear field of place, so that a crop's tokens must be its pixels' means."""
    fields, tokens = [], []
    for number, (height, width) in enumerate(((64, 96), (80, 64))):
        y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
        fields.append(
            np.stack([y[:, None] + 0 * x, 0 * y[:, None] + x, 0 * y[:, None] + 0 * x + number]).astype(np.float32)
        )
        v, u = (torch.arange(count).add(0.5).div(count) for count in (16, 12))
        tokens.append(
            torch.stack([v[:, None].expand(16, 12), u.expand(16, 12), torch.full((16, 12), float(number))], -1)
        )
    pairs = [(field, np.full(field.shape[1:], 1, np.uint8)) for field in fields]
    how = Augmentation(gain=0, band_gain=0, nodata=0, zoom=0.3)
    crops = Crops(pairs, (1, 2), 32, 16, 0, how, blank=None)
    places = Crops(
        pairs, (1, 2), 32, 16, 0, how, blank=None, extras=PixelPositions([field.shape[1:] for field in fields])
    )
    image = crops(5)[0]
    same, _, place = places(5)
    assert np.array_equal(image, same)
    found = tokens_at(tokens, place, 4).movedim(-1, 1).numpy()
    expected = image.reshape(16, 3, 4, 8, 4, 8).mean((3, 5))
    inside = (np.abs(expected[:, :2] - 0.5) < 0.45).all(1, keepdims=True)
    assert inside.mean() > 0.5
    assert np.abs((found - expected) * inside).max() < 2e-3
    assert {0, 1} == set(found[:, 2].round(3).ravel().tolist())
