"""Schedulers as components of a model and its folder: idgbr.saved_model."""

import json

import diffusers
import numpy as np
import pytest
from idgbr_toys import landscape, small_model

from idgbr import CheckpointError, IDGBRPipeline, Refiner, checkpoint
from idgbr.errors import InputError
from idgbr.processes.diffusion import WALK_VERSION
from idgbr.training.loop import with_seed

IMAGE = landscape(0, 64)[0][None]


@pytest.fixture
def walks():
    small = small_model(num_inference_steps=3)
    sizes = {"widths": (8, 8, 16, 16), "full": 4}
    refiner = with_seed(3, lambda: Refiner(3, 3, process="diffusion", prediction="epsilon", **sizes))
    return IDGBRPipeline(small.settings, small.coarse, refiner)


@pytest.fixture
def folder(walks, tmp_path):
    walks.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def index(folder, drop=(), **changes):
    path = folder / "model_index.json"
    content = {key: value for key, value in json.loads(path.read_text()).items() if key not in drop}
    path.write_text(json.dumps(content | changes))


def test_a_scheduler_that_is_swapped_is_saved_and_comes_back(walks, tmp_path):
    before, first = walks.digest, walks(IMAGE)
    walks.scheduler = diffusers.EulerDiscreteScheduler.from_config(walks.scheduler.config, timestep_spacing="leading")
    assert walks.digest != before
    walks.save_pretrained(tmp_path)
    again = IDGBRPipeline.from_pretrained(tmp_path)
    assert type(again.scheduler) is diffusers.EulerDiscreteScheduler
    assert again.digest == walks.digest
    second = walks(IMAGE)
    assert not np.array_equal(first.confidence, second.confidence)
    assert np.array_equal(again(IMAGE).confidence, second.confidence)


def test_diffusers_loads_a_saved_scheduler_alone(walks, folder):
    alone = diffusers.DPMSolverMultistepScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True)
    walks.scheduler, before = alone, walks.digest
    assert walks.digest == before


def test_a_swap_in_a_copy_leaves_the_model_as_it_was(walks):
    before, copy = walks.digest, walks.with_settings()
    copy.scheduler = diffusers.DDIMScheduler.from_config(copy.scheduler.config)
    assert walks.digest == before != copy.digest


def test_a_model_that_walks_otherwise_has_no_scheduler(tmp_path):
    for model in (small_model(), small_model(refiner=False)):
        model.save_pretrained(tmp_path)
        assert not (tmp_path / "scheduler").exists()
        assert IDGBRPipeline.from_pretrained(tmp_path).scheduler is None
        with pytest.raises(InputError, match="only a model whose refiner is of the process diffusion"):
            model.scheduler = diffusers.DDIMScheduler()


def test_a_scheduler_that_does_not_fit_is_not_taken(walks):
    before = walks.digest
    for config, sentence in (
        ({}, "beta_start"),
        (walks.scheduler.config | {"prediction_type": "sample"}, "prediction"),
    ):
        with pytest.raises(InputError, match=sentence):
            walks.scheduler = diffusers.DDIMScheduler.from_config(config)
    assert walks.digest == before


@pytest.mark.parametrize(("solver", "order"), [("ddim", 1), ("dpm++", 2)])
def test_a_folder_of_before_there_were_schedulers_walks_as_it_did_and_has_its_digest(walks, folder, solver, order):
    index(folder, drop=["scheduler"], solver=solver)
    (folder / "scheduler/scheduler_config.json").unlink()
    old = IDGBRPipeline.from_pretrained(folder)
    assert old.scheduler.config["solver_order"] == order
    content = walks.settings.digest_content() | {"solver": solver, "walk": WALK_VERSION}
    assert old.digest == checkpoint.digest(content, [walks.coarse, walks.refiner])
    old.save_pretrained(folder)
    assert IDGBRPipeline.from_pretrained(folder).digest == old.digest


def test_a_bridge_of_before_there_were_schedulers_has_its_digest(tmp_path):
    model = small_model()
    model.save_pretrained(tmp_path)
    index(tmp_path, drop=["scheduler"], solver="ddim")
    content = model.settings.digest_content() | {"solver": "ddim"}
    wanted = checkpoint.digest(content, [model.coarse, model.refiner])
    assert IDGBRPipeline.from_pretrained(tmp_path).digest == model.digest == wanted


def broken(folder, text=None, **changes):
    path = folder / "scheduler/scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes) if text is None else text)


@pytest.mark.parametrize(
    ("breakage", "sentence"),
    [
        (lambda f: index(f, solver="dpm++"), "has a solver beside its scheduler, which says it; take solver out"),
        (lambda f: index(f, drop=["scheduler"], solver="euler"), r"solver must be one of ddim, dpm\+\+, not 'euler'"),
        (
            lambda f: index(f, scheduler="os.system"),
            "scheduler must be one of DPMSolver.* not 'os.sys",
        ),
        (lambda f: index(f, scheduler=["diffusers", "DDIMScheduler"]), "scheduler must be one of DPMSolver"),
        (
            lambda f: index(f, scheduler="DDIMScheduler"),
            "describes a DPMSolver.*, but a DDIMScheduler is",
        ),
        (lambda f: index(f, drop=["refiner"]), "only a refiner of the process diffusion walks by one; take it out"),
        (lambda f: (f / "scheduler/scheduler_config.json").unlink(), "scheduler has no scheduler_config.json"),
        (lambda f: broken(f, "[" * 100_000), "is not valid JSON"),
        (lambda f: broken(f, " " * 2**21), "has 2097152 bytes"),
        (lambda f: broken(f, _class_name="DDPMScheduler"), "describes a DDPMScheduler"),
        (lambda f: broken(f, trained_betas="nets.py:betas"), "trained_betas of a DPMSolver.* must be None here"),
        (
            lambda f: broken(f, num_train_timesteps=10**12),
            "num_train_timesteps .* 1000 here, not 1000000000000",
        ),
        (lambda f: broken(f, solver_order="2"), "solver_order .* must be 1 or 2 or 3 here, not '2'"),
        (lambda f: broken(f, beta_end={"a": [0.012]}), r"beta_end .* must be 0.012 here, not \{'a': \[0.012\]\}"),
        (lambda f: broken(f, unheard_of=1), "a DPMSolverMultistepScheduler has no 'unheard_of'; take it out"),
    ],
)
def test_a_folder_whose_scheduler_is_not_one_is_refused_in_one_sentence(folder, breakage, sentence):
    breakage(folder)
    with pytest.raises(CheckpointError, match=sentence) as caught:
        IDGBRPipeline.from_pretrained(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_bridge_with_a_solver_of_diffusions_is_refused(tmp_path):
    small_model().save_pretrained(tmp_path)
    index(tmp_path, solver="dpm++")
    with pytest.raises(CheckpointError, match=r"names the solver 'dpm\+\+', but only a refiner of"):
        IDGBRPipeline.from_pretrained(tmp_path)
