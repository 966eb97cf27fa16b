"""Files of a sample, and reading them back."""

import csv
import re
from dataclasses import replace
from datetime import date

import geopandas
import numpy as np
import pytest
from labelled_sample import cube_with_map, read_rows, sample_of, write_rows

from pipeline.analysis.sample_files import design_text, parse_design, read_plots, write_ceo, write_sample
from pipeline.errors import UserError
from pipeline.geometry.pixel_area import pixel_centres


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return sample_of(*cube_with_map(tmp_path_factory.mktemp("files") / "cube"), points=150)


def positions(sample):
    return pixel_centres(sample.layout.extent.grid, sample.row_N, sample.col_N)


@pytest.mark.parametrize("name", ["sample.gpkg", "sample.csv"])
def test_a_file_gives_back_the_design_and_the_pixel_centres(sample, tmp_path, name):
    write_sample(sample, tmp_path / name)
    plots = read_plots(tmp_path / name)
    assert plots.design == sample.design
    assert plots.plot_N.tolist() == list(range(1, 151))
    assert np.allclose((plots.lon_N, plots.lat_N), positions(sample), atol=1e-8, rtol=0)
    assert list(plots.column("stratum")) == [sample.legend[s].name for s in sample.stratum_N.tolist()]
    assert set(plots.column("label")) == set(plots.column("alternate")) == {""}
    assert list(plots.column("stratum_pixels")) == [str(sample.pixels_S[s]) for s in sample.stratum_N.tolist()]
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_inclusion_probabilities_add_up_to_the_points_of_all_pixels(sample, tmp_path):
    write_sample(sample, tmp_path / "sample.csv")
    rows = read_rows(tmp_path / "sample.csv")
    for row in rows:
        assert float(row["probability"]) == int(row["stratum_points"]) / int(row["stratum_pixels"])
    assert sum(1 / float(row["probability"]) for row in rows) == pytest.approx(sample.pixels_S.sum())


def test_a_geopackage_opens_as_points_with_text_fields_for_labels(sample, tmp_path):
    write_sample(sample, tmp_path / "sample.gpkg")
    frame = geopandas.read_file(tmp_path / "sample.gpkg")
    assert frame.crs.to_epsg() == 4326
    frame.loc[:, "label"] = "Tree"
    frame.to_file(tmp_path / "sample.gpkg", layer="sample", driver="GPKG")
    assert set(read_plots(tmp_path / "sample.gpkg").column("label")) == {"Tree"}


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_a_geoparquet_with_labels_of_some_rows_is_read_back(sample, tmp_path, dtype):
    write_sample(sample, tmp_path / "sample.gpkg")
    frame = geopandas.read_file(tmp_path / "sample.gpkg")
    frame["alternate"] = frame["plotid"].map({1: "Tree"}).astype(dtype)
    frame.to_parquet(tmp_path / "sample.parquet")
    assert read_plots(tmp_path / "sample.parquet").column("alternate") == ["Tree", *[""] * 149]


def test_the_plot_file_is_what_collect_earth_online_reads(sample, tmp_path):
    write_ceo(sample, tmp_path / "plots.csv")
    header, *lines = (tmp_path / "plots.csv").read_text().splitlines()
    names = header.split(",")
    assert names == ["LON", "LAT", "PLOTID", "DESIGN"]
    assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in names)
    assert not any('"' in line for line in lines)
    assert {len(line.split(",")) for line in lines} == {4}
    assert sorted(int(line.split(",")[2]) for line in lines) == list(range(1, 151))


def test_sample_data_of_collect_earth_online_are_read_back(sample, tmp_path):
    write_ceo(sample, tmp_path / "plots.csv")
    rows = [
        {
            "plotid": row["PLOTID"],
            "sampleid": "1",
            "lon": row["LON"],
            "lat": row["LAT"],
            "email": "a@example.org",
            "flagged": "false",
            "pl_design": row["DESIGN"],
            "Land cover, 2024?": "Tree",
        }
        for row in read_rows(tmp_path / "plots.csv")
    ]
    write_rows(tmp_path / "data.csv", rows[::-1])
    text = (tmp_path / "data.csv").read_text()
    (tmp_path / "data.csv").write_text("\ufeff" + text)
    plots = read_plots(tmp_path / "data.csv")
    assert plots.design == sample.design
    assert plots.plot_N.tolist() == list(range(150, 0, -1))
    assert set(plots.column("Land cover, 2024?")) == {"Tree"}


