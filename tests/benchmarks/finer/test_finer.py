"""The head and its rivals: `head.py`, `rivals.py`, `scores.py` and what `__main__.py` says of them."""

import numpy as np
import pytest
import torch

from finer import SCALE, rivals
from finer.__main__ import BOUND, NEAREST, table, verdict
from finer.head import Training, answer, enlarged, new_head, train
from finer.scores import COLUMNS, Score, below_the_pixel
from finer.worlds import MODEL, Eyes, Place
from idgbr import IDGBRPipeline
from idgbr.inference.images import map_images

CLASSES, SIDE = 6, 24


@pytest.fixture
def place():
    chance = torch.Generator().manual_seed(3)
    index_YX = torch.randint(CLASSES, (SIDE // 4, SIDE // 4), generator=chance).repeat_interleave(4 * SCALE, 0)
    index_YX = index_YX.repeat_interleave(4 * SCALE, 1).roll((2, 1), (0, 1))
    coarse_HW = index_YX[::SCALE, ::SCALE]
    noise_KHW = torch.randn(CLASSES, SIDE, SIDE, generator=chance)
    score_KHW = 2 * torch.nn.functional.one_hot(coarse_HW, CLASSES).permute(2, 0, 1) + noise_KHW
    image_CHW = torch.randn(4, SIDE, SIDE, generator=chance)
    return Place(image_CHW, score_KHW.softmax(0), noise_KHW[:3], index_YX, coarse_HW)


def test_features_of_the_whole_image_are_seen_and_the_map_stays():
    model, shape = IDGBRPipeline.from_pretrained(MODEL), (64, 128)
    mean, std = (np.array(values)[:, None, None] for values in (model.settings.mean, model.settings.std))
    noise_CHW = np.random.default_rng(0).standard_normal((4, 8, 16)).repeat(8, 1).repeat(8, 2)
    image_1CHW = model.check_image((mean + std * noise_CHW)[None].clip(1)).float()
    eyes = Eyes(IDGBRPipeline.from_pretrained(MODEL), (0, 0), shape)
    with torch.inference_mode():
        seen = map_images(eyes, image_1CHW, None, (0, 0))
    assert np.array_equal(seen.refined_BHW, model.maps(image_1CHW).refined_BHW)
    assert eyes.features().shape == (16, *shape)
    assert (eyes.features() != 0).any(0).all()


def test_an_untrained_head_gives_the_map_of_enlarged_scores(place):
    how = Training()
    fine_KYX = answer(new_head(place, how), place)
    assert torch.equal(fine_KYX, rivals.scores(place, "bilinear"))
    assert fine_KYX.shape == (CLASSES, SCALE * SIDE, SCALE * SIDE)


def test_a_head_of_10_m_repeats_its_map_by_nearest(place):
    fine_KYX = answer(new_head(place, Training(scale=1)), place, "nearest")
    assert np.array_equal(fine_KYX.argmax(0), rivals.nearest(place))


@pytest.mark.parametrize("scale", [1, SCALE])
def test_training_lowers_the_loss_and_the_same_seed_trains_the_same_head(place, scale):
    how = Training(steps=20, batch=1, crop=16, width=8, scale=scale)
    heads = [train([place], 5, how, lambda step, loss: None) for _ in range(2)]
    assert torch.equal(heads[0].last.weight, heads[1].last.weight)
    before, after = (
        torch.nn.functional.nll_loss(probability_KYX[None].log(), place.index_YX[None])
        for probability_KYX in (rivals.scores(place, "bilinear"), answer(heads[0], place))
    )
    assert after < before


def test_pixel_swapping_gives_each_class_its_share_of_every_pixel(place):
    parts = rivals.swapped(place).reshape(SIDE, SCALE, SIDE, SCALE)
    count_KHW = np.stack([(parts == k).sum((1, 3)) for k in range(CLASSES)])
    assert np.array_equal(count_KHW, rivals.shares(place.probability_KHW.numpy()))
    assert (abs(count_KHW / SCALE**2 - place.probability_KHW.numpy()) < 1 / SCALE**2).all()


def test_parts_go_where_a_class_scores_most():
    score_KYX = np.zeros((2, SCALE, SCALE), np.float32)
    score_KYX[1, 0] = 1
    index_YX = rivals.allotted(score_KYX, np.array([[[12]], [[4]]]))
    assert (index_YX[0] == 1).all()
    assert (index_YX[1:] == 0).all()


def test_the_majority_of_a_square_removes_single_pixels():
    index_YX = np.zeros((9, 9), np.intp)
    index_YX[4, 4] = 1
    assert not rivals.smoothed(index_YX, 2).any()


def test_errors_below_the_pixel_are_those_of_a_right_pixel_of_10_m(place):
    true_YX, bound_YX = place.index_YX.numpy(), rivals.bound(place)
    report = below_the_pixel(true_YX, bound_YX, bound_YX, bound_YX)
    assert np.isnan(report.pop("mended_above"))
    assert report == {"below": 100, "mended_below": 0, "broken": 0}
    assert below_the_pixel(true_YX, true_YX, bound_YX, bound_YX)["mended_below"] == 100


def test_a_perfect_map_has_perfect_scores(place):
    true_YX = place.index_YX.numpy()
    row = Score.of(true_YX, true_YX, torch.nn.functional.one_hot(place.index_YX).permute(2, 0, 1).numpy()).row()
    best = {name: 100 if better == 1 else 0 for name, better in COLUMNS.items() if not name.startswith("thin")}
    assert {name: row[name] for name in best} == pytest.approx(best, abs=1e-9)


def test_the_verdict_names_what_the_head_does_not_win(place):
    good, bad = ({name: sign * value for name, sign in COLUMNS.items()} for value in (2.0, 1.0))
    rows = {"head": [good, good], NEAREST: [bad], "scores, bilinear": [{**bad, "mIoU": 3.0}], BOUND: [good]}
    said = verdict(rows)
    assert f"{NEAREST} on 11 of 12; not: thin area bias" in said
    assert "scores, bilinear on 10 of 12; not: mIoU, thin area bias" in said
    assert "| head, mean of 2 seeds | 2.00 |" in table(rows)
    assert enlarged(torch.zeros(1, 1, 2, 2), scale=1).shape == (1, 1, 2, 2)
