from itertools import pairwise

import numpy as np
import pytest

from idgbr.errors import InputError
from idgbr.training.share import label_share


def pairs():
    """Images whose pixels know where they are, partly labelled."""
    made = []
    for number, (height, width) in enumerate([(96, 130), (64, 64), (20, 20)]):
        y, x = np.mgrid[:height, :width]
        label = np.where(x < width // 2, 0, 1).astype(np.uint8) if number else np.ones((height, width), np.uint8)
        made.append((np.stack([np.full_like(y, number), y, x]), label))
    return made


def places(chosen):
    return {tuple(pixel) for image, label in chosen for pixel in image.reshape(3, -1).T[label.ravel() > 0]}


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.25])
def test_patches_hold_the_share_of_the_labels_and_little_more(share):
    everything = places(pairs())
    chosen = places(label_share(pairs(), share, 16, 0, 0))
    assert share * len(everything) <= len(chosen) <= share * len(everything) + 20 * 20


def test_a_smaller_share_is_part_of_a_larger_one_of_the_same_seed():
    shares = [places(label_share(pairs(), share, 16, 3, 0)) for share in (0.01, 0.1, 0.25, 0.999)]
    assert all(small < large for small, large in pairwise(shares))
    assert places(label_share(pairs(), 0.25, 16, 4, 0)) != shares[2]


def test_all_labels_are_the_pairs_as_they_are():
    given = pairs()
    assert all(a is b for a, b in zip(label_share(given, 1.0, 16, 0, 0), given, strict=True))


def test_every_patch_has_labels_and_none_is_much_smaller_than_asked_for():
    for image, label in label_share(pairs(), 0.999, 32, 0, 0):
        assert (label > 0).any()
        assert image.shape[1:] == label.shape
        assert min(label.shape) >= 20


@pytest.mark.parametrize("share", [0, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InputError, match="share must be above 0"):
        label_share(pairs(), share, 16, 0, 0)
