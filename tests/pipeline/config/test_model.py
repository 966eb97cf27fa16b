"""Models on object storage: fetched once, and told in one sentence where there is none."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from change_files import write_raster
from command import run_here, sentence
from diffusers import DDIMScheduler
from s3_server import free_port

from idgbr import CheckpointError, IDGBRPipeline, Refiner
from idgbr.change import ChangePipeline
from idgbr.shipped import model_folder
from pipeline.config import model as models
from pipeline.config.model import model_at
from pipeline.config.sections import ChangeSettings
from pipeline.errors import RunError, UserError

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/idgbr/models"


@pytest.fixture
def bucket(s3):
    return s3.bucket(f"models-{time.time_ns()}")


@pytest.fixture
def stored(s3, bucket, model):
    return s3.upload(model, f"{bucket}/deep/model")


@pytest.fixture
def fetched(monkeypatch):
    """Names of the objects that were fetched."""
    names = []
    fetch = models.fetch
    monkeypatch.setattr(models, "fetch", lambda url, item, file: names.append(item.name) or fetch(url, item, file))
    return names


def digest(where):
    with model_at(where) as folder:
        return IDGBRPipeline.from_pretrained(folder).digest


def put(s3, place, name, content):
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    s3.put(bucket, f"{prefix}/{name}", content)


def test_a_model_of_a_bucket_is_that_of_the_folder_and_is_fetched_once(s3, stored, model, fetched):
    put(s3, stored, "coarse.training.safetensors", b"a state of its training")
    put(s3, stored, "coarse/old.ckpt", b"a pickle")
    assert digest(stored) == digest(model)
    files = [f"{part}/{name}" for part in ("coarse", "refiner") for name in ("config.json", WEIGHTS)]
    assert sorted(fetched) == sorted([*files, "model_index.json"])
    assert digest(f"{stored}/") == digest(model)
    assert len(fetched) == 5


def test_the_scheduler_of_a_model_of_a_bucket_is_that_of_the_folder(s3, bucket, model, tmp_path, fetched):
    bridge = IDGBRPipeline.from_pretrained(model)
    refiner = Refiner(4, 6, widths=(8, 8, 8, 8), full=4, process="diffusion")
    diffusion = IDGBRPipeline(bridge.settings, bridge.coarse, refiner)
    diffusion.scheduler = DDIMScheduler.from_config(diffusion.scheduler.config)
    diffusion.save_pretrained(tmp_path / "model")
    assert digest(s3.upload(tmp_path / "model", f"{bucket}/diffusion")) == diffusion.digest
    assert "scheduler/scheduler_config.json" in fetched


def test_a_change_model_of_a_bucket_is_that_of_the_folder(s3, bucket):
    shipped = model_folder("simulated-s2-change")
    place = ChangeSettings.model_validate({"model": s3.upload(shipped, f"{bucket}/change")}).model
    with model_at(place) as folder:
        assert ChangePipeline.from_pretrained(folder).digest == ChangePipeline.from_pretrained(shipped).digest


def test_workers_of_a_machine_that_begin_together_fetch_it_once(stored, model, fetched):
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(digest, [stored] * 4)) == {digest(model)}
    assert len(fetched) == 5


def test_a_model_that_was_replaced_in_the_bucket_is_fetched_anew(s3, stored, model, tmp_path):
    before = digest(stored)
    other = shutil.copytree(model, tmp_path / "other")
    index = other / "model_index.json"
    index.write_text(index.read_text().replace('"seed": 0', '"seed": 7'))
    s3.upload(other, stored)
    assert digest(stored) == digest(other) != before


def test_a_copy_that_is_cut_short_is_fetched_anew_and_an_interrupted_one_is_none(stored, model, cache, monkeypatch):
    with monkeypatch.context() as interrupted:
        interrupted.setattr(models, "fetch", lambda url, item, file: file.write_bytes(b"{") and 1 / 0)
        with pytest.raises(ZeroDivisionError):
            digest(stored)
    assert digest(stored) == digest(model)
    (weights,) = cache.glob(f"*/model/coarse/{WEIGHTS}")
    weights.write_bytes(weights.read_bytes()[:100])
    assert digest(stored) == digest(model)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model_index.json", b"[" * 2**20 + b"]", "has 1,048,577 bytes, but in a model it has at most 1,048,576"),
        ("model_index.json", b"{}", "/model_index.json describes a None, but a IDGBRPipeline is needed"),
        (f"coarse/{WEIGHTS}", b"no weights", "is truncated or not a safetensors file"),
    ],
)
def test_what_is_no_sound_model_is_told_by_its_place_in_the_bucket(s3, stored, name, content, says):
    put(s3, stored, name, content)
    with pytest.raises((UserError, CheckpointError), match=says) as told:
        digest(stored)
    assert stored in str(told.value)
    assert "\n" not in str(told.value)


def test_weights_that_are_a_pickle_alone_are_not_taken(s3, bucket, model):
    place = f"{bucket}/pickled"
    for name in ("model_index.json", "coarse/config.json"):
        put(s3, place, name, (model / name).read_bytes())
    put(s3, place, "coarse/diffusion_pytorch_model.bin", (model / "coarse" / WEIGHTS).read_bytes())
    with pytest.raises(CheckpointError, match=f"{place}/coarse has no {WEIGHTS}"):
        digest(place)


def test_a_cache_that_cannot_be_written_is_told(stored, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(RunError, match=r"cannot be kept in .*file.* \(Not a directory\)"):
        digest(stored)


def test_predict_takes_a_model_from_a_bucket(stored, model, tmp_path):
    image = write_raster(tmp_path / "image.tif", np.full((4, 96, 96), 900, np.uint16))
    outs = [tmp_path / "near.tif", tmp_path / "far.tif"]
    for place, out in zip((model, stored), outs, strict=True):
        assert run_here("predict", image, out, "--model", place).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_every_verb_that_takes_a_model_tells_that_a_bucket_has_none(s3, bucket, tmp_path, monkeypatch):
    image = write_raster(tmp_path / "image.tif", np.ones((4, 96, 96), np.uint16))
    verbs = (
        ("predict", image, tmp_path / "out.tif"),
        ("evaluate", "--data", tmp_path),
        ("detect-change", image, image, "--out", tmp_path / "out.tif"),
    )
    for verb in verbs:
        assert f"there is no model at {bucket}/none" in sentence(run_here(*verb, "--model", f"{bucket}/none"), 2)
        assert "there is no such bucket" in sentence(run_here(*verb, "--model", "s3://no-such-bucket/model"), 1)
        assert "but a model has a path or lies at s3://" in sentence(run_here(*verb, "--model", "gs://maps/model"), 2)
    with s3.guarded():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        assert "refuses this user" in sentence(run_here(*verbs[0], "--model", f"{bucket}/none"), 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached" in sentence(run_here(*verbs[0], "--model", f"{bucket}/none"), 1)
