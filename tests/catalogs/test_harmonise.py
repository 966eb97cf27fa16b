import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_items import made_item

from catalogs import CatalogError
from catalogs.harmonise import harmonise
from catalogs.providers import SENTINEL2_L2A, provider_of


def scaling(item, key="blue"):
    return harmonise(item, item["assets"][key], SENTINEL2_L2A)


@pytest.mark.parametrize(
    ("baseline", "applied", "declared", "offset"),
    [
        ("02.14", False, 0, 0.0),
        ("02.14", None, 0, 0.0),
        ("03.01", None, None, 0.0),
        ("04.00", None, None, -0.1),
        ("04.00", False, -0.1, -0.1),
        ("05.09", None, -0.1, -0.1),
        ("05.09", True, -0.1, 0.0),
        ("05.09", True, 0, 0.0),
        ("05.00", True, None, 0.0),
    ],
)
def test_offset_follows_the_baseline_unless_it_was_taken_out(baseline, applied, declared, offset):
    assert scaling(made_item(baseline=baseline, applied=applied, offset=declared)) == (0.0001, offset, 0.0)


@pytest.mark.parametrize(
    ("baseline", "applied", "declared", "said"),
    [
        ("02.14", True, 0, "has no offset"),
        ("02.14", False, -0.1, "declares offset -0.1"),
        ("05.09", False, 0, "declares offset 0"),
        ("04.00", None, -0.7, "declares offset -0.7"),
        ("05.09", True, -0.7, "declares offset -0.7"),
        ("05.09", "yes", -0.1, "must be true or false"),
        (None, True, -0.1, "s2:processing_baseline None"),
        ("5.9", True, -0.1, "must look like 05.09"),
        ("05.09", True, float("nan"), "must be a finite number"),
        ("05.09", True, "-0.1", "must be a finite number"),
    ],
)
def test_facts_that_contradict_or_are_missing_are_refused_naming_the_item(baseline, applied, declared, said):
    item = made_item(applied=applied, offset=declared, s2__processing_baseline=baseline)
    with pytest.raises(CatalogError, match=said) as refused:
        scaling(item)
    assert item["id"] in str(refused.value)
    assert "\n" not in str(refused.value)


@given(
    reflectance=st.integers(1, 9000).map(lambda dn: dn / 10000),
    major=st.integers(0, 9),
    applied=st.booleans(),
)
def test_one_surface_reads_the_same_whatever_baseline_stored_it(reflectance, major, applied):
    shifted = major >= 4
    undone = applied and shifted
    stored = round(reflectance * 10000) + (1000 if shifted and not undone else 0)
    scale, offset, _ = scaling(made_item(baseline=f"{major:02}.00", applied=undone, offset=-0.1 if shifted else 0))
    assert stored * scale + offset == pytest.approx(reflectance, abs=1e-9)


def test_the_sensing_date_plays_no_part():
    reprocessed = made_item(baseline="05.00", applied=None, datetime="2018-06-01T10:00:00Z")
    assert scaling(reprocessed).offset == -0.1


def test_values_in_the_form_of_stac_1_1_are_read():
    item = made_item(applied=False)
    item["assets"]["blue"] = {"href": "x", "nodata": 0, "raster:scale": 0.001, "raster:offset": -1.0}
    assert scaling(item) == (0.001, -1.0, 0.0)
    item["assets"]["blue"] = {"href": "x", "bands": [{"name": "blue", "nodata": 0, "raster:scale": 0.001}]}
    assert scaling(item) == (0.001, -1.0, 0.0)


def test_another_nodata_than_the_sensors_is_refused():
    item = made_item(applied=False)
    item["assets"]["blue"] = {"href": "x", "nodata": 65535}
    with pytest.raises(CatalogError, match="declares nodata 65535, but it is 0"):
        scaling(item)


def test_an_asset_of_several_bands_is_refused():
    item = made_item()
    item["assets"]["blue"]["raster:bands"] *= 3
    with pytest.raises(CatalogError, match="exactly one"):
        scaling(item)


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set")
def test_real_items_of_earth_search():
    offsets = {}
    for path in sorted((Path(os.environ["IDGBR_DATA"]) / "stac_items" / "items").glob("es-v1__*L2A.json")):
        item = json.loads(path.read_text())
        found = harmonise(item, item["assets"]["blue"], provider_of(item))
        offsets.setdefault((item["collection"], item["properties"]["s2:processing_baseline"] >= "04.00"), set()).add(
            found
        )
    assert offsets == {
        ("sentinel-2-l2a", False): {(0.0001, 0.0, 0.0)},
        ("sentinel-2-l2a", True): {(0.0001, 0.0, 0.0)},
        ("sentinel-2-c1-l2a", True): {(0.0001, -0.1, 0.0)},
    }
