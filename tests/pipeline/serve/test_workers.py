"""Threads that answer requests: a bound on what waits, and on how long."""

import asyncio
import threading

import pytest

from pipeline.serve.workers import Busy, Workers


def test_more_requests_than_wait_are_refused_and_later_ones_are_taken_again():
    async def asked():
        workers, free = Workers(threads=1, queue=1, seconds=20), threading.Event()
        two = [asyncio.create_task(workers.run(free.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="as many requests as it takes"):
            await workers.run(int)
        free.set()
        await asyncio.gather(*two)
        await asyncio.sleep(0)
        assert await workers.run(int, "7") == 7
        workers.close()

    asyncio.run(asked())


def test_an_answer_that_takes_too_long_is_given_up():
    async def asked():
        workers, free = Workers(threads=1, queue=1, seconds=0.05), threading.Event()
        with pytest.raises(Busy, match="longer than"):
            await workers.run(free.wait)
        free.set()
        workers.close()

    asyncio.run(asked())
