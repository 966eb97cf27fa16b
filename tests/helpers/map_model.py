"""A small model for maps."""

from pathlib import Path

import torch

from catalogs.simulated import WORLDCOVER
from idgbr import CoarseUNet, IDGBRPipeline, Refiner, Settings


def save_model(folder: Path, seed: int = 0) -> Path:
    """Saves a model with random weights: its map is nonsense, but it depends on every pixel in its reach.

    seed: of the noise.
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
    widths = (8, 8, 16, 16)
    coarse, refiner = CoarseUNet(4, 6, widths=widths), Refiner(4, 6, widths=widths, full=4)
    for weight in [*coarse.parameters(), *refiner.parameters()]:
        torch.nn.init.normal_(weight, std=0.2) if weight.ndim > 1 else None
    IDGBRPipeline(settings, coarse, refiner).save_pretrained(folder)
    return folder
