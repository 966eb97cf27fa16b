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
