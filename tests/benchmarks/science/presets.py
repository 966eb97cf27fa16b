"""What is trained, how large and how long: whole for a GPU, reduced for two CPU cores."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from idgbr.refiners.presets import BASE
from idgbr.training import Optimisation


@dataclass(frozen=True, kw_only=True)
class Preset:
    """backbones: name to class and config of a coarse network. table: seeds of the main table. ablations: seeds of each
    that is made, on the first set. sizes: of all refiners. train_centre, centre: px of the middle of each
    training and each test image that are used (None: all). window: px of the sliding window. jobs: trainings side by
    side, of `threads` each."""

    sets: tuple[str, ...]
    backbones: Mapping[str, tuple[str, Mapping[str, Any]]]
    table: tuple[int, ...]
    coarse: Optimisation
    coarse_crop: int
    coarse_batch: int
    refiner: Optimisation
    refiner_crop: int
    refiner_batch: int
    sizes: Mapping[str, Any]
    train_centre: int | None
    centre: int | None
    window: int
    jobs: int
    device: str
    threads: int
    ablations: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Variant:
    """A refiner that is trained: changes to the preset's network and training, `longer` times its steps, and how it is
    then run."""

    sizes: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    longer: int = 1


OURS = "bridge"
CONTROLS = {
    OURS: Variant(),
    "feed-forward": Variant({"sigma": 0.0}, {"times": "last", "aligned": 0.0}, {"num_inference_steps": 1}),
    "discrete": Variant({"process": "discrete"}, {"times": "uniform", "aligned": 0.0}, {"num_inference_steps": 6}),
    "published": Variant(
        {"process": "diffusion", "prediction": "epsilon"},
        {"times": "uniform", "dropout": 0.1},
        {"num_inference_steps": 25, "init": "noise", "guidance_scale": 3.0, "uncertainty_threshold": 1.0},
    ),
}
LONG = "published recipe, ten times the steps"
ABLATIONS = {
    "no image in the guidance": Variant(training={"kind": "WithoutImage"}),
    "no coarse mask in the guidance": Variant(training={"kind": "WithoutCoarse"}),
    "with cross-attention": Variant({"attention": True}),
    "learned embedding": Variant({"code": "embedding"}),
    "mask autoencoder": Variant({"code": "autoencoder"}),
    "times uniform": Variant(training={"times": "uniform"}),
    "times last": Variant(training={"times": "last"}),
    "noisy truth in half of the steps": Variant(training={"aligned": 0.5}),
    "noisy truth in all steps": Variant(training={"aligned": 0.0}),
    "masks out of fold alone": Variant(training={"masks": ("fold",)}),
    "masks of the training fit alone": Variant(training={"masks": ("all",)}),
    "masks not corrupted": Variant(training={"corruption": 0.0}),
    "coarse labels, not probabilities": Variant(training={"hard": 1.0}),
    "boundary loss": Variant(training={"boundary": 0.5}),
    "alignment": Variant(training={"teacher": True}),
    LONG: replace(CONTROLS["published"], longer=10),
}
REDUCED = (
    "no image in the guidance",
    "no coarse mask in the guidance",
    "with cross-attention",
    "learned embedding",
    "mask autoencoder",
    "times uniform",
    "times last",
    "masks out of fold alone",
    "masks of the training fit alone",
    "alignment",
)


PRESETS = {
    "gpu": Preset(
        sets=("dubai_aerial", "cil_roads"),
        backbones={
            "U-Net": ("CoarseUNet", {"widths": (48, 128, 192, 256)}),
            "DeepLabV3+": ("DeepLabV3Plus", {}),
            "SegFormer-B0": ("SegFormer", {}),
            "HRNetV2-W18": ("HRNet", {}),
        },
        table=(0, 1, 2),
        coarse=Optimisation(steps=500, rate=1e-3, warmup=50, ema=0.99, precision="bf16"),
        coarse_crop=256,
        coarse_batch=16,
        refiner=Optimisation(steps=1500, rate=6e-4, warmup=100, ema=0.997, precision="bf16"),
        refiner_crop=256,
        refiner_batch=16,
        sizes=BASE,
        train_centre=None,
        centre=None,
        window=256,
        jobs=6,
        device="cuda",
        threads=2,
        ablations=dict.fromkeys(ABLATIONS, (0,)),
    ),
    "cpu": Preset(
        sets=("dubai_aerial", "cil_roads"),
        backbones={
            "U-Net": ("CoarseUNet", {"widths": (16, 48, 64, 96)}),
            "SegFormer": ("SegFormer", {"widths": (16, 32, 80, 128), "depths": (2, 2, 2, 2), "decoder": 64}),
        },
        table=(0, 1, 2),
        coarse=Optimisation(steps=200, rate=2e-3, warmup=20, ema=0.98),
        coarse_crop=192,
        coarse_batch=8,
        refiner=Optimisation(steps=400, rate=2e-3, warmup=30, ema=0.985),
        refiner_crop=128,
        refiner_batch=8,
        sizes={"widths": (24, 48, 64, 96), "full": 8},
        train_centre=1024,
        centre=384,
        window=384,
        jobs=2,
        device="cpu",
        threads=1,
        ablations=dict.fromkeys(REDUCED, (0, 1, 2)) | {LONG: (0,)},
    ),
}


def slug(refiner: str) -> str:
    """A refiner's name in the names of tasks and folders."""
    return refiner.replace(" ", "_").replace(",", "")
