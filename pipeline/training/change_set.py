"""A labelled change set: a folder of `A/`, `B/` and `label/` with equal stems, as PNG, JPEG or GeoTIFF."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from cluster.memory import machine_memory
from idgbr.classes import UNLABELLED
from pipeline.errors import UserError
from pipeline.training.dataset import by_stem
from pipeline.training.labels import LabelValues, read_label_file
from pipeline.training.pair import read_pair

DATES = ("A", "B")
LABELS = "label"
ChangePair = tuple[np.ndarray, np.ndarray, np.ndarray]
"""before_BHW, after_BHW and label_HW: 1 changed, 0 not, UNLABELLED not known."""


@dataclass(frozen=True)
class ChangeSet:
    """The files of both dates and of the label by stem, and what their numbers mean; see `pair.read_pair`."""

    files: dict[str, tuple[Path, Path, Path]]
    bands: tuple[str, ...]
    blank: float | None
    ignore: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[tuple[str, ChangePair]]:
        """Each stem and its pair, read from disk as it is reached. Raises UserError."""
        for stem, files in self.files.items():
            yield stem, self._read(*files)

    def _read(self, before: Path, after: Path, label: Path) -> ChangePair:
        values = LabelValues((0, 1), UNLABELLED, self.ignore, grey=0)
        if read_label_file(label).nodata == (0.0,):
            raise UserError(
                f"{label} has the nodata tag 0, which says that pixels without change are not known; take the tag away "
                "(gdal_edit.py -unsetnodata)"
            )
        before_BHW, label_HW = read_pair(before, label, values, self.bands, self.blank)
        after_BHW, _ = read_pair(after, label, values, self.bands, self.blank)
        return before_BHW, after_BHW, label_HW


def change_set(
    folder: Path,
    bands: Sequence[str],
    blank: float | None = 0.0,
    ignore: Sequence[int] = (),
    include: Sequence[str] = ("*",),
) -> ChangeSet:
    """The pairs whose stems fit one of the patterns `include`, in order of the stems. Raises UserError."""
    parts = {}
    for part in (*DATES, LABELS):
        if not (folder / part).is_dir():
            raise UserError(f"{folder} has no {part}; a labelled change set is a folder of A/, B/ and label/")
        parts[part] = by_stem(folder / part, folder)
    if not parts["A"]:
        raise UserError(f"{folder}/A has no images; put PNG, JPEG or GeoTIFF files there")
    for stem, image in parts["A"].items():
        for part in ("B", LABELS):
            if stem not in parts[part]:
                raise UserError(f"{image} has no file of the same stem in {part}/; add it or take the image out")
    stems = [stem for stem in parts["A"] if any(fnmatch(stem, pattern) for pattern in include)]
    if not stems:
        raise UserError(f"{folder} has no image whose stem fits 'include': {', '.join(include)}")
    files = {stem: (parts["A"][stem], parts["B"][stem], parts[LABELS][stem]) for stem in stems}
    return ChangeSet(files, tuple(bands), blank, tuple(ignore))


def in_memory(pairs: ChangeSet) -> list[ChangePair]:
    """All of them. Raises UserError, also where they take more than a quarter of the machine's memory."""
    most, read, total = machine_memory() // 4, [], 0
    for stem, pair in pairs:
        read.append(pair)
        total += sum(array.nbytes for array in pair)
        if total > most:
            raise UserError(
                f"the pairs up to {stem} take {total / 1e9:.1f} GB, more than a quarter of this machine's memory; name "
                "fewer of them in 'include', or train on a larger machine"
            )
    return read
