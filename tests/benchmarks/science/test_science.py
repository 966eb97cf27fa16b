"""The whole of `make science` on made pictures and networks too small to learn: every task, the report, the clock."""

import json
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from idgbr_toys import landscape, small_model
from PIL import Image

from idgbr import Refiner
from idgbr.coarse import KINDS as COARSE
from idgbr.training import Optimisation
from science import report, sets
from science.__main__ import _all, _chosen, _one, main
from science.place import Place
from science.presets import PRESETS
from science.rivals import Averaged, repeated
from science.tasks import tasks
from science.variants import ABLATIONS, CHOICE, CONTROLS, LONG, RIVALS, STEPS_OF_WALK, slug

STEPS = Optimisation(steps=2, warmup=1, ema=0.5)
TINY = replace(
    PRESETS["cpu"],
    backbones={
        "U-Net": ("CoarseUNet", {"widths": (4, 8, 8, 8)}),
        "SegFormer": ("SegFormer", {"widths": (8, 8, 8, 8), "depths": (1,) * 4, "heads": (1,) * 4, "decoder": 8}),
    },
    table=(0,),
    coarse=STEPS,
    coarse_crop=32,
    coarse_batch=2,
    refiner=STEPS,
    refiner_crop=32,
    refiner_batch=2,
    sizes={"widths": (4, 8, 8, 8), "full": 4},
    train_centre=64,
    centre=64,
    window=64,
    choice=(0,),
    few_labels=replace(
        PRESETS["cpu"].few_labels,
        sets=("dubai_aerial", "cil_roads"),
        seeds=(0,),
        hrnet={"width": 4, "modules": (1, 1, 1, 1), "blocks": 1, "stem": 8},
        fusion={"alpha_bars": (0.975,)},
        unet={"inner": 4, "multipliers": (1, 1, 1)},
        coarse=STEPS,
        crop=32,
        batch=2,
        ddpm=STEPS,
        ddpm_batch=2,
        train_centre=64,
        centre=64,
    ),
    ablations=dict.fromkeys(
        ("no image in the guidance", "learned embedding", "masks of the training fit alone", "alignment", LONG), (0,)
    ),
)
"""Of the ablations one of each kind of change."""
LENGTHS = {
    "refiner-dubai_aerial-published-0": 2,
    "refiner-dubai_aerial-published_recipe_ten_times_the_steps-0": 20,
}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Six tiles of Dubai and five pictures of roads that are made landscapes, small ones."""
    for number, (name, stem) in enumerate(
        [("dubai_aerial", f"tile{tile}_part001") for tile in (1, 2, 4, 5, 6, 7)]
        + [("cil_roads", f"satImage_{picture:03d}") for picture in (1, 2, 3, 4, 5)]
    ):
        image_CHW, label_HW = landscape(number, 64)
        for kind in ("images", "labels"):
            (tmp_path / "data" / name / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray((image_CHW / 20).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)).save(
            tmp_path / "data" / name / "images" / f"{stem}.jpg"
        )
        values_HW = np.searchsorted([10, 20, 40], label_HW).astype(np.uint8)
        drawn_HW = values_HW if name == "dubai_aerial" else (values_HW > 0).astype(np.uint8) * 200
        Image.fromarray(drawn_HW).save(tmp_path / "data" / name / "labels" / f"{stem}.png")
    monkeypatch.setenv("IDGBR_DATA", str(tmp_path / "data"))
    sets.read.cache_clear()
    yield tmp_path
    sets.read.cache_clear()


@pytest.mark.long
def test_every_task_runs_and_the_report_has_every_table_and_picture(data, monkeypatch):
    monkeypatch.setattr("science.runs.STEPS", (1, 25))
    monkeypatch.setattr(sets, "KILOMETRES", 1.0)
    place = Place(data / "out", TINY, float("inf"))
    threads = torch.get_num_threads()
    for task in tasks(place.preset):
        assert all(place.result(need).is_file() for need in task.needs), task.name
        assert _one(task, place) == 0
    torch.set_num_threads(threads)
    report.write(place)
    text = (data / "out" / "report.md").read_text()
    for part in (
        "## dubai_aerial",
        "## cil_roads",
        "## simulated_s2",
        "| crf |",
        "published, gated",
        "## Steps against",
        "## The band",
        "Reduced",
        "\n| walk | mean of 8 turns and flips | 16 | 2 | ",
        "\n| twin | 8 times | 8 | 2 | ",
        "\n| true states 0.5, unrolled | 4 | ",
        "\nBest: ",
    ):
        assert text.count(part) == (3 if part.startswith("\n") else text.count(part)) > 0, part
    for ablation in TINY.ablations:
        assert f"\n| {ablation} | 2 of 2 | " in text, ablation
    steps = {task: json.loads(place.result(task).read_text())["steps"] for task in LENGTHS}
    assert steps == LENGTHS
    ways = [row["way"] for row in json.loads(place.result("walk-cil_roads-walk-U-Net-0").read_text())["rows"]]
    assert ways == [*(f"{steps} steps" for steps in STEPS_OF_WALK), "mean of 8 turns and flips"]
    assert text.count("Ours in one step against 25 guided steps") == 2
    assert len(list((data / "out").glob("*.png"))) == 9
    for name in place.preset.sets:
        score = json.loads(place.result(f"score-{name}-bridge-U-Net-0").read_text())
        for which in ("coarse", "refined"):
            defined = [row["iou"] for row in score[which]["classes"].values() if row["iou"] is not None]
            assert score[which]["mean_iou"] == pytest.approx(np.mean(defined))
        assert sum(score["class_share"]) == pytest.approx(100)
        assert all(f"\n| {row['name']} | " in text for row in sets.labelled(name).classes)


def test_places_of_test_images_are_in_no_training(data):
    for name in sets.SETS:
        train, test = (sets.read(name, test, data) for test in (False, True))
        places = [{sets.SETS[name].place(stem) for stem in part} for part in (train, test)]
        assert places[0]
        assert places[1]
        assert not places[0] & places[1]
        assert {sets.SETS[name].fold(stem) for stem in train} == set(range(len(sets.SETS[name].folds)))


def test_what_the_clock_stops_goes_on_later(data):
    """A piece whose time is up at once leaves states, no results; the next one ends the work."""
    task = next(task for task in tasks(TINY) if task.name.startswith("coarse"))
    early = Place(data / "out", TINY, time.monotonic() - 1)
    assert _one(task, early) == 75
    assert not early.result(task.name).is_file()
    assert _one(task, replace(early, deadline=float("inf"))) == 0
    assert early.result(task.name).is_file()


@pytest.mark.long
@pytest.mark.parametrize("preset", PRESETS)
def test_every_network_of_a_preset_takes_its_crops(preset):
    """Without memory or arithmetic, so the GPU's too."""
    with torch.device("meta"):
        how = PRESETS[preset]
        image_BCHW = torch.empty(2, 3, how.coarse_crop, how.coarse_crop)
        for kind, sizes in how.backbones.values():
            assert COARSE[kind](3, 5, **sizes)(image_BCHW).shape == (2, 5, how.coarse_crop, how.coarse_crop)
        image_BCHW = torch.empty(2, 3, how.refiner_crop, how.refiner_crop)
        for variant in [
            *CONTROLS.values(),
            *RIVALS.values(),
            *CHOICE.values(),
            *(ABLATIONS[name] for name in how.ablations),
        ]:
            refiner = Refiner(3, 5, **{**how.sizes, **variant.sizes})
            coarse_BKHW = torch.empty(2, 5, how.refiner_crop, how.refiner_crop)
            noise_BDhw = torch.empty_like(refiner.codec.encode(coarse_BKHW))
            answer = refiner(noise_BDhw, torch.empty(2), refiner.condition(image_BCHW, coarse_BKHW))
            wanted = coarse_BKHW if refiner.config["prediction"] == "labels" else noise_BDhw
            assert answer.shape == wanted.shape


