"""Damage to a cube, from `idgbr check --heal` to the map of the next run."""

import asyncio
import shutil
from pathlib import Path

import pytest
from bit_rot import flip_bit
from cube_bytes import assert_same, bytes_of
from typer import Exit
from zarr.core.buffer import default_buffer_prototype

from pipeline.cli.check import check
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.execution.run import run


def shard(cube: Cube, key: str) -> Path:
    """The file of a shard."""
    store = cube.store(versions.head(cube))
    content = asyncio.run(store.get(key, default_buffer_prototype())).to_bytes()
    (path,) = (path for path in (cube.location / "store" / "chunks").iterdir() if path.read_bytes() == content)
    return path


def test_healing_maps_the_damaged_blocks_and_no_others_with_the_bytes_of_before(
    undisturbed, region_in, tmp_path, capsys
):
    shutil.copytree(undisturbed[0].cube, tmp_path / "cube")
    region = region_in(tmp_path)
    cube = Cube.open(region.cube)
    top, left = region.extent.block_range.y0, region.extent.block_range.x0
    for key in ("0/landcover/c/0/1/1", "0/mosaic/c/0/0/0/1"):
        flip_bit(shard(cube, key), 40)
    for heal in (False, True):
        with pytest.raises(Exit) as exit:
            check(str(region.cube), heal=heal)
        assert exit.value.exit_code == 1
        told = " ".join(capsys.readouterr().out.split())
        assert f"landcover, block ({top + 1}, {left + 1}), period from 2024-05-01" in told
        assert f"mosaic, block ({top}, {left + 1}), period from 2024-05-01" in told
    report = run(region)
    assert (report.done.mosaic, report.done.segment) == (1, 1)
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))
    check(str(region.cube))
    assert "sound" in capsys.readouterr().out
