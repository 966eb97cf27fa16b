"""A device of fixed cost: a batch takes so many milliseconds, in which nothing else computes, as on a GPU."""

import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from idgbr import CoarseUNet, IDGBRPipeline, Settings
from pipeline.execution import crew
from pipeline.execution.worker import Worker
from pipeline.segment import batching

BANDS = ("blue", "green", "red", "nir")
CLASSES = tuple({"code": n, "name": f"class {n}", "color": "#000000"} for n in (1, 2, 3, 4))


def model_folder(folder: Path) -> Path:
    """A real model folder; what its network would compute is replaced by a wait."""
    settings = Settings(classes=CLASSES, bands=BANDS, mean=(1500.0,) * 4, std=(800.0,) * 4, window=256, overlap=64)
    IDGBRPipeline(settings, CoarseUNet(4, len(CLASSES), widths=(8, 8, 8, 8))).save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Cost:
    """Seconds of a batch, and a file that is told when each began and ended."""

    seconds: float
    log: Path

    def logits(self, image_BCHW, corners=None) -> torch.Tensor:
        """The brightest band's class, after the wait."""
        begun = time.monotonic()
        image_BCHW = torch.as_tensor(image_BCHW).float()
        time.sleep(max(self.seconds - (time.monotonic() - begun), 0))
        with self.log.open("a") as log:
            log.write(f"{begun} {time.monotonic()} {len(image_BCHW)}\n")
        return image_BCHW

    def busy(self) -> tuple[float, float, int]:
        """Seconds of work, from the first batch to the last, and how many windows."""
        rows = [tuple(map(float, line.split())) for line in self.log.read_text().splitlines()]
        first, last = min(begun for begun, *_ in rows), max(ended for _, ended, _ in rows)
        return sum(ended - begun for begun, ended, _ in rows), last - first, int(sum(n for *_, n in rows))


class FixedCostWorker(Worker):
    """A worker of a run whose device computes one batch at a time, as a GPU does."""

    def __init__(self, cost: Cost, *how) -> None:
        super().__init__(*how)
        self.cost = cost

    @property
    def device(self):
        with self._first:
            batching.CORES = 1
            found = self._device
            found.model.coarse_logits = self.cost.logits
            return found


@contextmanager
def fixed_cost(cost: Cost):
    """Runs of this process use such workers."""
    own, crew.Worker = crew.Worker, partial(FixedCostWorker, cost)
    try:
        yield
    finally:
        crew.Worker = own


@contextmanager
def ray_here(cpus: int, gpus: int, store_bytes: int = 512 * 2**20):
    """A Ray of our own on loopback, with logical GPUs."""
    loopback()
    import ray

    ray.init("local", num_cpus=cpus, num_gpus=gpus, include_dashboard=False, object_store_memory=store_bytes,
             logging_level="ERROR", log_to_driver=False)  # fmt: skip
    try:
        yield
    finally:
        ray.shutdown()


def loopback() -> None:
    """Before Ray is first imported: it listens on 127.0.0.1 only, guarded by a token."""
    os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
