"""Days of pixels, which a cube holds as numbers with 0 = never, as lazy dates."""

from typing import Any

import numpy as np
import xarray as xr
import zarr
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter


class _Days(BackendArray):
    """Reads days since 1970-01-01 as datetime64, 0 as NaT."""

    def __init__(self, source: zarr.Array) -> None:
        self.source, self.shape, self.dtype = source, source.shape, np.dtype("datetime64[ns]")

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        day = np.asarray(self.source.oindex[key])
        return np.where(day == 0, np.datetime64("NaT", "D"), day.astype("datetime64[D]")).astype(self.dtype)


def as_dates(stored: xr.Variable, source: zarr.Array) -> xr.Variable:
    """The variable of an array of days, as dates. Reads nothing yet; xarray's own decoding reads the ends of it.

    stored: its variable as numbers. Written to a file it is stored as it was.
    """
    attributes = dict(stored.attrs)
    encoding = {"dtype": stored.dtype, "calendar": "standard"}
    encoding |= {name: attributes.pop(name) for name in ("units", "_FillValue")}
    return xr.Variable(stored.dims, LazilyIndexedArray(_Days(source)), attributes, encoding)
