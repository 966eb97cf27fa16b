"""A labelled sample judges a map: reports, and what is refused. The estimators have tests of their own."""

import re
from dataclasses import replace
from datetime import date

import geopandas
import numpy as np
import pytest
import shapely
from labelled_sample import (
    areas_of,
    cube_with_map,
    labels,
    read_rows,
    sample_of,
    stripes,
    truth,
    write_labelled,
    write_rows,
)
from made_versions import SUMMER, published

from pipeline.analysis import accuracy as module
from pipeline.analysis.accuracy import ZONE_POINTS, accuracy, keep, zones_of_file
from pipeline.analysis.estimators import assess
from pipeline.analysis.sample_files import read_plots
from pipeline.analysis.sampling import draw
from pipeline.analysis.strata import StratifiedMap, count_pixels
from pipeline.analysis.zones import zones_of
from pipeline.cube import assessments, versions
from pipeline.cube.cube import Cube
from pipeline.cube.items import publish_items
from pipeline.errors import RunError, UserError

WINTER = date(2024, 11, 1), date(2024, 12, 31)
POINTS = 600


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return cube_with_map(tmp_path_factory.mktemp("accuracy") / "cube")


@pytest.fixture(scope="module")
def sample(made):
    return sample_of(*made, points=POINTS)


@pytest.fixture(scope="module")
def labelled(sample, tmp_path_factory):
    return write_labelled(sample, tmp_path_factory.mktemp("labelled") / "sample.csv", labels(sample, truth()))


def changed(labelled, path, change):
    """The labelled file with its rows changed."""
    rows = read_rows(labelled)
    rows = change(rows) or rows
    write_rows(path, rows)
    return read_plots(path)


def test_the_truth_lies_in_the_intervals(made, labelled):
    report = accuracy(made[0], read_plots(labelled))
    inside = (stripes() > 0) & (truth() > 0)
    right = (stripes() == truth())[inside].mean()
    assert report.primary.overall.low <= right <= report.primary.overall.high
    for of in report.primary.classes:
        pixels = areas_of(np.where(inside, truth(), 0))[of.name]
        assert of.area.low <= pixels * 1e-4 <= of.area.high, of.name
    assert sum(of.area.value for of in report.primary.classes) == pytest.approx(inside.sum() * 1e-4)
    assert (report.version, report.sampled, report.period) == (made[1], made[1], SUMMER[0])
    assert (report.points, report.either, report.zones, report.without_class) == (POINTS, None, {}, 0)


def test_a_perfect_map_is_told_so_and_codes_are_labels_too(made, sample, tmp_path):
    codes = [sample.legend[s].key for s in sample.stratum_N.tolist()]
    report = accuracy(made[0], read_plots(write_labelled(sample, tmp_path / "a.csv", codes)))
    assert (report.primary.overall.value, report.primary.overall.standard_error) == (1, 0)


def test_a_newer_version_is_judged_by_the_strata_of_the_older(sample, labelled, tmp_path):
    cube, first = cube_with_map(tmp_path / "cube")
    rows = read_rows(labelled)
    for row in rows:
        row["design"] = row["design"].replace(re.search("version=([^&]*)", row["design"])[1], first)
    write_rows(tmp_path / "sample.csv", rows)
    holed_HW = truth()
    holed_HW[:40] = 0
    second = published(cube, holed_HW, run="b")
    report = accuracy(cube, read_plots(tmp_path / "sample.csv"))
    assert (report.version, report.sampled) == (second, first)
    inside = stripes() > 0
    right = ((holed_HW == truth()) & inside).sum() / inside.sum()
    assert report.primary.overall.low <= right <= report.primary.overall.high < 1
    assert (
        0 < report.without_class == sum(report.primary.counts[k][j] == 0 for k in () for j in ()) + report.without_class
    )
    assert [of.users.value for of in report.primary.classes] == [1, 1, 1]
    older = accuracy(cube, read_plots(tmp_path / "sample.csv"), version=first)
    assert older.primary.overall.value < report.primary.overall.value


def test_a_point_is_right_by_either_label(made, sample, tmp_path):
    true = labels(sample, truth())
    mapped = [sample.legend[s].name for s in sample.stratum_N.tolist()]
    alternate = [name if n % 2 else "" for n, name in enumerate(mapped)]
    path = write_labelled(sample, tmp_path / "a.csv", true, alternate=alternate, second=mapped)
    report = accuracy(made[0], read_plots(path))
    right = [a == b or n % 2 == 1 for n, (a, b) in enumerate(zip(true, mapped, strict=True))]
    assert report.either.overall.value > report.primary.overall.value
    assert sum(report.either.counts[k][k] for k in range(3)) == sum(right)
    assert accuracy(made[0], read_plots(path), alternate="second").either.overall.value == 1
    with pytest.raises(UserError, match="has no column 'third'"):
        accuracy(made[0], read_plots(path), alternate="third")


