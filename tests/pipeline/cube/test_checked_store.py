import os
import pickle
import random
from dataclasses import replace

import icechunk
import numpy as np
import pytest
import zarr
from bit_rot import chunk_files, flip_bit, flipped_bit
from made_versions import LAYOUT, SUMMER, plain, published
from zarr.codecs import BloscCodec

from pipeline.cube import create, versions
from pipeline.cube.checked_store import Checksums, session_group
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.damage import DamagedChunk
from pipeline.errors import RunError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def noise():
    return np.random.default_rng(3).integers(1, 200, (512, 768), np.uint8)


def with_one_block(cube, name="0/landcover", branch="main"):
    """Writes block (1, 2) of an array of a new cube; returns its shard's file."""
    session = cube.repository.writable_session(branch)
    group = session_group(session)
    add_period(group, LAYOUT, SUMMER)

    def write():
        first = (0,) * (group[name].ndim - 2)
        group[name][(*first, slice(256, 512), slice(512, 768))] = noise()[:256, :256]
        session.commit(name)

    (path,) = chunk_files(cube.location, write)
    return path


def everything(cube):
    group = Cube.open(cube.location).group(branch=versions.MAIN)
    return {
        name: (node.attrs.asdict(), np.asarray(node[...]).tobytes() if isinstance(node, zarr.Array) else b"")
        for name, node in group.members(None)
    } | {"": (group.attrs.asdict(), b"")}


def test_no_flipped_bit_changes_an_array_or_an_attribute_silently(cube):
    published(cube, noise())
    expected, chance = everything(cube), random.Random(1)
    folders = [cube.location / "store" / kind for kind in ("chunks", "manifests", "snapshots", "refs")]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    noticed = 0
    for _ in range(80):
        with flipped_bit(chance.choice(files), chance):
            try:
                assert everything(cube) == expected
            except (RunError, ValueError, icechunk.IcechunkError):
                noticed += 1
    assert noticed > 40


@pytest.mark.parametrize("at", [0, 5_000, -8])
@pytest.mark.parametrize("rows", [slice(256, 512), slice(300, 310)])
def test_a_damaged_chunk_names_array_block_and_period(cube, at, rows):
    flip_bit(with_one_block(cube), at)
    landcover = cube.group(branch="main")["0/landcover"]
    assert not landcover[0, :256].any()
    with pytest.raises(DamagedChunk, match=r"landcover, block \(1, 2\), period from 2024-05-01 \(its checksum"):
        landcover[0, rows, 512:]


def with_nine_chunks(cube):
    """Writes one block of landcover with nine chunks of 256 px; returns its shard's file."""
    grid = Grid("EPSG:3035", 10, 768)
    layout = replace(LAYOUT, extent=Extent(grid, Window(0, 0, 768, 768)))
    session = cube.repository.writable_session("main")
    group = session_group(session)
    add_period(group, layout, SUMMER)

    def write():
        group["0/landcover"][0] = np.random.default_rng(3).integers(1, 200, (768, 768), np.uint8)
        session.commit("written")

    (path,) = chunk_files(cube.location, write)
    return path


def test_one_damaged_chunk_of_many_in_a_shard_is_told_where_it_is_read_by_itself(cube):
    flip_bit(with_nine_chunks(cube), 100)
    landcover = cube.group(branch="main")["0/landcover"]
    assert landcover[0, 300:310, 300:310].all()
    with pytest.raises(DamagedChunk, match=r"landcover, block \(0, 0\), period from 2024-05-01 \(its checksum"):
        landcover[0, 20:30, 20:30]


def test_a_missing_chunk_names_array_block_and_period(cube):
    with_one_block(cube, "0/mosaic").unlink()
    with pytest.raises(DamagedChunk, match=r"mosaic, block \(1, 2\), period from 2024-05-01 \(it is missing"):
        cube.group(branch="main")["0/mosaic"][0, 0, 300:310, 600:610]


def test_a_damaged_chunk_is_told_where_a_session_reads_it_to_write_a_part(cube):
    flip_bit(with_one_block(cube), 4)
    group = session_group(cube.repository.writable_session("main"))
    with pytest.raises(DamagedChunk, match="landcover, block"):
        group["0/landcover"][0, 300:310, 600:610] = 1


def test_arrays_of_before_without_checksums_are_read_and_written(cube, monkeypatch):
    monkeypatch.setattr(create, "Crc32cCodec", lambda: BloscCodec(cname="zstd", clevel=0))
    path = with_one_block(cube)
    assert (cube.group(branch="main")["0/landcover"][0, 256:, 512:] == noise()[:256, :256]).all()
    assert (cube.group(branch="main")["0/landcover"][0, 300:310, 600:610] == noise()[44:54, 88:98]).all()
    flip_bit(path, -8)
    with pytest.raises(DamagedChunk, match="landcover, block"):
        cube.group(branch="main")["0/landcover"][0, 300:310, 600:610]


def test_the_checksums_of_an_array_are_those_of_its_codecs():
    crc, blosc = {"name": "crc32c"}, {"name": "blosc"}
    inner = {"chunk_shape": [1, 64, 64], "codecs": [{"name": "bytes"}, blosc, crc]}
    shard = {"configuration": {"chunk_shape": [1, 256, 256]}}
    sharded = {"name": "sharding_indexed", "configuration": inner}
    assert Checksums.of({"codecs": [sharded], "chunk_grid": shard}) == Checksums(16, True)
    inner["codecs"].pop()
    assert Checksums.of({"codecs": [sharded], "chunk_grid": shard}) == Checksums(16, False)
    assert Checksums.of({"codecs": [{"name": "bytes"}, blosc]}) == Checksums(None, False)
    assert Checksums.of({"codecs": [{"name": "bytes"}, blosc, crc]}) == Checksums(None, True)


def test_a_process_forked_after_a_cube_was_opened_is_told_how_to_start_one(cube):
    published(cube, plain(10))
    group = cube.group(branch="main")
    reader, writer = os.pipe()
    if not (child := os.fork()):
        told = []
        for attempt in (lambda: group["0/landcover"][0, 0, 0], lambda: Cube.open(cube.location)):
            try:
                attempt()
            except RunError as error:
                told.append(str(error))
        os.write(writer, "\n".join(told).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read().splitlines()
    os.waitpid(child, 0)
    assert len(told) == 2
    assert all("multiprocessing_context='forkserver'" in sentence for sentence in told)


def test_a_group_is_read_by_another_process_that_got_it_as_a_message(cube):
    published(cube, plain(10))
    group = pickle.loads(pickle.dumps(cube.group(branch="main")))
    assert (group["0/landcover"][0, :256, :700] == 10).all()


def test_the_index_of_a_shard_is_asked_for_once_by_readers_and_each_time_where_one_writes(cube, monkeypatch):
    with_nine_chunks(cube)
    asked, get = [], icechunk.IcechunkStore.get

    async def counted(store, key, prototype, byte_range=None):
        asked.append(key)
        return await get(store, key, prototype, byte_range)

    monkeypatch.setattr(icechunk.IcechunkStore, "get", counted)
    session = cube.repository.writable_session("main")
    landcover, writable = cube.group(branch="main")["0/landcover"], session_group(session)["0/landcover"]
    for source, times in ((landcover, 1 + 2), (writable, 2 + 2)):
        asked.clear()
        for row in (0, 300):
            assert source[0, row, 500]
        assert sum("/c/" in key for key in asked) == times
    assert not pickle.loads(pickle.dumps(landcover)).store_path.store._indexes