def test_rivals_have_the_training_compute_of_ours():
    """In passes through the network; backward is twice forward."""
    for variant in RIVALS.values():
        share = variant.training.get("true_states", 0)
        answers = 6 if variant.training.get("unrolled") else 4
        assert variant.longer * (share * 3 + (1 - share) * answers) == pytest.approx(4)


def test_a_refiner_is_repeated_on_its_own_answer():
    model = small_model(overlap=0, uncertainty_threshold=1.0)
    image = landscape(0, 64)[0][None]
    first = model.refine_logits(image, model.coarse_logits(image), [(0, 0)])
    again = repeated(2)(model.settings, model.coarse, model.refiner)
    expected = model.refine_logits(image, first, [(0, 0)])
    assert torch.equal(again.refine_logits(image, model.coarse_logits(image), [(0, 0)]), expected)
    assert not torch.equal(expected, first)


def test_test_time_averaging_answers_alike_for_a_turned_and_flipped_window():
    model = small_model(overlap=0, num_inference_steps=1)
    torch.nn.init.zeros_(model.refiner.stem.weight)
    averaged = Averaged(model.settings, model.coarse, model.refiner)
    image = torch.from_numpy(landscape(0, 64)[0][None].astype(np.float32))
    coarse = model.coarse_logits(image)

    def turn(value):
        return torch.rot90(value, 1, (-2, -1)).flip(-1).contiguous()

    answer = averaged.refine_logits(image, coarse, [(0, 0)])
    turned = averaged.refine_logits(turn(image), turn(coarse), [(0, 0)])
    assert torch.allclose(turned, turn(answer), atol=1e-4)
    assert not torch.allclose(
        model.refine_logits(turn(image), turn(coarse), [(0, 0)]), turn(model.refine_logits(image, coarse, [(0, 0)]))
    )


def test_the_state_of_a_training_is_its_own(tmp_path):
    place = Place(tmp_path, TINY, float("inf"))
    refiners = {slug(name) for name in (*CHOICE, *RIVALS, *CONTROLS)}
    assert len({place.state(place.model("refiner", "toy", refiner)) for refiner in refiners}) == len(refiners)


def test_a_task_comes_with_all_it_needs():
    chosen = {task.name for task in _chosen(tasks(TINY), "score-dubai_aerial-bridge-U-Net-0")}
    assert "refiner-dubai_aerial-bridge-0" in chosen
    assert sum(name.startswith("coarse") for name in chosen) == 12
    assert len(chosen) == 14


def test_a_failing_task_is_named_and_stops_only_what_needs_it(data):
    chosen = _chosen(tasks(TINY), "coarse-dubai_aerial-U-Net-0-all")
    place = Place(data / "out", TINY, float("inf"))
    arguments = ["--preset=cpu", f"--home={data / 'missing'}", "--deadline=nonsense"]
    assert _all(chosen, place, 1, arguments, time.time() + 60) == ["coarse-dubai_aerial-U-Net-0-all"]
    assert "nonsense" in (place.home / "logs" / "coarse-dubai_aerial-U-Net-0-all.log").read_text()


def test_without_data_one_sentence_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.delenv("IDGBR_DATA", raising=False)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    task = "--task=coarse-dubai_aerial-U-Net-0-all"
    monkeypatch.setattr(sys, "argv", ["science", "--preset=cpu", f"--home={tmp_path}", task])
    sets.read.cache_clear()
    with pytest.raises(SystemExit, match=r"^the set dubai_aerial is not there: IDGBR_DATA must name"):
        main()
