"""Training of refiners, and the card. Covers idgbr.training.refiner and idgbr.training.card."""

import json
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from idgbr_toys import CLASSES, landscape

from idgbr import IDGBRPipeline, Refiner, metrics
from idgbr.codecs.autoencoder import train_autoencoder
from idgbr.errors import CheckpointError, InputError
from idgbr.metrics import BoundaryIoU, Evaluation
from idgbr.training import CoarseTraining, Optimisation, RefinerTraining, train_coarse, train_refiner, write_card
from idgbr.training.loop import OutOfTime
from idgbr.training.refiner import _identity, refiner_loss

BANDS = ("red", "green", "nir")
CODES = (10, 20, 40)


def coarse_training(steps, **changes):
    fields = {"crop": 64, "batch": 8, "sizes": {"widths": (12, 16, 24, 32)}} | changes
    how = Optimisation(steps=steps, rate=4e-3, warmup=10, ema=0.95)
    return CoarseTraining(classes=CLASSES, bands=BANDS, optimisation=how, **fields)


def refiner_training(steps, **changes):
    fields = {"crop": 64, "batch": 8, "sizes": {"widths": (12, 16, 24, 32)}} | changes
    return RefinerTraining(optimisation=Optimisation(steps=steps, rate=4e-3, warmup=10, ema=0.95), **fields)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Coarse network trained on some landscapes, refiner on others."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("model")
    seen, others = ([landscape(seed) for seed in seeds] for seeds in (range(4), range(4, 8)))
    losses = [p.loss for p in train_coarse(seen, folder, coarse_training(60, batch=4))]
    refined = [p.loss for p in train_refiner(others, folder, refiner_training(80, batch=4))]
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
    assert BoundaryIoU.of(label, fine, CODES, 2).mean > BoundaryIoU.of(label, coarse, CODES, 2).mean + 0.05
    before, after = (metrics.mean_iou(metrics.confusion_matrix(label, answer, CODES)) for answer in (coarse, fine))
    assert after > before + 0.01


def test_the_card_names_bands_classes_scores_and_digest(trained):
    folder, *_ = trained
    truth_HW = np.repeat([[10, 10], [20, 20]], 4, 1).astype(np.uint8)
    coarse_HW = np.where(np.arange(8) == 0, 40, truth_HW).astype(np.uint8)
    scores = Evaluation.of(truth_HW, coarse_HW, truth_HW, CODES).scores([row["name"] for row in CLASSES])
    path = write_card(folder, "Toy", "Made landscapes.", "cc0-1.0", {"coarse": 60, "refiner": 80}, scores)
    text = path.read_text()
    assert path.name == "README.md"
    for part in (
        "license: cc0-1.0",
        "| 20 | water | #2060c0 |",
        "| metric | coarse | refined |",
        "| overall accuracy | 87.50 | 100.00 |",
        "boundary IoU (4 px)",
        "parameters)",
        "red, green, nir",
        "60 steps",
    ):
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


def test_training_goes_on_from_its_state_with_the_same_bits(tmp_path):
    pairs = [landscape(0, 64)]
    digests = []
    for name in ("whole", "parts"):
        folder = tmp_path / name
        list(train_coarse(pairs, folder, coarse_training(2, crop=32, batch=2)))
        state = tmp_path / f"{name}.safetensors"
        how = refiner_training(6, crop=32, batch=2, condition_dropout=0.3)
        if name == "parts":
            with pytest.raises(OutOfTime):
                list(train_refiner(pairs, folder, how, state=state, deadline=time.monotonic()))
            for progress in train_refiner(pairs, folder, how, state=state, deadline=time.monotonic() + 600):
                if progress.step == 3:
                    break
        list(train_refiner(pairs, folder, how, state=state))
        digests.append(IDGBRPipeline.from_pretrained(folder).digest)
    assert digests[0] == digests[1]


def test_masks_of_networks_that_have_not_seen_a_pair_can_be_given_in_either_form(tmp_path):
    pairs = [landscape(seed, 64) for seed in range(2)]
    list(train_coarse(pairs, tmp_path, coarse_training(2, crop=32, batch=2)))
    config = refiner_training(2, crop=32, batch=2)
    whole = [
        np.rint(255 * np.random.default_rng(seed).dirichlet([1] * 3, (64, 64)).transpose(2, 0, 1)) for seed in (0, 1)
    ]
    digests = []
    for masks in ([mask.astype(np.uint8) for mask in whole], [(mask / 255).astype(np.float32) for mask in whole]):
        list(train_refiner(pairs, tmp_path, config, masks))
        digests.append(IDGBRPipeline.from_pretrained(tmp_path).digest)
    assert digests[0] == digests[1]
    with pytest.raises(InputError, match="2 pairs need as many coarse masks, not 1"):
        next(train_refiner(pairs, tmp_path, config, masks[:1]))


