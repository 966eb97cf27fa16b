"""The published network: Stable Diffusion 1.5, fine-tuned to refine labels (arXiv 2507.01573)."""

from idgbr.refiners.sd15.load import load_sd15
from idgbr.refiners.sd15.refiner import SD15Refiner

__all__ = ["SD15Refiner", "load_sd15"]
