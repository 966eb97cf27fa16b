"""Distributed training: Ray Train around a plain function."""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.errors import PoolError, PoolLost
from cluster.ray_actors import source_folders
from cluster.ray_session import connect

Send = Callable[[Any], None]
Function = Callable[[Any, str, Send], Any]

POLL_SECONDS = 0.2
MAILBOX_SECONDS = 300
"""Limit for the start of an actor that takes no resources, and for each of its answers."""


def run_ranks(
    function: Function,
    config: Any,
    workers: int,
    gpus: bool,
    folder: Path,
    address: str = "local",
    on_message: Send = lambda message: None,
) -> Any:
    """Calls `function(config, device, send)` in `workers` processes of one torch.distributed group; rank 0's result.

    gpus: each process has a GPU (NCCL), otherwise a CPU (Gloo). folder: one that all machines see; Ray Train's own
    files are written there and removed. on_message: called in a thread with what rank 0 sends. Function, config,
    messages and the result are pickled, so ranks read and write arrays and weights themselves. Raises PoolError if the
    cluster has no resources for all ranks, and what a rank raises.
    """
    with connect(address, workers), _scratch(folder) as scratch, _mailbox(on_message) as mailbox:
        import ray
        from ray import cloudpickle
        from ray.train import RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchConfig, TorchTrainer

        logging.getLogger("ray.train").setLevel(logging.ERROR)
        environment = {"OMP_NUM_THREADS": str(_threads(workers, gpus))}
        if address == "local":
            environment["PYTHONPATH"] = os.pathsep.join(source_folders())
        run_config: dict[str, Any] = {"storage_path": scratch, "worker_runtime_env": {"env_vars": environment}}
        trainer: Any = TorchTrainer(
            _rank,
            train_loop_config={"call": cloudpickle.dumps((function, config)), "mailbox": mailbox},
            torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus, resources_per_worker=_resources(gpus)),
            run_config=RunConfig(**run_config),
        )
        try:
            return trainer.fit().return_value
        except TrainingFailedError as error:
            failure = ray.get(mailbox.first_failure.remote(), timeout=MAILBOX_SECONDS)
            if failure is None:
                raise PoolError(f"a rank was lost: {' '.join(str(error).split()):.300}") from error
            raise cloudpickle.loads(failure) from error


def _rank(config: dict[str, Any]) -> Any:
    # Everything is sent as bytes: Ray's own actors in between may be unable to import its classes.
    import ray
    import ray.train
    from ray import cloudpickle
    from ray.train.torch import get_device

    mailbox = config["mailbox"]

    def send(message: Any) -> None:
        if ray.train.get_context().get_world_rank() == 0:
            mailbox.put.remote(cloudpickle.dumps(message))

    function, argument = cloudpickle.loads(config["call"])
    try:
        return function(argument, str(get_device()), send)
    except Exception as error:  # noqa: BLE001 - it is raised again where `run_ranks` was called
        line = " ".join(f"{type(error).__name__}: {error}".split())
        ray.get(mailbox.fail.remote(_pickled(error) or cloudpickle.dumps(PoolError(line))))
        raise RuntimeError(line) from None


def _pickled(error: Exception) -> bytes | None:
    from ray import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(error)
        cloudpickle.loads(data)
    except Exception:  # noqa: BLE001 - an error that cannot be pickled, for whatever reason, is sent as its message
        return None
    return data


def _resources(gpus: bool) -> dict[str, float]:
    return {"CPU": 1, "GPU": 1} if gpus else {"CPU": 1}


def _threads(workers: int, gpus: bool) -> int:
    """Threads of a rank. Raises PoolError if the cluster has no resources for all ranks."""
    import ray

    available = ray.cluster_resources()
    for what, needed in (("GPU", gpus), ("CPU", True)):
        if needed and workers > available.get(what, 0):
            raise PoolError(
                f"{workers} workers were asked for, but the Ray cluster has {int(available.get(what, 0))} {what}s: "
                "ask for fewer"
            )
    return max(1, int(available["CPU"]) // workers)


@contextmanager
def _scratch(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ranks-", dir=folder, ignore_cleanup_errors=True) as scratch:
        yield str(Path(scratch).resolve())


class _Mailbox:
    """An actor that holds the messages of rank 0 until they are taken, and the first failure of any rank."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.failure: bytes | None = None

    def put(self, message: bytes) -> None:
        self.messages.append(message)

    def take_all(self) -> list[bytes]:
        messages, self.messages = self.messages, []
        return messages

    def fail(self, error: bytes) -> None:
        self.failure = self.failure or error

    def first_failure(self) -> bytes | None:
        return self.failure


@contextmanager
def _mailbox(on_message: Send) -> Iterator[Any]:
    import ray
    from ray import cloudpickle

    remote: Any = ray.remote(_Mailbox)
    mailbox = remote.options(num_cpus=0).remote()
    ended = threading.Event()

    def deliver() -> None:
        last = False
        while not last:
            last = ended.wait(POLL_SECONDS)
            try:
                messages = ray.get(mailbox.take_all.remote(), timeout=MAILBOX_SECONDS)
            except ray.exceptions.RayError:
                return  # `fit` raises what happened to the cluster
            for message in messages:
                on_message(cloudpickle.loads(message))

    thread = threading.Thread(target=deliver, name="mailbox", daemon=True)
    thread.start()
    try:
        ray.get(mailbox.first_failure.remote(), timeout=MAILBOX_SECONDS)
        yield mailbox
    except ray.exceptions.GetTimeoutError as error:
        raise PoolLost(
            f"Ray has started no worker within {MAILBOX_SECONDS} s, or lost one; see its logs and run the same again"
        ) from error
    finally:
        ended.set()
        thread.join(MAILBOX_SECONDS)
        ray.kill(mailbox)
