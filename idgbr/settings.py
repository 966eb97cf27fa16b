"""What a trained model needs to know of its data, and how it is run."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.labels import ClassRow
from idgbr.processes.sampling import Init, Sampling, Solver

Precision = Literal["fp32", "bf16", "fp16"]

UNLABELLED = 255
"""Class index of a pixel without a label."""

RENAMED = {
    "steps": "num_inference_steps",
    "start": "init",
    "guidance": "guidance_scale",
    "ensemble": "ensemble_size",
    "radius": "boundary_radius",
    "threshold": "uncertainty_threshold",
}
"""Keys of `model_index.json` that have another name now: old to new."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The content of `model_index.json`.

    classes: row k belongs to network output k. bands: names in input order. mean, std: of each band, in raw numbers.
    window, overlap: px of the sliding window. num_inference_steps, init, guidance_scale, solver: of
    refinement, see `idgbr.processes.sampling`.
    seed: of the noise. ensemble_size: number of answers that are averaged, with seeds counted up from `seed`.
    boundary_radius: px around a coarse boundary that refinement may change. uncertainty_threshold: refinement may also
    change a pixel whose coarse margin (see `idgbr.inference.band`) is below it; 1 means every pixel.
    precision: fp32, bf16 or fp16, of the networks.
    batch: windows computed at once, always; part of the result, as sums differ in the last bit between batch sizes.
    no_label: value of label arrays that stands for none. blank: the raw number that, in all bands of a pixel, means no
    data; None where images have none. grey: where labels are grey pictures of two classes, the value above which a
    pixel is of the second.
    """

    classes: tuple[ClassRow, ...]
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    window: int = 256
    overlap: int = 64
    num_inference_steps: int = 2
    init: Init = "coarse"
    guidance_scale: float = 1.0
    solver: Solver = "ddim"
    seed: int = 0
    ensemble_size: int = 1
    boundary_radius: int = 4
    uncertainty_threshold: float = 0.3
    precision: Precision = "fp32"
    batch: int = 4
    no_label: int = 0
    blank: float | None = 0.0
    grey: int | None = None

    def __post_init__(self) -> None:
        for row in self.classes:
            if not isinstance(row.get("name"), str) or not re.fullmatch("#[0-9a-fA-F]{6}", str(row.get("color"))):
                raise InputError(f"a class needs a code, a name and a color such as #006400, not {row}")
        check_codes(self.codes, self.no_label)
        if self.grey is not None and len(self.classes) != 2:
            raise InputError(f"grey labels have 2 classes, not {len(self.classes)}; leave grey out")
        if not len(self.bands) == len(self.mean) == len(self.std) > 0:
            raise InputError(
                f"{len(self.bands)} bands need one mean and one std each, not {len(self.mean)} and {len(self.std)}"
            )
        if min(self.std) <= 0:
            raise InputError(f"every std must be above 0, not {self.std}")
        if self.window < 16 or self.window % 16:
            raise InputError(f"window must be a positive multiple of 16 px, not {self.window}")
        if not 0 <= 2 * self.overlap <= self.window:
            raise InputError(f"overlap must be in 0..{self.window // 2} px, half of the window, not {self.overlap}")
        if self.ensemble_size < 1 or self.batch < 1:
            raise InputError(f"ensemble_size and batch must be at least 1, not {self.ensemble_size} and {self.batch}")
        if self.precision not in get_args(Precision):
            raise InputError(f"precision must be one of {', '.join(get_args(Precision))}, not {self.precision!r}")
        _ = self.sampling
        if self.boundary_radius < 0 or not 0 <= self.uncertainty_threshold <= 1:
            raise InputError(
                "boundary_radius must be >= 0 and uncertainty_threshold in 0..1, not "
                f"{self.boundary_radius} and {self.uncertainty_threshold}"
            )

    @property
    def sampling(self) -> Sampling:
        """How the refiner is run; InputError for a value that it does not know."""
        return Sampling(
            num_inference_steps=self.num_inference_steps,
            init=self.init,
            guidance_scale=self.guidance_scale,
            solver=self.solver,
        )

    def digest_content(self) -> dict[str, Any]:
        """The settings as they enter a model's digest: under the first names of their keys, so that digests last."""
        first_name = {new: old for old, new in RENAMED.items()}
        return {first_name.get(key, key): value for key, value in asdict(self).items()}

    @property
    def codes(self) -> tuple[int, ...]:
        """Label value of each network output."""
        return tuple(row["code"] for row in self.classes)


def read_settings(content: dict[str, Any]) -> Settings:
    """Settings from a JSON object, whose lists become tuples; InputError for a key that has another name now."""
    for old in content.keys() & RENAMED.keys():
        raise InputError(f"{old} is now called {RENAMED[old]}; rename the key")
    return Settings(**{key: _frozen(value) for key, value in content.items()})


def check_codes(codes: tuple[int, ...], no_label: int = 0) -> None:
    """InputError unless there are at least two different codes, all in 0..255 and none of them `no_label`."""
    if (
        len(codes) < 2
        or len(set(codes)) < len(codes)
        or not all(0 <= code <= 255 and code != no_label for code in codes)
    ):
        raise InputError(
            f"a class table needs at least 2 different codes in 0..255 without {no_label}, which stands for no label, "
            f"not {list(codes)}"
        )


def class_index(label_HW: NDArray[np.uint8], codes: tuple[int, ...], no_label: int = 0) -> NDArray[np.uint8]:
    """Index 0..K-1 of each class code, UNLABELLED for `no_label`; any other value is an InputError.

    Leading axes are allowed.
    """
    index_of = np.full(256, UNLABELLED, np.uint8)
    index_of[list(codes)] = np.arange(len(codes))
    strange = set(np.unique(label_HW).tolist()) - {no_label, *codes}
    if strange:
        raise InputError(
            f"labels hold {sorted(strange)}, but the class table has {list(codes)} and {no_label} for no label"
        )
    return index_of[label_HW]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
