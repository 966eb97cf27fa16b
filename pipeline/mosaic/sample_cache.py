"""A cache of where a window's pixels lie in rasters, shared by the scenes of a tile."""

from dataclasses import dataclass, field
from threading import Lock

from pipeline.geometry.grid import Grid, Window
from pipeline.raster import resample
from pipeline.raster.average import SampleBoxes
from pipeline.raster.level import Raster
from pipeline.raster.warp import SamplePoints

SAMPLE_CACHE_BYTES = 256 * 2**20
Located = SamplePoints | SampleBoxes


@dataclass(frozen=True)
class SampleCache:
    """Keeps the newest entries within SAMPLE_CACHE_BYTES, at least one. Thread-safe."""

    grid: Grid
    device: str = "cpu"
    entries: dict[tuple[Raster, str, Window], Located | None] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def locate(self, raster: Raster, method: str, window: Window) -> Located | None:
        """What `resample.METHODS[method].locate` returns for a window's pixels in a raster."""
        key = raster, method, window
        with self.lock:
            if key in self.entries:
                return self.entries[key]
            located = resample.METHODS[method].locate(self.grid, window, raster, self.device)
            self.entries[key] = located
            while sum(e.nbytes for e in self.entries.values() if e) > SAMPLE_CACHE_BYTES and len(self.entries) > 1:
                del self.entries[next(iter(self.entries))]
            return located