def test_a_cube_in_which_nothing_is_published_yet_is_one_sentence(labelled, tmp_path):
    empty, plots = Cube.create(tmp_path / "empty"), read_plots(labelled)
    geopandas.GeoDataFrame(geometry=[shapely.box(10, 48, 11, 49)], crs=4326).to_file(tmp_path / "zones.geojson")
    for asked in (
        lambda: accuracy(empty, plots),
        lambda: zones_of_file(empty, plots, tmp_path / "zones.geojson"),
        lambda: zones_of(empty, tmp_path / "zones.geojson"),
        lambda: publish_items(empty),
    ):
        with pytest.raises(UserError, match="nothing is published in this cube yet; 'idgbr run' its region to the end"):
            asked()


def test_zones_of_a_file_and_of_a_column_are_estimated_where_they_have_points(made, sample, labelled, tmp_path):
    box = shapely.box(0, -5120, 3500, 0)
    small, edge = shapely.box(0, -100, 100, 0), shapely.box(3500, -5120, 7000, 0)
    frame = geopandas.GeoDataFrame({"name": ["west", "corner", "east"]}, geometry=[box, small, edge], crs="EPSG:3035")
    frame.to_crs(4326).to_file(tmp_path / "zones.geojson", driver="GeoJSON")
    plots = read_plots(labelled)
    masks = zones_of_file(made[0], plots, tmp_path / "zones.geojson", "name")
    assert (masks["west"] == (sample.col_N < 350)).all()
    report = accuracy(made[0], plots, zones=masks)
    assert list(report.zones) == ["west", "east"]
    assert report.small_zones["corner"] < ZONE_POINTS
    inside = stripes() > 0
    inside[:, 350:] = False
    right = (stripes() == truth())[inside].mean()
    assert report.zones["west"].overall.low <= right <= report.zones["west"].overall.high
    assert report.zones["west"].units + report.zones["east"].units == POINTS
    for k, of in enumerate(report.primary.classes):
        parts = report.zones["west"].classes[k].area.value + report.zones["east"].classes[k].area.value
        assert parts == pytest.approx(of.area.value)
    assert list(zones_of_file(made[0], plots, tmp_path / "zones.geojson")) == ["1", "2", "3"]


def test_change_between_periods_is_judged(tmp_path):
    cube, _ = cube_with_map(tmp_path / "cube")
    version = published(cube, truth(), WINTER, run="b")
    sample = sample_of(cube, version, period=WINTER[0], before=SUMMER[0], points=200, minimum=10)
    names = [sample.legend[s].name for s in sample.stratum_N.tolist()]
    true = ["stable Tree" if name == "to Tree" else name for name in names]
    report = accuracy(cube, read_plots(write_labelled(sample, tmp_path / "a.csv", true)))
    by_name = {of.name: of for of in report.primary.classes}
    assert (report.period, report.before) == (WINTER[0], SUMMER[0])
    assert (by_name["to Tree"].users.value, by_name["to Tree"].producers) == (0, None)
    assert by_name["stable Grass"].producers.value == 1
    assert keep(cube, report) == f"accuracy/{version}-2024-05-01-2024-11-01.json"


def test_pixels_of_a_grid_that_is_not_equal_area_weigh_as_their_areas(made, labelled, monkeypatch):
    plain = accuracy(made[0], read_plots(labelled))
    monkeypatch.setattr(module, "pixel_areas", lambda grid, row_N, col_N: np.where(col_N < 350, 200.0, 100.0))
    weighted = accuracy(made[0], read_plots(labelled))
    inside = stripes() > 0
    area_HW = np.where(np.arange(768) < 350, 200.0, 100.0) * inside
    right = (area_HW * (stripes() == truth())).sum() / area_HW.sum()
    assert weighted.primary.overall.low <= right <= weighted.primary.overall.high
    trees = (area_HW * (truth() == 10)).sum() / 1e6
    tree = weighted.primary.classes[0]
    assert tree.area.low <= trees <= tree.area.high
    assert tree.area.value > 1.5 * plain.primary.classes[0].area.value


def test_a_report_is_kept_with_its_version(tmp_path):
    cube, version = cube_with_map(tmp_path / "cube")
    sample = sample_of(cube, version, points=200)
    report = accuracy(cube, read_plots(write_labelled(sample, tmp_path / "a.csv", labels(sample, truth()))))
    name = keep(cube, report)
    (kept,) = assessments.of_version(cube, version)
    assert (kept.file, kept.period, kept.points) == (name, "2024-05-01", report.points)
    assert kept.overall.value == report.primary.overall.value
    published(cube, truth(), run="b")
    back = versions.rollback(cube, version)
    assert assessments.of_version(cube, back) == [kept]


