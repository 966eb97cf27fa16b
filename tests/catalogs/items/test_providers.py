"""`provider.py`, `products.py`, providers.py and recognise.py: the rows, and which of them an item is read by."""

import numpy as np
import pytest
from made_items import made_item
from made_styles import BANDS, ROLES, STYLES, changed

from catalogs import CatalogError
from catalogs.items.mask import QA_PIXEL, SCL
from catalogs.items.providers import PROVIDERS
from catalogs.items.recognise import provider_of
from catalogs.scene import read_scene


def styles():
    return pytest.mark.parametrize("made", STYLES.values(), ids=STYLES)


@styles()
def test_an_item_of_each_kind_is_known_and_read(made):
    scene = read_scene(made.item, ROLES)
    assert scene.provider == provider_of(made.item).name == made.provider
    assert [band.role for band in scene.bands] == list(ROLES)
    assert [band.href.rpartition("/")[2].split(".")[0] for band in scene.bands] == list(BANDS.values())
    assert (scene.tile, scene.orbit) == (made.tile, made.orbit)
    if made.certain:
        assert scene.doubt is None
        assert {band.offset for band in scene.bands} == {made.offset}
    else:
        assert made.offset in scene.doubt.offsets


@styles()
def test_scale_nodata_mask_and_calendar_follow_the_mission(made):
    scene = read_scene(made.item, ROLES)
    landsat = made.provider.startswith("Landsat")
    assert {(band.scale, band.nodata) for band in scene.bands} == {(0.0000275 if landsat else 0.0001, 0.0)}
    assert scene.rule == (QA_PIXEL if landsat else SCL)
    assert scene.mask.nodata == 0
    assert not scene.rule.is_clear(np.array([0], "uint16")).any(), "where no mask is, nothing is clear"
    assert (scene.platform, scene.repeat_days) == (("landsat-8", 16) if landsat else ("sentinel-2a", 10))


def test_one_acquisition_is_known_as_one_whoever_serves_it():
    served = {made.item["id"] + name: read_scene(made.item, ROLES) for name, made in STYLES.items()}
    by_acquisition = {scene.acquisition for scene in served.values()}
    assert by_acquisition == {
        "sentinel-2a/20230815T095031/33TWM",
        "landsat-8/190-20230815/WRS2-190027",
    }


@styles()
def test_an_item_with_files_elsewhere_is_known_too(made):
    item = changed(made.item, "id", to=made.item["id"])
    for asset in item["assets"].values():
        asset["href"] = "/copied/" + asset["href"].rpartition("/")[2]
    assert provider_of(item).name == made.provider


def test_each_row_says_where_its_items_are_from():
    assert len({row.name for row in PROVIDERS}) == len(PROVIDERS)
    masked = [row for row in PROVIDERS if row.mask]
    assert all(set(BANDS) <= set(row.bands) and row.mask not in row.bands.values() for row in masked)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (made_item() | {"collection": "sentinel-1-grd"}, "of collection 'sentinel-1-grd', but this system reads"),
        (made_item() | {"collection": ["sentinel-2-l2a"]}, "of collection .'sentinel-2-l2a'., but this system reads"),
        (made_item(s2__product_type="S2MSI1C"), "'S2MSI1C', but maps are made from surface reflectance: Level-2"),
        (changed(made_item(), "assets", to={"visual": {"href": "/TCI.tif"}}), "none of the assets that sentinel-2-l2a"),
        (
            changed(made_item(), "assets", "B02", to={"href": "/B02.tif"}),
            "assets of Earth Search v1 sentinel-2-l2a and of Planetary Computer",
        ),
        (
            changed(STYLES["Planetary Computer"].item, "properties", "earthsearch:boa_offset_applied", to=True),
            "looks like Planetary Computer .* but earthsearch:boa_offset_applied is of Earth Search",
        ),
        (
            changed(STYLES["Earth Search v1, taken out"].item, "collection", to="sentinel-2-c1-l2a"),
            "looks like Earth Search v1 sentinel-2-c1-l2a, but its file 'https://sentinel-cogs.* is of Earth Search v1",
        ),
        (
            changed(STYLES["Earth Search v1, taken out"].item, "collection", to="sentinel-s2-l2a"),
            "looks like Sentinel-2 on AWS, but earthsearch",
        ),
        (
            changed(STYLES["Landsat on Planetary Computer"].item, "properties", "landsat:correction", to="L1TP"),
            "landsat:correction 'L1TP', but maps are made from surface reflectance",
        ),
    ],
)
def test_an_item_of_no_row_is_refused_in_one_sentence(item, said):
    with pytest.raises(CatalogError, match=said) as refused:
        provider_of(item)
    assert item["id"] in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("field", ["landsat:wrs_path", "landsat:wrs_row"])
@pytest.mark.parametrize("value", ["0", "000", "27", "900", 27, None])
def test_a_landsat_item_without_path_and_row_is_refused(field, value):
    item = changed(STYLES["Landsat on Planetary Computer"].item, "properties", field, to=value)
    with pytest.raises(CatalogError, match=field):
        read_scene(item, ("red",))


@pytest.mark.parametrize(("field", "value"), [("platform", "sentinel-1a"), ("sat:relative_orbit", 144)])
def test_an_impossible_platform_or_orbit_is_refused(field, value):
    item = changed(STYLES["Planetary Computer"].item, "properties", field, to=value)
    with pytest.raises(CatalogError, match=f"{field} '?{value}"):
        read_scene(item, ("red",))


def test_a_band_that_a_mission_lacks_is_named():
    with pytest.raises(CatalogError, match="Landsat Collection 2 Level-2 has no band called 'rededge1'; it has blue"):
        read_scene(STYLES["Landsat on Earth Search"].item, ("red", "rededge1"))
