"""How throughput grows with workers: measured on a local Ray of many workers, and simulated beyond what fits here.

    python tests/benchmarks/scaling.py [--json FILE] [--measured 1,2,4,8,16,32] [--simulated 64,128,256,512,1024]

The pool, its actors and the scheduler are the product's; the work sleeps: a mosaic so many seconds, a
land cover some for reading, on the device (one at a time in a worker) and for writing. Blocks come 2 in a row, 40 a
worker; the driver waits 0.1 s for a commit (`driver.py`), as often as runs commit. The simulation runs the same
scheduling code with a clock of its own, on which the code's own time counts as it is measured, and each call of Ray
what it takes here: a submission, and a wait that grows with the calls waited for. `efficiency` is of workers times what
one makes (which fills its pipe at the beginning too), `busy` of what their devices could.
"""

import argparse
import heapq
import itertools
import json
import os
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from fixed_cost import ray_here

from cluster import Pool, WorkerGroup, pool
from cluster.worker_host import Attempt
from pipeline.console.tables import print_table
from pipeline.execution.schedule import Scheduler
from pipeline.execution.task import BlockResult, Task
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.planning.blocks import BlockPlan, Blocks
from pipeline.planning.totals import Totals

LANES = {"segment": 2, "mosaic": 1}
COLUMNS, EACH, COMMIT_EVERY, COMMIT = 2, 40, 16, 0.1
RESULT = BlockResult((0, 0), None, {}, 0, True, {"device": 0.0})


@dataclass(frozen=True)
class Seconds:
    """Of one block's steps."""

    mosaic: float = 0.6
    read: float = 0.1
    device: float = 1.0
    write: float = 0.1


class Sleeper:
    """A worker that does nothing as long as a real one works."""

    def __init__(self, seconds):
        self.seconds, self.device = seconds, threading.Lock()

    def mosaic(self, task):
        time.sleep(self.seconds.mosaic)
        return RESULT

    def segment(self, task):
        time.sleep(self.seconds.read)
        with self.device:
            time.sleep(self.seconds.device)
        time.sleep(self.seconds.write)
        return RESULT


class Waits:
    """A committer that takes as long as a real one."""

    def __init__(self, sleep):
        self.sleep = sleep

    def task(self, block):
        return Task(block.block, (), 0, b"")

    def commit(self, blocks, lost):
        self.sleep(COMMIT)


def driven(pool, workers, clock, sleep):
    """Blocks a second of the product's scheduler."""
    rows, side = EACH * workers // COLUMNS, 2048
    extent = Extent(Grid("EPSG:3035", 10.0, side), Window(0, 0, rows * side, COLUMNS * side))
    stream = (BlockPlan(block, (), 0, 1, 1, True, True, "new") for block in extent.blocks())
    plan = SimpleNamespace(
        blocks=lambda: stream,
        blocks_of=Blocks(extent, (), 260, b"", b""),
        region=SimpleNamespace(commit_every=COMMIT_EVERY),
        extent=extent,
    )
    begun = clock()
    work = Scheduler(plan, Totals(), pool, Waits(sleep)).run()
    assert work.blocks["segment"] == rows * COLUMNS
    return work.blocks["segment"] / (clock() - begun)


def measured(workers, seconds):
    """On Ray's actors, each with a logical GPU; and what an actor takes of memory."""
    with pool(
        partial(Sleeper, seconds), lambda there: [WorkerGroup(workers, LANES, cpus=1, gpus=1)], "local"
    ) as started:
        while started.workers < workers:
            time.sleep(0.1)
            started._workers.update_ready(1)
        return driven(started, workers, time.monotonic, time.sleep), resident()


def resident():
    """Megabytes of private memory of the largest actor."""
    import psutil

    here = psutil.Process().children(recursive=True)
    return max((p.memory_full_info().uss / 2**20 for p in here if "WorkerHost" in " ".join(p.cmdline())), default=0.0)


@dataclass(frozen=True)
class RayCost:
    """Seconds of a submission, and of a wait and its answer: so many, and so many more for each call waited for."""

    submit: float
    wait: float
    wait_each: float


