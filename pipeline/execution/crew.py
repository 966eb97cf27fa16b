"""The workers of a run, hired when something is first due for them."""

import os
import time as clock
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from cluster import Pool, machine_memory, pool
from pipeline.change.questions import Questions
from pipeline.execution.resources import WorkerCounts, check_memory, worker_groups
from pipeline.execution.worker import Worker
from pipeline.planning.memory import worker_memory
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Totals


@dataclass
class Crew:
    """Leaves with the block of `with`, or when it is closed before.

    address: that of `cluster.pool`. seconds: gets those of the start. questions: of an update with a change model.
    tell: takes how many starts of the workers are done, and of how many, 0 of 1 or 1 of 1.
    """

    counts: WorkerCounts
    address: str
    seconds: dict[str, float]
    questions: Questions | None = None
    tell: Callable[[int, int], None] = lambda done, total: None
    _pools: ExitStack = field(default_factory=ExitStack)
    _pool: Pool | None = None

    def hire(self, plan: Plan, totals: Totals) -> Pool:
        """The workers, for what is first due. Raises UserError if this machine has too little memory for them."""
        if self._pool is None:
            begun = clock.perf_counter()
            bands, signatures = plan.bands, plan.signatures
            change_digest = self.questions.model_digest if self.questions else ""
            factory = partial(
                Worker, plan.region, plan.run, plan.model_digest, bands, signatures, change_digest, plan.code
            )
            memory = worker_memory(plan, totals)
            if self.questions is not None:
                memory = memory.screening(self.questions.screen_bytes)
            groups = worker_groups(self.counts, *memory, screens=self.questions is not None)
            if self.address in ("none", "local"):
                check_memory(groups({"CPU": os.cpu_count() or 1}), machine_memory(), totals.busiest)
            self.tell(0, 1)
            self._pool = self._pools.enter_context(pool(factory, groups, self.address))
            self.tell(1, 1)
            self.seconds["start"] = clock.perf_counter() - begun
        return self._pool

    def close(self) -> None:
        self._pools.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pools.__exit__(kind, error, trace)
