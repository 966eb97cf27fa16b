"""The verbs `sample` and `accuracy`, from the first to the last: `accuracy.py`."""

import json
from datetime import date

import pytest
from command import answer, run_here, sentence
from labelled_sample import cube_with_map, read_rows, truth, write_rows
from made_versions import published

WINTER = date(2024, 11, 1), date(2024, 12, 31)
NAMES = {10: "Tree", 30: "Grass", 80: "Water"}


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    return cube_with_map(tmp_path_factory.mktemp("verbs") / "cube")[0].location


def label(file, out):
    rows = read_rows(file)
    for row in rows:
        row["label"] = row["stratum"] if int(row["plotid"]) % 10 else "Water"
        row["side"] = "east" if float(row["lon"]) > -29.07 else "west"
    write_rows(out, rows)


def test_a_sample_is_drawn_labelled_judged_and_shown(tmp_path):
    cube = cube_with_map(tmp_path / "cube")[0].location
    drawn = answer(
        "sample", cube, "--standard-error", "0.02", "--out", tmp_path / "s.csv", "--out", tmp_path / "s.gpkg"
    )
    assert drawn["points"] == sum(row["points"] for row in drawn["strata"]) >= 400
    assert [row["name"] for row in drawn["strata"]] == ["Tree", "Grass", "Water"]
    assert drawn["files"] == [str(tmp_path / "s.csv"), str(tmp_path / "s.gpkg")]
    label(tmp_path / "s.csv", tmp_path / "labelled.csv")
    report = answer("accuracy", cube, "--samples", tmp_path / "labelled.csv", "--by", "side")
    assert report["primary"]["overall"]["value"] == pytest.approx(0.9, abs=0.03)
    assert report["version"] == drawn["version"]
    assert {*report["zones"], *report["small_zones"]} == {"east", "west"}
    (version,) = answer("history", cube)
    (kept,) = version["accuracy"]
    assert kept["overall"] == report["primary"]["overall"]
    assert json.loads((cube / kept["file"]).read_text()) == report
    shown = run_here("history", cube).stdout
    assert "accuracy" in shown
    assert f"{report['primary']['overall']['value'] * 100:.1f} %" in " ".join(shown.split())


def test_screens_name_strata_classes_and_what_keeps_the_version(cube, tmp_path):
    printed = run_here("sample", cube, "--points", "300", "--ceo", tmp_path / "plots.csv", "--out", tmp_path / "s.csv")
    assert printed.returncode == 0, printed.stderr
    assert "Grass" in printed.stdout
    assert f"idgbr tag {cube} NAME" in printed.stdout
    label(tmp_path / "s.csv", tmp_path / "labelled.csv")
    printed = run_here("accuracy", cube, "--samples", tmp_path / "labelled.csv", "--no-keep")
    assert printed.returncode == 0, printed.stderr
    assert "producer's, %" in printed.stdout
    assert "±" in printed.stdout
    assert not (cube / "accuracy").exists()


def test_strata_of_change(tmp_path):
    cube, _ = cube_with_map(tmp_path / "cube")
    published(cube, truth(), WINTER, run="b")
    drawn = answer(
        "sample", cube.location, "--points", "200", "--from-period", "2024-05-01", "--out", tmp_path / "s.csv"
    )
    assert (drawn["period"], drawn["before"]) == ("2024-11-01", "2024-05-01")
    assert {row["name"] for row in drawn["strata"]} >= {"stable Tree", "to Tree", "to Water"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--points 300 --standard-error 0.01 --out s.csv", "give either --points or --standard-error"),
        ("--out s.csv", "give either --points or --standard-error"),
        ("--points 300", "nothing is to be written"),
        ("--points 300 --out s.shp", "end the name in .gpkg or .csv"),
        ("--points 300 --out s.csv --out s.csv", "s.csv is there already"),
        ("--points 300 --out there.csv", "there.csv is there already, perhaps with labels"),
        ("--points 300 --out no/s.csv", "there is no folder"),
        ("--points 300 --out s.csv --expected 1.5", "--expected is '1.5'; give a number from 0 to 1"),
        ("--points 300 --out s.csv --expected Lava=0.5", "no stratum 'Lava'; its strata are Tree, Grass, Water"),
        ("--points 300 --out s.csv --period 2024", "--period is '2024'; give the first day"),
        ("--points 300 --out s.csv --period 2023-05-01", "has no period from 2023-05-01"),
        ("--points 300 --out s.csv --from-period 2024-05-01", "is not before the period from 2024-05-01"),
        ("--points 300 --out s.csv --version nonsense", "no version 'nonsense'"),
    ],
)
def test_a_wrong_wish_is_one_sentence_and_writes_nothing(cube, tmp_path, options, told):
    (tmp_path / "there.csv").write_text("kept")
    assert told in sentence(run_here("sample", cube, *options.split(), folder=tmp_path), 2)
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]
    assert (tmp_path / "there.csv").read_text() == "kept"


def test_a_sample_without_labels_is_one_sentence(cube, tmp_path):
    run_here("sample", cube, "--points", "300", "--out", tmp_path / "s.gpkg")
    told = sentence(run_here("accuracy", cube, "--samples", tmp_path / "s.gpkg"), 2)
    assert "300 of the 300 points" in told or "points in" in told
    assert "have no 'label'" in told
    both = run_here("accuracy", cube, "--samples", tmp_path / "s.gpkg", "--by", "stratum", "--zones", "z.gpkg")
    assert "--by and --zones both say what the zones are" in sentence(both, 2)


def test_the_size_follows_from_what_is_expected(cube, tmp_path):
    def points(name, *options):
        drawn = answer("sample", cube, *options, "--minimum", "2", "--out", tmp_path / name)
        return {row["name"]: row["points"] for row in drawn["strata"]}

    few = points("a.csv", "--standard-error", "0.02", "--expected", "0.95")
    many = points("b.csv", "--standard-error", "0.02", "--expected", "0.5")
    assert sum(few.values()) < 130 < 550 < sum(many.values())
    equal = points("c.csv", "--points", "300", "--allocation", "equal")
    assert set(equal.values()) == {100}
    neyman = points(
        "d.csv", "--points", "300", "--allocation", "neyman", "--expected", "Water=0.5", "--expected", "0.99"
    )
    proportional = points("e.csv", "--points", "300")
    assert neyman["Water"] > 2 * proportional["Water"]
