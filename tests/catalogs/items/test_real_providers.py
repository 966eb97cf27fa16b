"""Rows of `providers.py` on real items of their collections, whole and damaged; real_items.json has their sources.

Four rows have no real item here: theirs are made of one of the same product, as their documentation names the assets.
"""

import copy
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from item_damage import damaged
from made_styles import STYLES

from catalogs import CatalogError, read_scene
from catalogs.items.mask import HLS_FMASK, OA_FMASK, QA_PIXEL, SCL
from catalogs.items.providers import PROVIDERS
from catalogs.items.recognise import provider_of

REAL = json.loads((Path(__file__).parent / "real_items.json").read_text())
OPTICAL = ("blue", "green", "red", "nir")
TRUTH = {
    "ga_ls8c_ard_3": (OPTICAL, 0.0001, 0.0, -999, OA_FMASK, "reflectance"),
    "landsat-c2l2-sr": (OPTICAL, 0.0000275, -0.2, 0, QA_PIXEL, "reflectance"),
    "HLSL30.v2.0": (OPTICAL, 0.0001, 0.0, -9999, HLS_FMASK, "reflectance"),
    "naip": (OPTICAL, 1.0, 0.0, None, None, "grey value"),
    "sentinel1-rtc-aws": (("vv", "vh"), 1.0, 0.0, 0, None, "backscatter, gamma nought"),
    "cop-dem-glo-30": (("height",), 1.0, 0.0, None, None, "height in metres"),
    "terrascope-s2-toc-v2": (OPTICAL, 0.0001, 0.0, 32767, SCL, "reflectance"),
    "s2_l2a": (OPTICAL, 0.0001, 0.0, 0, SCL, "reflectance"),
    "s2_l2a_c1": (OPTICAL, 0.0001, -0.1, 0, SCL, "reflectance"),
    "HLSS30.v2.0": (OPTICAL, 0.0001, 0.0, -9999, HLS_FMASK, "reflectance"),
    "ls9_sr": (OPTICAL, 0.0000275, -0.2, 0, QA_PIXEL, "reflectance"),
    "ls7_sr": (OPTICAL, 0.0000275, -0.2, 0, QA_PIXEL, "reflectance"),
    "sentinel-1-rtc": (("vv", "vh"), 1.0, 0.0, -32768, None, "backscatter, gamma nought"),
}
REAL_ITEMS = {real["item"]["collection"]: real["item"] for real in REAL}
QA = {"qa_pixel": "QA_PIXEL"}
MADE = {
    "HLSS30.v2.0": ("HLSL30.v2.0", {"B05": "B08"}),
    "ls9_sr": ("landsat-c2l2-sr", QA | {"blue": "SR_B2", "green": "SR_B3", "red": "SR_B4", "nir08": "SR_B5"}),
    "ls7_sr": ("landsat-c2l2-sr", QA | {"blue": "SR_B1", "green": "SR_B2", "red": "SR_B3", "nir08": "SR_B4"}),
    "sentinel-1-rtc": ("sentinel1-rtc-aws", {"gamma0_vv": "vv", "gamma0_vh": "vh"}),
}
"""Collection: that of the real item which its own is made of, and the assets that have another key in it."""
USGS, AFRICA = "https://landsatlook.usgs.gov/data/", "s3://deafrica-landsat/"
OF_SOURCE = ("landsat:", "sentinel:")
VARIANTS = 1000


def made(collection):
    source, renamed = MADE[collection]
    item = copy.deepcopy(REAL_ITEMS[source]) | {"collection": collection}
    item["assets"] = {
        renamed.get(key, key): {"href": asset["href"].replace(USGS, AFRICA)} for key, asset in item["assets"].items()
    }
    item["properties"] = {key: value for key, value in item["properties"].items() if not key.startswith(OF_SOURCE)}
    return item


ITEMS = REAL_ITEMS | {collection: made(collection) for collection in MADE}


def facts(scene):
    (band,) = {(band.scale, band.offset, band.nodata, band.unit.name) for band in scene.bands}
    return (*band[:3], scene.rule, band[3])


def test_every_real_item_has_a_source_and_a_licence():
    assert all(real["source"].startswith("https://") and real["license"] for real in REAL)


def test_every_row_is_tried_with_broken_items():
    """Those of `made_styles.py` are broken in test_items.py."""
    assert set(ITEMS) == set(TRUTH)
    tried = [provider_of(item).name for item in ITEMS.values()] + [made.provider for made in STYLES.values()]
    assert set(tried) == {row.name for row in PROVIDERS}


@pytest.mark.parametrize("collection", TRUTH)
def test_a_real_item_is_read_with_the_values_of_its_product(collection):
    roles, *truth = TRUTH[collection]
    scene = read_scene(ITEMS[collection], roles)
    assert facts(scene) == tuple(truth)
    assert [band.role for band in scene.bands] == list(roles)
    assert (scene.mask is None) == (truth[3] is None)
    assert scene.doubt is None


def test_the_bands_of_a_photograph_are_those_of_its_one_file():
    scene = read_scene(ITEMS["naip"], ("nir", "blue", "red"))
    assert [band.band for band in scene.bands] == [4, 3, 1]
    assert len({band.href for band in scene.bands}) == 1


@pytest.mark.parametrize("collection", TRUTH)
def test_a_broken_item_is_never_read_with_wrong_values(collection):
    roles, *truth = TRUTH[collection]
    outcomes = Counter()
    for seed in range(VARIANTS):
        item, what = damaged(copy.deepcopy(ITEMS[collection]), random.Random(f"{collection} {seed}"))
        try:
            scene = read_scene(item, roles)
        except CatalogError as error:
            assert str(error).isprintable(), repr(error)
            outcomes["refused"] += 1
            continue
        if scene.doubt is not None:
            assert truth[1] in scene.doubt.offsets, (seed, what)
            outcomes["in doubt"] += 1
            continue
        told = list(facts(scene))
        if collection == "cop-dem-glo-30":
            told[2] = truth[2]  # Which DN is no data is what the item alone says.
        assert tuple(told) == tuple(truth), (seed, what)
        outcomes["scene"] += 1
    assert outcomes["scene"] > VARIANTS / 4, outcomes
    assert outcomes["refused"] > VARIANTS / 20, outcomes


@pytest.mark.parametrize(
    ("rule", "clear", "cloud", "neither"),
    [(HLS_FMASK, [0, 32, 64, 224], [2, 8, 10, 66, 72], [4, 20, 255]), (OA_FMASK, [1, 4, 5], [2, 3], [0, 6])],
)
def test_masks_mean_what_their_product_says(rule, clear, cloud, neither):
    codes = np.array([*clear, *cloud, *neither], np.uint8)
    assert codes[rule.is_clear(codes)].tolist() == clear
    assert codes[rule.is_cloud(codes)].tolist() == cloud
    assert rule.outside not in clear
