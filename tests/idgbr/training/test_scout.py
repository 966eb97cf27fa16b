"""Training of a change model's scout, and the level from which it calls for the network."""

import shutil

import numpy as np
import pytest
import torch
from change_toys import BANDS, two_dates
from scipy import ndimage

from idgbr.change import ChangePipeline, SiameseUNet
from idgbr.errors import InputError
from idgbr.training import ChangeTraining, Optimisation, train_change, train_scout
from idgbr.training.scout import choose_level

CONFIG = ChangeTraining(
    bands=BANDS,
    crop=32,
    batch=4,
    network=SiameseUNet,
    sizes={"widths": (8, 8, 8)},
    optimisation=Optimisation(steps=60, rate=1e-2, warmup=5, ema=0.9, clip=10),
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A change model that finds the changes of `two_dates`."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    list(train_change([two_dates(seed, 64) for seed in range(4)], folder, CONFIG))
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "model")


def cells_of(model, before_CHW, after_CHW):
    """Logits of cells."""
    dates = (torch.from_numpy(date_CHW[None].astype(np.float32)) for date_CHW in (before_CHW, after_CHW))
    with torch.inference_mode():
        return model.scout(*model.normalise(*dates))[0, 0].numpy()


def test_a_scout_sees_what_the_network_finds_on_ground_that_it_has_not_seen_and_little_else(folder):
    plain = ChangePipeline.from_pretrained(folder)
    list(train_scout([two_dates(seed, 64) for seed in range(4)], folder, CONFIG, 100, 1.0, 50))
    model = ChangePipeline.from_pretrained(folder)
    assert model.digest != plain.digest
    before_CHW, after_CHW, label_HW = two_dates(9, 64)
    seen_HW = (cells_of(model, before_CHW, after_CHW) >= model.scout.level).repeat(4, 0).repeat(4, 1)
    found_HW = plain(before_CHW, after_CHW).probability_HW > 0.5
    piece_HW, pieces = ndimage.label(found_HW & (label_HW == 1))
    assert pieces and ndimage.maximum(seen_HW, piece_HW, range(1, pieces + 1)).all()
    assert seen_HW[label_HW == 0].mean() < 0.05


def test_for_changes_that_the_network_does_not_find_the_scout_does_not_call_for_it(folder):
    pairs = [two_dates(seed, 64) for seed in range(4)]
    ground_CHW, _, label_HW = two_dates(5, 64)
    list(train_scout([*pairs, (ground_CHW, ground_CHW.copy(), label_HW)], folder, CONFIG, 100, 1.0, 50))
    model = ChangePipeline.from_pretrained(folder)
    assert cells_of(model, ground_CHW, ground_CHW).max() < model.scout.level


def test_the_same_pairs_make_the_same_scout(folder, tmp_path):
    digests = []
    for name in "ab":
        again = shutil.copytree(folder, tmp_path / name)
        list(train_scout([two_dates(0, 64)], again, CONFIG, 3, 0.9, 50))
        digests.append(ChangePipeline.from_pretrained(again).digest)
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
def test_pairs_in_which_the_network_finds_no_change_train_no_scout(folder, thin):
    """thin: a line of one pixel is a quarter of each cell that it crosses."""
    before_CHW, after_CHW, label_HW = two_dates(0, 64)
    label_HW = np.zeros_like(label_HW)
    label_HW[5] = thin
    with pytest.raises(InputError, match="the network finds no change in the pairs that covers half of 4 x 4 px"):
        next(train_scout([(before_CHW, after_CHW, label_HW)], folder, CONFIG, 1, 1.0, 50))