@pytest.mark.parametrize(
    ("sizes", "changes"),
    [
        ({"process": "discrete"}, {"times": "uniform"}),
        ({"sigma": 0.5}, {"true_states": 0.0}),
        ({"sigma": 0.0}, {"times": "last", "true_states": 1.0}),
        ({"process": "diffusion", "prediction": "epsilon"}, {"times": "uniform", "condition_dropout": 0.2}),
        ({"process": "diffusion", "prediction": "v"}, {}),
        ({"process": "diffusion", "prediction": "x0"}, {"pixels": True, "times": "last", "boundary": 0.5}),
        ({"code": "embedding"}, {"hard": 0.5}),
        ({"code": "autoencoder"}, {"boundary": 0.5}),
        ({"attention": True}, {}),
    ],
)
def test_every_way_of_training_lowers_its_loss(tmp_path, sizes, changes, monkeypatch):
    # Fewer steps than a codec needs to be good.
    monkeypatch.setattr("idgbr.training.refiner.train_autoencoder", partial(train_autoencoder, steps=60))
    pairs = [landscape(seed, 96) for seed in range(2)]
    list(train_coarse(pairs, tmp_path, coarse_training(2, crop=32, batch=2)))
    config = refiner_training(30, crop=32, sizes={"widths": (12, 16, 24, 32), **sizes}, **changes)
    losses = [progress.loss for progress in train_refiner(pairs, tmp_path, config)]
    assert np.mean(losses[-8:]) < np.mean(losses[:4])
    refiner = IDGBRPipeline.from_pretrained(tmp_path).refiner
    assert {name: refiner.config[name] for name in sizes} == sizes


