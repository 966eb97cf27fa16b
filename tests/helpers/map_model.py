"""A small model for maps."""

from pathlib import Path

import torch

from catalogs.simulated import WORLDCOVER
from idgbr import IDGBRPipeline, Refiner, Settings
from idgbr.coarse import KINDS, DiffHRNet

WIDTHS = (8, 8, 16, 16)
SIZES = {
    "CoarseUNet": {"widths": WIDTHS},
    "DiffHRNet": {"width": 8, "modules": (1, 1, 1, 1), "blocks": 1, "stem": 8, "inner": 8, "multipliers": (1, 1, 1)},
}


def save_model(folder: Path, seed: int = 0, network: str = "CoarseUNet") -> Path:
    """Saves a model with random weights: its map is nonsense, but it depends on every pixel in its reach.

    seed: of the noise. network: of SIZES; fusions of a DiffHRNet are not silent.
    """
    torch.manual_seed(0)
    settings = Settings(
        classes=tuple(WORLDCOVER),
        bands=("blue", "green", "red", "nir"),
        mean=(500.0, 700.0, 700.0, 2500.0),
        std=(300.0, 300.0, 400.0, 900.0),
        window=96,
        overlap=16,
        uncertainty_threshold=0.3,
        num_inference_steps=1,
        seed=seed,
    )
    coarse, refiner = KINDS[network](4, 6, **SIZES[network]), Refiner(4, 6, widths=WIDTHS, full=4, sigma=0.5)
    drawn = [*refiner.parameters()] if isinstance(coarse, DiffHRNet) else [*coarse.parameters(), *refiner.parameters()]
    for weight in drawn:
        torch.nn.init.normal_(weight, std=0.2) if weight.ndim > 1 else None
    if isinstance(coarse, DiffHRNet):
        for fusion in [each for stage in coarse.fusions.values() for each in stage]:
            torch.nn.init.ones_(fusion.strength)
        coarse.diffusion.high_C.fill_(2.0)
        coarse.diffusion.low_C.fill_(-2.0)
        for module in coarse.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the mean of all that is seen
        coarse.train()(torch.nn.functional.interpolate(torch.randn(8, 4, 12, 12), scale_factor=8))
    IDGBRPipeline(settings, coarse, refiner).save_pretrained(folder)
    return folder
