"""A model that a region file or an option names: a folder, a shipped one, or one on object storage."""

import fcntl
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from idgbr.errors import CheckpointError
from idgbr.json_file import MAX_BYTES
from idgbr.shipped import model_folder
from pipeline.errors import RunError, UserError
from pipeline.storage.location import parse_location
from pipeline.storage.objects import StoredObject, fetch, list_objects
from pipeline.storage.user_cache import user_cache

INDEX, SCHEDULER = "model_index.json", "scheduler/scheduler_config.json"
PARTS = ("coarse", "refiner", "network", "scout")
MOST_OBJECTS = 1000
MAX_WEIGHTS = 16 * 2**30
LIMITS = {
    INDEX: MAX_BYTES,
    SCHEDULER: MAX_BYTES,
    "training.json": MAX_BYTES,
    **{f"{part}/config.json": MAX_BYTES for part in PARTS},
    **{f"{part}/diffusion_pytorch_model.safetensors": MAX_WEIGHTS for part in PARTS},
}
"""The most bytes of each file of a model folder. No other object is fetched."""

LOG = logging.getLogger("idgbr.model")


@contextmanager
def model_at(where: str | Path) -> Iterator[Path]:
    """A local folder with the model at a path, of a shipped name, or at s3://bucket/prefix, to load it from.

    The files of one on object storage are in the user's cache, by the digest of what it says of them: they are fetched
    if they are not there yet. Raises UserError where it has no model and RunError where it cannot be reached; a
    CheckpointError of the block names the model's place.
    """
    place = parse_location(where, "model")
    if isinstance(place, Path):
        yield model_folder(place)
        return
    folder = _fetched(place)
    try:
        yield folder
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(folder), place)) from error


def _fetched(url: str) -> Path:
    files = [item for item in list_objects(url, MOST_OBJECTS) if item.name in LIMITS]
    if INDEX not in [item.name for item in files]:
        raise UserError(
            f"there is no model at {url}, for it has no {INDEX}; copy a model folder there, such as by "
            f"`aws s3 cp --recursive model {url}`"
        )
    for item in files:
        if item.size > LIMITS[item.name]:
            raise UserError(
                f"{url}/{item.name} has {item.size:,} bytes, but in a model it has at most {LIMITS[item.name]:,}; copy "
                "the model folder again"
            )
    digest = hashlib.sha256(json.dumps([astuple(item) for item in files]).encode()).hexdigest()
    folder = user_cache() / "models" / digest[:32] / url.rpartition("/")[2]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of several workers on a machine one fetches
            if not _is_whole(folder, files):
                _fetch_all(url, files, folder)
    except OSError as error:
        raise RunError(
            f"the model at {url} cannot be kept in {folder.parent} ({error.strerror}); mend that, or set XDG_CACHE_HOME"
        ) from error
    return folder


def _is_whole(folder: Path, files: list[StoredObject]) -> bool:
    return all((folder / item.name).is_file() and (folder / item.name).stat().st_size == item.size for item in files)


def _fetch_all(url: str, files: list[StoredObject], folder: Path) -> None:
    """Raises OSError and RunError; the folder is there whole or not at all."""
    LOG.info("fetching the model %s, %.1f MB", url, sum(item.size for item in files) / 1e6)
    draft = folder.with_name(".draft")
    for stale in (draft, folder):
        shutil.rmtree(stale, ignore_errors=True)
    for item in files:
        (draft / item.name).parent.mkdir(parents=True, exist_ok=True)
        fetch(url, item, draft / item.name)
    draft.rename(folder)
