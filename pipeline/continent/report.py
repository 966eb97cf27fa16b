"""The report of a join."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.continent.plan import Square
from pipeline.continent.regional import Regional
from pipeline.continent.seams import Seam
from pipeline.cube import versions


@dataclass
class Work:
    """What was copied: blocks by index of their cube, -1 = emptied, and bytes as stored."""

    blocks: Counter[int] = field(default_factory=Counter)
    bytes: int = 0

    @property
    def done(self) -> int:
        return self.blocks.total()


@dataclass(frozen=True)
class JoinedCube:
    """A cube that was joined. blocks: of all periods that are taken from it now. copied: those that this join copied.

    model: first 16 digits of the digest of the model that its version was made with.
    """

    cube: str
    version: str
    model: str | None
    blocks: int
    copied: int


@dataclass(frozen=True)
class JoinReport:
    """What a join did; blocks are those of all periods.

    published: whether `version` is new. copied: taken over now. kept: there already. emptied: that no cube has any
    more. cut: taken from a cube whose region ends within the block, where another cube maps more of it; cut_pixels:
    that ground. bytes: of the copied shards, as stored. seconds: wall-clock time by part.
    """

    version: str
    published: bool
    copied: int
    kept: int
    emptied: int
    cut: int
    cut_pixels: int
    bytes: int
    cubes: list[JoinedCube]
    seams: list[Seam]
    seconds: dict[str, float]


def report(
    version: str,
    published: bool,
    regionals: Sequence[Regional],
    planned: Sequence[Square],
    work: Work,
    seams: list[Seam],
    seconds: dict[str, float],
) -> JoinReport:
    """The report of a join that published `version`, or found it up to date."""
    taken = Counter[int]()
    for square in planned:
        numbers, counts = np.unique(square.choice_YX, return_counts=True)
        taken.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    emptied = work.blocks[-1]
    return JoinReport(
        version=version,
        published=published,
        copied=work.done - emptied,
        kept=sum(int((square.had_YX & ~square.due_YX).sum()) for square in planned),
        emptied=emptied,
        cut=sum(int((square.cut_YX > 0).sum()) for square in planned),
        cut_pixels=sum(int(square.cut_YX.sum()) for square in planned),
        bytes=work.bytes,
        cubes=[
            JoinedCube(
                regional.name,
                regional.version,
                versions.origin_of(regional.cube, regional.version).model,
                taken[index],
                work.blocks[index],
            )
            for index, regional in enumerate(regionals)
        ],
        seams=seams,
        seconds={part: round(value, 2) for part, value in seconds.items()},
    )
