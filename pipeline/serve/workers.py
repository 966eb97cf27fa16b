"""Threads that answer requests, with a bound on how many wait for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


class Busy(Exception):
    """All threads work and the queue is full, or an answer took too long."""


@dataclass
class Workers:
    """`threads` that work, `queue` requests that may wait for them, and the seconds after which one is given up."""

    threads: int
    queue: int
    seconds: float
    _pool: ThreadPoolExecutor = field(init=False)
    _under_way: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="serve")

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """What the function returns. Raises Busy, and what the function raises."""
        if self._under_way >= self.threads + self.queue:
            raise Busy("the server has as many requests as it takes; ask again in a second")
        self._under_way += 1
        future = self._pool.submit(function, *arguments)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.seconds)
        except TimeoutError:
            raise Busy(f"the answer took longer than {self.seconds:g} s; ask for less, or again later") from None

    def _done(self) -> None:
        self._under_way -= 1

    def close(self) -> None:
        """Ends the threads; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
