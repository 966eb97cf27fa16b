"""The device of a worker: it computes the windows of all blocks in progress, in full batches.

Blocks are read, blended and written by threads of their own; a window's result is the same whatever shares its batch. A
batch costs the same however full it is, so one that is not full waits for as long as a thread may still submit more.
The scores of the last windows are kept for the blocks that need them too. A GPU computes one batch at a time. A CPU
computes one on each core, each on one thread: some kernels round differently on two threads.
"""

import heapq
import itertools
import threading
import time as clock
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch

from idgbr.inference.canvas import needs_refinement
from idgbr.pipeline import IDGBRPipeline
from pipeline.errors import RunError
from pipeline.segment.kept import KEPT_BYTES, KeptWindows, RawWindow, key

CORES = torch.get_num_threads()

Stage = Literal["refined", "coarse"]
Result = TypeVar("Result")


class CoarseScores(NamedTuple):
    """KHW logits of a window, and whether they hold a boundary or an uncertain pixel, so that it is to be refined."""

    logits_KHW: torch.Tensor
    needs_refinement: bool


@dataclass(frozen=True, order=True)
class WindowRequest:
    """One window to compute. Sorted in the order of computation: the block that began first comes first."""

    client: int
    number: int
    future: Future[Any] = field(compare=False)
    inputs: tuple[Any, ...] = field(compare=False)
    add_seconds: Callable[[float], None] = field(compare=False)


