"""A scout looks at every window first, and the network where it sees something."""

import numpy as np
import pytest
import torch
from change_toys import BANDS, tiny_change_model, tiny_network

from idgbr.change import ChangePipeline, ChangeSettings
from idgbr.change.scout import Scout
from idgbr.errors import CheckpointError, InputError

CORNER = (1000, -333)


def brighter(level=1.0, bands=3, cell=4):
    """Sees cells whose mean of the first band, normalised, has grown by `level`."""
    scout = Scout(bands, cell, hidden=1, dilations=(), level=level)
    with torch.no_grad():
        for weight in scout.parameters():
            weight.zero_()
        scout.near.weight[0, 0, 1, 1], scout.near.weight[0, bands, 1, 1] = -1, 1
        scout.far.weight[0, 0, 1, 1] = scout.logit.weight[0, 0, 0, 0] = 1
    return scout


@pytest.fixture(scope="module")
def model():
    plain = tiny_change_model()
    return ChangePipeline(plain.settings, tiny_network(), brighter())


@pytest.fixture(scope="module")
def dates():
    """Grey ground, of which one square gets brighter; a corner has no data."""
    before_CHW = np.full((3, 96, 104), 1000, np.uint16)
    after_CHW = before_CHW + np.random.default_rng(0).integers(150, 250, before_CHW.shape).astype(np.uint16)
    after_CHW[:, 60:68, 30:38] += 2000
    before_CHW[:, :5, :5] = 0
    return before_CHW, after_CHW


def calls_of(model, *asked):
    calls = []
    hook = model._folded.stem.register_forward_hook(lambda *_: calls.append(1))
    probability_HW = model(*asked).probability_HW
    hook.remove()
    return probability_HW, len(calls) // 2


def test_the_network_is_asked_for_windows_alone_in_which_the_scout_sees_something(model, dates):
    full = ChangePipeline(model.settings, model.network)
    (gated_HW, asked), (full_HW, all_windows) = (calls_of(each, *dates, CORNER) for each in (model, full))
    assert 1 <= asked <= 4 < all_windows
    assert np.array_equal(np.isnan(gated_HW), np.isnan(full_HW))
    assert np.nanmin(full_HW) > 0
    assert (gated_HW[:20, 60:] == 0).all()
    assert np.array_equal(gated_HW[60:68, 30:38], full_HW[60:68, 30:38])


def test_where_nothing_changed_the_network_is_not_asked_and_the_probability_is_0(model, dates):
    before_CHW, _ = dates
    probability_HW, asked = calls_of(model, before_CHW, before_CHW + 200, CORNER)
    assert asked == 0
    assert (probability_HW[5:] == 0).all()
    assert np.isnan(probability_HW[:5, :5]).all()


class OnDevice(torch.Tensor):
    """Numbers that are counted when they are brought to the host."""

    copies = 0

    def tolist(self):
        OnDevice.copies += 1
        return super().tolist()

    def __bool__(self):
        OnDevice.copies += 1
        return super().__bool__()


def test_what_the_scout_sees_in_all_windows_is_brought_from_the_device_at_once(model, dates, monkeypatch):
    before_CHW, after_CHW = dates
    expected_HW, forward = model(before_CHW, after_CHW, CORNER).probability_HW, Scout.forward
    monkeypatch.setattr(Scout, "forward", lambda *asked: forward(*asked).as_subclass(OnDevice))
    monkeypatch.setattr(OnDevice, "copies", 0)
    model.forget()
    assert np.array_equal(model(before_CHW, after_CHW, CORNER).probability_HW, expected_HW, equal_nan=True)
    assert OnDevice.copies == 1
    model(np.zeros_like(before_CHW), after_CHW, CORNER)
    assert OnDevice.copies == 1, "no window is due where nothing is known"


def test_a_window_that_lies_in_two_calls_is_looked_at_once(model, dates, monkeypatch):
    before_CHW, after_CHW = dates
    fresh = ChangePipeline(model.settings, model.network, model.scout)
    looked, sees = [], Scout.sees
    monkeypatch.setattr(Scout, "sees", lambda *asked: looked.append(1) or sees(*asked))
    parts_HW = [fresh(before_CHW, after_CHW, part=part).probability_HW for part in [(0, 0, 96, 40), (0, 40, 96, 104)]]
    once = len(looked)
    whole_HW = fresh(before_CHW, after_CHW).probability_HW
    assert len(looked) == once
    assert np.array_equal(np.concatenate(parts_HW, 1), whole_HW, equal_nan=True)
    fresh.forget()
    assert np.array_equal(fresh(before_CHW, after_CHW).probability_HW, whole_HW, equal_nan=True)
    assert len(looked) == 2 * once


@pytest.mark.parametrize("part", [(50, 70, 20, 45), (61, 62, 40, 60), (0, 9, 0, 9)])
def test_with_a_scout_too_the_probability_does_not_depend_on_how_the_ground_was_cut(model, dates, part):
    before_CHW, after_CHW = dates
    whole_HW = model(before_CHW, after_CHW, CORNER).probability_HW
    (y0, y1, x0, x1), halo = part, model.halo
    window = slice(max(y0 - halo, 0), y1 + halo), slice(max(x0 - halo, 0), x1 + halo)
    corner = CORNER[0] + window[0].start, CORNER[1] + window[1].start
    absolute = CORNER[0] + y0, CORNER[1] + x0, CORNER[0] + y1, CORNER[1] + x1
    cut_HW = model(before_CHW[:, *window], after_CHW[:, *window], corner, absolute).probability_HW
    assert np.array_equal(cut_HW, whole_HW[y0:y1, x0:x1], equal_nan=True)


def test_a_scout_is_saved_with_its_model_told_by_the_digest_and_gone_when_a_model_without_takes_its_place(
    model, dates, tmp_path
):
    model.save_pretrained(tmp_path)
    again = ChangePipeline.from_pretrained(tmp_path)
    assert again.digest == model.digest
    assert np.array_equal(again(*dates).probability_HW, model(*dates).probability_HW, equal_nan=True)
    digests = {ChangePipeline(model.settings, model.network, each).digest for each in (None, brighter(), brighter(2.0))}
    assert len(digests) == 3
    assert tiny_change_model().digest in digests, "a model without a scout keeps the digest that it had"
    tiny_change_model().save_pretrained(tmp_path)
    assert ChangePipeline.from_pretrained(tmp_path).scout is None


def test_a_scout_that_does_not_fit_its_model_is_told(model, tmp_path):
    with pytest.raises(CheckpointError, match="the scout has 4 bands, but the model's settings name 3"):
        ChangePipeline(model.settings, model.network, brighter(bands=4))
    settings = ChangeSettings(bands=BANDS, window=32, overlap=8, **dict.fromkeys(
        ("before_mean", "after_mean", "before_std", "after_std"), (1.0, 1.0, 1.0)
    ))  # fmt: skip
    with pytest.raises(CheckpointError, match="windows of multiples of 5 px, but the model's settings say 32"):
        ChangePipeline(settings, model.network, brighter(cell=5))
    with pytest.raises(InputError, match="a scout has at least 1 band"):
        Scout(0)
    model.save_pretrained(tmp_path)
    (tmp_path / "scout" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        ChangePipeline.from_pretrained(tmp_path)
