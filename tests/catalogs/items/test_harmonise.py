import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_items import made_item
from made_styles import STYLES, changed, earth_search

from catalogs import CatalogError
from catalogs.items.harmonise import baseline, harmonise
from catalogs.items.provider import Band
from catalogs.items.recognise import provider_of


def scaling(item, key="blue"):
    return harmonise(item, item["assets"][key], provider_of(item), Band(key))


@pytest.mark.parametrize(
    ("baseline", "applied", "declared", "offset"),
    [
        ("02.14", False, 0, 0.0),
        ("02.14", None, 0, 0.0),
        ("03.01", None, None, 0.0),
        ("05.09", True, -0.1, 0.0),
        ("05.09", True, 0, 0.0),
        ("05.00", True, None, 0.0),
    ],
)
def test_offset_follows_the_baseline_unless_it_was_taken_out(baseline, applied, declared, offset):
    assert scaling(made_item(baseline=baseline, applied=applied, offset=declared)) == (0.0001, offset, 0.0, None)


@pytest.mark.parametrize(
    ("baseline", "applied", "declared", "name", "offsets"),
    [
        ("04.00", False, -0.1, "offset-flag", (-0.1, 0.0)),
        ("05.11", False, -0.1, "offset-flag", (-0.1, 0.0)),
        ("05.09", None, -0.1, "offset-flag", (-0.1, 0.0)),
        ("04.00", None, None, "offset-flag", (-0.1, 0.0)),
        ("02.14", True, None, "offset-flag", (0.0, -0.1)),
        ("02.14", False, -0.1, "offset-facts", (0.0, -0.1)),
        ("05.09", False, 0, "offset-facts", (-0.1, 0.0)),
        ("02.14", True, -0.1, "offset-facts", (0.0, -0.1)),
    ],
)
def test_facts_that_contradict_or_are_known_to_be_wrong_are_a_doubt_with_the_likeliest_offset_first(
    baseline, applied, declared, name, offsets
):
    item = made_item(baseline=baseline, applied=applied, offset=declared)
    _, offset, _, doubt = scaling(item)
    assert (doubt.name, doubt.offsets, offset) == (name, offsets, offsets[0])
    assert item["id"] in doubt.sentence
    assert "\n" not in doubt.sentence


@pytest.mark.parametrize(
    ("baseline", "offset", "name", "offsets"),
    [("05.00", -0.1, "offset-flag", (-0.1, 0.0)), ("02.14", 0, "offset-flag", (0.0, -0.1))],
)
def test_a_flag_that_contradicts_its_collection_is_a_doubt(baseline, offset, name, offsets):
    """The files of Collection 1 hold the shift; its items have no such flag."""
    host = "s3://e84-earth-search-sentinel-data/x/"
    item = earth_search("sentinel-2-c1-l2a", host, baseline, offset)
    assert scaling(item) == (0.0001, offsets[0], 0.0, None)
    flag = "earthsearch:boa_offset_applied"
    item["properties"][flag] = False
    assert scaling(item) == (0.0001, offsets[0], 0.0, None)
    item["properties"][flag] = True
    _, likeliest, _, doubt = scaling(item)
    assert (doubt.name, doubt.offsets, likeliest) == (name, offsets, offsets[0])
    assert f"but {flag} is true" in doubt.sentence
    item["properties"][flag] = "yes"
    with pytest.raises(CatalogError, match=f"{flag} 'yes', but it must be true or false"):
        scaling(item)


ONE_FACT = {"s2__processing_baseline": None, "s2__datatake_id": None}


@pytest.mark.parametrize(
    ("item", "offsets"),
    [
        (made_item(offset=-0.1, applied=True, **ONE_FACT), (0.0, -0.1)),
        (made_item(offset=0, applied=False, **ONE_FACT), (0.0, -0.1)),
        (made_item(baseline="02.14", offset=None, applied=False, s2__datatake_id=None), (0.0, -0.1)),
    ],
)
def test_one_thing_said_alone_is_a_doubt(item, offsets):
    doubt = scaling(item).doubt
    assert (doubt.name, doubt.offsets) == ("offset-single", offsets)


def test_a_product_made_before_any_was_shifted_needs_no_second_word():
    item = made_item(baseline="02.14", offset=None, applied=False, s2__datatake_id=None)
    item["properties"]["s2:generation_time"] = "2020-08-28T04:30:59Z"
    assert scaling(item) == (0.0001, 0.0, 0.0, None)
    item = made_item(baseline="05.00", applied=True, s2__generation_time="2020-08-28T04:30:59Z")
    assert scaling(item).doubt.name == "offset-facts"


