import shutil

import numpy as np
import pytest
from bit_rot import chunk_files, flip_bit
from made_versions import plain, published

from pipeline.analysis.check import check
from pipeline.cube.cube import Cube


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def shards_of(cube):
    """Publishes a map of noise; returns the version and the files of the shards of its land cover."""
    noise_HW = np.random.default_rng(3).integers(1, 200, (512, 768), np.uint8)
    versions = []
    files = chunk_files(cube.location, lambda: versions.append(published(cube, noise_HW)))
    return versions[0], sorted(path for path in files if path.stat().st_size > 20_000)


def test_a_sound_cube(cube):
    version = published(cube, plain(10))
    seen = []
    report = check(cube, version, progress=lambda *progress: seen.append(progress))
    assert report.sound
    assert report.version == version
    assert report.chunks > 15
    assert report.unchecked == []
    assert {name for _, _, name in seen} > {"manifests", "0/landcover"}
    read = [(done, total) for done, total, name in seen if name != "manifests"]
    assert read == [(done, report.chunks) for done in sorted(done for done, _ in read)]
    assert [done for done, _ in read].count(report.chunks) == 1, "all arrays are one count, which ends once"


def test_damaged_and_missing_chunks_are_listed(cube):
    version, (first, second, *_) = shards_of(cube)
    flip_bit(first)
    second.unlink()
    report = check(Cube.open(cube.location), version)
    assert not report.sound
    assert sorted(damage.why for damage in report.damage.values()) == ["it is missing", "its checksum is another"]
    assert all(place.startswith("landcover, block (") for place in report.damage)


def test_a_damaged_manifest_is_listed_and_the_other_arrays_are_read(cube):
    version, (first, *_) = shards_of(cube)
    flip_bit(first)
    ((name, _),) = cube.sums(version).manifests["blocks/pixels"]
    flip_bit(cube.location / "store" / name, 50)
    report = check(Cube.open(cube.location), version)
    assert [name in sentence for sentence in report.files] == [True]
    assert len(report.damage) == 1


def test_a_cube_of_before_tells_what_has_no_checksum(cube):
    version = published(cube, plain(10))
    shutil.rmtree(cube.location / "checksums")
    report = check(Cube.open(cube.location), version)
    assert report.sound
    assert report.unchecked == ["manifests"]


@pytest.mark.parametrize("content", [b"", b"null", b"[" * 100_000, b"\0" * 9, b"{"])
def test_damaged_side_files_are_listed(cube, content):
    version = published(cube, plain(10))
    for name in ("scenes/a.offsets.json", "runs/a/report.json", "scenes/a.parquet"):
        cube.files.write(name, content)
    assert [sentence.split()[0] for sentence in check(cube, version).files] == [
        f"{cube.location}/{name}" for name in ("scenes/a.offsets.json", "scenes/a.parquet", "runs/a/report.json")
    ]
