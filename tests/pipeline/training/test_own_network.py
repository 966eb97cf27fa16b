"""A network of one's own, from its file to a map: trained, refined, evaluated, and run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline import cli
from pipeline.config.region_file import load as load_region
from pipeline.cube.cube import Cube
from pipeline.errors import UserError
from pipeline.execution.run import run
from pipeline.planning.plan import plan
from pipeline.training.area_kinds import Simulated
from pipeline.training.prepare import load_areas
from pipeline.training.recipe import load
from pipeline.training.train import train

NETS = """
from torch import nn

def build(bands, classes):
    return nn.Sequential(nn.Conv2d(bands, 8, 4, stride=4), nn.ReLU(), nn.Conv2d(8, classes, 1))
"""


def silent(*step):
    pass


def recipe(folder, name, **keys):
    areas = {"kind": "simulated", "kilometres": 2}
    content = {
        "title": "a network of one's own",
        "license": "apache-2.0",
        "model": "model",
        "data": "data",
        "areas": areas | {"seeds": [7]},
        "validation": areas | {"seeds": [8]},
        "steps": 2,
        "batch_size": 1,
        "crop_size": 64,
        "code": "nets.py:build",
    }
    (folder / name).write_text(yaml.safe_dump(content | keys))
    return folder / name


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with nets.py, and a model of it: coarse and refiner."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "nets.py").write_text(NETS)
    load_areas(Simulated(kind="simulated", seeds=[7], kilometres=2), folder / "data", silent)
    for part in ("images", "labels"):
        shutil.copy(folder / "data" / part / "world-7-2km.tif", folder / "data" / part / "world-8-2km.tif")
    assert train(load(recipe(folder, "coarse.yaml")), "coarse", silent).refined is None
    sizes = {"widths": [8, 8, 16, 16]}
    assert train(load(recipe(folder, "refiner.yaml", model_args=sizes)), "refiner", silent).refined is not None
    return folder


def test_its_record_and_card_name_the_code(trained):
    record = json.loads((trained / "model" / "training.json").read_text())
    assert record["refiner"]["code"] == record["coarse"]["code"]
    assert record["coarse"]["code"]["function"] == "build"
    assert record["coarse"]["code"]["sha256"] in (trained / "model" / "README.md").read_text()


def test_a_network_trained_elsewhere_gets_a_refiner(trained, tmp_path):
    for name in ("model", "data"):
        shutil.copytree(trained / name, tmp_path / name)
    (tmp_path / "model" / "training.json").unlink()
    shutil.copy(trained / "nets.py", tmp_path)
    made = load(recipe(tmp_path, "refiner.yaml", model_args={"widths": [8, 8, 16, 16]}))
    assert train(made, "refiner", silent).refined is not None
    with pytest.raises(UserError, match=r"has no coarse network with its training\.json"):
        train(made.model_copy(update={"model": tmp_path / "gone", "code": None}), "refiner", silent)


def test_evaluate_takes_its_code_by_name(trained, monkeypatch, capsys):
    words = ["evaluate", "--model", str(trained / "model"), "--data", str(trained / "data")]
    monkeypatch.setattr("sys.argv", ["idgbr", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "holds a network of one's own" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["idgbr", *words, "--code", f"{trained}/nets.py:build"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "mIoU" in capsys.readouterr().out


def test_a_region_is_mapped_with_it_and_changed_code_makes_it_due_again(trained, region_in, tmp_path):
    shutil.copy(trained / "nets.py", tmp_path)
    region_in(tmp_path, model=str(trained / "model"), code="nets.py:build")
    region = load_region(tmp_path / "region.yaml")
    assert not run(region).degraded
    landcover = Cube.open(region.cube).group()["0/landcover"]
    assert np.any(np.asarray(landcover))
    before = plan(region)
    assert {block.landcover_due for block in before.blocks()} == {False}
    (tmp_path / "nets.py").write_text(NETS.replace("nn.ReLU()", "nn.GELU()"))
    after = plan(region)
    assert after.run != before.run
    assert {block.landcover_due for block in after.blocks()} == {True}


@pytest.mark.long
def test_workers_of_ray_have_it_from_the_driver(trained, region_in, tmp_path):
    """Where they look, neither nets.py nor its folder is."""
    shutil.copy(trained / "nets.py", tmp_path)
    region = region_in(tmp_path, model=str(trained / "model"), code="nets.py:build")
    run(region, address="local", listener=lambda *event: Path(tmp_path / "nets.py").unlink(missing_ok=True))
    assert np.any(np.asarray(Cube.open(region.cube).group()["0/landcover"]))
