"""What ground a model was trained on, by its record."""

import json

from idgbr.shipped import model_folder
from pipeline.training.ground import Ground, ground_of


def test_the_ground_of_a_model_is_what_its_record_tells(tmp_path):
    shipped = ground_of(model_folder("simulated-s2"))
    assert shipped == Ground(10, "sentinel-2", simulated=True)
    assert str(shipped) in (model_folder("simulated-s2") / "README.md").read_text()
    assert ground_of(tmp_path) is None
    scenes = {"collection": "landsat-c2-l2", "resolution": 30}
    record = {"coarse": {"areas": {"kind": "scene-classes"}, "scenes": scenes}}
    (tmp_path / "training.json").write_text(json.dumps(record))
    assert ground_of(tmp_path) == Ground(30, "landsat", simulated=False)
    (tmp_path / "training.json").write_text(json.dumps({"coarse": {"areas": {"kind": "folder"}}}))
    assert ground_of(tmp_path) is None