@pytest.mark.parametrize(
    ("sizes", "changes"),
    [
        ({"attention": True, "code": "embedding"}, {}),
        ({"process": "diffusion", "prediction": "v"}, {"times": "uniform"}),
    ],
)
def test_gradients_reach_every_weight_but_the_codecs(sizes, changes):
    torch.manual_seed(0)
    refiner = Refiner(3, 3, (12, 16, 24, 32), full=8, **sizes)
    optimiser = torch.optim.SGD([weight for weight in refiner.parameters() if weight.requires_grad], lr=1e-2)
    images, labels = zip(*(landscape(seed, 64) for seed in range(2)), strict=True)
    image = torch.from_numpy(np.stack(images).astype(np.float32)) / 1000
    index = np.searchsorted([10, 20, 40], np.stack(labels)).astype(np.uint8)
    config = refiner_training(1, corruption=0.0, true_states=1.0, **changes)
    for _ in range(3):
        optimiser.zero_grad()
        refiner_loss(refiner, image, torch.rand(2, 3, 64, 64).softmax(1), index, config).backward()
        optimiser.step()
    silent = [name for name, weight in refiner.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert all(name.startswith("codec.") for name in silent), silent
    assert all(not weight.requires_grad for weight in refiner.codec.parameters())


class Recorded(Refiner):
    """Keeps the codes and times it was given."""

    def forward(self, noisy_BDhw, time_B, condition):
        self.seen = [*getattr(self, "seen", []), (noisy_BDhw.detach(), time_B, torch.is_grad_enabled())]
        return super().forward(noisy_BDhw, time_B, condition)


@pytest.mark.parametrize("share", [0.0, 0.5, None, 1.0])
def test_true_states_are_made_of_the_true_labels_in_that_share_of_the_steps(share):
    """Without noise, as by default, the input tells the clean code that it was made of. None: half of them."""
    torch.manual_seed(0)
    refiner = Recorded(3, 3, (8, 8, 8, 8), full=4)
    image, label = landscape(0, 32)
    index = np.searchsorted([10, 20, 40], label[None]).astype(np.uint8)
    true = refiner.codec.encode(torch.nn.functional.one_hot(torch.from_numpy(index).long(), 3).movedim(-1, 1).float())
    coarse = torch.rand(1, 3, 32, 32).softmax(1)
    raw = torch.from_numpy(image[None].astype(np.float32)) / 1000
    config = refiner_training(1, corruption=0.0, true_states=share)
    kinds = []
    for _ in range(40):
        refiner.seen = []
        refiner_loss(refiner, raw, coarse, index, config)
        (state, time, _), evaluations = refiner.seen[-1], len(refiner.seen)
        code = (state - time * refiner.codec.encode(coarse)) / (1 - time)
        is_true = torch.allclose(code, true, atol=1e-2)
        assert is_true == (evaluations == 1)
        kinds.append(is_true)
    least, most = {0.0: (0, 0), 1.0: (40, 40)}.get(share, (11, 29))
    assert least <= sum(kinds) <= most


def test_unrolled_training_learns_through_the_first_answer_and_otherwise_it_is_fixed():
    image, label = landscape(0, 32)
    index = np.searchsorted([10, 20, 40], label[None]).astype(np.uint8)
    raw = torch.from_numpy(image[None].astype(np.float32)) / 1000
    for unrolled in (False, True):
        torch.manual_seed(0)
        refiner = Recorded(3, 3, (8, 8, 8, 8), full=4)
        config = refiner_training(1, true_states=0.0, unrolled=unrolled)
        refiner_loss(refiner, raw, torch.rand(1, 3, 32, 32).softmax(1), index, config)
        assert [graded for *_, graded in refiner.seen] == [unrolled, True]


@pytest.mark.parametrize(
    ("sizes", "changes", "says"),
    [
        ({}, {"times": "linear"}, "times must be one of uniform, cubic, last, not 'linear'"),
        ({}, {"condition_dropout": 2}, r"condition_dropout must be a number in 0\.\.1"),
        ({}, {"true_states": 1.5}, "true_states must be a number in 0..1, not 1.5"),
        ({}, {"true_states": 1.0, "unrolled": True}, "true_states must be below 1"),
        ({"process": "diffusion", "prediction": "v"}, {"true_states": 0.5}, "a network that predicts v always learns"),
        ({"process": "diffusion", "prediction": "v"}, {"true_states": 0.0}, "leave out true_states"),
    ],
)
def test_training_on_states_that_make_no_sense_is_refused(tmp_path, sizes, changes, says):
    pairs = [landscape(0, 64)]
    list(train_coarse(pairs, tmp_path, coarse_training(1, crop=32, batch=1)))
    with pytest.raises(InputError, match=says):
        next(
            train_refiner(pairs, tmp_path, refiner_training(1, crop=32, sizes={"widths": (8,) * 4, **sizes}, **changes))
        )


@pytest.mark.parametrize(
    ("sizes", "changes", "steps"),
    [
        ({}, {}, 2),
        ({}, {"true_states": 0.0}, 1),
        ({}, {"true_states": 0.0, "unrolled": True}, 2),
        ({"process": "diffusion", "prediction": "v"}, {}, 2),
    ],
)
def test_a_bridge_that_learned_from_its_own_answers_alone_is_saved_with_one_step(tmp_path, sizes, changes, steps):
    pairs = [landscape(0, 64)]
    list(train_coarse(pairs, tmp_path, coarse_training(1, crop=32, batch=1)))
    training = refiner_training(1, crop=32, batch=1, sizes={"widths": (8,) * 4, **sizes}, **changes)
    list(train_refiner(pairs, tmp_path, training))
    assert IDGBRPipeline.from_pretrained(tmp_path).settings.num_inference_steps == steps


def test_a_new_refiner_leaves_the_walk_of_the_one_before_behind(tmp_path):
    pairs, sizes = [landscape(0, 64)], {"widths": (8,) * 4}
    list(train_coarse(pairs, tmp_path, coarse_training(1, crop=32, batch=1)))

    def trained(run, refiner=None, sizes=sizes, **changes):
        training = refiner_training(1, crop=32, batch=1, sizes=sizes, **changes)
        list(train_refiner(pairs, tmp_path, training, refiner=refiner, run=run))
        return IDGBRPipeline.from_pretrained(tmp_path)

    published = {"process": "diffusion", "prediction": "epsilon", **sizes}
    walk = {"num_inference_steps": 25, "init": "noise", "guidance_scale": 3.0}
    first = trained({"overlap": 8, "boundary_radius": 3, **walk}, sizes=published, condition_dropout=0.5)
    assert first.refiner.config["condition_dropout"] == 0.5
    tuned = trained({}, refiner=first.refiner, condition_dropout=0.2)
    assert (tuned.settings, tuned.refiner.config["condition_dropout"]) == (first.settings, 0.2)
    second = trained({})
    wanted = {"num_inference_steps": 2, "init": "coarse", "guidance_scale": 1.0}
    assert second.settings == replace(first.settings, **wanted)


@pytest.mark.parametrize(
    ("run", "sizes", "error", "says"),
    [
        ({"init": "noise"}, {}, InputError, "a bridge starts from the coarse mask"),
        ({"guidance_scale": 2.0}, {}, InputError, "guidance_scale 2 needs"),
        ({"overlap": 30}, {"code": "autoencoder"}, CheckpointError, "multiples of 4 px"),
    ],
)
def test_a_run_that_the_refiner_is_not_for_is_refused_before_the_first_step(tmp_path, run, sizes, error, says):
    pairs = [landscape(0, 64)]
    list(train_coarse(pairs, tmp_path, coarse_training(1, crop=32, batch=1)))
    training = refiner_training(1, crop=32, batch=1, sizes={"widths": (8,) * 4, **sizes})
    with pytest.raises(error, match=says):
        next(train_refiner(pairs, tmp_path, training, run=run))


def test_trainings_begun_before_true_states_had_a_name_go_on():
    network = Refiner(3, 3, widths=(8, 8, 16, 16), full=4)
    training = RefinerTraining(optimisation=Optimisation(steps=1), true_states=0.0)
    told = json.loads(_identity(network, training, aligned=False))[1]
    assert told["aligned"] == 1.0
    assert told["dropout"] == 0
    network = Refiner(3, 3, widths=(8, 8, 16, 16), full=4, process="diffusion", prediction="v")
    told_of_v = json.loads(_identity(network, replace(training, true_states=None), aligned=False))[1]
    assert told_of_v == told
    assert not told.keys() & {"true_states", "unrolled", "condition_dropout"}


@pytest.mark.long
def test_alignment_draws_the_guidance_to_a_teacher(tmp_path):
    pairs = [landscape(seed, 96) for seed in range(2)]
    list(train_coarse(pairs, tmp_path, coarse_training(2, crop=32, batch=2)))
    tokens = [torch.from_numpy(image.astype(np.float32) / 1000).movedim(0, -1)[::16, ::16] for image, _ in pairs]
    config = refiner_training(40, crop=32, batch=4, align_steps=30)
    totals = [p.loss for p in train_refiner(pairs, tmp_path, config, tokens=tokens)]
    alone = [p.loss for p in train_refiner(pairs, tmp_path, config)]
    gaps = np.array(totals) - np.array(alone)
    assert gaps[20:30].mean() < -0.3, "half of a cosine near 1"
    assert abs(gaps[32:].mean()) < 0.2
    assert "aligner" not in str(IDGBRPipeline.from_pretrained(tmp_path).refiner.state_dict().keys())


@pytest.mark.long
def test_a_trained_refiner_can_be_tuned_end_to_end_for_one_step(tmp_path):
    """One answer at the noisiest time, decoded, with pixel and boundary loss (arXiv 2409.11355)."""
    pairs = [landscape(seed, 96) for seed in range(2)]
    list(train_coarse(pairs, tmp_path, coarse_training(30, crop=32, batch=4)))
    sizes = {"widths": (12, 16, 24, 32), "process": "diffusion", "prediction": "epsilon"}
    list(train_refiner(pairs, tmp_path, refiner_training(40, crop=32, batch=4, sizes=sizes, times="uniform")))
    model = IDGBRPipeline.from_pretrained(tmp_path)
    one = replace(model.settings, num_inference_steps=1, init="noise", uncertainty_threshold=1.0)

    def accuracy(refiner):
        image, label = landscape(0, 96)
        return (IDGBRPipeline(one, model.coarse, refiner)(image[None])[0][0] == label).mean()

    before = accuracy(model.refiner)
    tuning = refiner_training(60, crop=32, batch=4, times="last", pixels=True, boundary=0.2, sizes=sizes)
    list(train_refiner(pairs, tmp_path, tuning, refiner=model.refiner))
    assert accuracy(IDGBRPipeline.from_pretrained(tmp_path).refiner) > before + 0.1


def test_what_a_state_must_agree_in_is_the_same_in_every_process():
    """diffusers lists the names of values left at their default in the order of a set, which Python shuffles."""
    told = set()
    for order in (1, -1):
        network = Refiner(4, 6, widths=(8, 8, 16, 16), full=4)
        network.register_to_config(_use_default_values=network.config["_use_default_values"][::order])
        told.add(_identity(network, RefinerTraining(optimisation=Optimisation(steps=1)), aligned=False))
    assert len(told) == 1
