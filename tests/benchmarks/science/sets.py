"""The labelled sets, split by place; read with Pillow, so a machine with nothing but torch and diffusers will do."""

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from idgbr.labels import ClassRow

NO_LABEL = 255
BANDS = ("red", "green", "blue")


@dataclass(frozen=True)
class LabelledSet:
    """classes: their code is the value in label files, unless `grey`: values above it are class 1, others class 0.

    ignored: label values without class, which become no_label. Of SIMULATED the places are the worlds' seeds.
    """

    name: str
    classes: tuple[ClassRow, ...]
    ignored: tuple[int, ...] = ()
    grey: int | None = None
    bands: tuple[str, ...] = BANDS
    no_label: int = NO_LABEL

    def place(self, stem: str) -> int:
        """The place an image shows: a tile of Dubai, a picture of roads."""
        return int(stem[4]) if self.name == "dubai_aerial" else int(stem[-3:])

    def is_test(self, stem: str) -> bool:
        """Tile 5 of Dubai; pictures of roads whose number is divisible by 5."""
        return self.place(stem) == 5 if self.name == "dubai_aerial" else self.place(stem) % 5 == 0

    def fold(self, stem: str) -> int:
        """Which of `folds` parts of the training places it belongs to. Each tile of Dubai is one of its own: networks
        that lack more than one of five know too little, and their masks are worse than those to be refined later."""
        return (1, 2, 4, 6, 7).index(self.place(stem)) if self.name == "dubai_aerial" else self.place(stem) % 5 - 1

    @property
    def folds(self) -> int:
        return 5 if self.name == "dubai_aerial" else 4


SETS = {
    each.name: each
    for each in (
        LabelledSet(
            "dubai_aerial",
            (
                {"code": 0, "name": "building", "color": "#d62728"},
                {"code": 1, "name": "land", "color": "#c8b560"},
                {"code": 2, "name": "road", "color": "#7f7f7f"},
                {"code": 3, "name": "vegetation", "color": "#2ca02c"},
                {"code": 4, "name": "water", "color": "#1f77b4"},
            ),
            ignored=(5, 6),
        ),
        LabelledSet(
            "cil_roads",
            ({"code": 0, "name": "other", "color": "#c8b560"}, {"code": 1, "name": "road", "color": "#7f7f7f"}),
            grey=127,
        ),
    )
}


SIMULATED = "simulated_s2"
WORLDS = {False: (101, 102, 103, 104, 105, 106), True: (301, 302)}
KILOMETRES = 5.0


def labelled_set(name: str) -> LabelledSet:
    """One of SETS, or simulated Sentinel-2 mosaics of four bands, which need no IDGBR_DATA."""
    if name != SIMULATED:
        return SETS[name]
    from catalogs import ROLES
    from catalogs.simulated import WORLDCOVER

    return LabelledSet(name, tuple(WORLDCOVER), bands=ROLES, no_label=0)


def read_simulated(test: bool, folder: Path, centre: int | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`read` of SIMULATED; worlds that `folder` lacks are made."""
    from pipeline.training.prepare import load_areas
    from pipeline.training.recipe import Simulated

    areas = Simulated(kind="simulated", seeds=list(WORLDS[test]), kilometres=KILOMETRES)
    pairs, _ = load_areas(areas, folder, lambda *step: None)
    return {
        f"world-{seed}": (middle(image_CHW, centre), middle(label_HW, centre))
        for seed, (image_CHW, label_HW) in zip(WORLDS[test], pairs, strict=True)
    }


@cache
def read(name: str, test: bool, centre: int | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """image_CHW uint8 and label_HW (class codes, NO_LABEL) of the training or the test part, by stem.

    centre: only that many px of the middle of each.
    """
    folder = Path(os.environ.get("IDGBR_DATA", "")) / name
    if not os.environ.get("IDGBR_DATA") or not folder.is_dir():
        sys.exit(f"the set {name} is not there: IDGBR_DATA must name a folder with {name}/images and {name}/labels")
    labelled = SETS[name]
    pairs = {}
    for path in sorted((folder / "images").iterdir()):
        if labelled.is_test(path.stem) != test:
            continue
        image_CHW = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
        raw_HW = np.asarray(Image.open(folder / "labels" / f"{path.stem}.png"))
        label_HW = (raw_HW > labelled.grey).astype(np.uint8) if labelled.grey is not None else raw_HW.copy()
        label_HW[np.isin(label_HW, labelled.ignored)] = NO_LABEL
        pairs[path.stem] = middle(image_CHW, centre), middle(label_HW, centre)
    return pairs


def middle(array: np.ndarray, side: int | None) -> np.ndarray:
    """The middle `side` px of the last two axes; all of it for None."""
    if side is None:
        return array
    y, x = (max(0, (length - side) // 2) for length in array.shape[-2:])
    return array[..., y : y + side, x : x + side]
