"""Start a Ray on this machine."""

import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.errors import PoolLost
from cluster.processes import descendants, end_descendants

STORE_BYTES = 128 * 2**20
SOCKET_BYTES = 107
"""Maximum length of the path of a socket, unix(7)."""

SESSION = "ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.99"


def start_ray(cpus: int, **options: Any) -> Path:
    """Starts a Ray whose files and sockets lie in a folder of a short path, which is returned.

    Raises PoolLost, with what Ray says, if it does not start; nothing of it is left then.
    """
    import ray

    folder, before = socket_folder(), descendants()
    try:
        with keep_sigterm():
            context: Any = ray.init(
                "local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                _temp_dir=str(folder / "ray"),
                **options,
            )
    except Exception as error:
        end_descendants(but=before)
        logs = logs_folder()
        reason = fatal_line(logs) or " ".join(f"{type(error).__name__}: {error}".split())
        raise PoolLost(
            f"no Ray could be started on this machine ({reason:.300}); see {logs}, mend the cause and run again, or "
            "give the address none to do without"
        ) from error
    return Path(context.address_info["session_dir"])


def remove_session(folder: Path) -> None:
    """Deletes the folder of a Ray that has ended, and Ray's link to it."""
    latest = folder.with_name("session_latest")
    if latest.is_symlink() and latest.readlink() == folder:
        latest.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def keep_sigterm() -> Iterator[None]:
    """Restores this process's handler of SIGTERM, which `ray.init` replaces."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def socket_folder() -> Path:
    """The first of RAY_TMPDIR, TMPDIR, XDG_RUNTIME_DIR, /tmp and /var/tmp that Ray's sockets fit in.

    Raises PoolLost if there is none.
    """
    for folder in _candidates():
        if len(os.fsencode(folder / SESSION)) <= SOCKET_BYTES and os.access(folder, os.W_OK | os.X_OK):
            return folder
    longest = SOCKET_BYTES - len(SESSION) - 1
    raise PoolLost(
        "Ray has no folder for its sockets: neither TMPDIR nor /tmp can be written and has a path of at most "
        f"{longest} bytes; set RAY_TMPDIR to a folder that does, or give the address none to do without Ray"
    )


def _candidates() -> Iterator[Path]:
    for name in ("RAY_TMPDIR", "TMPDIR", "XDG_RUNTIME_DIR"):
        if os.environ.get(name):
            yield Path(os.environ[name]).absolute()
    yield from (Path("/tmp"), Path("/var/tmp"))


def logs_folder() -> Path:
    """Of the Ray that this process has started last."""
    folder = socket_folder() / "ray"
    return max(folder.glob(f"session_*_{os.getpid()}"), default=folder) / "logs"


def start_errors(logs: Path) -> str:
    """What processes that ended before Ray knew of them have written so far."""
    log = logs / "raylet.err"
    return log.read_text(errors="replace") if log.is_file() else ""


def exception_line(text: str) -> str | None:
    """The line that ends the first traceback in a text, such as "ImportError: ..."; None if there is none."""
    _, found, trace = text.partition("Traceback (most recent call last):\n")
    if not found:
        return None
    return next((line.strip() for line in trace.splitlines() if re.match(r"[\w.]+(:|$)", line)), None)


def fatal_line(logs: Path) -> str | None:
    """What ended a process of Ray, by its logs; None if they do not say."""
    for log in sorted(logs.glob("*.err")):
        for line in log.read_text(errors="replace").splitlines():
            if match := re.match(r"\[.* C \d+ \d+\] \((\w+)\) \S+ +(?:An unexpected .*? fix it\. )?(.*)", line):
                return f"{match[1]}: {match[2].strip()}"
    return None