class BatchingDevice:
    """Computes the windows that threads submit, each through a `client` of its own; `close` ends its threads.

    Every request gets its result or an exception: what a batch raises is that of its requests; whatever ends a thread
    is that of all requests that wait, and of all later ones.
    """

    def __init__(self, model: IDGBRPipeline, kept_bytes: int = KEPT_BYTES) -> None:
        self.model = model
        settings = model.settings
        self._kept = KeptWindows(kept_bytes // (4 * len(settings.classes) * settings.window**2))
        self._queues: dict[Stage, list[WindowRequest]] = {"refined": [], "coarse": []}
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._clients = self._waiting = 0
        self._failure: BaseException | None = None
        count = CORES if model.device.type == "cpu" else 1
        self._threads = [threading.Thread(target=self._work, name="device", daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    @contextmanager
    def client(self, add_seconds: Callable[[float], None] = lambda seconds: None) -> Iterator["DeviceClient"]:
        """For one block. `add_seconds` receives the device's seconds of each window that is computed for it: its share
        of its batch's."""
        self._count(clients=1)
        try:
            yield DeviceClient(self, next(self._numbers), add_seconds)
        finally:
            self._count(clients=-1)

    def result(self, future: Future[Result]) -> Result:
        """The result of a request; waits for it."""
        if future.done():
            return future.result()
        self._count(waiting=1)
        try:
            return future.result()
        finally:
            self._count(waiting=-1)

    def close(self) -> None:
        self._end(RunError("the device was closed before it had computed this window"))
        for thread in self._threads:
            thread.join()

    def _end(self, failure: BaseException) -> None:
        """Ends all threads; the failure is the result of the requests that wait, and of those to come."""
        with self._changed:
            self._failure = self._failure or failure
            waiting = [request for queue in self._queues.values() for request in queue]
            for queue in self._queues.values():
                queue.clear()
            self._changed.notify_all()
        for request in waiting:
            request.future.set_exception(self._failure)

    def submit(self, client: "DeviceClient", stage: Stage, raw: RawWindow, *scores_KHW: torch.Tensor) -> Future[Any]:
        """See `DeviceClient`. Raises what ended the device, if it has ended."""
        request = WindowRequest(client.number, next(self._numbers), Future(), (raw, *scores_KHW), client.add_seconds)
        at = key(stage, raw)
        with self._changed:
            if self._failure is not None:
                raise self._failure
            if (kept := self._kept.get(at)) is not None:
                return kept
            self._kept.keep(at, request.future)
            heapq.heappush(self._queues[stage], request)
            self._changed.notify()
        return request.future

    def _count(self, clients: int = 0, waiting: int = 0) -> None:
        with self._changed:
            self._clients += clients
            self._waiting += waiting
            self._changed.notify_all()

    def _ready(self) -> bool:
        """Whether a batch is full, or every thread that could submit more waits for a result."""
        longest = max(len(queue) for queue in self._queues.values())
        return longest >= self.model.batch or (longest > 0 and self._waiting >= self._clients)

    def _work(self) -> None:
        try:
            torch.set_num_threads(1)
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._failure is not None or self._ready())
                    if self._failure is not None:
                        return
                    stage, batch = self._next()
                self._answer(stage, batch)
        except BaseException as error:  # noqa: BLE001 - threads that submit wait for this one
            self._end(error)

    def _answer(self, stage: Stage, batch: list[WindowRequest]) -> None:
        begun = clock.perf_counter()
        try:
            results = self._compute(stage, batch)
            seconds = (clock.perf_counter() - begun) / len(batch)
            for request, result in zip(batch, results, strict=True):
                request.add_seconds(seconds)
                request.future.set_result(result)
        except BaseException as error:  # noqa: BLE001 - whatever the device raises is the result of these requests
            failure = self._explained(error)
            for request in batch:
                if not request.future.done():
                    request.future.set_exception(failure)

    def _next(self) -> tuple[Stage, list[WindowRequest]]:
        """A full batch if there is one; refinement first, since it lets blocks end."""
        size = self.model.batch
        full: list[Stage] = [stage for stage, queue in self._queues.items() if len(queue) >= size]
        stage = (full or [stage for stage, queue in self._queues.items() if queue])[0]
        queue = self._queues[stage]
        return stage, [heapq.heappop(queue) for _ in range(min(size, len(queue)))]

    def _explained(self, error: BaseException) -> BaseException:
        """The error, or for lack of device memory one that says what to do."""
        if not isinstance(error, torch.OutOfMemoryError):
            return error
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
        size = self.model.batch
        windows = "1 window" if size == 1 else f"{size} windows"
        return RunError(
            f"{self.model.device} has no memory for a batch of {windows}: give each worker more of a device, or "
            "machines with larger ones, or a model with smaller batches"
        )

    def _compute(self, stage: Stage, batch: list[WindowRequest]) -> Sequence[Any]:
        """When it returns, the device has ended: it was asked whether all is finite, and what needs refinement."""
        raws, *scores = zip(*(request.inputs for request in batch), strict=True)
        image_NBHW, corners = np.stack([raw.image_BHW for raw in raws]), [raw.corner for raw in raws]
        if stage == "coarse":
            logits_NKHW = self.model.coarse_logits(image_NBHW, corners)
            due_N = self._need_refinement(logits_NKHW)
            return [CoarseScores(*each) for each in zip(_parted(logits_NKHW), due_N, strict=True)]
        (coarse_NKHW,) = scores
        return _parted(self.model.refine_logits(image_NBHW, torch.stack(coarse_NKHW), corners))

    @torch.inference_mode()
    def _need_refinement(self, logits_NKHW: torch.Tensor) -> list[bool]:
        if self.model.refiner is None:
            return [False] * len(logits_NKHW)
        return needs_refinement(logits_NKHW, self.model.settings)


def _parted(scores_NKHW: torch.Tensor) -> list[torch.Tensor]:
    """Each in memory of its own, so that one that is kept keeps no others."""
    return [scores_KHW.clone() for scores_KHW in scores_NKHW]


@dataclass(frozen=True)
class DeviceClient:
    """Submits the windows of one block. Both methods return at once."""

    device: BatchingDevice
    number: int
    add_seconds: Callable[[float], None]

    def coarse(self, raw: RawWindow) -> Future[CoarseScores]:
        """The coarse scores."""
        return self.device.submit(self, "coarse", raw)

    def refined(self, raw: RawWindow, logits_KHW: torch.Tensor) -> Future[torch.Tensor]:
        """KHW refined logits, from the coarse ones."""
        return self.device.submit(self, "refined", raw, logits_KHW)
