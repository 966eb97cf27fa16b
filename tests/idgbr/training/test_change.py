"""Trainings of the change network and of its prior."""

import time

import numpy as np
import pytest
import torch
from change_toys import BANDS, TINY, two_dates
from torch import nn

from idgbr.change import ChangeNetwork, ChangePipeline, SiameseUNet
from idgbr.checkpoint import load_network
from idgbr.errors import CheckpointError, InputError
from idgbr.training import ChangeTraining, Optimisation, short_schedule, train_change, train_prior
from idgbr.training import change as change_module
from idgbr.training.crops import Augmentation
from idgbr.training.loop import OutOfTime
from idgbr.training.state import State


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def training(steps=2, **changes):
    how = Optimisation(steps=steps, rate=4e-3, warmup=2, ema=0.9, weight_decay=2e-4)
    plain = Augmentation(gain=0, band_gain=0, nodata=0)
    values = {"bands": BANDS, "crop": 32, "batch": 2, "sizes": TINY, "optimisation": how, "augmentation": plain}
    return ChangeTraining(**(values | changes))


def weights(folder):
    return load_network({"ChangeNetwork": ChangeNetwork}, folder).state_dict()


@pytest.mark.long
def test_a_change_network_learns_what_changed_on_ground_it_has_not_seen(tmp_path):
    how = Optimisation(steps=60, rate=2e-2, warmup=5, ema=0.9, clip=10)
    config = training(batch=4, sizes=TINY | {"drop": 0.0}, optimisation=how)
    losses = [p.loss for p in train_change([two_dates(seed, 64) for seed in range(4)], tmp_path, config)]
    before_CHW, after_CHW, label_HW = two_dates(9, 64)
    changed_HW = ChangePipeline.from_pretrained(tmp_path)(before_CHW, after_CHW).probability_HW > 0.5
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert (changed_HW & (label_HW == 1)).sum() / (changed_HW | (label_HW == 1)).sum() > 0.7


@pytest.mark.long
def test_a_siamese_u_net_learns_what_changed_on_ground_it_has_not_seen(tmp_path):
    how = Optimisation(steps=60, rate=1e-2, warmup=5, ema=0.9, clip=10)
    config = training(batch=4, network=SiameseUNet, sizes={"widths": (8, 8, 8)}, optimisation=how)
    list(train_change([two_dates(seed, 64) for seed in range(4)], tmp_path, config))
    before_CHW, after_CHW, label_HW = two_dates(9, 64)
    changed_HW = ChangePipeline.from_pretrained(tmp_path)(before_CHW, after_CHW).probability_HW > 0.5
    assert (changed_HW & (label_HW == 1)).sum() / (changed_HW | (label_HW == 1)).sum() > 0.7


def test_a_siamese_u_net_starts_from_no_prior(tmp_path):
    config = training(network=SiameseUNet, sizes={"widths": (4, 4)})
    with pytest.raises(InputError, match="a siamese U-Net starts from no prior network"):
        list(train_change([two_dates(0, 64)], tmp_path, config, prior=tmp_path / "spn"))


def test_each_date_is_normalised_by_its_own_numbers_with_data(tmp_path):
    before_CHW, after_CHW, label_HW = two_dates(0, 64)
    before_CHW[:, :20], after_CHW[:, 40:] = 0, 0
    list(train_change([(before_CHW, after_CHW, label_HW)], tmp_path, training(1)))
    settings = ChangePipeline.from_pretrained(tmp_path).settings
    for image_CHW, mean, std in (
        (before_CHW, settings.before_mean, settings.before_std),
        (after_CHW, settings.after_mean, settings.after_std),
    ):
        assert mean == pytest.approx(image_CHW[:, 20:40].mean((1, 2)).tolist())
        assert std == pytest.approx(image_CHW[:, 20:40].std((1, 2)).tolist())
    assert (settings.window, settings.overlap, settings.bands) == (32, 4, BANDS)


def test_dates_are_swapped_after_each_was_normalised_as_what_it_is(tmp_path, monkeypatch):
    """A pair in which each date equals its own mean is 0 on both sides, swapped or not; and swaps do happen."""
    seen = []

    def logits(self, *streams):
        seen.append([stream.detach().clone() for stream in streams])
        return sum(stream.mean() for stream in streams) * self.fuse.bias.sum() + torch.zeros(len(streams[0]), 6, 32, 32)

    monkeypatch.setattr(ChangeNetwork, "logits", logits)
    before_CHW, after_CHW, label_HW = two_dates(0, 32)
    for swap in (0.0, 1.0):
        list(train_change([(before_CHW, after_CHW, label_HW)], tmp_path, training(1, swap=swap, batch=1)))
    (first, second), (swapped_first, swapped_second) = seen
    assert torch.equal(first, swapped_second)
    assert torch.equal(second, swapped_first)
    assert abs(first.mean().item()) < 1e-3
    assert not torch.equal(first, second)


