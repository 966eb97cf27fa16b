"""Real items, and items that are broken: each is a scene with true values, one in doubt, or one sentence."""

import os
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from item_damage import damaged
from made_styles import ROLES, STYLES, changed
from public_items import count, markdown
from stac_files import real_items

import catalogs
from catalogs import CatalogError, read_scene
from catalogs.items.mask import QA_PIXEL, SCL

VARIANTS = 1000

realdata = pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real items here")


def read(item, roles):
    """The scene, or None where one sentence says why not; anything else is a failure."""
    try:
        return read_scene(item, roles)
    except CatalogError as error:
        assert str(error).isprintable() and len(str(error)) < 7000, repr(error)
        return None


def check(item, roles, truth, what):
    """That no wrong value comes out silently. `truth` is the offset of the pixels."""
    scene = read(item, roles)
    if scene is None:
        return "refused"
    assert {(band.scale, band.nodata) for band in scene.bands} == {(0.0000275 if truth == -0.2 else 0.0001, 0.0)}, what
    assert scene.rule == (QA_PIXEL if truth == -0.2 else SCL), what
    if scene.doubt is not None:
        assert truth in scene.doubt.offsets, what
        return "in doubt"
    assert {band.offset for band in scene.bands} == {truth}, what
    return "scene"


@pytest.mark.parametrize("name", STYLES)
def test_a_broken_item_is_never_read_with_a_wrong_offset(name):
    made, outcomes = STYLES[name], Counter()
    for seed in range(VARIANTS):
        item, what = damaged(made.item, random.Random(f"{name} {seed}"))
        outcomes[check(item, ROLES, made.offset, (seed, what))] += 1
    assert outcomes["scene" if made.certain else "in doubt"] > VARIANTS / 4, outcomes
    assert outcomes["refused"] > VARIANTS / 20, outcomes


def lies(item):
    """The item with each thing it says about its values made into what another item could truly say."""
    for name, value in item["properties"].items():
        if isinstance(value, str):
            for old, new in ((r"^0[2-5]\.\d\d$", "02.14"), (r"N0?\d\.?\d\d\b|N\d{4}", "N0214"), (r"^202\d-", "2016-")):
                for to in (new, new.replace("02", "05")):
                    if name != "datetime" and re.sub(old, to, value) != value:
                        yield name, changed(item, "properties", name, to=re.sub(old, to, value))
    for key, asset in item["assets"].items():
        for form in ("raster:bands", "raster:offset"):
            if form in asset:
                for to in (0, -0.1, -0.2):
                    yield key, changed(item, "assets", key, form, to=[{"offset": to}] if form[-1] == "s" else to)
    for collection in ("sentinel-2-l2a", "sentinel-2-c1-l2a", "sentinel-s2-l2a", "sentinel-s2-l2a-cogs", "other"):
        yield "collection", {**item, "collection": collection}


@pytest.mark.parametrize("name", [name for name in STYLES if not name.startswith("made_items")])
def test_one_lie_alone_never_turns_the_offset(name):
    made = STYLES[name]
    outcomes = Counter(check(item, ROLES, made.offset, what) for what, item in lies(made.item))
    assert sum(outcomes.values()) >= 9


@pytest.mark.parametrize("name", STYLES)
def test_each_field_that_tells_of_the_values_can_be_missing(name):
    made = STYLES[name]
    for field in made.item["properties"]:
        check(changed(made.item, "properties", field, to=None), ROLES, made.offset, field)
    for key, asset in made.item["assets"].items():
        for field in asset:
            check(changed(made.item, "assets", key, field, to=None), ROLES, made.offset, (key, field))


@pytest.mark.parametrize("item", [None, 7, "item", [], {}, {"id": "x"}, {"id": "x", "properties": {}, "assets": {}}])
def test_what_is_no_item_is_refused(item):
    assert read(item, ROLES) is None


def true_offset(item):
    """By the baseline in the product's name and by who made the files, read here without the package's help."""
    facts = item["properties"]
    names = ("s2:product_uri", "s2:tile_id", "s2:product_title", "sentinel2:product_title", "sentinel:product_id")
    product = next(facts[name] for name in names if name in facts)
    shifted = re.search(r"_N(\d\d)\.?\d\d", product)[1] >= "04"
    taken_out = re.fullmatch(r"S2[ABC]_\d{1,2}[A-Z]{3}_\d{8}_\d_L2A", item["id"])
    return -0.1 if shifted and not taken_out else 0.0


