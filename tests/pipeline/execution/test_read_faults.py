"""Whole runs over a server that fails: passing faults leave no trace, lasting ones degrade exactly their blocks."""

import json
from collections import Counter

import pytest
import rasterio
import shapely
from range_server import Faults, serving

from catalogs import access
from pipeline.cube.open import open_cube
from pipeline.execution.run import run
from pipeline.geometry.footprint import grid_footprint
from pipeline.planning.plan import plan
from pipeline.raster import gdal, retry
from pipeline.raster import read as reading

ARRAYS = ("mosaic", "landcover", "observations")


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Pauses of hundredths of a second, requests that may take one second, nothing remembered."""
    monkeypatch.setattr(retry, "RETRY_LIMITS", retry.RetryLimits(attempts=8, pause=0.01, requests=1, delay=0.01))
    monkeypatch.setitem(gdal.ENVIRONMENT, "GDAL_HTTP_TIMEOUT", 1)
    reading.inspect.cache_clear()
    access._tokens.clear()


@pytest.fixture
def remote(world, tmp_path):
    """A function that writes the world's catalog anew, with its rasters at a server."""

    def write(server) -> str:
        for path in world.folder.rglob("*.json"):
            content = json.loads(path.read_text())
            for asset in content.get("assets", {}).values() if content.get("type") == "Feature" else ():
                file = (path.parent / asset["href"]).resolve()
                asset["href"] = f"{server.url}/{file.relative_to(world.folder.resolve())}"
            copy = tmp_path / "catalog" / path.relative_to(world.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(json.dumps(content))
        return str(tmp_path / "catalog" / world.catalog.relative_to(world.folder))

    return write


def bytes_of(region):
    cube = open_cube(region.cube)
    return {name: cube[name].values for name in ARRAYS}


def assert_same(found, expected):
    for name in ARRAYS:
        assert found[name].tobytes() == expected[name].tobytes(), name


def test_faults_that_pass_leave_no_trace_in_the_map(world, remote, region_of, undisturbed):
    """A fifth of all requests fails once the run is planned, and each token is good for 60 requests only."""
    kinds = ("503", "429", "404", "reset", "short", "slow")
    with serving(world.folder, uses=60) as server:
        region = region_of("passing", catalog=remote(server), token_endpoints={"127.0.0.1": server.token_url})
        plan(region)
        server.fail(Faults(rate=0.2, kinds=kinds, seed=4, seconds=20))
        report = run(region)
        failed = Counter(asked.fault for asked in server.asked)
        assert set(failed) == {None, "403", *kinds}
        assert len(server.tokens) > 2
    assert report.degraded == []
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))
    stored = [path for path in region.cube.rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if b"sig=secret" in path.read_bytes()]


def test_a_scene_that_stays_lost_degrades_exactly_its_blocks_and_no_window_costs_more_than_its_requests(
    world, remote, region_of, undisturbed, monkeypatch
):
    """A raster is asked once for its size and once for its header, a read once for each row of tiles."""
    needed, read = Counter(), reading.read_part

    def counted(href, raster, part, *more, **others):
        path = href.removeprefix(server.url)
        with rasterio.open(f"{world.folder}{path}") as source:
            tile = source.block_shapes[0][0]
        needed[path] += (part.rows[1] - 1) // tile - part.rows[0] // tile + 1
        return read(href, raster, part, *more, **others)

    for module in ("pipeline.mosaic.asset", "pipeline.scenes.offsets"):
        monkeypatch.setattr(f"{module}.read_part", counted)
    with serving(world.folder) as server:
        region = region_of("lasting", catalog=remote(server), max_degraded=1.0)
        lost = plan(region).scenes[0]
        server.fail(Faults(lost={f"/{lost.id}/": "503"}))
        report = run(region)
        asked = Counter(row.path for row in server.asked if row.fault is None)
    assert all(asked[path] <= 2 + needed[path] for path in asked)
    print(f"{asked.total()} requests of {len(asked)} rasters; {needed.total()} rows of tiles were read")

    extent = region.extent
    area = grid_footprint(lost, extent.grid.crs)
    touched = {b for b in extent.blocks() if shapely.box(*extent.grid.bounds(extent.covered(b))).intersects(area)}
    assert 0 < len(touched) < len(list(extent.blocks()))
    assert set(report.degraded) == touched
    assert list(report.lost) == [lost.id]
    found, expected = bytes_of(region), bytes_of(undisturbed[0])
    for block in set(extent.blocks()) - touched:
        rows, cols = extent.covered(block).slices((extent.window.y0, extent.window.x0))
        for name in ("mosaic", "observations"):
            assert (found[name][..., rows, cols] == expected[name][..., rows, cols]).all(), (name, block)