def test_a_design_is_the_same_as_text_and_back(sample):
    change = replace(sample.design, before=date(2023, 5, 1), points={"stable-10": 50, "to-80": 7}, seed=2**62)
    for design in (sample.design, change):
        assert parse_design(design_text(design)) == design
        assert not set(design_text(design)) & set(",;\" '\n")


@pytest.mark.parametrize(
    "text",
    ["", "x", "cube=a", "cube=a&version=b&period=x&seed=1&points=10.5", "cube=a&version=b&period=2024-05-01&points=1"],
)
def test_a_text_that_is_no_design_is_refused(text):
    with pytest.raises(ValueError):
        parse_design(text)


@pytest.mark.parametrize("seed", ["-1", str(2**64)])
def test_a_seed_that_none_can_have_is_refused(sample, seed):
    with pytest.raises(ValueError, match="out of its range"):
        parse_design(re.sub(r"seed=\d+", f"seed={seed}", design_text(sample.design)))


def test_groups_are_the_values_of_a_column(sample, tmp_path):
    write_sample(sample, tmp_path / "sample.csv")
    rows = read_rows(tmp_path / "sample.csv")
    for n, row in enumerate(rows):
        row["biome"] = ("north", "south", "")[n % 3]
    write_rows(tmp_path / "zones.csv", rows)
    groups = read_plots(tmp_path / "zones.csv").groups("Biome")
    assert list(groups) == ["north", "south"]
    assert np.flatnonzero(groups["south"]).tolist() == list(range(1, 150, 3))


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("plotid", "1.5", "has '1.5' as plotid; give a whole number"),
        ("plotid", "1e300", "has '1e300' as plotid; give a whole number"),
        ("plotid", "one", "has 'one' as plotid; give a whole number"),
        ("lon", "", "has '' as lon; give a number"),
        ("lat", "nan", "has 'nan' as lat; give a number"),
        ("design", "", "has rows of 2 designs"),
    ],
)
def test_a_value_that_is_none_is_told(sample, tmp_path, column, value, sentence):
    write_sample(sample, tmp_path / "sample.csv")
    rows = read_rows(tmp_path / "sample.csv")
    rows[3][column] = value
    write_rows(tmp_path / "bad.csv", rows)
    with pytest.raises(UserError, match=re.escape(sentence)):
        read_plots(tmp_path / "bad.csv")


def test_what_is_no_file_of_a_sample_is_told(sample, tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_plots(tmp_path / "none.csv")
    file = tmp_path / "other.csv"
    for content, sentence in (
        (b"", "is no CSV file"),
        (b"\xff\xfe\x00", "is no CSV file in UTF-8"),
        (b"a,b\n1,2\n", "has no column 'design'; its columns: a, b"),
        (b"plotid,design\n1,x,y\n", "row 1 of .* has 3 values for 2 columns"),
        (b"plotid,design\n1,x\n2,x,y\n", "row 2 of .* has 3 values for 2 columns"),
        (b"plotid,design\n1,x\n", "the design 'x' in .* cannot be read"),
        (b"plotid,design\n", "has rows of 0 designs"),
    ):
        file.write_bytes(content)
        with pytest.raises(UserError, match=sentence):
            read_plots(file)
    (tmp_path / "text.gpkg").write_text("no geopackage")
    with pytest.raises(UserError, match="convert it"):
        read_plots(tmp_path / "text.gpkg")


def test_rows_of_nothing_at_the_end_of_a_table_are_left_out(sample, tmp_path):
    write_sample(sample, tmp_path / "sample.csv")
    with (tmp_path / "sample.csv").open("a", newline="") as file:
        csv.writer(file).writerow([""] * 10)
    assert len(read_plots(tmp_path / "sample.csv").plot_N) == 150
