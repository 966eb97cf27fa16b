"""Region files, with the sections of `sections.py`. Covers `region_file.py`."""

import json
from datetime import date

import pytest
import yaml

from catalogs import secrets
from catalogs.hosts import Reach
from pipeline.config.region_file import load
from pipeline.errors import RunError, UserError


@pytest.fixture
def content(tmp_path, model):
    return {
        "name": "here",
        "cube": "cube",
        "catalog": "https://example.org/stac",
        "bbox": [11.9, 48.4, 12.1, 48.6],
        "period": ["2024-05-01", "2024-08-31"],
        "model": str(model),
    }


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "region.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def test_a_region_file_is_read_with_paths_from_its_folder(content, written, tmp_path):
    region = load(written(content))
    assert region.cube == tmp_path / "cube"
    assert region.extent.grid.crs == "EPSG:3035"
    assert region.grid.block == 2048


@pytest.mark.parametrize(
    ("catalog", "nearest"),
    [
        ("https://example.org/stac", Reach.PUBLIC),
        ("http://10.0.0.5/stac", Reach.PRIVATE),
        ("http://127.0.0.1:8000/stac", Reach.LOOPBACK),
        ("http://169.254.169.254/stac", Reach.LOOPBACK),
        ("catalog.json", Reach.LOOPBACK),
    ],
)
def test_items_may_name_hosts_as_near_as_the_catalog(content, written, catalog, nearest):
    access = load(written(content | {"catalog": catalog, "allowed_hosts": ["store.example"]})).access
    assert (access.nearest, access.allowed_hosts) == (nearest, ("store.example",))


def test_the_json_of_a_region_has_no_secret_of_its_urls(content, written, monkeypatch):
    monkeypatch.setattr(secrets, "_concealed", {})
    monkeypatch.setenv("KEY", "hidden-1")
    monkeypatch.setenv("SIGNER", "https://signer.example/hidden-2/{account}?code=hidden-3")
    urls = {"catalog": "https://example.org/${KEY}/stac", "token_endpoints": {"a.example": "${SIGNER}"}}
    region = load(written(content | urls))
    assert region.catalog == "https://example.org/hidden-1/stac"
    assert region.token_endpoints["a.example"].endswith("?code=hidden-3")
    stored = json.loads(region.to_json())
    assert "hidden" not in region.to_json()
    assert stored["catalog"] == urls["catalog"]
    assert stored["token_endpoints"] == urls["token_endpoints"]
    assert stored["model"] == content["model"]
    assert (
        secrets.redact("https://example.org/hidden-1/stac, code=hidden-3")
        == "https://example.org/${KEY}/stac, code=..."
    )
    literal = load(written(content | {"catalog": "https://example.org/stac?api_key=hidden-4"}))
    assert json.loads(literal.to_json())["catalog"] == "https://example.org/stac"


def test_a_region_is_frozen(content, written):
    region = load(written(content))
    with pytest.raises(ValueError, match="frozen"):
        region.name = "there"


