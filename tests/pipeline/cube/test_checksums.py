import shutil
import subprocess

import pytest
from bit_rot import flip_bit
from made_versions import ORIGIN, mapped, plain, published

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.retention import prune
from pipeline.errors import RunError


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def sums_of(cube, version):
    return cube.location / "checksums" / f"{version}.sha256"


def is_right(cube, version):
    command = ["sha256sum", "--check", "--status", "--strict", sums_of(cube, version)]
    return subprocess.run(command, cwd=cube.location / "store", check=False).returncode == 0


def test_a_version_has_sums_that_sha256sum_checks(cube):
    first, second = published(cube, plain(10), run="a"), published(cube, plain(30), run="b")
    third = versions.rollback(cube, first)
    for version in (first, second, third):
        assert is_right(cube, version)
        names = [line.split()[1] for line in sums_of(cube, version).read_text().splitlines()]
        assert f"snapshots/{version}" in names
        assert len(names) > 10


def test_sums_that_an_interrupted_publication_did_not_write_are_written_by_the_next(cube, monkeypatch):
    branch, _, base = mapped(cube, plain(10))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Cube, "write_sums", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        versions.publish(cube, branch, base, ORIGIN)
    assert not (cube.location / "checksums").exists()
    assert versions.head(cube) == base
    assert is_right(cube, versions.publish(cube, branch, base, ORIGIN))


def test_a_damaged_snapshot_is_an_error_that_names_it(cube):
    version = published(cube, plain(10))
    flip_bit(cube.location / "store" / "snapshots" / version)
    with pytest.raises(RunError, match=f"store/snapshots/{version} does not have the checksum that checksums"):
        Cube.open(cube.location).group(branch="main")


def test_a_damaged_or_missing_manifest_is_an_error_where_its_chunks_are_read(cube):
    version = published(cube, plain(10))
    ((name, _),) = cube.sums(version).manifests["0/landcover"]
    path = cube.location / "store" / name
    flip_bit(path, 45)
    group = Cube.open(cube.location).group(branch="main")
    assert group["blocks/landcover"][0].all()
    with pytest.raises(RunError, match=f"store/{name} does not have"):
        group["0/landcover"][0, :10, :10]
    assert [name in fault for fault in Cube.open(cube.location).sums(version).faults()] == [True]
    path.unlink()
    with pytest.raises(RunError, match=f"store/{name} does not have"):
        Cube.open(cube.location).sums(version).check_all()


def test_damaged_sums_are_told_not_trusted(cube):
    version = published(cube, plain(10))
    path = sums_of(cube, version)
    ((name, _),) = cube.sums(version).manifests["0/landcover"]
    path.write_bytes(path.read_bytes().replace(f"  {name}".encode(), f"\xff {name}".encode()))
    with pytest.raises(RunError, match="one of them is damaged"):
        Cube.open(cube.location).group(branch="main")["0/landcover"][0, :10, :10]


def test_a_cube_of_before_has_no_sums_and_is_read_and_continued(cube):
    first = published(cube, plain(10), run="a")
    shutil.rmtree(cube.location / "checksums")
    again = Cube.open(cube.location)
    assert again.sums(first) is None
    assert (again.group(branch="main")["0/landcover"][0, :256, :700] == 10).all()
    assert is_right(again, published(again, plain(30), run="b"))


def test_sums_of_snapshots_follow_a_pruning_that_gives_them_other_parents(cube):
    old, kept, newest = (published(cube, plain(code), run=str(code)) for code in (10, 30, 80))
    prune(cube, keep=2)
    assert old not in [version.snapshot for version in versions.history(cube)]
    assert not sums_of(cube, old).exists()
    assert is_right(cube, kept)
    assert is_right(cube, newest)
    assert (Cube.open(cube.location).group(snapshot=kept)["0/landcover"][0, :256, :700] == 30).all()


def test_versions_stay_readable_where_a_pruning_was_interrupted(cube):
    old, newest = published(cube, plain(10), run="a"), published(cube, plain(30), run="b")
    with pytest.raises(KeyboardInterrupt), cube.rewriting_snapshots([old, newest]):
        flip_bit(cube.location / "store" / "transactions" / newest)
        raise KeyboardInterrupt
    again = Cube.open(cube.location)
    assert (again.group(branch="main")["0/landcover"][0, :256, :700] == 30).all()
    prune(again, keep=2)
    assert is_right(again, newest)
