from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_items import made_item

from catalogs import CatalogError, MaskAsset, MaskFiles, MaskRule
from catalogs.items.mask import QA_PIXEL, SCL
from catalogs.scene import read_scene

SCL_CLASSES = [
    ("no data", False, False),
    ("saturated or defective", False, False),
    ("dark area", False, False),
    ("cloud shadow", False, False),
    ("vegetation", True, False),
    ("not vegetated", True, False),
    ("water", True, False),
    ("unclassified", True, False),
    ("cloud, medium probability", False, True),
    ("cloud, high probability", False, True),
    ("thin cirrus", False, True),
    ("snow", True, False),
]


@pytest.mark.parametrize(("code", "row"), list(enumerate(SCL_CLASSES)), ids=[name for name, *_ in SCL_CLASSES])
def test_each_class_of_the_scene_classification_is_clear_or_cloud_or_neither(code, row):
    _, clear, cloud = row
    mask_HW = np.full((2, 3), code, "uint8")
    assert (SCL.is_clear(mask_HW) == clear).all()
    assert (SCL.is_cloud(mask_HW) == cloud).all()
    assert SCL.is_clear(mask_HW).shape == (2, 3)


# Values and their meaning: USGS LSDS-1619, "Landsat 8-9 Pixel Quality Assessment (QA_PIXEL) Value Interpretations".
@pytest.mark.parametrize(
    ("value", "clear", "cloud"),
    [
        (1, False, False),
        (21824, True, False),
        (21826, False, False),
        (21888, True, False),
        (21890, False, False),
        (21952, True, False),
        (22080, True, False),
        (22280, False, True),
        (23888, False, True),
        (23952, False, True),
        (24088, False, True),
        (24344, False, True),
        (30048, True, False),
        (54596, False, True),
        (55052, False, True),
        (0, False, False),
    ],
)
def test_values_of_the_landsat_quality_band_are_read_as_usgs_lists_them(value, clear, cloud):
    assert QA_PIXEL.is_clear(np.array([value], "uint16"))[0] == clear
    assert QA_PIXEL.is_cloud(np.array([value], "uint16"))[0] == cloud


numbers = st.lists(st.integers(0, 15), min_size=1, max_size=9, unique=True)


@given(numbers, st.data())
def test_codes_mean_what_a_list_of_them_means(named, data):
    split = data.draw(st.integers(1, len(named)))
    rule = MaskRule(tuple(named[:split]), tuple(named[split:]))
    mask_N = np.arange(256, dtype=data.draw(st.sampled_from(["uint8", "uint16"])))
    assert (rule.is_clear(mask_N) == np.isin(mask_N, rule.clear)).all()
    assert (rule.is_cloud(mask_N) == np.isin(mask_N, rule.cloud)).all()


@given(numbers, st.data())
def test_bits_mean_what_looking_at_each_bit_means(named, data):
    first = data.draw(st.integers(1, len(named)))
    second = data.draw(st.integers(first, len(named)))
    rule = MaskRule(tuple(named[:first]), tuple(named[first:second]), bits=True, bad=tuple(named[second:]))
    for value in data.draw(st.lists(st.integers(0, 65535), min_size=1, max_size=20)):
        bits = [bool(value >> bit & 1) for bit in range(16)]
        bad, cloud = any(bits[bit] for bit in rule.bad), any(bits[bit] for bit in rule.cloud)
        mask_N = np.array([value], "uint16")
        assert rule.is_cloud(mask_N)[0] == cloud
        assert rule.is_clear(mask_N)[0] == (all(bits[bit] for bit in rule.clear) and not cloud and not bad)


@pytest.mark.parametrize(
    ("rule", "outside"), [(SCL, 0), (QA_PIXEL, 0), (MaskRule((0,), (1, 2, 3)), 4), (MaskRule((1,)), 0)]
)
def test_where_there_is_no_mask_it_is_neither_clear_nor_cloud(rule, outside):
    assert rule.outside == outside
    there = np.array([rule.outside], "uint16")
    assert not rule.is_clear(there)[0] and not rule.is_cloud(there)[0]


@pytest.mark.parametrize("kind", ["int16", "float32", "uint32", "bool"])
def test_a_mask_of_another_kind_is_refused(kind):
    with pytest.raises(CatalogError, match=f"a mask is of {kind}, but it must be uint8 or uint16"):
        SCL.is_clear(np.zeros((2, 2), kind))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"clear": ()}, "no clear value: without one nothing is ever clear"),
        ({"clear": (4, 4)}, "names a value twice"),
        ({"clear": (4,), "cloud": (4,)}, "names a value twice"),
        ({"clear": (-1,)}, "names value -1, but it must be a whole number from 0 to 65535"),
        ({"clear": (True,)}, "names value True"),
        ({"clear": (4.0,)}, "names value 4.0"),
        ({"clear": (16,), "bits": True}, "names bit 16, but it must be a whole number from 0 to 15"),
        ({"clear": (4,), "bad": (1,)}, "only bits can be bad"),
        ({"clear": (4,), "dilate": -20.0}, "grows by -20.0 m"),
        ({"clear": (4,), "dilate": float("nan")}, "grows by nan m"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule, said):
    with pytest.raises(CatalogError, match=said):
        MaskRule(**rule)


OCM = MaskAsset("ocm", MaskRule(clear=(0,), cloud=(1, 2, 3), dilate=100.0))


def test_a_region_may_choose_another_mask():
    item = made_item()
    item["assets"]["ocm"] = {"href": "https://example.org/scenes/ocm.tif"}
    usual, chosen = read_scene(item, ("red",)), read_scene(item, ("red",), OCM)
    assert (chosen.rule, chosen.mask.href) == (OCM.rule, "https://example.org/scenes/ocm.tif")
    assert chosen.mask.nodata == 4, "outside the mask model's raster nothing is clear, although its 0 is"
    assert chosen.bands == usual.bands
    assert chosen.digest != usual.digest
    assert chosen.digest != read_scene(item, ("red",), replace(OCM, rule=replace(OCM.rule, dilate=0.0))).digest


def test_an_item_without_the_chosen_mask_is_refused_with_what_it_has():
    with pytest.raises(CatalogError, match=r"has no asset for mask .looked for ocm; it has .'blue', 'green'"):
        read_scene(made_item(), ("red",), OCM)
    with pytest.raises(CatalogError, match="the mask's asset is '', but it must be the key of an asset"):
        MaskAsset("", SCL)


def test_a_file_of_each_item_is_named_by_its_id():
    item = made_item("S2A_x")
    own = MaskFiles("/data/masks/{id}/ocm.tif", OCM.rule, 2)
    mask = read_scene(item, ["red"], own).mask
    assert (mask.role, mask.href, mask.band, mask.crs) == ("{id}/ocm.tif", "/data/masks/S2A_x/ocm.tif", 2, None)
    elsewhere = MaskFiles("/moved/masks/{id}/ocm.tif", OCM.rule, 2)
    assert read_scene(item, ["red"], elsewhere).digest == read_scene(item, ["red"], own).digest
    for name in ("..", "a/../../etc/x"):
        with pytest.raises(CatalogError, match="has an id with which no file of a mask can be named"):
            read_scene(made_item(name), ["red"], own)
    for path in ("masks/{id}.tif", "/data/masks/all.tif", "/data/{id}\n.tif"):
        with pytest.raises(CatalogError, match=r"the mask's path is .*, but it must be whole and hold {id}"):
            MaskFiles(path, OCM.rule)
