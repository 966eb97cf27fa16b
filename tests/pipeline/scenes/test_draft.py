"""draft.py: a draft of `provider` says what the items tell, and what they do not."""

import copy
import json
from pathlib import Path

import pytest

from catalogs import CatalogError
from pipeline.scenes.draft import draft_provider

REAL = json.loads((Path(__file__).parents[2] / "catalogs/items/real_items.json").read_text())
ITEMS = {real["item"]["collection"]: real["item"] for real in REAL}


def test_bands_of_one_asset_are_named_and_numbered():
    draft = draft_provider([ITEMS["naip"]])
    assert draft.provider["bands"] == {
        "red": {"asset": "image", "band": 1},
        "green": {"asset": "image", "band": 2},
        "blue": {"asset": "image", "band": 3},
        "nir": {"asset": "image", "band": 4},
    }
    assert draft.provider["passes"] == "item"
    assert draft.row == "NAIP"
    assert any("declare no scale" in sentence for sentence in draft.unknown)
    assert any("what masks clouds" in sentence for sentence in draft.unknown)


def test_assets_of_one_common_name_are_all_named():
    item = copy.deepcopy(ITEMS["landsat-c2l2-sr"])
    bands = [{"name": f"B{number}", "common_name": "rededge"} for number in (5, 6)]
    item["assets"] = {f"rededge{n}": item["assets"]["red"] | {"eo:bands": [bands[n - 1]]} for n in (1, 2)}
    assert draft_provider([item]).provider["bands"] == {"rededge": "rededge1", "rededge2": "rededge2"}


def test_no_band_takes_the_place_of_another_of_its_name():
    item = {**ITEMS["naip"], "assets": {"img": {"href": "x.tif", "eo:bands": [{"name": "gray"}] * 4}}}
    bands = draft_provider([item]).provider["bands"]
    assert list(bands) == ["gray", "img", "img2", "img3"]
    assert [place["band"] for place in bands.values()] == [1, 2, 3, 4]


def test_a_mask_is_found_but_its_meaning_is_not_made_up():
    draft = draft_provider([ITEMS["landsat-c2l2-sr"]])
    assert draft.provider["bands"]["nir08"] == "nir08"
    assert draft.provider["mask"] == "none"
    assert any("qa_pixel" in sentence and "are clear" in sentence for sentence in draft.unknown)


def test_declared_values_are_left_to_the_items():
    item = copy.deepcopy(ITEMS["sentinel1-rtc-aws"])
    for asset in item["assets"].values():
        asset["raster:bands"][0] |= {"scale": 0.1, "offset": 0}
    draft = draft_provider([item])
    assert (draft.provider["scale"], draft.provider["nodata"]) == ("item", "item")
    assert not any("scale" in sentence for sentence in draft.unknown)


def test_an_asset_that_some_items_lack_is_told():
    other = copy.deepcopy(ITEMS["sentinel1-rtc-aws"])
    del other["assets"]["gamma0_vh"]
    assert any("gamma0_vh" in sentence for sentence in draft_provider([ITEMS["sentinel1-rtc-aws"], other]).unknown)


def test_items_without_rasters_are_told():
    item = {**ITEMS["naip"], "assets": {"text": {"href": "https://example.org/a.txt"}}}
    with pytest.raises(CatalogError, match="has no raster asset"):
        draft_provider([item])
