"""What a model has not seen in training is told before it maps."""

from types import SimpleNamespace

import pytest

from pipeline.planning.suitability import doubts_of, model_doubts
from pipeline.training.ground import Ground

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


def test_a_model_whose_record_does_not_tell_is_not_doubted(tmp_path):
    assert model_doubts(tmp_path, 10, [scene()], [REAL]) == []
