"""Who waits for a device always gets an answer: a result, what its batch raised, or what ended the device."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline.errors import RunError
from pipeline.segment import batching
from pipeline.segment.batching import BatchingDevice
from pipeline.segment.kept import RawWindow

SECONDS = 20
IMAGE = np.zeros((1, 4, 4), np.uint16)


class Model:
    """A model whose every batch a test scripts."""

    device = torch.device("cpu")

    def __init__(self, compute=lambda image_NBHW, corners: torch.ones(len(image_NBHW), 2, 4, 4), batch=1):
        self.coarse_logits = compute
        self.settings, self.refiner, self.batch = SimpleNamespace(classes=(0, 1), window=4), None, batch


@pytest.fixture
def device_of(monkeypatch):
    """A function that makes a device of one thread, which keeps no windows unless told so."""
    monkeypatch.setattr(batching, "CORES", 1)
    made = []

    def make(*arguments, kept_bytes=0, **options):
        made.append(BatchingDevice(Model(*arguments, **options), kept_bytes))
        return made[-1]

    yield make
    for device in made:
        device.close()


def answer(device, add_seconds=lambda seconds: None):
    """The result of a window, asked for by a thread as blocks do."""

    def ask():
        with device.client(add_seconds) as client:
            return device.result(client.coarse(RawWindow(IMAGE, (0, 0))))

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result(SECONDS)


def test_what_a_batch_raises_is_the_result_of_its_windows_and_the_device_goes_on(device_of):
    results = iter([ValueError("no kernel"), SystemExit(3), None])

    def compute(image_NBHW, corners):
        if (error := next(results)) is not None:
            raise error
        return torch.ones(len(image_NBHW), 2, 4, 4)

    device = device_of(compute)
    with pytest.raises(ValueError, match="no kernel"):
        answer(device)
    with pytest.raises(SystemExit):
        answer(device)
    assert answer(device).logits_KHW.shape == (2, 4, 4)


def test_a_batch_of_too_few_results_is_an_error_and_the_device_goes_on(device_of):
    counts = iter([0, 1])
    device = device_of(lambda image_NBHW, corners: torch.ones(next(counts), 2, 4, 4))
    with pytest.raises(ValueError, match="shorter"):
        answer(device)
    assert answer(device).logits_KHW.shape == (2, 4, 4)


def test_what_a_client_raises_while_it_is_told_the_seconds_is_its_own_error(device_of):
    device = device_of()
    with pytest.raises(ZeroDivisionError):
        answer(device, lambda seconds: 1 / 0)
    assert answer(device).logits_KHW.shape == (2, 4, 4)


def test_whatever_ends_the_thread_of_a_device_is_the_answer_to_all_who_wait_and_who_come(device_of):
    device = device_of(batch="two")
    for _ in range(2):
        with pytest.raises(TypeError, match="'>=' not supported"):
            answer(device)


def test_a_device_that_is_closed_answers_those_who_wait_and_who_come(device_of):
    begun, go_on = threading.Event(), threading.Event()

    def compute(image_NBHW, corners):
        begun.set()
        assert go_on.wait(SECONDS)
        return torch.ones(len(image_NBHW), 2, 4, 4)

    device = device_of(compute)
    with device.client() as client, ThreadPoolExecutor(1) as closing:
        computed = client.coarse(RawWindow(IMAGE, (0, 0)))
        assert begun.wait(SECONDS)
        waiting = client.coarse(RawWindow(IMAGE, (0, 0)))
        closed = closing.submit(device.close)
        with pytest.raises(RunError, match="was closed before it had computed"):
            waiting.result(SECONDS)
        go_on.set()
        closed.result(SECONDS)
        assert computed.result(SECONDS).logits_KHW.shape == (2, 4, 4)
        with pytest.raises(RunError, match="was closed"):
            client.coarse(RawWindow(IMAGE, (0, 0)))
