"""Hrefs that a catalog signs are read in the run that got them, and no secret is stored, printed or hashed."""

import gzip
import json

import pytest
import zarr
from range_server import serving

from catalogs import scenelist
from pipeline.cube.cube import Cube
from pipeline.execution.run import run
from pipeline.planning.plan import plan
from pipeline.raster import read as reading
from pipeline.scenes.search import catalog_query, find_items
from pipeline.scenes.signatures import SIGNED, detach_signatures, is_signed
from pipeline.storage.files import files_at


def made(href, **more):
    return {"id": "a", "assets": {"blue": {"href": href}}, "links": [], **more}


def test_signatures_are_kept_apart_from_the_items():
    items = [made("https://a.example/b.tif?sv=1&sig=secret", links=[{"href": "https://a.example/?api_key=secret"}])]
    clean, signatures = detach_signatures(items)
    assert clean == [
        {
            "id": "a",
            "assets": {"blue": {"href": "https://a.example/b.tif", SIGNED: True}},
            "links": [{"href": "https://a.example/"}],
        }
    ]
    assert signatures == {"https://a.example/b.tif": "sv=1&sig=secret"}
    assert is_signed(clean)
    plain = [made("https://a.example/b.tif?x=1"), made("/data/b.tif"), made(5), {"id": "b", "assets": 3}]
    assert detach_signatures(plain) == (plain, {})
    assert not is_signed(plain)


def decoded(cube):
    """Everything that a cube holds, as text: Parquet and pages decoded, attributes, commits."""
    for path in sorted(cube.rglob("*")):
        if path.suffix == ".parquet":
            yield str(path), repr(scenelist.read(path))
        elif path.suffix == ".gz":
            yield str(path), gzip.decompress(path.read_bytes()).decode()
        elif path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")
    opened = Cube.open(cube)
    for branch in opened.repository.list_branches():
        for snapshot in opened.repository.ancestry(branch=branch):
            yield snapshot.id, f"{snapshot.message} {snapshot.metadata}"
        group = zarr.open_group(opened.repository.readonly_session(branch=branch).store, mode="r")
        for name, node in (("/", group), *group.members(max_depth=None)):
            yield name, json.dumps(dict(node.attrs), default=str)


@pytest.fixture
def signed(world, tmp_path):
    """A function that writes a list of the world's items, with its rasters at a server and signed by a query."""

    def write(server, query):
        items = [json.loads(line) for line in (world.folder / "items.ndjson").read_text().splitlines()]
        for item in items:
            for asset in item["assets"].values():
                file = (world.folder / asset["href"]).resolve()
                asset["href"] = f"{server.url}/{file.relative_to(world.folder.resolve())}?{query}"
            item["links"].append({"rel": "self", "href": f"{server.url}/items/{item['id']}?{query}"})
        path = tmp_path / "items.ndjson"
        path.write_text("".join(json.dumps(item) + "\n" for item in items))
        return str(path)

    return write


def test_a_run_reads_signed_hrefs_and_leaves_no_signature(world, signed, region_of, capfd):
    reading.inspect.cache_clear()
    with serving(world.folder, uses=10**6) as server:
        here = [11.99, 48.49, 12.0, 48.5]
        region = region_of("signed", catalog=signed(server, server.new_token()), bbox=here)
        report = run(region)
        assert report.lost == {}
        assert report.done.mosaic == report.blocks.new > 0
        left = {name for name, text in decoded(region.cube) if "secret" in text}
        server.change(spent=True)
        signed(server, server.new_token())
        again = plan(region)
    assert left == set()
    assert again.run == report.run
    assert "secret" not in repr(again)
    assert {"sig=secret1"} == set(again.signatures.values())
    assert "secret" not in "".join(capfd.readouterr())


def test_a_new_signature_changes_no_scene_and_no_list(world, signed, region_of):
    class Server:
        url = "http://127.0.0.1:9"

    region = region_of("renewed", catalog=signed(Server, "X-Amz-Signature=secret1"))
    query, files = catalog_query(region), files_at(region.cube)
    first, signatures = find_items(files, query)
    stored = sorted(region.cube.rglob("*.parquet"))[0].read_bytes()
    signed(Server, "X-Amz-Signature=secret2")
    second, renewed = find_items(files, query)
    assert first == second
    assert set(signatures) == set(renewed)
    assert set(renewed.values()) == {"X-Amz-Signature=secret2"}
    assert sorted(region.cube.rglob("*.parquet"))[0].read_bytes() == stored
