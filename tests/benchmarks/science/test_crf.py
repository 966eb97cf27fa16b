import numpy as np
import pytest
import torch

from idgbr.classes import UNLABELLED
from idgbr.errors import InputError
from idgbr.metrics.evaluation import Evaluation
from science import crf as module
from science.crf import CRF, crf, tune


def scene(seed, classes=3, height=6, width=7, bands=3):
    random = torch.Generator().manual_seed(seed)
    probability = torch.randn(classes, height, width, generator=random).softmax(0)
    return probability, torch.randn(bands, height, width, generator=random)


def dense(probability, image, how, taps_of=lambda apart: apart >= 0):
    """Mean field with both kernel matrices written out, in float64."""
    classes, height, width = probability.shape
    place = np.stack(np.mgrid[:height, :width], -1).reshape(-1, 2).astype(float)
    colour = image.numpy().reshape(len(image), -1).T.astype(float)
    apart = abs(place[:, None] - place[None])
    squared = (apart**2).sum(-1)
    unlike = ((colour[:, None] - colour[None]) ** 2).sum(-1)
    near = np.exp(-squared / (2 * how.position**2) - unlike / (2 * how.colour**2)) * taps_of(apart).all(-1)
    kernels = []
    for weight, kernel in (how.appearance, near), (how.smoothness, np.exp(-squared / (2 * how.near**2))):
        share = 1 / np.sqrt(kernel.sum(1))
        kernel = share[:, None] * kernel * share[None]
        np.fill_diagonal(kernel, 0)
        kernels.append(weight * kernel)
    start = np.log(probability.numpy().reshape(classes, -1).astype(float))
    compatibility = 1 - np.eye(classes)
    now = np.exp(start)
    for _ in range(how.iterations):
        energy = -start + compatibility @ now @ sum(kernels)
        now = np.exp(-energy)
        now /= now.sum(0)
    return now.reshape(probability.shape)


@pytest.mark.parametrize(
    "how",
    [
        CRF(position=3, colour=1.0, near=3),
        CRF(position=3, colour=0.3, smoothness=0.0),
        CRF(near=3, appearance=0.0),
        CRF(position=4, colour=1.0, near=3, iterations=1, taps=12),
    ],
)
def test_where_the_square_covers_the_image_it_is_the_fully_connected_crf(how):
    probability, image = scene(0)
    expected = dense(probability, image, how)
    assert abs(expected - probability.numpy()).max() > 0.05
    assert np.allclose(crf(probability, image, how), expected, atol=1e-5)


def test_far_neighbours_are_taken_at_regular_distances():
    probability, image = scene(1, height=14, width=11)
    how = CRF(position=5, colour=1.0, smoothness=0.0, taps=4)
    expected = dense(probability, image, how, lambda apart: (apart % 4 == 0) & (apart <= 12))
    assert np.allclose(crf(probability, image, how), expected, atol=1e-5)


def test_strips_of_rows_change_nothing(monkeypatch):
    probability, image = scene(2, height=20)
    whole = crf(probability, image, CRF(position=3, colour=1.0))
    monkeypatch.setattr(module, "STRIP", 3 * 7)
    assert torch.allclose(crf(probability, image, CRF(position=3, colour=1.0)), whole, atol=1e-6)


def edge(seed=0):
    """Three-class scene of 40 px with true labels, a picture that shows them, and blurred, noisy probabilities."""
    random = np.random.default_rng(seed)
    index = np.zeros((40, 40), np.uint8)
    index[:, 17:] = 1
    index[22:, 8:30] = 2
    image = np.eye(3)[index].transpose(2, 0, 1) + random.normal(0, 0.05, (3, 40, 40))
    shifted = np.roll(index, (2, 3), (0, 1))
    logits = 2 * np.eye(3)[shifted].transpose(2, 0, 1) + random.normal(0, 0.7, (3, 40, 40))
    return torch.from_numpy(logits).float().softmax(0), torch.from_numpy(image).float(), index


def test_labels_are_drawn_to_the_picture_s_edges():
    probability, image, index = edge()
    refined = crf(probability, image, CRF(position=10, colour=0.3))
    right = [(labels.argmax(0).numpy() == index).mean() for labels in (probability, refined)]
    assert right[0] < 0.85
    assert right[1] > 0.95
    assert torch.allclose(refined.sum(0), torch.ones(40, 40), atol=1e-5)


def test_without_kernels_or_iterations_the_probabilities_stay():
    probability, image = scene(3)
    for how in CRF(appearance=0.0, smoothness=0.0), CRF(iterations=0):
        assert torch.allclose(crf(probability, image, how), probability, atol=1e-6)


def test_a_certain_probability_is_not_beyond_appeal():
    probability, image, _ = edge()
    probability[:, 5, 5] = torch.tensor([0.0, 1.0, 0.0])
    refined = crf(probability, image, CRF(position=10, colour=0.3, appearance=20.0))
    assert refined.isfinite().all()
    assert refined[:, 5, 5].argmax() == 0


def test_tuning_returns_the_settings_by_miou_and_boundary_iou_and_is_never_worse_than_no_crf():
    examples = [edge(0), edge(1)]
    examples[0][2][:4] = UNLABELLED
    table = tune(examples, {"colour": (0.01, 0.3), "smoothness": (0.0, 3.0)}, CRF(position=10, colour=0.01))
    scores = [score for _, score in table]
    none = dict(table)[CRF(position=10, colour=0.01, appearance=0.0, smoothness=0.0)]
    assert scores == sorted(scores, reverse=True)
    assert table[0][0].colour == 0.3
    assert scores[0] > none + 0.1
    answers = [crf(p, i, table[0][0]).argmax(0).numpy() for p, i, _ in examples]
    answer, truth = np.concatenate(answers), np.concatenate([index for _, _, index in examples])
    known = truth != UNLABELLED
    ious = [((answer == k) & (truth == k)).sum() / (((answer == k) | (truth == k)) & known).sum() for k in range(3)]
    scored = [
        Evaluation.of(index, label, label, range(3), UNLABELLED)
        for label, (_, _, index) in zip(answers, examples, strict=True)
    ]
    edges = (scored[0] + scored[1]).coarse.boundary_iou.mean
    assert scores[0] == pytest.approx((np.mean(ious) + edges) / 2)


def test_harmful_kernels_lose_to_none():
    probability, image, index = edge()
    probability = torch.from_numpy(np.eye(3, dtype=np.float32)[index].transpose(2, 0, 1)) * 0.4 + 0.2
    best, score = tune([(probability, image, index)], {"colour": (50.0,)}, CRF(position=10, colour=50.0))[0]
    assert (best.appearance, best.smoothness, score) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "value"), [("colour", 0.0), ("position", -1.0), ("iterations", -1), ("near", float("nan")), ("taps", 0)]
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(InputError, match=f"a CRF's {name} must be at least .*, not {value}"):
        CRF(**{name: value})


def test_an_image_of_another_size_is_refused():
    probability, _ = scene(0)
    with pytest.raises(InputError, match=r"of one size, not \(3, 6, 7\) and \(3, 5, 7\)"):
        crf(probability, torch.zeros(3, 5, 7), CRF())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_cpu_s_probabilities():
    probability, image, _ = edge()
    answer = crf(probability.cuda(), image.cuda(), CRF(position=10, colour=0.3))
    assert answer.is_cuda
    assert torch.allclose(answer.cpu(), crf(probability, image, CRF(position=10, colour=0.3)), atol=1e-4)
