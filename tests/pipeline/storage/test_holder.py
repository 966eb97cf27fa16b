import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from pipeline.storage.holder import Holder, machine, started


def test_a_holder_is_read_back_as_it_was_written():
    holder = Holder.here("a", "bavaria")
    assert Holder.of(holder.text()) == holder
    assert (holder.pid, holder.run, holder.name, holder.beat) == (os.getpid(), "a", "bavaria", 0)
    assert Holder.here("a", "bavaria").id != holder.id


@pytest.mark.parametrize("text", [b"{}", b"", b"[]", b'{"id": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_holder_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Holder.of(text)


@pytest.mark.parametrize("wrong", [{"id": []}, {"pid": "7"}, {"beat": None}, {"beat": True}, {"host": 1}, {"more": 1}])
def test_a_holder_whose_fields_have_other_types_is_refused(wrong):
    holder = json.loads(Holder.here("a", "bavaria").text())
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Holder.of(json.dumps(holder | wrong).encode())


def test_this_process_is_near_and_alive():
    holder = Holder.here("a", "bavaria")
    assert holder.near
    assert not holder.dead
    assert started(os.getpid()) == holder.started


@pytest.mark.parametrize("other", [{"boot": "another"}, {"namespace": "pid:[1]"}, {"boot": "", "namespace": ""}])
def test_of_another_machine_or_container_it_is_not_known_whether_a_holder_is_dead(other):
    holder = replace(Holder.here("a", "bavaria"), started="1", **other)
    assert not holder.near
    assert not holder.dead


def test_a_process_that_ended_and_one_of_the_same_number_are_not_the_holder():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = replace(Holder.here("a", "bavaria"), pid=process.pid, started=started(process.pid))
    assert not holder.dead
    assert replace(holder, started="1").dead
    process.send_signal(signal.SIGKILL)
    while started(process.pid):  # a zombie does not count as running
        time.sleep(0.01)
    assert holder.dead
    process.communicate()
    assert holder.dead


def test_a_stopped_process_is_known_to_be():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = replace(Holder.here("a", "bavaria"), pid=process.pid, started=started(process.pid))
        assert not holder.stopped
        process.send_signal(signal.SIGSTOP)
        while not holder.stopped:
            time.sleep(0.01)
        assert not holder.dead
        assert not replace(holder, boot="another").stopped
        process.kill()


def test_a_machine_is_told_by_its_boot_and_its_namespace():
    boot, namespace = machine()
    assert len(boot) == 36
    assert namespace.startswith("pid:[")


def test_a_holder_is_named_for_people():
    holder = replace(Holder.here("a", "bavaria"), host="here", pid=7, since="2024-05-01T10:00:00+00:00")
    assert str(holder) == "run a of region bavaria on host here (process 7) since 2024-05-01T10:00:00+00:00"
