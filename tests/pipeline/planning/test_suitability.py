"""What a model has not seen in training is told before it maps. Covers pipeline.training.ground too."""

import json
from types import SimpleNamespace

import pytest

from idgbr.shipped import model_folder
from pipeline.planning.suitability import doubts_of, model_doubts
from pipeline.training.ground import Ground, ground_of

REAL, SIMULATED = {"id": "a", "properties": {}}, {"id": "a", "properties": {"mission": "simulated"}}
TRAINED = Ground(10, "sentinel-2", simulated=True)


def scene(platform="sentinel-2b"):
    return SimpleNamespace(id="a", platform=platform)


def test_a_model_that_suits_is_not_doubted():
    assert doubts_of(TRAINED, "m", 10, [scene()], [SIMULATED]) == []
    assert doubts_of(Ground(10, "sentinel-2", simulated=False), "m", 12, [scene()], [REAL]) == []


@pytest.mark.parametrize(
    ("resolution", "platform", "item", "says"),
    [
        (10, "sentinel-2b", REAL, "m was trained on simulated scenes only, and these are real; train one"),
        (120, "sentinel-2b", SIMULATED, "m was trained on pixels of 10 m, but the grid has 120 m; set grid.resolution"),
        (10, "landsat-9", SIMULATED, "m was trained on sentinel-2, but the scenes are of landsat-9; take a model"),
    ],
)
def test_what_a_model_has_not_seen_is_told_in_a_sentence(resolution, platform, item, says):
    (told,) = doubts_of(TRAINED, "m", resolution, [scene(platform)], [item])
    assert says in told


def test_the_ground_of_a_model_is_what_its_record_tells(tmp_path):
    assert ground_of(model_folder("simulated-s2")) == TRAINED
    assert ground_of(tmp_path) is None
    scenes = {"collection": "landsat-c2-l2", "resolution": 30}
    record = {"coarse": {"areas": {"kind": "scene-classes"}, "scenes": scenes}}
    (tmp_path / "training.json").write_text(json.dumps(record))
    assert ground_of(tmp_path) == Ground(30, "landsat", simulated=False)
    (tmp_path / "training.json").write_text(json.dumps({"coarse": {"areas": {"kind": "folder"}}}))
    assert ground_of(tmp_path) is None
    assert model_doubts(tmp_path, 10, [scene()], [REAL]) == []
