"""A researcher on a laptop: looks at scenes, maps a region, and takes the map into Python."""

import json
import os

import pytest
import screen
from journey import README, example, full_lines, printed, text_of
from messages import REPR

pytestmark = pytest.mark.long
STOPPED = "idgbr: stopped by Ctrl-C (SIGINT); every block that was committed is kept, and the same command goes on"


def test_scenes_and_clear_views_are_seen_before_there_is_a_model_and_their_mosaics_are_used_by_the_map(person):
    person.write_region(model=None)
    seen = text_of(person.look(printed(README, "idgbr plan")))
    assert "none, for the region names no model" in seen
    assert "8 found of 52 expected from the orbits" in seen
    assert "fewest clear views 1.89 of a block" in seen
    person.write_region()
    person.type("idgbr run region.yaml --mosaic-only --address none")
    plan = json.loads(person.type("idgbr plan region.yaml --json").stdout)
    assert (plan["to_mosaic"], plan["to_segment"]) == (0, 1)


def test_a_model_of_10_m_pixels_on_a_grid_of_120_m_is_told_before_the_run(person):
    person.write_region(grid={"crs": "europe", "resolution": 120, "block": 256})
    warnings = json.loads(person.type("idgbr plan region.yaml --json").stdout)["warnings"]
    assert any("trained on pixels of 10 m, but the grid has 120 m" in warning for warning in warnings)


@pytest.mark.ray
def test_a_pipeline_py_and_a_folder_cluster_of_my_own_do_not_kill_the_run(person):
    (person.folder / "pipeline.py").write_text("raise SystemExit('my own pipeline')\n")
    (person.folder / "cluster").mkdir()
    (person.folder / "cluster/__init__.py").write_text("raise SystemExit('my own cluster')\n")
    lines = person.look(printed(README, "idgbr run"))
    seen = text_of(lines)
    assert full_lines(lines, 80) == []
    assert "upper-bavaria: published" in seen
    assert "start ━" in seen
    assert "Permanent water bodies 0.28 3.3%" in seen
    assert not REPR.search(seen), seen
    assert len([line for line in lines if line.startswith("mosaic ")]) == 1


@pytest.mark.ray
def test_ctrl_c_while_ray_starts_says_in_one_sentence_what_is_kept_and_the_same_command_goes_on(person):
    process, terminal = screen.start(printed(README, "idgbr run").split(), person.environment, person.folder, 120)
    shown = ""
    while "start " not in shown:
        shown += os.read(terminal, 65536).decode(errors="ignore")
    os.write(terminal, b"\x03")
    code, output = screen.finish(process, terminal)
    assert code == 130
    assert screen.shown(shown + output, 120)[-2:] == [STOPPED, ""]
    assert "Traceback" not in output
    person.type("idgbr run region.yaml --address none")


def test_the_map_stands_where_it_is_in_xarray_in_dask_and_in_a_netcdf_file(mapper):
    told = mapper.python(
        """
import json, rioxarray, xarray, pipeline
cube = pipeline.open_cube("cube")
here = cube.landcover.rio.transform()
dask = pipeline.open_cube("cube", chunks={})
cube[["landcover"]].to_netcdf("map.nc", engine="scipy")
back = xarray.open_dataset("map.nc", engine="scipy")
print(json.dumps({
    "corner": [here.c + 5, here.f - 5], "centre": [float(cube.x[0]), float(cube.y[0])],
    "stale": [name for name in cube.attrs if name.startswith("spatial:")],
    "chunks": dask.landcover.data.chunksize, "level": dict(pipeline.open_cube("cube", level=2).landcover.sizes),
    "sizes": dict(cube.landcover.sizes), "file": bool((back.landcover == cube.landcover).all()),
}))
"""
    )
    found = json.loads(told)
    assert found["corner"] == found["centre"]
    assert found["stale"] == []
    assert found["file"]
    assert found["chunks"] == [1, found["sizes"]["y"], found["sizes"]["x"]]
    assert found["level"]["x"] in (found["sizes"]["x"] // 4, found["sizes"]["x"] // 4 + 1)


def test_three_lines_open_the_store_with_xarray_alone(mapper):
    lines = example("docs/cube.md", "import icechunk").replace("out/demo/cube", "cube")
    check = """
import pipeline
ours = pipeline.open_cube("cube")
assert "pipeline" not in {name.split(".")[0] for name in before}
same = cube.landcover.sel(y=ours.y, x=ours.x)
print(bool((same == ours.landcover).all()), same.attrs["flag_meanings"].split()[0])
"""
    told = mapper.python(f"{lines}\nimport sys\nbefore = set(sys.modules)\n{check}")
    assert told.split()[-2:] == ["True", "Tree_cover"]  # Icechunk warns of folders before.


def test_the_map_leaves_the_cube_with_its_colours_and_names(mapper):
    mapper.type(printed("docs/tutorial.md", "idgbr export"))
    told = mapper.python(
        """
import rasterio
with rasterio.open("land.tif") as file:
    print(file.colormap(1)[10][:3], file.crs.to_epsg(), file.read(1).any())
"""
    )
    assert told.strip() == "(0, 100, 0) 3035 True"


def test_arrays_in_other_units_or_order_are_refused_or_put_right_and_never_mapped_in_silence(mapper):
    told = mapper.python(
        """
import json, numpy, pipeline
from idgbr import IDGBRPipeline
from idgbr.errors import InputError

mosaic = pipeline.open_cube("cube").mosaic.isel(time=0, x=slice(96), y=slice(96)).load()
model = IDGBRPipeline.from_pretrained("simulated-s2")
labels, confidence = model(mosaic)
alone, _ = model(mosaic.values)
swapped, _ = model(mosaic.isel(band=[2, 0, 3, 1]))
gap = mosaic.astype("float32").copy()
gap[:, :10], gap[:, 10:20] = numpy.nan, numpy.inf
holed, sure = model(gap)

def refusal(image):
    try:
        model(image)
    except InputError as error:
        return str(error)

print(json.dumps({
    "reflectance": refusal(mosaic / 10000), "dataset": refusal(mosaic.to_dataset(name="a")),
    "swapped": bool((swapped == labels).all()), "coordinates": bool((labels.x == mosaic.x).all()),
    "array": type(alone).__name__, "three": list(alone.shape), "list": model(mosaic.values.tolist())[0].shape,
    "gap": [int(holed[:20].max()), float(numpy.nan_to_num(sure[:20]).max())], "rest": bool((holed[60:] > 0).all()),
}))
"""
    )
    found = json.loads(told)
    assert "times smaller than those that the model was trained on" in found["reflectance"]
    assert "a Dataset holds several arrays" in found["dataset"]
    assert found["swapped"]
    assert found["coordinates"]
    assert (found["array"], found["three"], found["list"]) == ("ndarray", [96, 96], [96, 96])
    assert found["gap"] == [0, 0]
    assert found["rest"]
