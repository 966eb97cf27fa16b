"""A limit of time for work that waits in many places."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


class DeadlineMissed(Exception):
    """Work that did not end in time."""


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """The result or the exception of `work`; DeadlineMissed if it takes longer.

    Late work goes on in a daemon thread, and its outcome is dropped: a socket's timeout limits the pause between two
    bytes, not their number.
    """
    outcome: Future[Result] = Future()

    def worker() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 raised again by result()
            outcome.set_exception(error)

    threading.Thread(target=worker, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():
            return outcome.result()
        raise DeadlineMissed from None