def test_nothing_is_kept_while_a_run_holds_the_cube(tmp_path):
    cube, version = cube_with_map(tmp_path / "cube")
    sample = sample_of(cube, version, points=200)
    report = accuracy(cube, read_plots(write_labelled(sample, tmp_path / "a.csv", labels(sample, truth()))))
    with cube.lease("run", "elsewhere"), pytest.raises(RunError, match="elsewhere"):
        keep(cube, report)
    assert cube.files.list("accuracy") == []
    keep(cube, report)
    assert len(cube.files.list("accuracy")) == 1


def test_a_sample_of_another_cube_is_refused(labelled, tmp_path, monkeypatch):
    other, _ = cube_with_map(tmp_path / "same region")
    with pytest.raises(UserError, match=r"which this cube does not have: it is a sample of another cube, or .* pruned"):
        accuracy(other, read_plots(labelled))
    plots = changed(
        labelled,
        tmp_path / "a.csv",
        lambda rows: [row | {"design": row["design"].replace("cube=", "cube=0")} for row in rows],
    )
    with pytest.raises(UserError, match=r"is a sample of another cube .*: of another region, grid or class table"):
        accuracy(other, plots)


def moved(rows):
    rows[5]["lon"] = str(float(rows[5]["lon"]) + 2e-4)


def other_seed(rows):
    for row in rows:
        row["design"] = row["design"].replace("seed=0", "seed=1")


def more_points(rows):
    for row in rows:
        row["design"] = re.sub(r"10\.(\d+)", lambda of: f"10.{int(of[1]) + 1}", row["design"])


def one_point(rows):
    for row in rows:
        row["design"] = re.sub(r"80\.\d+", "80.1", row["design"])


def blank(rows):
    for row in rows[:7]:
        row["label"] = ""


def set_of(column, value):
    def change(rows):
        rows[2][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (moved, "1 points in .* lie outside the design, such as plot 6 at"),
        (other_seed, r"\d+ points in .* lie outside the design"),
        (more_points, "1 of the .* points that were drawn are missing"),
        (lambda rows: rows[:-3], "3 of the .* points that were drawn are missing from .*, such as plot"),
        (lambda rows: [*rows, rows[0]], "plot 1 stands 2 times in .*; give one row for each plot"),
        (set_of("plotid", "100000"), "1 plots in .* lie outside the design, which drew plots 1 to"),
        (one_point, "stratum 'Water' has 1 points of 22,500 pixels in .*, but a variance needs 2"),
        (blank, "7 of the .* points in .* have no 'label'; label them all"),
        (set_of("label", "Lava"), "plot 3 in .* has 'label' 'Lava', which is no class of the map; use one of Tree,"),
        (set_of("alternate", "Lava"), "plot 3 in .* has 'alternate' 'Lava'"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_sample_that_would_mislead_is_refused(made, labelled, tmp_path, change, sentence):
    plots = changed(labelled, tmp_path / "bad.csv", change)
    with pytest.raises(UserError, match=sentence) as told:
        accuracy(made[0], plots)
    assert "\n" not in str(told.value)


def test_a_period_that_the_judged_version_lacks_is_told(tmp_path):
    cube, first = cube_with_map(tmp_path / "cube")
    sample = sample_of(cube, published(cube, truth(), WINTER, run="b"), period=WINTER[0], points=100)
    plots = read_plots(write_labelled(sample, tmp_path / "a.csv", labels(sample, truth())))
    with pytest.raises(UserError, match="has no period from 2024-11-01; give one of 2024-05-01"):
        accuracy(cube, plots, version=first)


def test_intervals_of_drawn_samples_cover_the_truth(made):
    """A quick look at what `benchmarks/accuracy_coverage.py` measures: samples as they are drawn from a cube."""
    counts_YXS = count_pixels(StratifiedMap(*made, SUMMER[0]))
    design = sample_of(*made, points=400, allocation="equal").design
    index = np.full(256, -1)
    index[[10, 30, 80]] = range(3)
    inside = stripes() > 0
    true = (stripes() == truth())[inside].mean()
    water = (truth()[inside] == 80).sum()
    covered, draws = np.zeros(2), 40
    for seed in range(draws):
        sample = draw(made[0], replace(design, seed=seed), 1, counts_YXS)
        reference_N = index[truth()[sample.row_N, sample.col_N]]
        result = assess(sample.stratum_N, sample.stratum_N, reference_N, sample.pixels_S, "ABC")
        covered += [
            result.overall.low <= true <= result.overall.high,
            result.classes[2].area.low <= water <= result.classes[2].area.high,
        ]
    assert (covered / draws > 0.85).all(), covered / draws
