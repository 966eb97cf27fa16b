"""A small synthetic landscape with exact boundaries, and small untrained models."""

import numpy as np
import torch
from scipy import ndimage

from idgbr import CoarseUNet, IDGBRPipeline, Refiner, Settings
from idgbr.training.loop import with_seed

CLASSES = (
    {"code": 10, "name": "grass", "color": "#80c040"},
    {"code": 20, "name": "water", "color": "#2060c0"},
    {"code": 40, "name": "built", "color": "#c03020"},
)
REFLECTANCE = np.array([[900, 1200, 3000], [600, 500, 300], [1800, 2000, 2300]], float)


def landscape(seed, size=192):
    """Image CHW uint16 and label HW: rotated rectangles and ellipses under uneven light, slight blur and noise."""
    random = np.random.default_rng(seed)
    index_HW = np.zeros((size, size), np.uint8)
    y_HW, x_HW = np.mgrid[:size, :size]
    for _ in range(size * size // 1500):
        (cy, cx), angle, (tall, wide) = random.uniform(0, size, 2), random.uniform(0, np.pi), random.uniform(4, 24, 2)
        u = (x_HW - cx) * np.cos(angle) + (y_HW - cy) * np.sin(angle)
        v = (y_HW - cy) * np.cos(angle) - (x_HW - cx) * np.sin(angle)
        inside = (abs(u) < wide) & (abs(v) < tall) if random.random() < 0.5 else (u / wide) ** 2 + (v / tall) ** 2 < 1
        index_HW[inside] = random.integers(3)
    light_CHW = ndimage.gaussian_filter(random.normal(0, 2000, (3, size, size)), (0, 6, 6))
    image_CHW = ndimage.gaussian_filter(REFLECTANCE[index_HW].transpose(2, 0, 1) + light_CHW, (0, 0.7, 0.7))
    image_CHW = (image_CHW + random.normal(0, 150, image_CHW.shape)).clip(1, 10000).astype(np.uint16)
    return image_CHW, np.array([10, 20, 40], np.uint8)[index_HW]


def small_model(refiner=True, **changes):
    """An untrained model whose refiner answers differently from its coarse network, and by its noise."""
    fields = {"window": 64, "overlap": 16, "batch": 2, "uncertainty_threshold": 0.1} | changes
    bands = ("red", "green", "nir")
    settings = Settings(**{"classes": CLASSES, "bands": bands, "mean": (1000,) * 3, "std": (800,) * 3, **fields})
    coarse = with_seed(1, lambda: CoarseUNet(3, 3, (16, 16, 16, 16)))
    fine = with_seed(2, lambda: Refiner(3, 3, (16, 16, 16, 16), full=8, sigma=0.5)) if refiner else None
    if fine is not None:
        with torch.no_grad():
            for fusion in fine.fusions:
                fusion.zero.weight.copy_(torch.eye(len(fusion.zero.weight))[:, :, None, None])
            fine.head[-1].weight.mul_(30)
    return IDGBRPipeline(settings, coarse, fine)
