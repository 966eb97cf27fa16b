"""The memory of asking the change model, against what it takes. The rest: tests/benchmarks/screen_memory.py."""

from pipeline.change.memory import screen_bytes
from pipeline.planning.memory import PROCESS_BYTES, WorkerMemory


def test_the_bound_grows_with_the_block_and_what_the_model_sees_around_it():
    assert screen_bytes(256, 4, 4, 0, 100) == 256**2 * (16 + 48 + 48) + 100
    assert screen_bytes(256, 4, 4, 128, 100) == screen_bytes(512, 4, 4, 0, 100)
    assert screen_bytes(256, 10, 4, 0, 0) > screen_bytes(256, 4, 4, 0, 0)


def test_workers_that_segment_have_room_for_the_change_model():
    memory = WorkerMemory(10**9, 2 * 10**9)
    assert memory.screening(10**6) == memory
    assert memory.screening(3 * 10**9) == (10**9, PROCESS_BYTES + 3 * 10**9)
