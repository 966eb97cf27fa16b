"""The section `provider` of a region file: a collection that no shipped row knows reads as a shipped row does."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import catalogs
from catalogs.access import resolve_href
from catalogs.items.provider import Band
from pipeline.config.region_file import load
from pipeline.errors import UserError
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.params import MosaicParams
from pipeline.planning.plan import plan
from pipeline.scenes.choose import choose_scenes
from pipeline.scenes.search import catalog_query, find_items
from pipeline.storage.files import files_at

ROLES = ("blue", "green", "red", "nir")
SENTINEL2 = {
    "bands": {role: role for role in ROLES},
    "scale": 0.0001,
    "offset": "item",
    "nodata": 0,
    "mask": {"asset": "scl", "clear": [4, 5, 6, 7, 11], "cloud": [8, 9, 10], "dilate": 60},
}


def items_of(region):
    return find_items(files_at(region.cube), catalog_query(region))[0]


def written_by(keys):
    """The items of the world as they would be without the flag, which only the shipped rows know."""
    return [item for item in keys if not item["properties"].get("earthsearch:boa_offset_applied")]


def test_a_described_collection_gives_the_bytes_of_the_shipped_row(region_of):
    shipped, described = region_of("shipped"), region_of("described", provider=SENTINEL2)
    items = written_by(items_of(shipped))
    certain = [scene for scene in choose_scenes(shipped, items, ROLES, {}).scenes if scene.doubt is None]
    names = {scene.id for scene in certain}
    generic = choose_scenes(described, [item for item in items if item["id"] in names], ROLES, {}).scenes
    assert [scene.id for scene in generic] == [scene.id for scene in certain]
    assert len(certain) >= 4
    extent = shipped.extent
    blocks = [mosaic_block(extent.grid, extent.window, scenes, ROLES) for scenes in (certain, generic)]
    assert blocks[0].lost == blocks[1].lost == {}
    for name in ("mosaic_BHW", "observations_HW", "first_clear_HW", "last_clear_HW"):
        first, second = (getattr(block, name) for block in blocks)
        assert np.array_equal(first, second), name
    assert (blocks[0].mosaic_BHW > 0).mean() > 0.5


def test_a_file_without_the_section_keeps_its_run_and_its_fingerprints(region_of):
    region = region_of("plain")
    assert "provider" not in json.loads(region.to_json())
    assert region.row is None
    assert region.access.s3 == {}


def test_every_form_of_a_band_and_of_a_mask_is_one_row(region_of):
    provider = {
        "bands": {
            "red": "B04",
            "vv": {"asset": "sar", "band": 1},
            "nir": {"asset": "image", "band": "nir", "scale": 2},
        },
        "mask": "none",
        "scale": "item",
        "nodata": "none",
        "passes": "item",
        "unit": {"name": "backscatter", "scale": 0.001},
    }
    row = region_of("forms", provider=provider).row
    assert row.bands == {"red": Band("B04"), "vv": Band("sar", 1), "nir": Band("image", "nir", 2)}
    assert (row.mask, row.product.rule, row.product.nodata) == (None, None, None)
    assert row.product.unit.scale == 0.001


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bands": {}}, r"provider.bands"),
        ({"scale": "some"}, r"provider.scale is 'some': must be a number, or item"),
        ({"scale": 0}, r"provider.scale is 0: must not be 0"),
        ({"nodata": "nan"}, r"provider.nodata is 'nan': must be a number, item or none"),
        ({"valid": [5, 1]}, r"provider.valid is .*must be \[lowest, highest\]"),
        ({"mask": {"asset": "scl", "clear": []}}, r"names no clear value"),
        ({"bands": {"red": "image", "nir": "image"}}, r"for two roles; give each its own 'band'"),
        (
            {"bands": {"red": {"asset": "image", "bnad": 1}}},
            r"unknown key 'provider.bands.red.bnad'; did you mean 'band'",
        ),
        ({"passes": "daily"}, r"provider.passes is 'daily'"),
        ({"headers": {"example.org": "Authorization: Bearer abc"}}, r"a header is a secret"),
        ({"unit": {"scale": 0}}, r"provider.unit.scale is 0"),
    ],
)
def test_what_a_provider_may_not_say_is_one_sentence(region_of, change, says):
    with pytest.raises(UserError, match=says) as told:
        region_of("wrong", provider=SENTINEL2 | change)
    assert "\n" not in str(told.value)


def test_a_provider_must_say_what_masks_clouds(region_of):
    without = {name: value for name, value in SENTINEL2.items() if name != "mask"}
    with pytest.raises(UserError, match=r"lacks the key 'provider.mask' \(none, or"):
        region_of("unmasked", provider=without)


def test_a_header_goes_to_its_host_alone_and_into_no_file(region_of, monkeypatch):
    monkeypatch.setenv("DATA_TOKEN", "very-secret-token")
    line = {"data.example.org": "Authorization: Bearer ${DATA_TOKEN}"}
    region = region_of("secret", provider=SENTINEL2 | {"headers": line})
    assert "very-secret-token" not in region.to_json()
    assert "${DATA_TOKEN}" in region.to_json()
    own, other, plain = (
        resolve_href(f"{host}/a.tif", region.access)
        for host in ("https://data.example.org", "https://other.example.org", "http://data.example.org")
    )
    assert own.options == {"GDAL_HTTP_HEADERS": "Authorization: Bearer very-secret-token"}
    assert other.options == plain.options == {}
    assert "very-secret-token" not in repr((own, region.access))


@pytest.mark.parametrize(
    ("access", "options"),
    [
        ("open", {"AWS_NO_SIGN_REQUEST": "YES"}),
        ("signed", {}),
        ("requester-pays", {"AWS_REQUEST_PAYER": "requester"}),
    ],
)
def test_buckets_are_read_as_the_provider_says(region_of, access, options):
    region = region_of("buckets", provider=SENTINEL2 | {"access": access})
    assert resolve_href("s3://some-bucket/a.tif", region.access).options == options
    landsat = resolve_href("s3://usgs-landsat/a.tif", region.access).options
    assert landsat["AWS_REQUEST_PAYER"] == "requester", "a bucket that is known keeps its options"


def test_items_that_contradict_the_provider_are_refused_unless_it_says_that_they_do_not_count(region_of):
    items = items_of(region_of("all"))
    wrong = SENTINEL2 | {"scale": 0.0002, "offset": 0}
    told = choose_scenes(region_of("checks", provider=wrong), items, ROLES, {})
    assert told.scenes == []
    assert all("declares scale 0.0001, but it is 0.0002" in why for why in told.exclusions.values())
    kept = choose_scenes(region_of("ignores", provider=wrong | {"declared": "ignore"}), items, ROLES, {})
    assert {band.scale for scene in kept.scenes for band in scene.bands} == {0.0002}


def test_a_band_that_the_provider_lacks_is_told(region_of):
    with pytest.raises(catalogs.CatalogError, match="no provider has a band called 'blue'; there are red"):
        plan(region_of("lacks", provider=SENTINEL2 | {"bands": {"red": "red"}}))


def test_the_section_is_read_from_the_file(region_of):
    region = region_of("file", provider=SENTINEL2)
    assert load(Path(region.cube).parent / "region.yaml").provider == region.provider


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real scenes here")
@pytest.mark.parametrize("method", ["median", "best"])
def test_real_scenes_give_the_bytes_of_the_shipped_row(region_of, method):
    catalog = Path(os.environ["IDGBR_DATA"]).resolve() / "sentinel2_l2a_33T"
    where = {"catalog": str(catalog), "bbox": [14.9, 46.0, 15.1, 46.2], "period": ["2023-08-01", "2023-08-31"]}
    # The 1000 was taken out of these files, although their items declare an offset.
    taken_out = SENTINEL2 | {"offset": 0, "declared": "ignore"}
    blocks = []
    for region in (region_of("row", **where), region_of("section", **where, provider=taken_out)):
        scenes = choose_scenes(region, items_of(region), ROLES, {}).scenes
        assert len(scenes) == 10
        extent = region.extent
        params = MosaicParams(method)
        blocks.append(mosaic_block(extent.grid, extent.window, scenes, ROLES, params, access=region.access))
    assert blocks[0].lost == blocks[1].lost == {}
    for name in ("mosaic_BHW", "observations_HW", "first_clear_HW", "last_clear_HW"):
        first, second = (getattr(block, name) for block in blocks)
        assert np.array_equal(first, second), name
    assert (blocks[0].mosaic_BHW > 0).mean() > 0.3