def test_a_product_of_another_maker_says_nothing_by_its_baseline():
    item = changed(STYLES["Copernicus Data Space"].item, "properties", "processing:version", to="99.99")
    item["properties"]["eopf:datatake_id"] = "GS2A_20230815T095031_042547_N99.99"
    item["id"] = item["id"].replace("N0509", "N9999")
    doubt = scaling(item, "B02_10m").doubt
    assert (doubt.name, doubt.offsets) == ("offset-single", (-0.1, 0.0))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"offset": None, **ONE_FACT}, "tells neither its processing baseline nor an offset"),
        ({"baseline": "04.00", "offset": -0.7}, "declares offset -0.7, but it is 0 or -0.1"),
        ({"offset": -0.7, "applied": True}, "declares offset -0.7"),
        ({"applied": "yes"}, "earthsearch:boa_offset_applied 'yes', but it must be true or false"),
        ({"applied": 1}, "earthsearch:boa_offset_applied 1, but it must be true or false"),
        ({"s2__processing_baseline": "5.9"}, "'5.9', but it must look like 05.09"),
        ({"s2__processing_baseline": 5.09}, "5.09, but it must look like 05.09"),
        ({"s2__processing_baseline": "\u0660\u0665.\u0660\u0669"}, "must look like 05.09"),
        ({"offset": float("nan")}, "offset nan, but it must be a finite number"),
        ({"offset": "-0.1"}, "offset '-0.1', but it must be a finite number"),
    ],
)
def test_an_item_that_leaves_no_offset_possible_is_refused_naming_it(facts, said):
    item = made_item(**facts)
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
    read = scaling(made_item(baseline=f"{major:02}.00", applied=undone, offset=-0.1 if shifted else 0))
    assert stored * read.scale + read.offset == pytest.approx(reflectance, abs=1e-9)


def test_the_sensing_date_plays_no_part():
    reprocessed = STYLES["Earth Search v1, Collection 1"].item
    reprocessed = changed(reprocessed, "properties", "datetime", to="2018-06-01T10:00:00Z")
    assert scaling(reprocessed) == (0.0001, -0.1, 0.0, None)


def test_values_in_the_form_of_stac_1_1_are_read():
    item = made_item(s2__datatake_id=None, applied=True)
    for asset in (
        {"nodata": 0, "raster:scale": 0.0001, "raster:offset": -0.1},
        {"bands": [{"name": "blue", "nodata": 0, "raster:scale": 0.0001, "raster:offset": -0.1}]},
    ):
        item["assets"]["blue"] = {"href": "x", **asset}
        assert scaling(item) == (0.0001, 0.0, 0.0, None)
    item["assets"]["blue"] = {"href": "x", "raster:bands": [{"offset": -0.1}], "raster:offset": 0}
    assert scaling(item).doubt is None, "with the shift taken out, an offset of 0 tells of the file as it is"
    assert scaling(changed(item, "properties", "earthsearch:boa_offset_applied", to=False)).doubt.name == "offset-facts"


@pytest.mark.parametrize(("name", "value"), [("nodata", 65535), ("raster:scale", 0.001), ("raster:scale", 0)])
def test_another_nodata_or_scale_than_the_products_is_refused(name, value):
    item = made_item(applied=False)
    item["assets"]["blue"] = {"href": "x", name: value}
    with pytest.raises(CatalogError, match=f"declares {name.removeprefix('raster:')} {value:g}, but it is 0"):
        scaling(item)


def test_an_asset_of_several_bands_is_refused():
    item = made_item()
    item["assets"]["blue"]["raster:bands"] *= 3
    with pytest.raises(CatalogError, match="exactly one"):
        scaling(item)


@pytest.mark.parametrize(
    ("style", "expected"),
    [("Landsat on Planetary Computer", "02"), ("Earth Search v0", "05.09"), ("Copernicus Data Space", "05.09")],
)
def test_the_baseline_is_read_where_each_provider_keeps_it(style, expected):
    item = STYLES[style].item
    assert baseline(item, provider_of(item)) == expected


def test_a_missing_baseline_is_read_from_the_products_names():
    item = changed(STYLES["Planetary Computer"].item, "properties", "s2:processing_baseline", to=None)
    assert baseline(item, provider_of(item)) == "05.10"
    assert baseline(made_item(**ONE_FACT), provider_of(made_item())) == ""
