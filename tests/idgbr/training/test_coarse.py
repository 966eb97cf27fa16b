import time

import numpy as np
import pytest
import torch
from idgbr_toys import CLASSES, landscape

from idgbr import IDGBRPipeline, metrics
from idgbr.checkpoint import digest, load_network
from idgbr.coarse import DiffusionUNet
from idgbr.errors import CheckpointError, InputError
from idgbr.training import CoarseTraining, DDPMTraining, Optimisation, train_coarse
from idgbr.training import coarse as coarse_module
from idgbr.training.coarse import deal, load_prior, out_of_fold
from idgbr.training.ddpm import new_ddpm
from idgbr.training.loop import OutOfTime
from idgbr.training.share import label_share

BANDS = ("red", "green", "nir")
CODES = (10, 20, 40)
WIDTHS = {"widths": (8, 8, 16, 16)}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def training(steps=2, **changes):
    how = Optimisation(steps=steps, rate=4e-3, warmup=10, ema=0.95)
    return CoarseTraining(
        **{"classes": CLASSES, "bands": BANDS, "crop": 32, "batch": 2, "sizes": WIDTHS, "optimisation": how} | changes
    )


def test_a_coarse_network_learns_to_map_what_it_has_not_seen(tmp_path):
    config = training(60, crop=64, batch=8, sizes={"widths": (12, 16, 24, 32)})
    losses = [p.loss for p in train_coarse([landscape(seed) for seed in range(4)], tmp_path, config)]
    model = IDGBRPipeline.from_pretrained(tmp_path)
    image, label = landscape(100)
    found, _ = model(image[None])
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    assert metrics.mean_iou(metrics.confusion_matrix(label, found[0], CODES)) > 0.75
    assert model.refiner is None


def test_training_twice_gives_the_same_model_and_another_seed_another(tmp_path):
    digests = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        list(train_coarse([landscape(0, 64)], tmp_path / name, training(seed=seed)))
        digests.append(IDGBRPipeline.from_pretrained(tmp_path / name).digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("network", "sizes"),
    [
        ("CoarseUNet", WIDTHS),
        ("DeepLabV3Plus", {"blocks": (1, 1, 1, 1), "width": 8}),
        ("SegFormer", {"widths": (8, 16, 16, 16), "heads": (1, 2, 2, 2), "depths": (1, 1, 1, 1), "decoder": 16}),
        ("HRNet", {"width": 4, "modules": (1, 1, 1, 1)}),
    ],
)
def test_every_kind_of_network_trains_in_half_precision_and_is_saved_with_its_kind(tmp_path, network, sizes):
    how = Optimisation(steps=1, precision="bf16")
    config = training(network=network, sizes=sizes, optimisation=how, crop=64)
    (progress,) = train_coarse([landscape(0, 64)], tmp_path, config)
    assert np.isfinite(progress.loss)
    assert type(IDGBRPipeline.from_pretrained(tmp_path).coarse).__name__ == network


@pytest.fixture
def ddpm(tmp_path):
    config = DDPMTraining(bands=BANDS, crop=16, batch=1, sizes={"inner": 8, "multipliers": (1, 2, 2)})
    new_ddpm([landscape(0, 64)[0]], config).save_pretrained(tmp_path / "ddpm")
    return tmp_path / "ddpm"


FUSED = {"width": 4, "modules": (1, 1, 1, 1), "blocks": 1, "stem": 8}


