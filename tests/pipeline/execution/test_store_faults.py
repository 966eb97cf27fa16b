"""What goes wrong around a run: one sentence says what and what to do, and the same command continues to the same map.

The disk, the clock, the catalog, the cluster, the device's memory and single blocks; object storage is in test_s3.
"""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from command import answer, idgbr, run_here, sentence
from cube_bytes import assert_same, bytes_of

from catalogs.simulated import serve
from idgbr import IDGBRPipeline
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.status import RunProgress, status
from pipeline.execution.run import run
from pipeline.execution.worker import Worker

DAY = 86400


def command(region):
    return "run", region.cube.parent / "region.yaml", "--address", "none"


def finished(region):
    """Mosaics and maps that the run under way has committed."""
    cube = Cube.find(region.cube)
    running = status(cube).running.values() if cube else []
    progress = next(iter(running), RunProgress())
    return {"mosaic": progress.mosaic, "landcover": progress.landcover}


def wait_for_maps(region, process, count=1):
    while finished(region)["landcover"] < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def assert_continues(region, undisturbed, kept):
    """The same command does what was not committed, and ends with an undisturbed run's bytes."""
    report = answer(*command(region))
    blocks = undisturbed[1].blocks.new
    assert report["done"] == {"mosaic": blocks - kept["mosaic"], "segment": blocks - kept["landcover"]}
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))
    assert len(versions.history(Cube.open(region.cube))) == 1
    assert status(Cube.open(region.cube)).running == {}


@pytest.fixture
def disk(region_of):
    """Mounts a disk of its own where the region `disk` lies; a function that changes its options."""
    folder = region_of("disk").cube.parent

    def mount(options):
        asked = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    if os.geteuid() != 0 or shutil.which("mount") is None or not mount("size=1g"):
        pytest.skip("a disk of one's own takes the right to mount one")
    yield lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.long
def test_a_run_whose_disk_is_full_says_so_and_continues_when_there_is_room(disk, region_of, whole):
    region = region_of("disk", commit_every=1, bbox=whole[0].bbox)
    assert disk(f"size={whole[1].cube_bytes * 2 // 3}")
    told = sentence(idgbr(*command(region)), 1)
    assert "No space left on device" in told
    assert "run again" in told
    assert disk("size=1g")
    kept = finished(region)
    assert kept["mosaic"] > 0
    assert status(Cube.open(region.cube)).published is None
    assert_continues(region, whole, kept)


@pytest.mark.long
def test_a_run_whose_disk_turns_read_only_says_so_and_continues_when_it_can_be_written(disk, region_of, whole):
    region = region_of("disk", commit_every=1, bbox=whole[0].bbox)
    process = idgbr(*command(region))
    wait_for_maps(region, process)
    assert disk("ro")
    told = sentence(process, 1)
    assert "Read-only file system" in told
    assert "run again" in told
    assert disk("rw")
    assert_continues(region, whole, finished(region))


@pytest.fixture
def clock(tmp_path):
    """The environment of a process whose clock jumps, and a function that sets it so many seconds off."""
    compiler, shim, offset = shutil.which("cc"), tmp_path / "clock.so", tmp_path / "offset"
    source = Path(__file__).parents[2] / "helpers" / "clock.c"
    build = [compiler or "", "-shared", "-fPIC", "-o", shim, source, "-ldl"]
    if not sys.platform.startswith("linux") or compiler is None or subprocess.run(build, check=False).returncode:
        pytest.skip("a clock that jumps takes Linux and a C compiler")
    offset.write_text("0")
    return os.environ | {"LD_PRELOAD": str(shim), "CLOCK_FILE": str(offset)}, lambda by: offset.write_text(str(by))


@pytest.mark.long
@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_leaves_the_lease_alone_and_what_is_committed(clock, region_of, whole, days):
    """Icechunk refuses commits whose time is not the storage's; the lease goes by a clock that does not jump."""
    environment, jump = clock
    region = region_of("jump", commit_every=1, bbox=whole[0].bbox)
    process = idgbr(*command(region), env=environment)
    wait_for_maps(region, process)
    jump(days * DAY)
    told = sentence(process, 1)
    assert "clock" in told
    assert "run again" in told
    assert_continues(region, whole, finished(region))


