"""Files beside a local raster that GDAL opens by their names: its overviews, mask, georeference and metadata."""

import os
import stat
from pathlib import Path

from catalogs.access import Access, is_below
from pipeline.raster.retry import ReadError

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WITH_PIXELS = (".ovr", ".msk", ".aux", ".rrd")
"""GDAL opens these with any of its drivers, also with those that read further files."""
XML_BYTES = 2**24
"""GDAL reads an XML file whole."""


def check_side_files(name: str, access: Access) -> None:
    """Raises ReadError where a side file of the raster `name` may not be opened.

    All must be regular files below `access.allowed_paths`, those with pixels TIFF, and XML at most 16 MiB.
    """
    path = Path(name)
    begins = tuple(f"{path.stem.lower()}{mark}" for mark in "._")
    with os.scandir(path.parent) as entries:
        names = [entry.name for entry in entries if entry.name.lower().startswith(begins)]
    for side in names:
        if side != path.name and (fault := _fault(path.with_name(side), access)):
            raise ReadError(f"{path.with_name(side)}, beside {path.name}, {fault}")


def _fault(side: Path, access: Access) -> str | None:
    try:
        status = side.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    if not is_below(side, access.allowed_paths):
        return "lies outside the folders that may be read"
    if not stat.S_ISREG(status.st_mode):
        return "is a pipe or device; it must be a regular file"
    suffix = side.suffix.lower()
    if suffix == ".xml" and status.st_size > XML_BYTES:
        return f"has {status.st_size:,} bytes; at most {XML_BYTES:,} are read"
    if suffix in WITH_PIXELS and status.st_size:
        with side.open("rb") as source:
            if source.read(4) not in TIFF:
                return "is no TIFF; delete it, or write it anew as TIFF"
    return None
