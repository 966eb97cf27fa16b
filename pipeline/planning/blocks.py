"""Stream of the blocks of a plan, row by row. The cost of a block does not depend on the number of blocks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType

import numpy as np
import shapely

from catalogs import Scene
from pipeline.cube.records import Records
from pipeline.geometry.extent import Extent
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import BlockId, Window
from pipeline.scenes.passes import pass_key

Lost = Mapping[BlockId, Collection[str]]
"""The scenes that blocks could not read."""

DIGEST = 8
"""Bytes of a scene's digest."""

NOTHING_LOST: Lost = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block of a plan.

    scenes: ids of the scenes that touch it. passes: their number of passes. mosaic, landcover: 64-bit fingerprints.
    kind: new, changed or same, compared with the newest published version. ground: windows whose mosaic is all that is
    new to its land cover, so that only what sees them is mapped again; () where all of it is mapped.
    """

    block: BlockId
    scenes: tuple[str, ...]
    passes: int
    mosaic: int
    landcover: int
    mosaic_due: bool
    landcover_due: bool
    kind: str
    ground: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Blocks:
    """The blocks of an extent with the scenes that touch them.

    A block's mosaic depends on the scenes that touch the block; its land cover on the scenes that touch the block
    padded by `reach` pixels. mosaic_by, landcover_by: digests of everything else that they depend on.
    """

    extent: Extent
    scenes: Sequence[Scene]
    reach: int
    mosaic_by: bytes
    landcover_by: bytes

    def plans(self, done: Records | None, published: Records | None) -> Iterator[BlockPlan]:
        """Every block in order. due: fingerprint differs from `done`. kind: compared with `published`."""
        for iy, ix_N in self.extent.rows():
            had_mosaic_N, had_landcover_N = done.row(iy, ix_N) if done else np.zeros((2, len(ix_N)), np.uint64)
            old_N = published.row(iy, ix_N)[1] if published else np.zeros(len(ix_N), np.uint64)
            had = zip(had_mosaic_N.tolist(), had_landcover_N.tolist(), old_N.tolist(), strict=True)
            for (block, covered, passes, mosaic, landcover), (had_mosaic, had_landcover, old) in zip(
                self._row(iy, ix_N, NOTHING_LOST), had, strict=True
            ):
                yield BlockPlan(
                    block,
                    tuple(map(self._names.__getitem__, covered)),
                    passes,
                    mosaic,
                    landcover,
                    mosaic_due=mosaic != had_mosaic,
                    landcover_due=landcover != had_landcover,
                    kind="same" if landcover == old else "changed" if old else "new",
                )

    def touching(self, block: BlockId) -> list[Scene]:
        """The scenes whose footprints touch a block, in their total order."""
        ((_, covered, *_),) = self._row(block[0], np.array([block[1]]), NOTHING_LOST)
        return [self.scenes[at] for at in covered]

    def fingerprints(self, block: BlockId, lost: Lost = NOTHING_LOST) -> tuple[int, int]:
        """Fingerprints of a block's mosaic and of its land cover.

        lost: scenes that could not be read, by block. They change the fingerprints of that block's mosaic and of
        the land cover that depends on it, so that both are due again in the next run.
        """
        ((*_, mosaic, landcover),) = self._row(block[0], np.array([block[1]]), lost)
        return mosaic, landcover

    def seen_by(self, block: BlockId) -> list[BlockId]:
        """The blocks whose mosaics a block's land cover depends on, in order, itself among them."""
        side = self.extent.grid.block
        seen = self.extent.covered(block).pad(self.reach) & self.extent.window
        rows, cols = range(seen.y0 // side, -(-seen.y1 // side)), range(seen.x0 // side, -(-seen.x1 // side))
        return [(iy, ix) for iy in rows for ix in cols]

    def _row(self, iy: int, ix_N: np.ndarray, lost: Lost) -> Iterator[tuple[BlockId, list[int], int, int, int]]:
        """For the blocks of a row: block, indices of its scenes, number of passes, both fingerprints."""
        near, seen = self.extent.boxes(iy, ix_N), self.extent.boxes(iy, ix_N, self.reach)
        at_P, scene_P = self._tree.query(seen)
        order_P = np.lexsort((scene_P, at_P))
        at_P, scene_P = at_P[order_P], scene_P[order_P]
        sees_P = shapely.intersects(self._ground[scene_P], seen[at_P])
        at_P, scene_P = at_P[sees_P], scene_P[sees_P]
        touches_P = shapely.intersects(self._ground[scene_P], near[at_P])
        at_Q, scene_Q = at_P[touches_P], scene_P[touches_P]
        around, covered = scene_P.tolist(), scene_Q.tolist()
        passes_N = self._passes(at_Q, scene_Q, len(ix_N))
        around_digests, covered_digests = self._digest[scene_P].tobytes(), self._digest[scene_Q].tobytes()
        starts = np.arange(len(ix_N) + 1)
        a, c = np.searchsorted(at_P, starts).tolist(), np.searchsorted(at_Q, starts).tolist()
        for n, ix in enumerate(ix_N.tolist()):
            block = iy, ix
            own = covered[c[n] : c[n + 1]]
            lost_here, lost_near = self._missing(block, around[a[n] : a[n + 1]], own, lost) if lost else (b"", b"")
            place = b"%d %d" % block
            yield (
                block,
                own,
                passes_N[n],
                fingerprint(self.mosaic_by, place, covered_digests[DIGEST * c[n] : DIGEST * c[n + 1]], lost_here),
                fingerprint(self.landcover_by, place, around_digests[DIGEST * a[n] : DIGEST * a[n + 1]], lost_near),
            )

    def _passes(self, at_P: np.ndarray, scene_P: np.ndarray, blocks: int) -> list[int]:
        """Number of passes of each block, from pairs of block and scene."""
        pairs = np.unique(at_P * len(self.scenes) + self._pass[scene_P])
        return np.bincount(pairs // len(self.scenes), minlength=blocks).tolist()

    def _missing(self, block: BlockId, around: list[int], covered: list[int], lost: Lost) -> tuple[bytes, bytes]:
        """Lost scenes of the block, and of the blocks that its land cover depends on, as bytes to hash."""
        names = self._names
        own = sorted(str((block, names[at])) for at in covered if names[at] in lost.get(block, ()))
        near = [other for other in self.seen_by(block) if other in lost]
        theirs = sorted(str((other, names[at])) for other in near for at in around if names[at] in lost[other])
        return "".join(own).encode(), "".join(theirs).encode()

    @cached_property
    def _ground(self) -> np.ndarray:
        grounds = np.array([grid_footprint(scene, self.extent.grid.crs) for scene in self.scenes])
        shapely.prepare(grounds)
        return grounds

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._ground)

    @cached_property
    def _names(self) -> list[str]:
        return [scene.id for scene in self.scenes]

    @cached_property
    def _digest(self) -> np.ndarray:
        return np.array([np.frombuffer(bytes.fromhex(scene.digest), np.uint8) for scene in self.scenes])

    @cached_property
    def _pass(self) -> np.ndarray:
        return np.unique([pass_key(scene) for scene in self.scenes], return_inverse=True)[1]


def fingerprint(*parts: bytes) -> int:
    """64 bits, never 0."""
    lengths = b"%d " * len(parts) % tuple(map(len, parts))
    return int.from_bytes(blake2b(lengths + b"".join(parts), digest_size=8).digest(), "little") or 1
