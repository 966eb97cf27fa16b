"""What the shipped model knows of simulated worlds at 10 m, and their truth at 2.5 m."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from catalogs.simulated import open_world, truths
from finer import METRES
from idgbr import IDGBRPipeline
from idgbr.inference.blend import Blend
from idgbr.inference.images import map_images
from idgbr.inference.tiling import Corner, WindowLattice
from pipeline.training.areas import from_simulation

TRAINED, TESTED = (801, 802, 803, 804, 805, 806), (901, 902, 903, 904)
"""Seeds; the shipped model has seen none of these worlds."""
KILOMETRES = 4
MODEL = "simulated-s2"
LEAST = 1e-4
"""Probabilities are taken to be at least this where their logarithm is."""


@dataclass(frozen=True)
class Place:
    """image_CHW: normalised. probability_KHW: of the map at 10 m. feature_FHW: the last hidden layer of the refiner's
    last step. index_YX: index of the true class at 2.5 m; coarse_HW: at 10 m, the majority."""

    image_CHW: Tensor
    probability_KHW: Tensor
    feature_FHW: Tensor
    index_YX: Tensor
    coarse_HW: Tensor

    @property
    def logits_KHW(self) -> Tensor:
        return self.probability_KHW.clamp_min(LEAST).log()


def place(seed: int, home: Path) -> Place:
    """Of the world of `seed`; kept in `home`."""
    path = home / f"world-{seed}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path.with_suffix(".partial.npz"), **{name: np.asarray(each) for name, each in _made(seed).items()})
        path.with_suffix(".partial.npz").rename(path)
    with np.load(path) as arrays:
        return Place(**{name: torch.from_numpy(arrays[name]) for name in arrays.files})


def _made(seed: int) -> dict[str, Tensor]:
    model = IDGBRPipeline.from_pretrained(MODEL)
    with tempfile.TemporaryDirectory() as folder:
        area = from_simulation(Path(folder) / "world", seed, KILOMETRES)
        world = open_world(Path(folder) / "world")
        (fine_YX,) = truths(world, [world.dates[0].day], METRES)
    image_1CHW = model.check_image(area.image_BHW[None].astype(np.float32))
    origin = area.window.y0, area.window.x0
    eyes = Eyes(model, origin, tuple(image_1CHW.shape[-2:]))
    strips: list[Tensor] = []
    with torch.inference_mode():
        map_images(
            eyes, image_1CHW, None, origin, lambda image, rows, coarse, refined: strips.append(torch.tensor(refined))
        )
    codes = np.array(model.settings.codes)
    return {
        "image_CHW": model.normalise(image_1CHW)[0],
        "probability_KHW": torch.cat(strips, 1),
        "feature_FHW": eyes.features(),
        "index_YX": torch.from_numpy(np.searchsorted(codes, fine_YX)),
        "coarse_HW": torch.from_numpy(np.searchsorted(codes, area.label_HW)),
    }


class Eyes:
    """A model for `map_images` that also blends what its refiner's last hidden layer says, as it blends scores."""

    def __init__(self, model: IDGBRPipeline, origin: Corner, shape: tuple[int, int]) -> None:
        assert model.refiner is not None
        self.settings, self.refiner, self.device = model.settings, model.refiner, model.device
        self.coarse_logits, self.batch = model.coarse_logits, model.batch
        self._model = model
        lattice = WindowLattice(self.settings.window, self.settings.overlap)
        last = model.refiner.head[-1]
        self._blend = Blend(origin, shape, last.in_channels, torch.from_numpy(lattice.weights()))
        self._seen_BFHW = torch.empty(0)
        last.register_forward_pre_hook(self._look)

    def refine_logits(self, image_BCHW: Tensor, coarse_logits_BKHW: Tensor, corners: Sequence[Corner]) -> Tensor:
        answer_BKHW = self._model.refine_logits(image_BCHW, coarse_logits_BKHW, corners)
        for corner, seen_FHW in zip(corners, self._seen_BFHW[: len(corners)], strict=True):
            self._blend.add(corner, seen_FHW)
        return answer_BKHW

    def features(self) -> Tensor:
        """FHW; 0 where nothing was refined."""
        return self._blend.logits()

    def _look(self, layer: torch.nn.Module, inputs: tuple[Tensor]) -> None:
        self._seen_BFHW = inputs[0]
