"""What is trained, how large and how long: whole for a GPU, reduced for two CPU cores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idgbr.coarse.diffusion_unet import PRESETS as UNETS
from idgbr.refiners.presets import BASE
from idgbr.training import Optimisation
from science.variants import ABLATIONS, LONG, REDUCED


@dataclass(frozen=True, kw_only=True)
class FewLabels:
    """How coarse networks with and without features of a diffusion U-Net are compared (`labels.py`).

    shares: of the labels. hrnet, fusion, unet: sizes of HRNet, what DiffHRNet has more, and of the U-Net. coarse, crop,
    batch: of every network; ddpm, ddpm_crop, ddpm_batch: of the U-Net. ablation_seeds: on the first set. train_centre,
    centre: px of the middle of each image, as in `Preset`."""

    sets: tuple[str, ...]
    shares: tuple[float, ...]
    seeds: tuple[int, ...]
    ablation_seeds: tuple[int, ...]
    hrnet: Mapping[str, Any]
    fusion: Mapping[str, Any]
    unet: Mapping[str, Any]
    coarse: Optimisation
    crop: int
    batch: int
    ddpm: Optimisation
    ddpm_crop: int
    ddpm_batch: int
    train_centre: int | None
    centre: int | None


@dataclass(frozen=True, kw_only=True)
class Preset:
    """backbones: name to class and config of a coarse network. table: seeds of the main table. ablations: seeds of each
    that is made, on the first set. choice: seeds of the choice of the walk's training. sizes: of all refiners.
    train_centre, centre: px of the middle of each training and each test image that are used (None: all). window: px of
    the sliding window. jobs: trainings side by side, of `threads` each."""

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
    choice: tuple[int, ...]
    few_labels: FewLabels


PRESETS = {
    "gpu": Preset(
        sets=("dubai_aerial", "cil_roads", "simulated_s2"),
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
        choice=(0, 1, 2),
        few_labels=FewLabels(
            sets=("dubai_aerial", "cil_roads", "simulated_s2"),
            shares=(0.01, 0.05, 0.1, 0.25, 1.0),
            seeds=(0, 1, 2),
            ablation_seeds=(0, 1, 2),
            hrnet={"width": 18},
            fusion={},
            unet=UNETS["S"],
            coarse=Optimisation(steps=3000, rate=5e-4, warmup=150, ema=0.995, precision="bf16"),
            crop=256,
            batch=16,
            ddpm=Optimisation(steps=20_000, rate=1e-4, warmup=1000, ema=0.999, precision="bf16"),
            ddpm_crop=256,
            ddpm_batch=16,
            train_centre=None,
            centre=None,
        ),
    ),
    "cpu": Preset(
        sets=("dubai_aerial", "cil_roads", "simulated_s2"),
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
        choice=(0,),
        few_labels=FewLabels(
            sets=("dubai_aerial", "cil_roads", "simulated_s2"),
            shares=(0.1, 1.0),
            seeds=(0, 1, 2),
            ablation_seeds=(0,),
            hrnet={"width": 8, "modules": (1, 1, 2, 1), "blocks": 2, "stem": 16, "momentum": 0.1},
            fusion={"alpha_bars": (0.975,)},
            unet={"inner": 16, "multipliers": (1, 2, 4)},
            coarse=Optimisation(steps=400, rate=4e-3, warmup=20, ema=0.98),
            crop=64,
            batch=8,
            ddpm=Optimisation(steps=1000, rate=2e-3, warmup=50, ema=0.99),
            ddpm_crop=32,
            ddpm_batch=8,
            train_centre=512,
            centre=256,
        ),
    ),
}