def test_a_diff_hrnet_takes_the_u_net_of_a_folder_and_trains_around_it(tmp_path, ddpm):
    config = training(3, network="diff-hrnet", sizes=FUSED, crop=64, ddpm=ddpm)
    state, pairs = tmp_path / "state.safetensors", [landscape(0, 64)]
    steps = train_coarse(pairs, tmp_path / "model", config, state, deadline=time.monotonic() + 3)
    next(steps)
    time.sleep(3)
    with pytest.raises(OutOfTime):
        next(steps)
    list(train_coarse(pairs, tmp_path / "model", config, state))
    list(train_coarse(pairs, tmp_path / "again", config))
    model, again = (IDGBRPipeline.from_pretrained(tmp_path / name) for name in ("model", "again"))
    assert model.digest == again.digest
    assert type(model.coarse).__name__ == "DiffHRNet"
    trained = load_network({"DiffusionUNet": DiffusionUNet}, ddpm)
    assert digest({}, [model.coarse.diffusion]) == digest({}, [trained])
    assert model.coarse.mean_C.tolist() == pytest.approx(list(model.settings.mean))
    assert any(fusion.strength.item() != 0 for fusion in model.coarse.fusions["4"])
    assert digest({}, [load_prior(tmp_path / "model" / "coarse", BANDS)]) == digest({}, [trained])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network": "DiffHRNet", "ddpm": None}, "a DiffHRNet needs 'ddpm'"),
        ({"network": "CoarseUNet"}, "'ddpm' is of a DiffHRNet, not of a CoarseUNet"),
        ({"bands": ("nir", "red", "green")}, "has the bands red, green, nir, but the images nir, red, green"),
    ],
)
def test_a_u_net_that_does_not_belong_is_told_in_one_sentence(tmp_path, ddpm, change, says):
    config = training(**{"network": "DiffHRNet", "sizes": FUSED, "crop": 64, "ddpm": ddpm} | change)
    with pytest.raises(InputError, match=says):
        list(train_coarse([landscape(0, 64)], tmp_path / "model", config))


def test_a_share_of_the_labels_is_all_that_is_learnt_from(tmp_path):
    pairs = [landscape(0, 128)]
    list(train_coarse(pairs, tmp_path / "few", training(share=0.1)))
    few = label_share(pairs, 0.1, 32, 0, 0)
    list(train_coarse(few, tmp_path / "same", training()))
    models = [IDGBRPipeline.from_pretrained(tmp_path / name) for name in ("few", "same")]
    assert models[0].digest == models[1].digest


def test_what_labels_and_numbers_mean_goes_into_the_model(tmp_path):
    image, label = landscape(0, 64)
    image[:, :9] = 0
    label = np.array([0, 1, 6], np.uint8)[np.searchsorted(CODES, label)]
    classes = ({**CLASSES[0], "code": 0}, {**CLASSES[1], "code": 1})
    list(train_coarse([(image, label)], tmp_path, training(classes=classes, no_label=6, blank=None, grey=127)))
    settings = IDGBRPipeline.from_pretrained(tmp_path).settings
    assert (settings.codes, settings.no_label, settings.blank, settings.grey) == ((0, 1), 6, None, 127)
    assert settings.mean == pytest.approx(image.mean((1, 2)).tolist())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network": "UNet9000"}, "network must be one of CoarseUNet, DeepLabV3Plus"),
        ({"sizes": {"colour": 3}}, r"sizes \{'colour': 3\} do not fit a CoarseUNet"),
        ({"bands": ("red",)}, "pair 0 has an image of shape"),
        ({"crop": 40}, "multiple"),
    ],
)
def test_a_training_that_cannot_be_is_told_in_one_sentence(tmp_path, change, says):
    with pytest.raises(InputError, match=says):
        list(train_coarse([landscape(0, 64)], tmp_path, training(**change)))


def test_an_interrupted_training_gives_the_same_model_and_not_before_its_end(tmp_path):
    pairs, state = [landscape(0, 64)], tmp_path / "state.safetensors"
    list(train_coarse(pairs, tmp_path / "whole", training(6)))
    steps = train_coarse(pairs, tmp_path / "parts", training(6), state, deadline=time.monotonic() + 0.5)
    next(steps)
    time.sleep(0.5)
    with pytest.raises(OutOfTime):
        next(steps)
    assert not (tmp_path / "parts").exists()
    rest = [progress.step for progress in train_coarse(pairs, tmp_path / "parts", training(6), state)]
    assert rest == [2, 3, 4, 5, 6]
    whole, parts = (IDGBRPipeline.from_pretrained(tmp_path / name).digest for name in ("whole", "parts"))
    assert whole == parts


