"""Several processes that train one network: Ray Train around a plain function."""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.errors import PoolError
from cluster.ray_actors import source_folders
from cluster.ray_session import connect

Tell = Callable[[Any], None]
Function = Callable[[Any, str, Tell], Any]

POLL_SECONDS = 0.2


def run_ranks(
    function: Function,
    config: Any,
    workers: int,
    gpus: bool,
    folder: Path,
    address: str = "local",
    listen: Tell = lambda told: None,
) -> Any:
    """Calls `function(config, device, tell)` in `workers` processes that torch.distributed joins; rank 0's result.

    gpus: each has a GPU (NCCL), otherwise a CPU (Gloo). folder: one that all machines see, for Ray Train's own notes,
    which are removed. listen: called, in a thread, with what rank 0 gives to `tell`. Function, config, what is told and
    the result are pickled: arrays and weights are the ranks' to read and write. PoolError when there is no room; what a
    rank raises is raised here.
    """
    with connect(address, workers), _notes(folder) as notes, _mailbox(listen) as mailbox:
        import ray
        from ray import cloudpickle
        from ray.train import RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchConfig, TorchTrainer

        logging.getLogger("ray.train").setLevel(logging.ERROR)
        environment = {"OMP_NUM_THREADS": str(_threads(workers, gpus))}
        if address == "local":
            environment["PYTHONPATH"] = os.pathsep.join(source_folders())
        notes_kept: dict[str, Any] = {"storage_path": notes, "worker_runtime_env": {"env_vars": environment}}
        trainer: Any = TorchTrainer(
            _rank,
            train_loop_config={"call": cloudpickle.dumps((function, config)), "mailbox": mailbox},
            torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus, resources_per_worker=_resources(gpus)),
            run_config=RunConfig(**notes_kept),
        )
        try:
            return trainer.fit().return_value
        except TrainingFailedError as error:
            first = ray.get(mailbox.failure.remote())
            if first is None:
                raise PoolError(f"a rank was lost: {' '.join(str(error).split()):.300}") from error
            raise cloudpickle.loads(first) from error


def _rank(given: dict[str, Any]) -> Any:
    # What travels does so as bytes: Ray's own actors on the way need not be able to import it.
    import ray
    import ray.train
    from ray import cloudpickle
    from ray.train.torch import get_device

    mailbox = given["mailbox"]

    def tell(told: Any) -> None:
        if ray.train.get_context().get_world_rank() == 0:
            mailbox.put.remote(cloudpickle.dumps(told))

    function, config = cloudpickle.loads(given["call"])
    try:
        return function(config, str(get_device()), tell)
    except Exception as error:  # noqa: BLE001 - it is raised again where `run_ranks` was called
        line = " ".join(f"{type(error).__name__}: {error}".split())
        ray.get(mailbox.fail.remote(_pickled(error) or cloudpickle.dumps(PoolError(line))))
        raise RuntimeError(line) from None


def _pickled(error: Exception) -> bytes | None:
    from ray import cloudpickle

    try:
        kept: bytes = cloudpickle.dumps(error)
        cloudpickle.loads(kept)
    except Exception:  # noqa: BLE001 - whatever an error's own pickling raises, it is then told in words
        return None
    return kept


def _resources(gpus: bool) -> dict[str, float]:
    return {"CPU": 1, "GPU": 1} if gpus else {"CPU": 1}


def _threads(workers: int, gpus: bool) -> int:
    """Per rank. PoolError where the cluster has no room for all."""
    import ray

    found = ray.cluster_resources()
    for what, needed in (("GPU", gpus), ("CPU", True)):
        if needed and workers > found.get(what, 0):
            raise PoolError(
                f"{workers} workers were asked for, but the Ray cluster has {int(found.get(what, 0))} {what}s: "
                "ask for fewer"
            )
    return max(1, int(found["CPU"]) // workers)


@contextmanager
def _notes(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ranks-", dir=folder, ignore_cleanup_errors=True) as notes:
        yield str(Path(notes).resolve())


class _Mailbox:
    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.first: bytes | None = None

    def put(self, told: bytes) -> None:
        self.kept.append(told)

    def take(self) -> list[bytes]:
        kept, self.kept = self.kept, []
        return kept

    def fail(self, error: bytes) -> None:
        self.first = self.first or error

    def failure(self) -> bytes | None:
        return self.first


@contextmanager
def _mailbox(listen: Tell) -> Iterator[Any]:
    import ray
    from ray import cloudpickle

    remote: Any = ray.remote(_Mailbox)
    mailbox = remote.options(num_cpus=0).remote()
    ended = threading.Event()

    def deliver() -> None:
        last = False
        while not last:
            last = ended.wait(POLL_SECONDS)
            for told in ray.get(mailbox.take.remote()):
                listen(cloudpickle.loads(told))

    thread = threading.Thread(target=deliver, name="listen", daemon=True)
    thread.start()
    try:
        yield mailbox
    finally:
        ended.set()
        thread.join()
        ray.kill(mailbox)
