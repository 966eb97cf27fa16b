"""What a trained model needs to know of its data, and how it is run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from idgbr.classes import check_class_rows, check_codes
from idgbr.errors import InputError
from idgbr.labels import ClassRow
from idgbr.processes.sampling import Init, Sampling
from idgbr.values import FLOAT32_MAX, FLOAT32_TINY, check_choice, check_number, check_whole, check_words, short

Precision = Literal["fp32", "bf16", "fp16"]

WINDOW_MULTIPLE = 16
MAX_WINDOW = 4096
MAX_BATCH_PIXELS = 2**26
"""Pixels of the windows that are computed at once: 1024 windows of 256 px."""
MAX_ENSEMBLE = 1000
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 100.0
AREA_SIDE = 128
"""Px of the squares of `Settings.area_errors`."""
AreaErrors: TypeAlias = tuple[tuple[float, float], ...]

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
    window, overlap: px of the sliding window. num_inference_steps, init, guidance_scale: of refinement, see
    `idgbr.processes.sampling`.
    seed: of the noise. ensemble_size: number of answers that are averaged, with seeds counted up from `seed`.
    boundary_radius: px around a coarse boundary that refinement may change. uncertainty_threshold: refinement may also
    change a pixel whose coarse margin (see `idgbr.inference.band`) is below it; 1 means every pixel.
    temperature: what the blended scores are divided by before they are probabilities: above 1 less sure, below 1 surer.
    Labels and the band do not depend on it.
    area_errors: of each class, between which numbers its true area less the mapped one lies in 95 % of squares of
    AREA_SIDE px, as shares of the square; None where it is not known. No map depends on it, nor does the digest.
    precision: fp32, bf16 or fp16, of the networks.
    batch: windows computed at once on a GPU, always; part of the result, as sums differ in the last bit between batch
    sizes. A CPU takes one at a time.
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
    seed: int = 0
    ensemble_size: int = 1
    boundary_radius: int = 4
    uncertainty_threshold: float = 0.3
    temperature: float = 1.0
    area_errors: AreaErrors | None = None
    precision: Precision = "fp32"
    batch: int = 4
    no_label: int = 0
    blank: float | None = 0.0
    grey: int | None = None

    def __post_init__(self) -> None:
        check_class_rows(self.classes)
        check_whole("no_label", self.no_label, 0, 255)
        check_codes(self.codes, self.no_label)
        if self.grey is not None:
            check_whole("grey", self.grey, 0, 255)
            if len(self.classes) != 2:
                raise InputError(f"grey labels have 2 classes, not {len(self.classes)}; leave grey out")
        check_bands(self.bands, mean=self.mean, std=self.std)
        check_windows(self.window, self.overlap, self.batch, self.precision, self.blank)
        check_whole("boundary_radius", self.boundary_radius, 0, self.window)
        check_number("uncertainty_threshold", self.uncertainty_threshold, 0, 1)
        check_number("temperature", self.temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
        if self.area_errors is not None:
            _check_area_errors(self.area_errors, len(self.classes))
        check_whole("ensemble_size", self.ensemble_size, 1, MAX_ENSEMBLE)
        check_whole("seed", self.seed, -(2**63), 2**64 - 1)
        _ = self.sampling

    @property
    def sampling(self) -> Sampling:
        """How the refiner is run; InputError for a value that it does not know."""
        return Sampling(
            num_inference_steps=self.num_inference_steps,
            init=self.init,
            guidance_scale=self.guidance_scale,
        )

    def digest_content(self) -> dict[str, Any]:
        """The settings as they enter a model's digest: under the first names of their keys, and without what changes no
        map, so that digests last."""
        first_name = {new: old for old, new in RENAMED.items()}
        content = {first_name.get(key, key): value for key, value in asdict(self).items()}
        del content["area_errors"]
        if self.temperature == 1:
            del content["temperature"]
        return content

    @property
    def codes(self) -> tuple[int, ...]:
        """Label value of each network output."""
        return tuple(row["code"] for row in self.classes)


def _check_area_errors(errors: Any, classes: int) -> None:
    pairs = isinstance(errors, list | tuple) and all(isinstance(e, list | tuple) and len(e) == 2 for e in errors)
    if not pairs or len(errors) != classes:
        raise InputError(
            f"area_errors must be a low and a high share of each of {classes} classes, not {short(errors)}"
        )
    for low, high in errors:
        check_number("every low share of area_errors", low, -1, 1)
        check_number("every high share of area_errors", high, low, 1)


def check_bands(bands: tuple[str, ...], **values: tuple[float, ...]) -> None:
    """InputError unless every band has a name and one number of each of `values`, above 0 for a spread (std)."""
    check_words("bands", bands)
    for name, numbers in values.items():
        if not isinstance(numbers, list | tuple) or len(numbers) != len(bands):
            raise InputError(f"{len(bands)} bands need one {name} each, not {short(numbers)}")
        for number in numbers:
            check_number(f"every {name}", number, FLOAT32_TINY if name.endswith("std") else -FLOAT32_MAX)


def check_windows(window: int, overlap: int, batch: int, precision: str, blank: float | None) -> None:
    """InputError for windows that no network takes, or a batch of them that no memory holds."""
    check_whole("window", window, WINDOW_MULTIPLE, MAX_WINDOW)
    if window % WINDOW_MULTIPLE:
        raise InputError(f"window must be a multiple of {WINDOW_MULTIPLE} px, not {window}")
    check_whole("overlap", overlap, 0, window // 2)
    check_whole("batch", batch, 1, MAX_BATCH_PIXELS // window**2)
    check_choice("precision", precision, get_args(Precision))
    if blank is not None:
        check_number("blank", blank)


def read_settings(content: dict[str, Any]) -> Settings:
    """Settings from a JSON object, whose lists become tuples; InputError for a key that has another name now."""
    for old in content.keys() & RENAMED.keys():
        raise InputError(f"{old} is now called {RENAMED[old]}; rename the key")
    return Settings(**{key: _frozen(value) for key, value in content.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
