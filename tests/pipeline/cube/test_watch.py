import threading
import time as clock
from dataclasses import replace

import pytest
from made_versions import mapped, plain, published

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.status import status
from pipeline.cube.watch import watch
from pipeline.storage import holder, lease


@pytest.fixture
def cube(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain(10), run="a")
    return cube


def test_a_cube_in_which_nothing_works_is_looked_at_once(cube):
    assert list(watch(cube)) == [status(cube)]


def test_a_run_is_followed_from_its_first_blocks_to_the_version_that_it_publishes(cube):
    seen = []
    with cube.lease("b", "bavaria"):
        looks = watch(cube, 0.01)
        seen.append(next(looks))
        branch, _, base = mapped(cube, plain(30), run="b")
        seen.append(next(looks))
        newest = versions.publish(cube, branch, base, versions.Origin("b", "test", 6, 0))
        seen.append(next(looks))
    seen += looks
    assert [look.held_by is None for look in seen] == [False, False, False, True]
    assert [look.running["b"].landcover if look.running else 0 for look in seen] == [0, 6, 0, 0]
    assert [look.published == newest for look in seen] == [False, False, True, True]


def test_what_does_not_change_is_told_once(cube):
    with cube.lease("b", "bavaria"):
        looks = watch(cube, 0.01)
        next(looks)
        further = []
        follower = threading.Thread(target=lambda: further.extend(looks))
        follower.start()
        clock.sleep(0.3)
        assert further == []
    follower.join(timeout=20)
    assert [look.held_by for look in further] == [None]


def test_a_holder_elsewhere_works_until_its_lock_stands_still(cube, monkeypatch):
    monkeypatch.setattr(lease, "EXPIRY", 0.5)
    lock = replace(holder.Holder.here("b", "bavaria"), host="elsewhere", boot="another")
    cube.files.write(lease.LOCK, lock.text().decode())
    start = clock.monotonic()
    assert [look.held_by for look in watch(cube, 0.01)] == [str(lock)]
    assert 0.4 < clock.monotonic() - start < 15


def test_a_dead_holder_of_this_machine_is_not_waited_for(cube):
    lock = replace(holder.Holder.here("b", "bavaria"), started="0")
    cube.files.write(lease.LOCK, lock.text().decode())
    assert len(list(watch(cube))) == 1
