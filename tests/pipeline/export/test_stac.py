import json
import shutil

import numpy as np
import pystac
import pytest
import rasterio
from command import run_here, sentence
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.datacube import DatacubeExtension
from pystac.extensions.mlm import MLMExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation import validate_dict

from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.errors import RunError
from pipeline.export.stac import export_stac


@pytest.fixture(scope="module")
def folder(undisturbed, tmp_path_factory):
    """The catalog of a run's cube, moved away from where it was written."""
    made = tmp_path_factory.mktemp("stac")
    export_stac(Cube.open(undisturbed[0].cube), made / "there", ["landcover", "confidence"])
    return (made / "there").rename(made / "here")


@pytest.fixture(scope="module")
def collection(folder):
    return pystac.Collection.from_file(folder / "collection.json")


@pytest.fixture(scope="module")
def items(collection):
    """The item of the map, and that of the model."""
    found = {item.id: item for item in collection.get_items()}
    return found.pop("test-2024-05-01"), found.popitem()[1]


def test_collection_and_items_are_valid_stac_and_name_the_version(folder, items, undisturbed):
    files = sorted(folder.rglob("*.json"))
    assert len(files) == 3
    for file in files:
        assert validate_dict(json.loads(file.read_text()), extensions=[]), file
    assert items[0].properties["version"] == undisturbed[1].version
    assert not any(str(folder.parent / "there") in file.read_text() for file in files)


def test_assets_are_cogs_and_say_what_they_are(items, undisturbed):
    cube, item = open_cube(undisturbed[0].cube), items[0]
    for name in ("landcover", "confidence"):
        asset = item.assets[name]
        place = ProjectionExtension.ext(asset)
        with rasterio.open(asset.get_absolute_href()) as dataset:
            assert place.shape == list(dataset.shape)
            assert place.transform == list(dataset.transform)[:6]
            x, y = float(cube.x[0]), float(cube.y[0])
            row, col = dataset.index(x, y)
            there = dataset.read(1)[row : row + cube.sizes["y"], col : col + cube.sizes["x"]]
        assert (there == np.asarray(cube[name][0])).all()
        assert asset.extra_fields["bands"] == [{"name": name, "data_type": "uint8", "nodata": 0}]
        assert asset.extra_fields["raster:spatial_resolution"] == 10
    classes = json.loads(cube.attrs["classes"])
    assert [row.value for row in ClassificationExtension.ext(item.assets["landcover"]).classes] == [
        row["code"] for row in classes
    ]
    assert "classification:classes" not in item.assets["confidence"].extra_fields


def test_an_item_tells_its_cube_its_lineage_and_its_model(items, undisturbed):
    region, report = undisturbed
    item, model = items
    dimensions = DatacubeExtension.ext(item).dimensions
    rows, cols = region.extent.window.shape
    assert [dimensions[axis].extent[1] - dimensions[axis].extent[0] for axis in "xy"] == [cols * 10, rows * 10]
    assert dimensions["x"].reference_system == 3035
    assert set(DatacubeExtension.ext(item).variables) >= {"landcover", "confidence"}
    assert report.run in item.properties["processing:lineage"]
    assert set(item.properties["processing:software"]) == {"idgbr"}
    (link,) = [link for link in item.links if link.rel == "mlm:model"]
    assert link.resolve_stac_object().target.id == model.id
    told = MLMExtension.ext(model)
    assert told.input[0].bands == list(open_cube(region.cube).band.values)
    assert told.output[0].result.shape[0] == -1
    assert model.assets["model"].roles == ["mlm:model"]
    assert model.properties["idgbr:digest"].startswith(model.id.removeprefix("model-"))


def test_a_period_of_which_no_run_left_an_item_is_one_sentence(undisturbed, cube, tmp_path):
    told = sentence(run_here("export", cube.location, "--stac", tmp_path / "stac"), 2)
    assert "no run has left a STAC item of the period from 2024-05-01" in told
    assert not (tmp_path / "stac").exists()


def test_an_item_that_is_json_and_no_stac_is_one_sentence(undisturbed, tmp_path):
    cube = Cube.open(shutil.copytree(undisturbed[0].cube, tmp_path / "cube"))
    name = "stac/test-2024-05-01.json"
    whole = json.loads(cube.files.read(name))
    bad_link = {"rel": "derived_from", "href": 5}
    for damage in ({"type": "x"}, {"assets": None}, {"links": 5}, {"links": [bad_link]}, {"bbox": "x"}):
        cube.files.write(name, json.dumps(whole | damage))
        with pytest.raises(RunError, match=r"the STAC item .*test-2024-05-01.* is damaged; delete it"):
            export_stac(cube, tmp_path / "stac")


def test_an_interrupted_catalog_goes_on(undisturbed, tmp_path, folder):
    class Stop(Exception):
        pass

    def stop(done, total, what):
        raise Stop

    source = Cube.open(undisturbed[0].cube)
    with pytest.raises(Stop):
        export_stac(source, tmp_path / "here", ["landcover", "confidence"], progress=stop)
    export_stac(source, tmp_path / "here", ["landcover", "confidence"])
    for file in folder.rglob("*"):
        other = tmp_path / "here" / file.relative_to(folder)
        assert file.is_dir() or other.read_bytes() == file.read_bytes(), file
    shutil.rmtree(tmp_path / "here")