@pytest.mark.parametrize("other", ["data", "config"])
def test_a_state_of_other_data_or_settings_is_not_continued(tmp_path, other):
    state = tmp_path / "state.safetensors"
    list(train_coarse([landscape(0, 64)], tmp_path / "model", training(), state))
    pairs = [landscape(1 if other == "data" else 0, 64)]
    config = training(batch=3) if other == "config" else training()
    with pytest.raises(CheckpointError, match="its about is"):
        list(train_coarse(pairs, tmp_path / "model", config, state))


def test_no_pair_is_mapped_by_a_network_that_has_seen_its_place(tmp_path, monkeypatch):
    pairs = [landscape(seed, 64) for seed in range(5)]
    groups = ["north", "south", "north", "west", "south"]
    saved = {}

    def spy(seen, folder, *rest, **more):
        saved[folder.name] = [next(n for n, pair in enumerate(pairs) if pair is one) for one in seen]
        yield from train_coarse(seen, folder, *rest, **more)

    used = []

    def watch(model, image_BCHW):
        used.append(
            (model.digest, next(n for n, (image, _) in enumerate(pairs) if np.array_equal(image, image_BCHW[0])))
        )
        return original(model, image_BCHW)

    original = IDGBRPipeline.coarse_probabilities
    monkeypatch.setattr(coarse_module, "train_coarse", spy)
    monkeypatch.setattr(IDGBRPipeline, "coarse_probabilities", watch)
    found = out_of_fold(pairs, groups, training(), tmp_path, folds=3)
    digests = {IDGBRPipeline.from_pretrained(tmp_path / name).digest: name for name in saved}
    assert len(digests) == 3
    assert sorted(number for _, number in used) == [0, 1, 2, 3, 4]
    for user, number in used:
        assert groups[number] not in {groups[other] for other in saved[digests[user]]}
    assert all(len(seen) >= 3 for seen in saved.values())
    for array, (_, label) in zip(found, pairs, strict=True):
        assert array.shape == (3, *label.shape)
        assert array.dtype == np.float16
        assert np.allclose(array.sum(0), 1, atol=2e-3)


def test_masks_out_of_fold_go_on_after_an_interruption_with_the_same_result(tmp_path):
    pairs, groups = [landscape(seed, 64) for seed in range(2)], [0, 1]
    whole = out_of_fold(pairs, groups, training(), tmp_path / "whole")
    with pytest.raises(OutOfTime):
        out_of_fold(pairs, groups, training(), tmp_path / "parts", deadline=time.monotonic())
    told = []
    parts = out_of_fold(
        pairs, groups, training(), tmp_path / "parts", listen=lambda fold, p: told.append((fold, p.step))
    )
    assert told == [(0, 1), (0, 2), (1, 1), (1, 2)]
    again = out_of_fold(pairs, groups, training(), tmp_path / "parts", listen=lambda *_: pytest.fail("trained again"))
    for one, two, three in zip(whole, parts, again, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one, three)


def test_groups_are_dealt_out_whole_and_evenly():
    fold_of = deal(["a", "a", "b", "c", "d"], [50, 50, 60, 40, 10], 2)
    assert fold_of == {"a": 0, "b": 1, "c": 1, "d": 0}


@pytest.mark.parametrize(("groups", "folds"), [(["a", "a"], 2), (["a", "b"], 3), (["a", "b"], 1)])
def test_fewer_places_than_folds_are_told_in_one_sentence(tmp_path, groups, folds):
    with pytest.raises(InputError, match="folds must be in 2"):
        out_of_fold([landscape(0, 64)] * 2, groups, training(), tmp_path, folds)
