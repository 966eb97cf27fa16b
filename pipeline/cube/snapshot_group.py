"""The root group of a snapshot, whose arrays are opened once."""

from dataclasses import dataclass, field

import zarr
from zarr.core.group import AsyncGroup


@dataclass(frozen=True)
class SnapshotGroup(zarr.Group):
    """Keeps what was opened of a group, for what a snapshot holds never changes; for any number of threads."""

    _async_group: AsyncGroup
    _opened: dict[str, zarr.Array | zarr.Group] = field(default_factory=dict, compare=False, repr=False)

    @staticmethod
    def of(group: zarr.Group) -> "SnapshotGroup":
        return SnapshotGroup(group._async_group)

    def __getitem__(self, path: str) -> zarr.Array | zarr.Group:
        if path not in self._opened:
            self._opened[path] = zarr.Group(self._async_group)[path]
        return self._opened[path]
