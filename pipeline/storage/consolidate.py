"""Metadata of all nodes of a plain Zarr folder in one place, so that a reader asks once."""

import warnings
from pathlib import Path

import zarr
from zarr.errors import ZarrUserWarning


def consolidate(folder: Path) -> None:
    """Writes the metadata of all nodes into the root, and of each group below it into that group."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # Zarr 3 has none in its specification yet.
        for path in [*(group.path for _, group in zarr.open_group(folder, mode="r").groups()), None]:
            zarr.consolidate_metadata(str(folder), path=path)
