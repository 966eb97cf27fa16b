import numpy as np
import pytest
import zarr
from bit_rot import chunk_files, flip_bit
from made_versions import published

from pipeline.cube import shards
from pipeline.cube.cube import Cube
from pipeline.cube.damage import DamagedChunk
from pipeline.cube.shards import read_chunks, read_part
from pipeline.cube.store import array


@pytest.fixture
def maps(tmp_path):
    """A cube's blocks of 512 pixels, in four chunks each, of which some hold no data."""
    rng = np.random.default_rng(7)
    group = zarr.open_group(tmp_path / "plain", mode="w")
    source = group.create_array(
        "codes",
        shape=(2, 1024, 1024),
        chunks=(1, 256, 256),
        shards=(1, 512, 512),
        dtype="uint8",
        fill_value=0,
        compressors=(zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), zarr.codecs.Crc32cCodec()),
    )
    source[1] = np.kron(rng.integers(0, 3, (64, 64)), np.ones((16, 16))).astype(np.uint8)
    source[1, 512:768, 512:768] = 0
    source[1, :512, 512:] = 0
    return source


@pytest.mark.parametrize("y", [0, 512])
@pytest.mark.parametrize("x", [0, 512])
@pytest.mark.parametrize(("first", "last"), [(0, 512), (0, 256), (256, 512)])
def test_whole_chunks_of_a_shard_are_what_zarr_reads(maps, y, x, first, last):
    rows, cols = slice(y + first, y + last), slice(x, x + 512)
    for time in (0, 1):
        assert np.array_equal(read_part(maps, time, rows, cols), maps[time, rows, cols])
        assert np.array_equal(read_part(maps, time, cols, rows), maps[time, cols, rows])


def test_only_chunks_that_are_asked_for_and_hold_data_are_decoded(maps, monkeypatch):
    decoded = []
    decompress = shards.blosc.decompress
    monkeypatch.setattr(shards.blosc, "decompress", lambda *a: decoded.append(1) or decompress(*a))
    places = [(top, left) for top, left, _ in read_chunks(maps, 1, slice(512, 1024), slice(512, 1024))]
    assert places == [(0, 256), (256, 0), (256, 256)]
    assert len(decoded) == 3
    assert list(read_chunks(maps, 1, slice(0, 512), slice(512, 1024))) == []


def test_an_array_of_another_encoding_is_read_too(tmp_path):
    codes_HW = np.random.default_rng(1).integers(0, 9, (1, 64, 64)).astype(np.uint8)
    source = zarr.create_array(tmp_path / "plain", data=codes_HW, chunks=(1, 32, 32))
    assert np.array_equal(read_part(source, 0, slice(32, 64), slice(0, 32)), codes_HW[0, 32:, :32])


def test_a_chunk_with_a_wrong_checksum_is_told(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    noise_HW = np.random.default_rng(3).integers(1, 200, (512, 768), np.uint8)
    (shard,) = (file for file in chunk_files(cube.location, lambda: published(cube, noise_HW)) if is_at(file, noise_HW))
    flip_bit(shard, 5_000)
    source = array(cube.group(), "landcover")
    assert np.array_equal(read_part(source, 0, slice(0, 256), slice(0, 256)), noise_HW[:256, :256])
    with pytest.raises(DamagedChunk, match=r"landcover, block \(1, 2\)"):
        read_part(source, 0, slice(256, 512), slice(512, 768))


def is_at(file, noise_HW):
    """Whether a file is the shard of the last block, whose noise does not compress."""
    return noise_HW[256:, 512:].tobytes()[:1000] in file.read_bytes()
