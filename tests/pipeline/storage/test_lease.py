"""One run at a time holds a cube, in a folder and on object storage, among real processes that end, stop and race."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import lease_holder
import pytest

from pipeline.errors import RunError
from pipeline.storage import lease
from pipeline.storage.files import files_at
from pipeline.storage.holder import Holder

BEAT, EXPIRY = 0.2, 2.0
ELSEWHERE = {"host": "elsewhere", "boot": "another-boot"}


@pytest.fixture(params=["folder", "s3"])
def files(request, tmp_path):
    if request.param == "folder":
        return files_at(tmp_path / "cube")
    name = f"lease-{time.time_ns()}"
    return files_at(f"{request.getfixturevalue('s3').bucket(name)}/maps/here")


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(lease, "BEAT", BEAT)
    monkeypatch.setattr(lease, "EXPIRY", EXPIRY)


class Process:
    def __init__(self, location, run):
        command = [sys.executable, lease_holder.__file__, str(location), run, str(BEAT), str(EXPIRY)]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.popen.pid

    def told(self):
        return self.popen.stdout.readline().strip()

    def ask(self, what):
        self.popen.stdin.write(f"{what}\n")
        self.popen.stdin.flush()

    def signal(self, number):
        os.kill(self.pid, number)


@contextmanager
def holders(location, *runs):
    """One process for each run, started at once."""
    processes = [Process(location, run) for run in runs]
    try:
        yield processes
    finally:
        for process in processes:
            process.popen.kill()
            process.popen.communicate()


def lock_of(files):
    return json.loads(files.read(lease.LOCK))


def leave_lock(files, **changes):
    """A lock that nobody raises, as a run of this machine would write it but for the changes."""
    holder = Holder.here("left", "bavaria")
    files.write(lease.LOCK, json.dumps(json.loads(holder.text()) | changes))


def test_a_second_run_is_told_at_once_who_holds_the_cube(files):
    with holders(files.location, "first") as (first,):
        assert first.told() == "held"
        begun = time.monotonic()
        with pytest.raises(RunError) as refused, lease.hold(files, "second", "bavaria"):
            pass
        assert time.monotonic() - begun < EXPIRY
        held = lock_of(files)
        assert str(refused.value) == (
            f"the cube at {files.location} is held by run first of region bavaria on host {socket.gethostname()} "
            f"(process {first.pid}) since {held['since']}; wait for it, or end that process"
        )


def test_a_run_that_ends_gives_the_cube_back_and_one_that_fails_does_too(files):
    about = "here", "bavaria"
    with lease.hold(files, *about) as held:
        held.check()
        assert lease.holder(files) == held.holder or lease.holder(files).beat > 0
    assert lease.holder(files) is None
    with pytest.raises(ZeroDivisionError), lease.hold(files, *about):
        _ = 1 / 0
    assert lease.holder(files) is None
    with lease.hold(files, *about) as held:
        held.check()


def test_a_run_that_learns_its_name_later_is_told_by_it_and_still_holds_the_cube(files):
    with lease.hold(files, "planned", "bavaria") as held:
        held.hold_for("gated")
        assert lease.holder(files).run == "gated"
        held.check()
    assert lease.holder(files) is None
    with lease.hold(files, "planned", "bavaria") as held:
        leave_lock(files)
        with pytest.raises(RunError, match="is held by"):
            held.hold_for("gated")


def test_the_cube_of_a_killed_run_is_taken_over_at_once_on_the_same_machine(files):
    with holders(files.location, "killed") as (killed,):
        assert killed.told() == "held"
        killed.signal(signal.SIGKILL)
        while lease.holder(files).dead is False:
            time.sleep(0.01)
        begun = time.monotonic()
        with lease.hold(files, "next", "bavaria") as held:
            assert time.monotonic() - begun < EXPIRY / 2
            held.check()


def test_a_process_that_got_the_number_of_a_dead_one_does_not_hold_its_cube(files):
    leave_lock(files, started="1")
    begun = time.monotonic()
    with lease.hold(files, "next", "bavaria"):
        assert time.monotonic() - begun < EXPIRY / 2


def test_the_lock_of_a_process_that_is_stopped_expires_too(files):
    with holders(files.location, "stopped") as (stopped,):
        assert stopped.told() == "held"
        stopped.signal(signal.SIGSTOP)
        while not lease.holder(files).stopped:
            time.sleep(0.01)
        begun = time.monotonic()
        with lease.hold(files, "next", "bavaria") as held:
            assert EXPIRY <= time.monotonic() - begun < 3 * EXPIRY
            held.check()
            stopped.signal(signal.SIGCONT)
            stopped.ask("check")
            assert "is held by run next" in stopped.told()


@pytest.mark.parametrize("foreign", [ELSEWHERE, {"namespace": "pid:[1]"}], ids=["machine", "container"])
def test_a_lock_from_elsewhere_expires_when_its_count_stands_still(files, foreign):
    leave_lock(files, since="2999-01-01T00:00:00+00:00", **foreign)
    begun = time.monotonic()
    with lease.hold(files, "next", "bavaria") as held:
        assert EXPIRY <= time.monotonic() - begun < 3 * EXPIRY
        held.check()


def test_a_lock_from_elsewhere_whose_count_is_raised_is_respected(files):
    """The count is raised by a live process, whose identity is made another machine's."""
    with holders(files.location, "far") as (far,):
        assert far.told() == "held"
        while not files.swap(
            lease.LOCK, found := files.read(lease.LOCK), json.dumps(json.loads(found) | ELSEWHERE).encode()
        ):
            pass
        with (
            pytest.raises(RunError, match=r"run far of region bavaria on host elsewhere .* its lock expires 2 s after"),
            lease.hold(files, "next", "bavaria"),
        ):
            pass
        far.ask("check")
        assert far.told() == "still held"