def ray_cost():
    """As measured here, with calls that never end beside one that has."""
    import ray

    @ray.remote(num_cpus=0)
    class Stuck:
        def __init__(self):
            self.never = threading.Event()

        def wait(self):
            self.never.wait()

    @ray.remote(num_cpus=0)
    class Quick:
        def answer(self, method, task):
            return Attempt()

    stuck, quick = Stuck.remote(), Quick.remote()
    ray.get(quick.answer.remote("mosaic", (0, 0)))
    pending, waits, submits = [], {}, []
    for count in (10, 1000, 4000):
        pending += [stuck.wait.remote() for _ in range(count - len(pending))]
        took = []
        for _ in range(10):
            begun = time.perf_counter()
            reference = quick.answer.remote("mosaic", (0, 0))
            submits.append(time.perf_counter() - begun)
            time.sleep(0.05)
            begun = time.perf_counter()
            (done,), _ = ray.wait([*pending, reference], num_returns=1, timeout=1)
            ray.get(done)
            took.append(time.perf_counter() - begun)
        waits[count] = sorted(took)[len(took) // 2]
    for actor in (stuck, quick):
        ray.kill(actor)
    each = max(waits[4000] - waits[10], 0) / 3990
    return RayCost(sorted(submits)[len(submits) // 2], waits[10], each)


@dataclass
class Simulated:
    """Workers on a clock of their own, on which the driver's own time counts as it passes."""

    groups: dict
    seconds: Seconds
    cost: RayCost
    now: float = 0.0
    events: list = field(default_factory=list)
    lanes: dict = field(default_factory=dict)
    device: defaultdict = field(default_factory=lambda: defaultdict(float))
    ended: deque = field(default_factory=deque)
    driver: float = 0.0
    left: float = field(default_factory=time.perf_counter)
    number: itertools.count = field(default_factory=itertools.count)

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def ready(self):
        return self.groups

    def submit(self, worker, method, task, pause):
        """A call begins when its lane is free; a land cover also waits for its worker's device."""
        self.now += self.cost.submit
        future, steps = next(self.number), self.seconds
        free = self.lanes.setdefault((worker, method), [0.0] * LANES[method])
        begun = max(self.now, heapq.heappop(free))
        if method == "mosaic":
            ends = begun + steps.mosaic
        else:
            self.device[worker] = max(begun + steps.read, self.device[worker]) + steps.device
            ends = self.device[worker] + steps.write
        heapq.heappush(free, ends)
        heapq.heappush(self.events, (ends, future))
        return future

    def wait(self, futures, seconds):
        """Whatever has ended by now, else the next that will, within so many seconds."""
        own = time.perf_counter() - self.left
        self.now += own
        self.driver += own
        until, (ends, future) = self.now + seconds, self.events[0] if self.events else (float("inf"), None)
        self.now = min(max(self.now, ends), until) + self.cost.wait + self.cost.wait_each * len(futures)
        self.left = time.perf_counter()
        if ends > until:
            return None
        heapq.heappop(self.events)
        return future, Attempt(RESULT)


def simulated(workers, seconds, cost):
    """Blocks a second, and the driver's seconds a block: its code's and Ray's."""
    made = Simulated(dict.fromkeys(range(workers), WorkerGroup(1, LANES, gpus=1)), seconds, cost)
    simulated_time = SimpleNamespace(monotonic=made.clock)
    with patch("cluster.dispatch.time", simulated_time), patch("pipeline.execution.schedule.clock", simulated_time):
        rate = driven(Pool(made, 3), workers, made.clock, made.sleep)
    return rate, made.driver / (EACH * workers)


def main(counts, beyond, seconds, json_file):
    os.environ.setdefault("COLUMNS", "132")
    most = max(counts)
    with ray_here(most + 1, most):
        cost = ray_cost()
        found = {n: measured(n, seconds) for n in counts}
    modelled = {n: simulated(n, seconds, cost) for n in (*counts, *beyond)}
    one, one_modelled = found[counts[0]][0] / counts[0], modelled[counts[0]][0] / counts[0]
    rows = []
    for n, (rate, own) in modelled.items():
        real = found[n][0] if n in found else None
        rows.append(
            (
                str(n),
                "" if real is None else f"{real:.2f}",
                "" if real is None else f"{real / n / one:.1%}",
                "" if real is None else f"{real / n * seconds.device:.1%}",
                f"{rate:.2f}",
                f"{rate / n / one_modelled:.1%}",
                f"{rate / n * seconds.device:.1%}",
                "" if real is None else f"{rate / real - 1:+.1%}",
                f"{own * 1e3:.2f}",
            )
        )
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {max(m for _, m in found.values()):.0f} MB an actor"
    columns = (
        "workers",
        "measured blocks/s",
        "efficiency",
        "busy",
        "simulated",
        "efficiency",
        "busy",
        "difference",
        "own ms a block",
    )
    print_table(f"{seconds}: {load}", rows, columns)
    ray = f"{cost.submit * 1e3:.2f} ms a submission, {cost.wait * 1e3:.2f} ms a wait"
    print(f"Ray: {ray} and {cost.wait_each * 1e6:.1f} us more for each call waited for")
    if json_file:
        json_file.write_text(
            json.dumps({"load": load, "measured": found, "simulated": modelled, "ray": vars(cost)}) + "\n"
        )


if __name__ == "__main__":

    def numbers(text):
        return [int(n) for n in text.split(",") if n]

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measured", type=numbers, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--simulated", type=numbers, default=[64, 128, 256, 512, 1024])
    parser.add_argument("--times", type=float, default=1.0, help="makes every step so many times as long")
    asked = parser.parse_args()
    base = Seconds()
    scaled = Seconds(*(asked.times * each for each in vars(base).values()))
    main(asked.measured, asked.simulated, scaled, asked.json)
