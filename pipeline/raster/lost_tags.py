"""Parts of a TIFF's header that cannot be read. GDAL warns of them and opens the file, without its place or no data."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.errors import RasterioIOError

LOST = re.compile(r'IO error during reading of "((?:Geo|GDAL)\w+)"; tag ignored')

_log = logging.getLogger("rasterio._env")
_thread = threading.local()


@contextmanager
def refuse_lost_tags() -> Iterator[None]:
    """Raises RasterioIOError where a tag of place or no data is lost in the block, whatever else the block raises."""
    _thread.tags = []
    try:
        yield
    finally:
        tags, _thread.tags = _thread.tags, []
        if tags:
            raise RasterioIOError(f"the header's {tags[0]} cannot be read") from None


def _note(record: logging.LogRecord) -> bool:
    """Notes a lost tag; lets through what the loggers above ask for."""
    if record.levelno >= logging.WARNING and (match := LOST.search(record.getMessage())):
        _thread.tags = [*getattr(_thread, "tags", ()), match[1]]
    above = _log.parent
    return above is None or record.levelno >= above.getEffectiveLevel()


_log.setLevel(logging.DEBUG)
_log.addFilter(_note)
