import math

import numpy as np
import pytest
import torch
from idgbr_toys import CLASSES, landscape

from idgbr import IDGBRPipeline, metrics
from idgbr.errors import InputError
from idgbr.settings import UNLABELLED
from idgbr.training import CoarseTraining, Optimisation, RefinerTraining, train_coarse, train_refiner, write_card
from idgbr.training.coarse import cross_entropy
from idgbr.training.corruption import corrupt
from idgbr.training.data import Augmentation, band_statistics, crops
from idgbr.training.loop import learning_rate, optimise
from idgbr.training.refiner import edge_weights

BANDS = ("red", "green", "nir")
CODES = (10, 20, 40)


def coarse_training(steps, **changes):
    fields = {"crop": 64, "batch": 8, "widths": (12, 16, 24, 32)} | changes
    how = Optimisation(steps=steps, rate=4e-3, warmup=10, ema=0.95)
    return CoarseTraining(classes=CLASSES, bands=BANDS, optimisation=how, **fields)


def refiner_training(steps, **changes):
    fields = {"crop": 64, "batch": 8, "widths": (12, 16, 24, 32)} | changes
    return RefinerTraining(optimisation=Optimisation(steps=steps, rate=4e-3, warmup=10, ema=0.95), **fields)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Coarse network trained on some landscapes, refiner on others."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("model")
    losses = [p.loss for p in train_coarse([landscape(seed) for seed in range(4)], folder, coarse_training(80))]
    refined = [p.loss for p in train_refiner([landscape(seed) for seed in range(4, 8)], folder, refiner_training(100))]
    return folder, losses, refined


def test_the_refined_map_beats_the_coarse_one(trained):
    folder, losses, refined = trained
    model = IDGBRPipeline.from_pretrained(folder)
    coarse_model = IDGBRPipeline(model.settings, model.coarse)
    truth = [landscape(seed) for seed in (100, 101)]
    image, label = np.stack([image for image, _ in truth]), np.stack([label for _, label in truth])
    coarse, fine = coarse_model(image)[0], model(image)[0]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    assert np.mean(refined[-10:]) < 0.5 * np.mean(refined[:10])
    assert metrics.boundary_iou(label, fine, CODES) > metrics.boundary_iou(label, coarse, CODES) + 0.05
    before, after = (metrics.mean_iou(metrics.confusion_matrix(label, answer, CODES)) for answer in (coarse, fine))
    assert after > before + 0.01


def test_the_card_names_bands_classes_scores_and_digest(trained):
    folder, *_ = trained
    path = write_card(folder, "Toy", "Made landscapes.", "cc0-1.0", {"coarse": 80, "refiner": 100}, {"mIoU": 0.91234})
    text = path.read_text()
    assert path.name == "README.md"
    for part in ("license: cc0-1.0", "| 20 | water | #2060c0 |", "| mIoU | 0.9123 |", "red, green, nir", "80 steps"):
        assert part in text
    assert IDGBRPipeline.from_pretrained(folder).digest in text


def test_training_twice_gives_the_same_model_and_another_seed_another(tmp_path):
    pairs = [landscape(0, 64)]
    digests = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder = tmp_path / name
        list(train_coarse(pairs, folder, coarse_training(2, crop=32, batch=2, seed=seed)))
        list(train_refiner(pairs, folder, refiner_training(2, crop=32, batch=2, seed=seed)))
        digests.append(IDGBRPipeline.from_pretrained(folder).digest)
    assert digests[0] == digests[1] != digests[2]


def test_masks_can_come_from_networks_that_have_not_seen_the_pair(tmp_path):
    pairs = [landscape(seed, 64) for seed in range(2)]
    networks = []
    for fold in range(2):
        list(train_coarse([pairs[1 - fold]], tmp_path / str(fold), coarse_training(2, crop=32, batch=2, seed=fold)))
        networks.append(IDGBRPipeline.from_pretrained(tmp_path / str(fold)).coarse)
    config = refiner_training(3, crop=32, batch=2)
    assert len(list(train_refiner(pairs, tmp_path / "0", config, networks))) == 3
    with pytest.raises(InputError, match="2 pairs need as many coarse networks, not 1"):
        next(train_refiner(pairs, tmp_path / "0", config, networks[:1]))