def test_a_suspended_run_that_lost_the_cube_notices_and_leaves_the_lock_alone(files):
    with holders(files.location, "asleep") as (asleep,):
        assert asleep.told() == "held"
        asleep.signal(signal.SIGSTOP)
        files.write(lease.LOCK, json.dumps(lock_of(files) | ELSEWHERE))
        with lease.hold(files, "awake", "bavaria") as held:
            asleep.signal(signal.SIGCONT)
            asleep.ask("check")
            told = asleep.told()
            assert told.startswith(f"the cube at {files.location} is held by run awake of region bavaria")
            assert "run again" in told
            time.sleep(3 * BEAT)
            held.check()
            asleep.ask("end")
            asleep.popen.wait(30)
            held.check()
            assert lock_of(files)["id"] == held.holder.id


@pytest.mark.parametrize("left", [{"started": "1"}, ELSEWHERE], ids=["dead", "expired"])
def test_of_eight_that_find_a_dead_lock_one_gets_it(files, left):
    leave_lock(files, **left)
    with holders(files.location, *(f"run-{n}" for n in range(8))) as racing:
        told = [process.told() for process in racing]
        assert told.count("held") == 1
        winner = racing[told.index("held")]
        assert lock_of(files)["pid"] == winner.pid
        assert all(f"(process {winner.pid})" in line for line in told if line != "held")
        winner.ask("check")
        assert winner.told() == "still held"


def test_files_of_a_lease_are_read_and_written_until_the_cube_is_lost(files):
    files.write("kept", "old")
    with lease.hold(files, "here", "bavaria") as held:
        mine = held.writable_files
        mine.write("note", "mine")
        assert mine.swap("kept", b"old", b"mine")
        assert (mine.read("note"), mine.exists("note"), mine.list("runs")) == (b"mine", True, [])
        assert (mine.location, mine.scratch("pages")) == (files.location, files.scratch("pages"))
        leave_lock(files)
        changes = (
            lambda: mine.write("note", "late"),
            lambda: mine.swap("kept", b"mine", b"late"),
            lambda: mine.remove("note"),
        )
        for change in changes:
            with pytest.raises(RunError, match="is held by run left of region bavaria"):
                change()
        with pytest.raises(RunError, match="is held by run left"), mine.local_draft("note") as draft:
            draft.write_text("late")
        assert (files.read("note"), files.read("kept")) == (b"mine", b"mine")
    assert lock_of(files)["run"] == "left"


def test_a_lock_that_was_removed_is_missed(files):
    with lease.hold(files, "here", "bavaria") as held:
        while not files.swap(lease.LOCK, files.read(lease.LOCK), None):
            pass
        with pytest.raises(RunError, match="is held by nobody now"):
            held.check()
        time.sleep(3 * BEAT)
        assert lease.holder(files) is None


def test_an_empty_lock_holds_nothing(files):
    files.write(lease.LOCK, "")
    assert lease.holder(files) is None
    with lease.hold(files, "here", "bavaria") as held:
        held.check()
    assert lease.holder(files) is None


def test_a_lock_that_cannot_be_written_although_it_is_free_ends_in_one_sentence(tmp_path, monkeypatch):
    files = files_at(tmp_path)
    monkeypatch.setattr(type(files), "swap", lambda *content: False)
    with pytest.raises(RunError, match="supports conditional writes"), lease.hold(files, "here", "bavaria"):
        pass


@pytest.mark.parametrize("text", ["{}", " ", "\x00", "[" * 100_000])
def test_a_damaged_lock_ends_in_one_sentence(files, text):
    files.write(lease.LOCK, text)
    with pytest.raises(RunError, match="is damaged"), lease.hold(files, "here", "bavaria"):
        pass


def test_the_lock_outlives_an_outage_of_the_storage(s3, monkeypatch):
    """While the line is cut `check` says so; mended, the count goes on. A lock that could not be given back is free."""
    from s3_server import Line

    files = files_at(f"{s3.bucket(f'outage-{time.time_ns()}')}/cube")
    line = Line(s3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
    with lease.hold(files, "here", "bavaria") as held:
        line.cut()
        with pytest.raises(RunError, match="cannot be reached"):
            held.check()
        line.mend()
        held.check()
        before = lease.holder(files).beat
        deadline = time.monotonic() + 60
        while lease.holder(files).beat <= before + 1:
            assert time.monotonic() < deadline
            time.sleep(BEAT)
    assert lease.holder(files) is None
    with lease.hold(files, "cut off", "bavaria"):
        line.cut()
    line.mend()
    with lease.hold(files, "after", "bavaria") as held:
        held.check()
    line.cut()


def test_a_place_where_no_folder_can_be_ends_in_one_sentence(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with (
        pytest.raises(RunError, match="cannot be used"),
        lease.hold(files_at(file / "cube"), "here", "bavaria"),
    ):
        pass
