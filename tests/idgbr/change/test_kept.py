"""Windows whose logits a change model keeps for the blocks beside which they lie."""

import numpy as np
import torch
from change_toys import tiny_change_model, two_dates

from idgbr.change import ChangePipeline, kept
from idgbr.change.kept import Kept, key, logits_kept


def test_a_window_is_known_by_the_pixels_of_both_dates():
    before_CHW, after_CHW = torch.rand(2, 3, 8, 8)
    same = before_CHW.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert key(before_CHW, after_CHW) == key(same, after_CHW)
    assert len({key(before_CHW, after_CHW), key(after_CHW, before_CHW), key(before_CHW, after_CHW + 1)}) == 3


def test_the_window_that_was_asked_for_longest_ago_goes_first(monkeypatch):
    monkeypatch.setattr(kept, "KEPT_BYTES", 2 * 4 * 16**2)
    assert logits_kept(16) == 2
    windows = Kept(2)
    windows.keep(b"a", False)
    windows.keep(b"b", True)
    assert windows.get(b"a") is False
    windows.keep(b"c", True)
    assert [windows.get(name) for name in (b"a", b"b", b"c")] == [False, None, True]


def test_blocks_side_by_side_share_windows_and_have_the_answers_of_blocks_alone(monkeypatch):
    model, (before_CHW, after_CHW, _) = tiny_change_model(), two_dates(0, 72, 80)
    computed, parts = [], [(0, 0, 40, 40), (0, 40, 40, 80), (0, 0, 40, 80)]
    alone = [
        ChangePipeline(model.settings, model.network)(before_CHW, after_CHW, part=part).probability_HW for part in parts
    ]
    logits = model.logits

    def counted(before_BCHW, after_BCHW):
        computed.append(len(before_BCHW))
        return logits(before_BCHW, after_BCHW)

    monkeypatch.setattr(model, "logits", counted)
    shared = [model(before_CHW, after_CHW, part=part).probability_HW for part in parts[:2]]
    first = sum(computed)
    shared.append(model(before_CHW, after_CHW, part=parts[2]).probability_HW)
    assert sum(computed) == first
    for one_HW, other_HW in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one_HW, other_HW)
