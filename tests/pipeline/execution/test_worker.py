"""The worker of a run."""

import json
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