def test_a_prior_is_where_the_change_network_starts(tmp_path):
    pairs = [two_dates(0, 64)]
    list(train_prior([(pairs[0][1], pairs[0][2])], tmp_path / "prior", training(2)))
    slow = Optimisation(steps=1, rate=1e-12, warmup=0, ema=0.0)
    for name, prior in (("with", tmp_path / "prior"), ("without", None)):
        list(train_change(pairs, tmp_path / name, training(optimisation=slow), prior))
    prior, start, scratch = (weights(tmp_path / part) for part in ("prior", "with/network", "without/network"))
    name = "decoder.0.0.expand.weight"
    torch.testing.assert_close(start[name], prior[name])
    assert not torch.allclose(start[name], scratch[name])
    assert not [name for name in prior if ".fusion." in name]


@pytest.mark.parametrize("stage", [pytest.param("prior", marks=pytest.mark.long), "change"])
def test_a_training_stopped_and_resumed_gives_the_same_bits(tmp_path, stage):
    pairs, config = [two_dates(0, 48)], training(4)

    def train(name, deadline=None):
        state = tmp_path / f"{name}.safetensors"
        if stage == "prior":
            single = [(after_CHW, label_HW) for _, after_CHW, label_HW in pairs]
            return train_prior(single, tmp_path / name, config, state, save_every=1, deadline=deadline)
        return train_change(pairs, tmp_path / name, config, None, state, save_every=1, deadline=deadline)

    list(train("whole"))
    for progress in train("parts"):
        if progress.step == 2:
            break
    assert not (tmp_path / "parts").exists()
    with pytest.raises(OutOfTime):
        list(train("parts", time.monotonic() - 1))
    assert [progress.step for progress in train("parts")] == [3, 4]
    files = [next((tmp_path / name).rglob("*.safetensors")).read_bytes() for name in ("whole", "parts")]
    assert files[0] == files[1]


@pytest.mark.parametrize("other", ["swap", "data", "prior"])
def test_a_state_of_other_data_settings_or_prior_is_not_continued(tmp_path, other):
    pairs, state = [two_dates(0, 48)], tmp_path / "state.safetensors"
    next(train_change(pairs, tmp_path / "model", training(2), None, state, save_every=1))
    config, prior = training(2, swap=0.1) if other == "swap" else training(2), None
    if other == "data":
        pairs = [two_dates(1, 48)]
    if other == "prior":
        prior = tmp_path / "prior"
        list(train_prior([(pairs[0][0], pairs[0][2])], prior, training(1)))
    with pytest.raises(CheckpointError, match="is of another training: its about is"):
        list(train_change(pairs, tmp_path / "model", config, prior, state))


def test_a_state_goes_on_for_a_model_of_other_windows_for_no_weight_depends_on_them(tmp_path):
    pairs, state = [two_dates(0, 48)], tmp_path / "state.safetensors"
    next(train_change(pairs, tmp_path / "model", training(2), None, state, save_every=1))
    assert [each.step for each in train_change(pairs, tmp_path / "model", training(2, window=48), None, state)] == [2]
    assert ChangePipeline.from_pretrained(tmp_path / "model").settings.window == 48


def test_weights_of_one_axis_do_not_decay():
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))
    decays = {}
    for group in State(network, 0.5, False, {}, decay_vectors=False).optimiser.param_groups:
        decays |= {id(weight): group["weight_decay"] for weight in group["params"]}
    assert {name: decays[id(weight)] for name, weight in network.named_parameters()} == {
        "0.weight": 0.5,
        "0.bias": 0,
        "1.weight": 0,
        "1.bias": 0,
    }
    scales = [weight for name, weight in ChangeNetwork(3, **TINY).named_parameters() if ".scale" in name]
    assert len(scales) == 20 // 2
    assert {scale.ndim for scale in scales} == {1}


def test_without_sides_only_the_fused_logit_is_trained(tmp_path, monkeypatch):
    widths = []
    monkeypatch.setattr(
        change_module, "change_loss", lambda logits, target: widths.append(logits.shape[1]) or logits.sum() * 0
    )
    for sides in (True, False):
        list(train_change([two_dates(0, 32)], tmp_path, training(1, sides=sides)))
    assert widths == [6, 1]


def test_a_short_schedule_scales_with_its_steps_up_to_the_published_average():
    short, long = short_schedule(2000), short_schedule(1_000_000)
    assert (short.warmup, short.ema, short.rate, short.weight_decay) == (100, 0.975, 5e-4, 2e-4)
    assert long.ema == 0.9998


@pytest.mark.parametrize(
    ("pairs", "changes", "says"),
    [
        ([], {}, "at least one pair"),
        ([(np.ones((4, 9, 9)), np.ones((3, 9, 9)), np.ones((9, 9), np.uint8))], {}, "an image before of shape"),
        ([(np.ones((3, 9, 9)), np.ones((3, 9, 8)), np.ones((9, 9), np.uint8))], {}, "an image after of shape"),
        ([(np.ones((3, 9, 9)), np.ones((3, 9, 9)), np.full((9, 9), 7, np.uint8))], {}, "7"),
        ([(np.zeros((3, 9, 9)), np.ones((3, 9, 9)), np.ones((9, 9), np.uint8))], {}, "nothing can be learnt"),
        ([(np.ones((3, 9, 9)), np.ones((3, 9, 9)), np.ones((9, 9), np.uint8))], {"sizes": {"wide": 1}}, "do not fit"),
    ],
)
def test_a_training_that_cannot_be_is_told_in_one_sentence(tmp_path, pairs, changes, says):
    with pytest.raises(InputError, match=says):
        list(train_change(pairs, tmp_path, training(1, **changes)))
