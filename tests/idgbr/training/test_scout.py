"""Training of a change model's scout, and the level from which it calls for the network."""

import numpy as np
import pytest
import torch
from change_toys import BANDS, TINY, tiny_change_model, two_dates
from scipy import ndimage

from idgbr.change import ChangePipeline
from idgbr.errors import InputError
from idgbr.training import ChangeTraining, train_scout
from idgbr.training.scout import choose_level

CONFIG = ChangeTraining(bands=BANDS, crop=32, batch=4, sizes=TINY)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def test_a_scout_sees_the_changes_of_ground_that_it_has_not_seen_and_little_else(tmp_path):
    tiny_change_model().save_pretrained(tmp_path)
    plain = ChangePipeline.from_pretrained(tmp_path).digest
    list(train_scout([two_dates(seed, 64) for seed in range(4)], tmp_path, CONFIG, 60, 1.0, 50))
    model = ChangePipeline.from_pretrained(tmp_path)
    assert model.digest != plain
    before_CHW, after_CHW, label_HW = two_dates(9, 64)
    dates = (torch.from_numpy(date_CHW[None].astype(np.float32)) for date_CHW in (before_CHW, after_CHW))
    seen_HW = (model.scout(*model.normalise(*dates))[0, 0] >= model.scout.level).numpy().repeat(4, 0).repeat(4, 1)
    piece_HW, pieces = ndimage.label(label_HW)
    assert ndimage.maximum(seen_HW, piece_HW, range(1, pieces + 1)).all()
    assert seen_HW[label_HW == 0].mean() < 0.02


def test_the_same_pairs_make_the_same_scout(tmp_path):
    digests = []
    for name in "ab":
        tiny_change_model().save_pretrained(tmp_path / name)
        list(train_scout([two_dates(0, 64)], tmp_path / name, CONFIG, 3, 0.9, 50))
        digests.append(ChangePipeline.from_pretrained(tmp_path / name).digest)
    assert digests[0] == digests[1]


def test_the_level_is_the_highest_at_which_pieces_with_the_wanted_area_are_seen():
    logit_HW, changed_HW = np.full((8, 8), 9.0, np.float32), np.zeros((8, 8), bool)
    for rows, logit in ((slice(0, 1), 0.5), (slice(2, 4), 3.117), (slice(6, 8), -2)):  # of 4, 8 and 8 cells
        changed_HW[rows, :4], logit_HW[rows, :4] = True, -5
        logit_HW[rows.start, 2] = logit
    scenes = [(logit_HW, changed_HW)]
    assert [choose_level(scenes, recall) for recall in (0.3, 0.5, 0.61, 1.0)] == [3.11, 0.5, -2.0, -2.0]
    assert [choose_level(scenes, recall, 5) for recall in (0.3, 0.5, 0.51)] == [3.11, 3.11, -2.0]
    assert choose_level(scenes, 0.5, 99) == 3.11, "if none is as large, the largest count"


@pytest.mark.parametrize("thin", [False, True])
def test_pairs_in_which_no_cell_has_changed_train_no_scout(tmp_path, thin):
    """thin: a line of one pixel is a quarter of each cell that it crosses."""
    tiny_change_model().save_pretrained(tmp_path)
    before_CHW, after_CHW, label_HW = two_dates(0, 64)
    label_HW = np.zeros_like(label_HW)
    label_HW[5] = thin
    with pytest.raises(InputError, match="no change in the pairs covers half of 4 x 4 px"):
        next(train_scout([(before_CHW, after_CHW, label_HW)], tmp_path, CONFIG, 1, 1.0, 50))
