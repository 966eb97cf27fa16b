"""Cubes for `xarray.open_dataset(PATH, engine="idgbr")`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from pipeline.cube.open import open_cube


class CubeBackend(BackendEntrypoint):
    """xarray's way to open a cube.

    Its options are those of `open_cube`: `version` and `level`; `chunks={}` gives Dask arrays of one chunk a shard.
    """

    description = "Open versions of land-cover cubes of idgbr"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "version", "level")

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | Path,
        *,
        drop_variables: str | Iterable[str] | None = None,
        version: str | None = None,
        level: int = 0,
    ) -> xr.Dataset:
        """What `open_cube` gives, which says what it raises."""
        return open_cube(filename_or_obj, version, level).drop_vars(drop_variables or [])

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether a folder holds the repository of a cube. Object storage is not asked: name the engine there."""
        if not isinstance(filename_or_obj, str | Path):
            return False
        return (Path(filename_or_obj) / "store" / "refs" / "branch.main").is_dir()
