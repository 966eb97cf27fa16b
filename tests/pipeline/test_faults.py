"""Whole runs over a server that fails: faults that pass leave no trace, faults that last degrade exactly their blocks."""

import json
from collections import Counter

import pytest
import rasterio
import shapely
from range_server import Faults, serving

from catalogs import access
from pipeline import read as reading
from pipeline import retry
from pipeline.footprint import ground
from pipeline.planner import plan
from pipeline.query import open_cube
from pipeline.runner import run

ARRAYS = ("mosaic", "landcover", "observations")


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Pauses of hundredths of a second, requests that may take one second, nothing remembered."""
    monkeypatch.setattr(retry, "PATIENCE", retry.Patience(attempts=8, pause=0.01, requests=1, delay=0.01))
    monkeypatch.setitem(reading.ENVIRONMENT, "GDAL_HTTP_TIMEOUT", 1)
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


@pytest.mark.parametrize(
    ("kind", "rate"), [("503", 0.2), ("reset", 0.2), ("short", 0.2), ("404", 0.1), ("slow", 0.05), ("403", 0.0)]
)
def test_faults_that_pass_leave_no_trace_in_the_map(world, remote, region_of, undisturbed, kind, rate):
    """Of kind 403: each token is good for 60 requests only."""
    faults = Faults(rate=rate, kinds=(kind,), seed=4, seconds=20)
    with serving(world.folder, faults, uses=60 if kind == "403" else None) as server:
        signers = {"127.0.0.1": server.token_url} if kind == "403" else {}
        region = region_of(f"passing-{kind}", catalog=remote(server), signers=signers)
        report = run(region)
        failed = Counter(asked.fault for asked in server.asked)
        assert failed[kind] > 3, failed
        assert len(server.tokens) > 2 or kind != "403"
    assert report.degraded == []
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))
    stored = [path for path in region.cube.rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if b"sig=secret" in path.read_bytes()]


@pytest.mark.parametrize("kind", ["404", "503"])
def test_a_scene_that_stays_lost_degrades_exactly_the_blocks_it_touches(world, remote, region_of, undisturbed, kind):
    with serving(world.folder) as server:
        region = region_of(f"lasting-{kind}", catalog=remote(server), max_degraded=1.0)
        planned = plan(region)
        lost = planned.scenes[0]
        server.fail(Faults(lost={lost.id: kind}))
        report = run(region)
    extent = region.extent
    area = ground(lost, extent.grid.crs)
    touched = {
        block for block in extent.blocks() if shapely.box(*extent.grid.bounds(extent.covered(block))).intersects(area)
    }
    assert 0 < len(touched) < len(list(extent.blocks()))
    assert set(report.degraded) == touched
    assert list(report.lost) == [lost.id]
    found, expected = bytes_of(region), bytes_of(undisturbed[0])
    for block in set(extent.blocks()) - touched:
        rows, cols = extent.covered(block).slices((extent.window.y0, extent.window.x0))
        for name in ("mosaic", "observations"):
            assert (found[name][..., rows, cols] == expected[name][..., rows, cols]).all(), (name, block)


def test_a_run_asks_for_no_more_than_its_windows_need(world, remote, region_of, undisturbed, monkeypatch):
    """Each read may ask for one run of bytes per row of tiles, each raster once for its size and once for its header."""
    needed, read = Counter(), reading.read
    with serving(world.folder) as server:
        region = region_of("counted", catalog=remote(server))

        def counted(href, raster, part, *more):
            path = href.removeprefix(server.url)
            with rasterio.open(f"{world.folder}{path}") as source:
                tile = source.block_shapes[0][0]
            needed[path] += (part.rows[1] - 1) // tile - part.rows[0] // tile + 1
            return read(href, raster, part, *more)

        for module in ("pipeline.view", "pipeline.offsets"):
            monkeypatch.setattr(f"{module}.read", counted)
        run(region)
        asked = Counter(row.path for row in server.asked)
    assert set(asked) == set(needed) | {path for path in asked if asked[path] <= 2}
    for path in asked:
        assert asked[path] <= 2 + needed[path], path
    print(f"{sum(asked.values())} requests of {len(asked)} rasters, bound {sum(2 + needed[path] for path in asked)}")
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))