@pytest.fixture(scope="module")
def real():
    return list(real_items(Path(os.environ["IDGBR_DATA"]) / "stac_items"))


@pytest.mark.realdata
@realdata
def test_every_real_item_is_a_scene_or_has_one_sentence_why_not(real):
    files = [where for where, _ in real if "#" not in where]
    assert len(files) == 94
    print(markdown(count(item for _, item in real)))
    left_out = Counter()
    for where, item in real:
        scene = read(item, catalogs.ROLES)
        if scene is None:
            left_out["_L1C" if "L1C" in where + item["id"] else item.get("collection") or item["id"]] += 1
        else:
            assert [band.role for band in scene.bands] == list(catalogs.ROLES), where
            assert scene.doubt is None, where
    assert left_out == {"_L1C": 12, "sentinel-1-grd": 3, "collection": 1, "S2A_T34LBQ_20220401T090142_L2A": 1}


@pytest.mark.realdata
@realdata
def test_the_values_of_real_items_are_those_that_their_products_names_and_makers_tell(real):
    seen = Counter()
    for where, item in real:
        if (scene := read(item, catalogs.ROLES)) is None or scene.provider.startswith("Landsat"):
            continue
        for role, band in (("blue", "B02"), ("green", "B03"), ("red", "B04"), ("nir", "B08")):
            assert scene.band(role).href == item["assets"][role if role in item["assets"] else band]["href"], where
            assert re.search(rf"[/_]{band}(_10m)?\.(tif|jp2)$", scene.band(role).href), where
        assert re.search(r"[/_]SCL(_20m)?\.(tif|jp2)$", scene.mask.href), where
        assert (scene.rule, scene.repeat_days) == (SCL, 10), where
        assert re.search(rf"[T_]0?{scene.tile.lstrip('0')}(_|$)", item["id"]), where
        assert {band.offset for band in scene.bands} == {true_offset(item)}, where
        seen[scene.provider, true_offset(item)] += 1
    assert seen == {
        ("Earth Search v0 sentinel-s2-l2a-cogs", 0.0): 3,
        ("Earth Search v1 sentinel-2-l2a", 0.0): 20,
        ("Earth Search v1 sentinel-2-c1-l2a", -0.1): 10,
        ("Planetary Computer sentinel-2-l2a", 0.0): 97,
        ("Planetary Computer sentinel-2-l2a", -0.1): 4,
        ("Sentinel-2 on AWS", -0.1): 9,
        ("stactools sentinel2", 0.0): 5,
        ("stactools sentinel2", -0.1): 6,
    }


@pytest.mark.realdata
@realdata
def test_the_real_landsat_item_is_one_more_scene(real):
    (item,) = (item for _, item in real if item.get("collection") == "landsat-c2-l2")
    scene = read_scene(item, catalogs.ROLES)
    assert [band.href.rpartition("_")[2] for band in scene.bands] == ["B2.TIF", "B3.TIF", "B4.TIF", "B5.TIF"]
    assert {(band.scale, band.offset, band.nodata) for band in scene.bands} == {(0.0000275, -0.2, 0.0)}
    assert (scene.rule, scene.mask.href) == (QA_PIXEL, item["assets"]["qa_pixel"]["href"])
    assert (scene.tile, scene.orbit, scene.repeat_days) == ("WRS2-033032", 33, 16)
    bits = {field["name"]: field["offset"] for field in item["assets"]["qa_pixel"]["classification:bitfields"]}
    assert [bits[name] for name in ("cirrus", "cloud", "cloud_shadow")] == list(QA_PIXEL.cloud)
    assert [bits[name] for name in ("fill", "dilated_cloud")] == list(QA_PIXEL.bad)
    assert bits["cloud_shadow_confidence"] == QA_PIXEL.clear[0]


@pytest.mark.realdata
@realdata
def test_broken_real_items_are_never_read_with_a_wrong_offset(real):
    good = [(item, scene) for _, item in real if (scene := read(item, catalogs.ROLES))]
    outcomes = Counter()
    for seed in range(VARIANTS):
        chance = random.Random(f"real {seed}")
        item, scene = chance.choice(good)
        item, what = damaged(item, chance)
        outcomes[check(item, catalogs.ROLES, scene.bands[0].offset, (scene.id, seed, what))] += 1
    print(outcomes)
    assert outcomes["scene"] > VARIANTS / 4 and outcomes["refused"] > VARIANTS / 50