def test_crops_move_image_and_label_together():
    label = np.random.default_rng(0).choice(np.array([10, 20, 40], np.uint8), (50, 70))
    image = np.stack([label, label]).astype(np.uint16) * 100
    random = np.random.Generator(np.random.Philox(0))
    how = Augmentation(gain=0, band_gain=0, nodata=0.5)
    batches = crops([(image, label)], CODES, 32, 16, random, how)
    drawn, index = next(batches)
    assert drawn.shape == (16, 2, 32, 32)
    expected = np.where(index == UNLABELLED, 0, np.array(CODES)[np.minimum(index, 2)] * 100)
    assert np.array_equal(drawn[:, 0], expected)
    assert 0 < (index == UNLABELLED).mean() < 0.5


def test_an_image_smaller_than_the_crop_is_filled_with_unlabelled_pixels():
    random = np.random.Generator(np.random.Philox(0))
    pair = (np.ones((1, 5, 40), np.uint16), np.full((5, 40), 10, np.uint8))
    drawn, index = next(crops([pair], (10, 20), 32, 1, random, None))
    assert (index[0, :5] == 0).all()
    assert (index[0, 5:] == UNLABELLED).all()
    assert not drawn[0, :, 5:].any()


def test_band_statistics_leave_out_pixels_without_data():
    image = np.array([[[0, 2, 4]], [[0, 0, 6]]], np.uint16)
    mean, std = band_statistics([(image, np.ones((1, 3), np.uint8))])
    assert mean == (3.0, 3.0)
    assert std == (1.0, 3.0)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "at least one pair"),
        ([(np.ones((2, 8, 8)), np.full((8, 8), 10, np.uint8))], "pair 0 has an image of shape"),
        ([(np.ones((3, 8, 8)), np.full((8, 8), 11, np.uint8))], r"labels hold \[11\]"),
        ([(np.ones((3, 8, 8)), np.zeros((8, 8), np.uint8))], "nothing can be learnt"),
    ],
)
def test_unusable_pairs_are_told_in_one_sentence(tmp_path, pairs, message):
    with pytest.raises(InputError, match=message):
        next(train_coarse(pairs, tmp_path, coarse_training(1)))


def test_edges_weigh_more_and_unlabelled_pixels_make_no_edge():
    index = np.zeros((1, 1, 20), np.uint8)
    index[..., 8:] = 1
    index[..., 14:] = UNLABELLED
    weight = edge_weights(index, RefinerTraining(edge_weight=4.0, edge_radius=2))
    assert weight[0, 0].tolist() == [1] * 6 + [4] * 4 + [1] * 10


def test_cross_entropy_by_hand():
    logits = torch.tensor([[[[0.0, 2.0, 5.0]], [[0.0, 0.0, 0.0]]]])
    target = torch.tensor([[[1, 0, UNLABELLED]]])
    weight = torch.tensor([[[3.0, 1.0, 9.0]]])
    expected = (3 * math.log(2) + math.log(1 + math.exp(-2))) / 4
    assert cross_entropy(logits, target, weight).item() == pytest.approx(expected)
    assert cross_entropy(logits, torch.full_like(target, UNLABELLED)).item() == 0


def test_corruption_spares_nothing_at_one_and_all_at_zero():
    logits = torch.randn(6, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    random = torch.Generator().manual_seed(1)
    assert torch.equal(corrupt(logits, 0.0, random), logits)
    changed = corrupt(logits, 1.0, random)
    assert changed.shape == logits.shape
    assert all(not torch.equal(a, b) for a, b in zip(changed, logits, strict=True))


def test_the_rate_rises_then_falls_to_zero():
    how = Optimisation(steps=100, rate=1.0, warmup=10)
    assert [learning_rate(step, how) for step in (1, 10, 55, 100)] == pytest.approx([0.1, 1.0, 0.5, 0.0])


def test_averaged_weights_replace_the_last_ones():
    network = torch.nn.Linear(1, 1, bias=False)
    seen = []

    def loss():
        seen.append(network.weight.item())
        return network.weight.square().sum()

    for _ in optimise(network, loss, Optimisation(steps=50, rate=0.05, warmup=1, ema=0.9)):
        last = network.weight.item()
    assert min(abs(value - last) for value in seen) < abs(network.weight.item() - last)