def test_a_catalog_that_is_gone_after_planning_is_missed_by_an_update_alone(world, region_of, undisturbed):
    with serve(world.folder) as url:
        region = region_of("cataloged", catalog=url, allowed_paths=[str(world.folder)])
        path = region.cube.parent / "region.yaml"
        assert answer("plan", path)["blocks"]
    report = answer(*command(region))
    assert report["degraded"] == []
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))
    told = sentence(run_here("update", path, "--address", "none"), 1)
    assert url in told
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))
    assert status(Cube.open(region.cube)).published == report["version"]
    with serve(world.folder, port=int(url.rpartition(":")[2])):
        assert answer("update", path, "--address", "none")["version"] == report["version"]


@pytest.mark.long
def test_a_ray_that_does_not_answer_ends_a_run_in_one_sentence(region_of, undisturbed):
    region = region_of("rayless")
    told = sentence(idgbr(*command(region)[:-1], "127.0.0.1:1"), 1)
    assert "no Ray answers at address '127.0.0.1:1'" in told
    assert_continues(region, undisturbed, {"mosaic": 0, "landcover": 0})


@pytest.fixture
def tries(monkeypatch):
    """How often each block was tried to be segmented; the last is the one under way."""
    segment, tried = Worker.segment, []

    def counted(worker, task):
        tried.append(task.block)
        return segment(worker, task)

    monkeypatch.setattr(Worker, "segment", counted)
    return tried


def test_a_block_that_the_device_has_no_memory_for_is_set_aside(region_of, undisturbed, tries, monkeypatch):
    region = region_of("memory", commit_every=1)
    large, coarse = sorted(region.extent.blocks())[2], IDGBRPipeline.coarse_logits

    def short(model, image_NBHW, corners):
        if tries[-1] == large:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return coarse(model, image_NBHW, corners)

    monkeypatch.setattr(IDGBRPipeline, "coarse_logits", short)
    told = sentence(run_here(*command(region)), 1)
    assert f"at block {large}" in told
    assert "has no memory for a batch of 1 window:" in told
    assert "give each worker more of a device" in told
    blocks = undisturbed[1].blocks.new
    assert Counter(tries) == {block: 3 if block == large else 1 for block in region.extent.blocks()}
    kept = finished(region)
    assert kept == {"mosaic": blocks, "landcover": blocks - 1}
    monkeypatch.undo()
    assert_continues(region, undisturbed, kept)


ROW = [11.975, 48.4975, 12.016, 48.5065]
"""Degrees of three blocks in a row: the first is too far from the last to be read for its map."""


@pytest.fixture(scope="module")
def row(tmp_path_factory, region_in):
    """A run of ROW and its report."""
    region = region_in(tmp_path_factory.mktemp("row"), bbox=ROW)
    return region, run(region)


@pytest.mark.long
@pytest.mark.parametrize("stage", ["mosaic", "segment"])
def test_a_block_that_always_fails_keeps_no_other_from_being_committed(region_of, row, tries, monkeypatch, stage):
    region = region_of(f"poison-{stage}", commit_every=2, bbox=ROW)
    blocks = sorted(region.extent.blocks())
    poison, work, failed = blocks[0], getattr(Worker, stage), []

    def fail(worker, task):
        if task.block == poison:
            failed.append(task.block)
            raise ValueError("a pixel that nobody foresaw")
        return work(worker, task)

    monkeypatch.setattr(Worker, stage, fail)
    told = sentence(run_here(*command(region)), 1)
    assert f"1 of {len(blocks)} blocks failed to {stage}" in told
    assert "a pixel that nobody foresaw" in told
    assert "run again after mending the cause" in told
    assert failed == [poison] * 3
    kept = finished(region)
    if stage == "segment":
        assert kept == {"mosaic": len(blocks), "landcover": len(blocks) - 1}
    else:
        assert kept["mosaic"] == len(blocks) - 1
        assert 0 < kept["landcover"] < len(blocks) - 1
    assert status(Cube.open(region.cube)).published is None
    monkeypatch.undo()
    assert_continues(region, row, kept)
