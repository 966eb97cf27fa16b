"""The worker of a run."""

import json
import pickle
import shutil

import pytest

from pipeline.errors import RunError
from pipeline.execution.worker import Worker
from pipeline.planning.plan import plan


def test_a_model_that_changes_during_a_run_is_noticed(region_of, model):
    folder = shutil.copytree(model, region_of("changing").cube.parent / "model")
    region = region_of("changing", model=str(folder))
    planned = plan(region)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"seed": 7}))
    with pytest.raises(RunError, match="has changed since the run was planned"):
        assert Worker(region, planned.run, planned.model_digest, planned.model.settings.bands).device


def test_a_worker_fetches_the_model_of_a_bucket_itself_and_notices_another(s3, region_of, model, tmp_path, monkeypatch):
    stored = s3.upload(model, f"{s3.bucket('worker-models')}/model")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "driver"))
    region = region_of(model=stored)
    planned = plan(region)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "worker"))
    there = pickle.loads(pickle.dumps(region))
    worker = Worker(there, planned.run, planned.model_digest, planned.bands)
    assert worker.device.model.digest == planned.model_digest
    index = json.loads((model / "model_index.json").read_text())
    s3.put("worker-models", "model/model_index.json", json.dumps(index | {"seed": 7}).encode())
    with pytest.raises(RunError, match=f"the model in {stored} has changed since the run was planned"):
        assert Worker(there, planned.run, planned.model_digest, planned.bands).device