@pytest.mark.parametrize("key", ["name", "cube", "catalog", "period"])
def test_a_missing_key_is_named(content, written, key):
    content.pop(key)
    with pytest.raises(UserError, match=f"lacks the key '{key}'"):
        load(written(content))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"period": ["2024-08-31", "2024-05-01"]}, "must start before it ends"),
        ({"period": ["yesterday", "2024-05-01"]}, "period.0 is 'yesterday'"),
        ({"period": ["2024-05-01", "9999-12-31"]}, "must lie within 1970-01-01 and 2149-06-06"),
        ({"bbox": [11.9, 48.6, 12.1, 48.4]}, "south < north"),
        ({"bbox": None}, "give one of 'bbox' and 'polygon'"),
        ({"bbox": None, "polygon": "somewhere.geojson"}, "no area at"),
        ({"months": [5, 13]}, "months.1 is 13"),
        ({"mosaic": {"method": "mode"}}, "mosaic.method is 'mode'"),
        ({"mask": {"asset": "ocm", "clear": []}}, "names no clear value"),
        ({"query": {"platform": "sentinel-2a"}}, "query.platform is 'sentinel-2a': Input should be a valid dict"),
        ({"query": {"gsd": {}}}, "query: gsd has no comparison; give one of eq, neq"),
        ({"query": {"gsd": {"le": 10}}}, "query: 'le' is no comparison; there are eq, neq, lt, lte, gt, gte, in"),
        ({"query": {"gsd": {"in": 10}}}, "query: gsd in 10: it takes a list of values"),
        ({"query": {"gsd": {"lt": None}}}, "query.gsd.lt is null: must be a text, a number, true or false"),
        ({"query": {"id": {"eq": "x"}}}, "query: id is a part of an item"),
        ({"token_endpoints": {"example.org": "http://example.org/token"}}, "must start with https"),
        ({"bbox": [12.1, 48.4]}, "bbox"),
        ({"grid": {"crs": "EPSG:4326"}}, "is not in metres"),
        ({"grid": {"crs": "EPSG:3035", "resolution": 0}}, "grid.resolution is 0"),
        ({"grid": {"block": 1000}}, "multiple of 256"),
        ({"change": {"model": "simulated-s2-change", "better": 30}}, "change.better is 30"),
        ({"change": {"model": "simulated-s2-change", "better": 0.004}}, "must be 0 or at least 0.01"),
        ({"change": {"model": "simulated-s2-change", "threshold": 0.004}}, "change.threshold is 0.004"),
        ({"model": "nowhere"}, "no model_index.json in .*nowhere; give a model folder or one of"),
        ({"max_clouds": 3}, "unknown key 'max_clouds'; did you mean 'max_cloud'"),
        ({"catalog": "${NO_SUCH_VARIABLE}/catalog.json"}, "NO_SUCH_VARIABLE"),
        ({"name": "Not A Slug"}, "name is 'Not A Slug'"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(content, written, change, says):
    with pytest.raises(UserError, match=says) as told:
        load(written(content | change))
    assert "\n" not in str(told.value)


def test_a_polygon_of_a_bucket_is_that_of_the_file(s3, content, written, tmp_path):
    bucket = s3.bucket("polygons")
    area = {"type": "Polygon", "coordinates": [[[11, 48], [12, 48], [12, 49], [11, 48]]]}
    (tmp_path / "area.geojson").write_text(json.dumps(area))
    s3.upload(tmp_path, f"{bucket}/areas")
    near, far = (
        load(written(content | {"bbox": None, "polygon": place}))
        for place in ("area.geojson", f"{bucket}/areas/area.geojson")
    )
    assert near == far
    assert near.to_json() == far.to_json()


def test_a_bucket_without_a_sound_polygon_is_told_in_one_sentence(s3, content, written, monkeypatch):
    bucket = s3.bucket("no-polygons")
    s3.put("no-polygons", "point", b'{"type": "Point", "coordinates": [11, 48]}')
    s3.put("no-polygons", "text", b"nothing")
    monkeypatch.setattr("pipeline.config.region_file.MAX_BYTES", 2**20)
    s3.put("no-polygons", "large", b" " * (2**20 + 1))

    def told(place):
        with pytest.raises((UserError, RunError)) as error:
            load(written(content | {"bbox": None, "polygon": place}))
        assert "\n" not in str(error.value)
        return str(error.value)

    assert f"polygon: there is no polygon at {bucket}/gone" in told(f"{bucket}/gone")
    assert f"{bucket}/point is Point" in told(f"{bucket}/point")
    assert f"{bucket}/text cannot be read as GeoJSON" in told(f"{bucket}/text")
    assert f"{bucket}/large has more than 1 MiB" in told(f"{bucket}/large")
    assert "name a file in it" in told(bucket)
    assert "there is no such bucket" in told("s3://no-such-bucket/area.geojson")
    assert "a polygon has a path or lies at s3://" in told("gs://maps/area.geojson")


def test_a_query_keeps_the_types_of_the_file_and_has_a_fixed_order(content, written):
    query = {"s2:processing_baseline": {"gte": "05.00"}, "gsd": {"lt": 20, "gte": 10.5}, "flag": {"in": [True]}}
    region = load(written(content | {"query": query | {"made": {"gt": date(2024, 5, 1)}}}))
    assert [str(comparison) for comparison in region.where] == [
        "flag in True",
        "gsd gte 10.5",
        "gsd lt 20",
        "made gt '2024-05-01'",
        "s2:processing_baseline gte '05.00'",
    ]
    assert json.loads(region.to_json())["query"] == query | {"made": {"gt": "2024-05-01"}}
    assert (region.queried, load(written(content)).queried, load(written(content)).where) == ({"query"}, set(), ())


def test_files_that_are_no_region_are_refused(tmp_path):
    for text, says in (("a: [", "not valid YAML"), ("- 1", "holds no keys"), ("", "holds no keys")):
        path = tmp_path / "region.yaml"
        path.write_text(text)
        with pytest.raises(UserError, match=says):
            load(path)
    with pytest.raises(UserError, match="cannot read"):
        load(tmp_path / "nowhere.yaml")


def test_yaml_cannot_make_python_objects(tmp_path):
    path = tmp_path / "region.yaml"
    path.write_text("name: !!python/object/apply:os.system ['true']")
    with pytest.raises(UserError, match="not valid YAML"):
        load(path)
