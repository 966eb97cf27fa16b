"""The change sets, split by place, and labelled images for the prior of each."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.training.areas import read_folder
from pipeline.training.change_areas import make_pairs, stem
from pipeline.training.change_set import ChangePair, change_set

REAL = {
    "sztaki_airchange": 2,
    "oscd": 3,
    "levir_cd": 3,
}
"""Pairs held out: the last ones by name."""
RGB = ("red", "green", "blue")
BUILT, BARE, WATER = 50, 60, 80
TRAIN, TEST, KILOMETRES = range(401, 413), range(501, 509), 4.0
BUILDING = 0
"""Code of the class building in the labels of dubai_aerial."""


@dataclass(frozen=True)
class ChangeData:
    """Pairs by stem. prior: image CHW and label HW (1 foreground) of single dates, for the stage spn."""

    name: str
    bands: tuple[str, ...]
    blank: float | None
    train: dict[str, ChangePair]
    test: dict[str, ChangePair]
    prior: list[tuple[np.ndarray, np.ndarray]]


def load(name: str, home: Path) -> ChangeData | None:
    """None for a real set where IDGBR_DATA is not there."""
    if name == "simulated":
        return _simulated(home / "simulated")
    root = Path(os.environ.get("IDGBR_DATA", "../shared/data"))
    if not (root / name).is_dir():
        return None
    pairs = dict(change_set(root / name, RGB, None))
    held = sorted(pairs)[-REAL[name] :]
    train = {each: pair for each, pair in pairs.items() if each not in held}
    if name == "oscd":
        prior = _simulated_prior(home / "simulated", [2, 1, 0])
        prior = [(_as_picture(image_CHW), label_HW) for image_CHW, label_HW in prior]
    else:
        prior = _buildings(root / "dubai_aerial")
    return ChangeData(name, RGB, None, train, {each: pairs[each] for each in held}, prior)


def _simulated(folder: Path) -> ChangeData:
    make_pairs([*TRAIN, *TEST], KILOMETRES, folder, lambda *step: None)
    bands = ("blue", "green", "red", "nir")
    parts = [
        dict(change_set(folder, bands, include=[stem(seed, KILOMETRES) for seed in seeds])) for seeds in (TRAIN, TEST)
    ]
    return ChangeData("simulated", bands, 0.0, *parts, _simulated_prior(folder, [0, 1, 2, 3]))


def _simulated_prior(folder: Path, bands: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    make_pairs(TRAIN, KILOMETRES, folder, lambda *step: None)
    areas, _ = read_folder(folder)
    starts = tuple(stem(seed, KILOMETRES) for seed in TRAIN)
    return [
        (image_CHW[bands], np.isin(label_HW, (BUILT, BARE, WATER)).astype(np.uint8))
        for name, (image_CHW, label_HW) in areas.items()
        if name.startswith(starts)
    ]


def _as_picture(image_CHW: np.ndarray) -> np.ndarray:
    """Reflectance up to 0.3 as 0 to 255: the pictures of real cities are stretched so, about."""
    return np.clip(image_CHW / 3000 * 255, 0, 255).astype(np.float32)


def _buildings(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = []
    for path in sorted((folder / "images").iterdir()):
        label = next((folder / "labels").glob(f"{path.stem}.*"), None)
        if label is not None:
            image_HWC = np.asarray(Image.open(path).convert("RGB"))
            pairs.append((image_HWC.transpose(2, 0, 1), (np.asarray(Image.open(label)) == BUILDING).astype(np.uint8)))
    return pairs
