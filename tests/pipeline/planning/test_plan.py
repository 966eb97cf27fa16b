"""A region can be planned before it has a model, and mosaicked before it is mapped. Covers describe."""

import json

import numpy as np
import yaml
from command import answer, run_here, sentence

from pipeline.cube.open import open_cube
from pipeline.execution.run import run
from pipeline.planning.plan import plan


def without_model(region):
    """The region's file, without its model."""
    file = region.cube.parent / "region.yaml"
    content = yaml.safe_load(file.read_text())
    del content["model"]
    file.write_text(yaml.safe_dump(content))
    return file


def test_a_region_without_a_model_is_planned_but_not_mapped(region_of):
    with_model = region_of()
    known = answer("plan", with_model.cube.parent / "region.yaml")
    file = without_model(region_of("other"))
    planned = answer("plan", file)
    same = ("scenes", "views", "gb_to_read", "to_mosaic", "uncovered", "clear_views", "busiest", "passes")
    assert {key: planned[key] for key in same} == {key: known[key] for key in same}
    assert planned["run"] is None
    assert planned["windows"] == planned["memory_per_worker_mb"]["segment"] == 0
    shown = run_here("plan", file).stdout
    assert "none, for the region names no model" in shown
    assert "segment" not in shown
    says = sentence(run_here("run", file, "--address", "none"), 2)
    assert "the region test names no model, which only idgbr plan does without; give it the key 'model'" in says


def test_a_plan_has_only_scenes_that_meet_the_query_and_says_it(region_of):
    every = plan(region_of("every"))
    first, *_ = sorted({item["properties"]["eo:cloud_cover"] for item in every.items})
    region = region_of("clearest", query={"eo:cloud_cover": {"lte": first}})
    planned = plan(region)
    assert {item["properties"]["eo:cloud_cover"] for item in planned.items} == {first}
    assert planned.run != every.run
    file = region.cube.parent / "region.yaml"
    assert answer("plan", file)["query"] == [f"eo:cloud_cover lte {first}"]
    assert f"eo:cloud_cover lte {first}" in run_here("plan", file).stdout
    content = yaml.safe_load(file.read_text()) | {"query": {"platform": {"eq": "sentinel-9"}, "gsd": {"in": [1, 2]}}}
    file.write_text(yaml.safe_dump(content))
    says = sentence(run_here("plan", file), 2)
    assert "no scenes of 'sentinel-2-l2a'" in says
    assert "with gsd in 1, 2 and platform eq 'sentinel-9'; check" in says


def test_the_shipped_model_on_pixels_of_another_size_is_doubted_in_the_plan(region_of):
    region = region_of(model="simulated-s2", grid={"crs": "europe", "resolution": 60, "block": 256})
    (told,) = plan(region).warnings[:1]
    assert "the model simulated-s2 was trained on pixels of 10 m, but the grid has 60 m" in told
    assert "trained on" not in " ".join(plan(region_of("fits", model="simulated-s2")).warnings)


def test_mosaics_alone_are_made_and_the_run_goes_on_from_them(region_of, undisturbed):
    region = region_of()
    file = region.cube.parent / "region.yaml"
    done = run_here("run", file, "--address", "none", "--mosaic-only", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["done"]["mosaic"] > 0, report["done"]["segment"]) == (True, 0)
    made = open_cube(region.cube, version=f"run-{report['run']}")
    whole = open_cube(undisturbed[0].cube)
    assert np.array_equal(made.mosaic.values, whole.mosaic.values)
    assert not made.landcover.values.any()
    shown = run_here("run", file, "--address", "none", "--mosaic-only").stdout
    assert "mosaics made, not mapped" in shown
    assert f"run-{report['run']}" in shown
    finished = run(region)
    assert finished.done.mosaic == 0
    assert np.array_equal(open_cube(region.cube).landcover.values, whole.landcover.values)
