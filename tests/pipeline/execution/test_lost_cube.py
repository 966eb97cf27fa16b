"""A driver that lost its cube to another run writes nothing any more: see `run.py`."""

import shutil

import pytest

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.errors import RunError
from pipeline.execution import run as runner
from pipeline.execution.run import run
from pipeline.storage.files import files_at
from pipeline.storage.holder import Holder
from pipeline.storage.lease import LOCK


@pytest.fixture(scope="module")
def unpublished(tmp_path_factory, region_in):
    """A region whose blocks are mapped and aggregated and not published."""
    region = region_in(tmp_path_factory.mktemp("unpublished"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "publish", None)
        with pytest.raises(TypeError):
            run(region)
    return region


def files_of(cube):
    return {
        path: path.read_bytes()
        for path in cube.rglob("*")
        if path.is_file() and path.name not in (LOCK, LOCK.replace("json", "guard"))
    }


@pytest.fixture
def assert_nothing_is_written_after(region_of, monkeypatch):
    """A function that copies a cube, runs its region, and lets another run take the cube just before a step."""

    def check(original, module, step):
        region = region_of("lost")
        shutil.copytree(original.cube, region.cube)
        for report in region.cube.glob("runs/*/report.json"):
            report.unlink()
        call, before = getattr(module, step), []

        def taken(*arguments, **options):
            files_at(region.cube).write(LOCK, Holder.here("other", "bavaria").text())
            before.append(files_of(region.cube))
            return call(*arguments, **options)

        monkeypatch.setattr(module, step, taken)
        with pytest.raises(RunError, match="is held by run other of region bavaria"):
            run(region)
        assert files_of(region.cube) == before[0]
        return region

    return check


@pytest.mark.parametrize("step", ["block_totals", "report", "write_version_item", "write_report"])
def test_a_driver_with_nothing_to_do(assert_nothing_is_written_after, undisturbed, step):
    region = assert_nothing_is_written_after(undisturbed[0], runner, step)
    assert Cube.open(region.cube).repository.list_branches() == {"main"}


@pytest.mark.parametrize(
    ("module", "step"),
    [
        (runner, "write_inputs"),
        (runner, "_prepare_arrays"),
        (runner, "check_gates"),
        (versions, "publish"),
        (versions, "move_main"),
        (runner, "write_version_item"),
    ],
)
def test_a_driver_that_is_about_to_publish(assert_nothing_is_written_after, unpublished, module, step):
    assert_nothing_is_written_after(unpublished, module, step)
