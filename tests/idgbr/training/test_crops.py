import threading
import time

import numpy as np
import pytest

from idgbr.classes import UNLABELLED
from idgbr.errors import InputError
from idgbr.training.crops import Augmentation, Crops, band_statistics, check_pairs, prefetch, random_of

CODES = (10, 20, 40)
STILL = Augmentation(gain=0, band_gain=0, nodata=0)


def pair(height=50, width=70, seed=0):
    """An image whose raw numbers tell its label, pixel by pixel."""
    label = np.random.default_rng(seed).choice(np.array(CODES, np.uint8), (height, width))
    return np.stack([label, label]).astype(np.uint16) * 100, label


def truth(index):
    return np.where(index == UNLABELLED, 0, np.array(CODES)[np.minimum(index, 2)] * 100)


def test_crops_move_image_label_and_extras_together():
    one = pair()
    how = Augmentation(gain=0, band_gain=0, nodata=0.5)
    extras = [np.stack([one[1], one[1] // 10]).astype(np.float16)]
    image, index, extra = Crops([one], CODES, 32, 16, 0, how, extras=extras)(1)
    assert image.shape == (16, 2, 32, 32)
    assert image.dtype == np.float32
    assert np.array_equal(image[:, 0], truth(index))
    assert 0 < (index == UNLABELLED).mean() < 0.5
    known = index != UNLABELLED
    assert np.array_equal((extra[:, 0] * 100)[known], image[:, 0][known])
    assert np.array_equal((extra[:, 1] * 1000)[known], image[:, 0][known])
    assert extra.dtype == np.float16


def test_all_eight_orientations_are_drawn():
    image = np.arange(256, dtype=np.float32).reshape(1, 16, 16) + 1
    drawn, _ = Crops([(image, np.full((16, 16), 10, np.uint8))], CODES, 16, 64, 0, STILL)(1)
    assert len({sample.tobytes() for sample in drawn}) == 8


def test_a_batch_is_a_function_of_seed_step_and_rank():
    pairs = [pair(), pair(40, 40, 1)]
    crops = Crops(pairs, CODES, 16, 4, 7)
    later = crops(12)
    assert all(np.array_equal(a, b) for a, b in zip(later, Crops(pairs, CODES, 16, 4, 7)(12), strict=True))
    for other in (crops(13), crops(12, rank=1), Crops(pairs, CODES, 16, 4, 8)(12)):
        assert not np.array_equal(later[0], other[0])
    assert np.array_equal(later[0], crops(12, rank=0)[0])


def test_random_numbers_of_different_uses_differ():
    drawn = {random_of(*key).random() for key in ((0, 1), (1, 0), (0, 1, 1), (0, 1, 0, "noise"), (0, 2))}
    assert len(drawn) == 5
    assert random_of(3, 5, 2, "noise").random() == random_of(3, 5, 2, "noise").random()


def test_images_are_drawn_in_proportion_to_their_area():
    pairs = [
        (np.full((1, 16, 16), 1.0), np.full((16, 16), 10, np.uint8)),
        (np.full((1, 48, 16), 2.0), np.full((48, 16), 10, np.uint8)),
    ]
    image, _ = Crops(pairs, CODES, 16, 1000, 0, None)(1)
    assert (image == 2).mean() == pytest.approx(0.75, abs=0.05)


def test_an_image_smaller_than_the_crop_is_filled_with_its_edge_and_no_label():
    image = np.arange(1, 201, dtype=np.uint8).reshape(1, 5, 40)
    extra = [image.astype(np.float16)]
    drawn, index, carried = Crops(
        [(image, np.full((5, 40), 0, np.uint8))], (0, 1), 32, 1, 0, None, no_label=255, blank=None, extras=extra
    )(1)
    assert (index[0, :5] == 0).all()
    assert (index[0, 5:] == UNLABELLED).all()
    assert (drawn[0, :, 5:] == drawn[0, :, 4:5]).all()
    assert np.array_equal(carried.astype(np.float32), drawn)


def test_black_is_a_colour_where_images_have_no_number_for_no_data():
    image = np.zeros((2, 32, 32), np.uint8)
    label = np.full((32, 32), 10, np.uint8)
    how = Augmentation(nodata=1)
    assert not (Crops([(image, label)], CODES, 32, 8, 0, how, blank=None)(1)[1] == UNLABELLED).any()
    assert (Crops([(image, label)], CODES, 32, 8, 0, how)(1)[1] == UNLABELLED).any()


def test_brightness_changes_data_and_leaves_no_data():
    image = np.full((2, 32, 32), 100, np.int16)
    image[:, :16] = -9
    drawn, _ = Crops([(image, np.full((32, 32), 10, np.uint8))], CODES, 32, 8, 0, Augmentation(nodata=0), blank=-9.0)(1)
    assert ((drawn == -9).mean((1, 2, 3)) == 0.5).all()
    gains = {float(sample[0][sample[0] != -9][0]) for sample in drawn}
    assert len(gains) == 8
    assert all(60 < gain < 160 for gain in gains)
    assert all(len(np.unique(band)) == 2 for sample in drawn for band in sample)


def test_zoom_magnifies_and_shrinks_image_label_and_extras_alike():
    label = np.full((120, 120), 10, np.uint8)
    label[:, 60:] = 20
    image = label[None].astype(np.float32) * 10
    drawn, index, soft, hard = (
        array
        for extra in ([np.where(label == 20, 1, 0)[None].astype(np.float32)], [label[None] // 10])
        for array in Crops(
            [(image, label)], CODES, 64, 32, 0, Augmentation(gain=0, band_gain=0, nodata=0, zoom=0.5), extras=extra
        )(1)[0 if extra[0].dtype != np.uint8 else 2 :]
    )
    assert np.array_equal(hard[:, 0], index + 1)
    assert np.abs(soft[:, 0] * 100 + 100 - drawn[:, 0]).max() < 1e-3
    away = np.abs(drawn[:, 0] - truth(index) / 10) > 1e-3
    assert 0 < away.mean() < 0.05


def test_zoom_keeps_pixel_centres_in_place():
    ramp = np.broadcast_to(np.arange(300, dtype=np.int16), (1, 300, 300)) + 1
    label = np.full((300, 300), 10, np.uint8)
    how = Augmentation(gain=0, band_gain=0, nodata=0, zoom=0.5)
    drawn, _, nearest = Crops([(ramp, label)], CODES, 64, 64, 3, how, blank=None, extras=[ramp])(1)
    slopes = np.abs(np.diff(drawn[:, 0], axis=-1)).mean((1, 2)) + np.abs(np.diff(drawn[:, 0], axis=-2)).mean((1, 2))
    assert slopes.min() < 0.75
    assert slopes.max() > 1.35
    assert ((slopes > 0.64) & (slopes < 1.52)).all()
    assert np.abs((drawn - nearest).mean((1, 2, 3))).max() < 0.05


def test_zoom_does_not_mix_data_with_no_data():
    image = np.full((1, 100, 100), 1000, np.uint16)
    image[:, :, 50:] = 0
    drawn, _ = Crops([(image, np.full((100, 100), 10, np.uint8))], CODES, 64, 32, 0, Augmentation(0, 0, 0, zoom=0.5))(1)
    assert np.abs(drawn[drawn != 0] - 1000).max() < 1e-2
    assert 0.2 < (drawn == 0).mean() < 0.8


@pytest.mark.parametrize(
    ("extras", "says"),
    [([], "1 pairs need as many extra arrays, not 0"), ([np.zeros((2, 50, 69))], r"extra array of pair 0 has shape")],
)
def test_extras_that_do_not_fit_are_told_in_one_sentence(extras, says):
    with pytest.raises(InputError, match=says):
        Crops([pair()], CODES, 16, 1, 0, extras=extras)(1)


def test_what_is_fetched_ahead_is_what_would_be_computed_anyway():
    crops = Crops([pair()], CODES, 16, 2, 0)
    with prefetch(crops, steps=6) as batches:
        for step in (3, 4, 5, 6):
            assert np.array_equal(batches(step)[0], crops(step)[0])


def test_the_next_steps_are_computed_while_one_is_used_and_none_after_the_last():
    done = []
    with prefetch(lambda step: done.append(step) or step, steps=5, depth=2) as batches:
        assert batches(1) == 1
        wait_for(lambda: len(done) == 3)
        assert done == [1, 2, 3]
        assert [batches(step) for step in (2, 3, 4, 5)] == [2, 3, 4, 5]
    assert done == [1, 2, 3, 4, 5]


def test_an_error_while_fetching_ahead_is_raised_at_its_step():
    def fails(step):
        if step == 3:
            raise InputError("step 3 is bad")
        return step

    with prefetch(fails, steps=9) as batches:
        assert [batches(1), batches(2)] == [1, 2]
        with pytest.raises(InputError, match="step 3 is bad"):
            batches(3)


@pytest.mark.parametrize("leave", ["with", "forget"])
def test_the_thread_ends_with_its_use(leave):
    before = threading.active_count()
    batches = prefetch(lambda step: step, steps=100)
    batches(1)
    assert threading.active_count() == before + 1
    if leave == "with":
        with batches:
            pass
    else:
        del batches
    wait_for(lambda: threading.active_count() == before)


def wait_for(true, seconds=5):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_band_statistics_leave_out_pixels_without_data():
    image = np.array([[[0, 2, 4]], [[0, 0, 6]]], np.uint16)
    label = np.ones((1, 3), np.uint8)
    assert band_statistics([(image, label)]) == ((3.0, 3.0), (1.0, 3.0))
    assert band_statistics([(image, label)], None)[0] == (2.0, 2.0)
    assert band_statistics([(image.astype(int) - 9, label)], -9)[0] == (-6.0, -6.0)
    with pytest.raises(InputError, match="no pixel has data"):
        band_statistics([(image * 0, label)])


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([], "at least one pair"),
        ([(np.ones((2, 8, 8)), np.full((8, 8), 10, np.uint8))], "pair 0 has an image of shape"),
        ([(np.ones((3, 8, 8)), np.full((8, 8), 11, np.uint8))], r"labels hold \[11\]"),
        ([(np.ones((3, 8, 8)), np.full((8, 8), 5, np.uint8))], "all labels are 5"),
    ],
)
def test_pairs_that_cannot_be_learnt_from_are_told_in_one_sentence(pairs, says):
    with pytest.raises(InputError, match=says):
        check_pairs(pairs, 3, CODES, no_label=5)
