import pytest
import zarr
from command import answer, run_here
from made_versions import plain, published

from pipeline.cube.cube import Cube


def test_the_verb_writes_a_map_and_says_in_one_line_or_in_json_what_it_wrote(tmp_path):
    version = published(Cube.create(tmp_path / "cube"), plain())
    done = run_here("export", "cube", "--cog", "map.tif", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"cog: landcover of 2024-05-01, version {version}, to map.tif: 1 file, ")
    assert done.stdout.count("\n") == 1
    told = answer("export", tmp_path / "cube", "--cog", tmp_path / "coarse.tif", "--array", "coarse")
    assert told.pop("seconds") > 0
    assert told == {
        "kind": "cog",
        "path": str(tmp_path / "coarse.tif"),
        "version": version,
        "periods": ["2024-05-01"],
        "arrays": ["coarse"],
        "files": 1,
        "bytes": (tmp_path / "coarse.tif").stat().st_size,
    }


def test_the_page_of_an_export_lies_in_its_folder_and_is_no_part_of_the_zarr(tmp_path):
    published(Cube.create(tmp_path / "cube"), plain())
    for name, more in (("plain.zarr", ()), ("shown.zarr", ("--page",))):
        done = run_here("export", "cube", "--zarr", name, "--array", "landcover", *more, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    files = [
        {str(f.relative_to(g)): f.read_bytes() for f in g.rglob("*") if f.is_file()} for g in tmp_path.glob("*.zarr")
    ]
    (page,) = files[0].keys() ^ files[1].keys()
    assert page == "index.html"
    assert all(files[0][name] == files[1][name] for name in files[0].keys() & files[1].keys())
    assert zarr.open_group(tmp_path / "shown.zarr", mode="r")["0/landcover"].shape == (1, 512, 768)


@pytest.mark.parametrize("target", [("--cog", "map.tif"), ("--zarr", "map.zarr", "--array", "coarse")])
def test_a_page_without_an_export_of_landcover_is_refused(tmp_path, target):
    published(Cube.create(tmp_path / "cube"), plain())
    done = run_here("export", "cube", *target, "--page", folder=tmp_path)
    assert done.returncode == 2
    assert "--page shows landcover of a --zarr export" in done.stderr
    assert not list(tmp_path.glob("map.*"))
