"""The device of a worker: it computes the windows of all blocks under way, in full batches.

Blocks are read, blended and written by threads of their own; a window's answer is the same whatever shares its batch. A
batch costs the same however full it is, so one that is not full waits for as long as a thread may still ask for more.
A GPU computes one batch at a time, a CPU as many as it has cores for, each on one: some kernels round otherwise on two.
"""

import heapq
import itertools
import threading
import time as clock
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from idgbr.pipeline import IDGBRPipeline
from pipeline.errors import RunError

Corner = tuple[int, int]

CORES = torch.get_num_threads()


@dataclass(frozen=True, order=True)
class _Asked:
    """In the order in which it is computed: first what the block that began first asked for."""

    asker: int
    number: int
    answer: Future[torch.Tensor] = field(compare=False)
    inputs: tuple[Any, ...] = field(compare=False)
    tell: Callable[[float], None] = field(compare=False)


class Device:
    """Computes what threads ask for, each `asking` for the windows of a block; `close` ends its own threads."""

    def __init__(self, model: IDGBRPipeline) -> None:
        self.model = model
        self._asked: dict[str, list[_Asked]] = {"refined": [], "coarse": []}
        self._more = threading.Condition()
        self._numbers = itertools.count()
        self._askers = self._waiting = 0
        self._closed = False
        count = CORES if model.device.type == "cpu" else 1
        self._threads = [threading.Thread(target=self._work, name="device", daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    @contextmanager
    def asking(self, tell: Callable[[float], None] = lambda seconds: None) -> Iterator["Asker"]:
        """While a thread may ask for windows; `tell` is given the device's seconds of each: its part of its batch's."""
        self._count(askers=1)
        try:
            yield Asker(self, next(self._numbers), tell)
        finally:
            self._count(askers=-1)

    def answer(self, asked: Future[torch.Tensor]) -> torch.Tensor:
        """What was asked for, once it is there."""
        if asked.done():
            return asked.result()
        self._count(waiting=1)
        try:
            return asked.result()
        finally:
            self._count(waiting=-1)

    def close(self) -> None:
        with self._more:
            self._closed = True
            self._more.notify_all()
        for thread in self._threads:
            thread.join()

    def ask(self, asker: "Asker", what: str, inputs: tuple[Any, ...]) -> Future[torch.Tensor]:
        """See `Asker`."""
        asked = _Asked(asker.number, next(self._numbers), Future(), inputs, asker.tell)
        with self._more:
            heapq.heappush(self._asked[what], asked)
            self._more.notify()
        return asked.answer

    def _count(self, askers: int = 0, waiting: int = 0) -> None:
        with self._more:
            self._askers += askers
            self._waiting += waiting
            self._more.notify_all()

    def _ready(self) -> bool:
        """Whether a batch is full, or those who wait for what was asked are all who could ask for more."""
        most = max(len(asked) for asked in self._asked.values())
        return most >= self.model.settings.batch or (most > 0 and self._waiting >= self._askers)

    def _work(self) -> None:
        torch.set_num_threads(1)
        while True:
            with self._more:
                self._more.wait_for(lambda: self._closed or self._ready())
                if self._closed:
                    return
                what, batch = self._next()
            begun = clock.perf_counter()
            try:
                answers = self._compute(what, batch)
            except Exception as error:  # noqa: BLE001 - whatever the device raises is the answer of those who asked
                told = self._short_of_memory(error)
                for each in batch:
                    each.answer.set_exception(told)
                continue
            seconds = (clock.perf_counter() - begun) / len(batch)
            for each, answer_KHW in zip(batch, answers, strict=True):
                each.tell(seconds)
                each.answer.set_result(answer_KHW)

    def _next(self) -> tuple[str, list[_Asked]]:
        """A full batch if there is one; refinement first, since it lets blocks end."""
        size = self.model.settings.batch
        full = [what for what, asked in self._asked.items() if len(asked) >= size]
        what = (full or [what for what, asked in self._asked.items() if asked])[0]
        asked = self._asked[what]
        return what, [heapq.heappop(asked) for _ in range(min(size, len(asked)))]

    def _short_of_memory(self, error: Exception) -> Exception:
        """The error, or what to do about it if the device has too little memory."""
        if not isinstance(error, torch.OutOfMemoryError):
            return error
        torch.cuda.empty_cache()
        size = self.model.settings.batch
        return RunError(
            f"{self.model.device} has no memory for a batch of {size} windows: give each worker more of a device, or "
            "machines with larger ones, or a model with smaller batches"
        )

    def _compute(self, what: str, batch: list[_Asked]) -> torch.Tensor:
        image_NBHW, *rest = zip(*(each.inputs for each in batch), strict=True)
        if what == "coarse":
            answer_NKHW = self.model.coarse_logits(np.stack(image_NBHW))
        else:
            logits_NKHW, corners = rest
            answer_NKHW = self.model.refine_logits(np.stack(image_NBHW), torch.stack(logits_NKHW), corners)
        if answer_NKHW.is_cuda:
            torch.cuda.synchronize(answer_NKHW.device)
        return answer_NKHW


@dataclass(frozen=True)
class Asker:
    """A thread that asks for the windows of a block: both return at once."""

    device: Device
    number: int
    tell: Callable[[float], None]

    def coarse(self, image_BHW: np.ndarray) -> Future[torch.Tensor]:
        """KHW logits of a raw window."""
        return self.device.ask(self, "coarse", (image_BHW,))

    def refined(self, image_BHW: np.ndarray, logits_KHW: torch.Tensor, corner: Corner) -> Future[torch.Tensor]:
        """KHW refined logits of a raw window at an absolute corner."""
        return self.device.ask(self, "refined", (image_BHW, logits_KHW, corner))
