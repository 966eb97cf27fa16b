"""The whole model for plain arrays: coarse network, boundary refiner, and how they are run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.band import band, margin
from idgbr.bridge import sample
from idgbr.checkpoint import digest, load_network, read_json
from idgbr.coarse import CoarseUNet
from idgbr.errors import CheckpointError, InputError
from idgbr.labels import probabilities
from idgbr.noise import noise
from idgbr.refiner import Refiner
from idgbr.settings import Settings, class_index, read_settings
from idgbr.tiling import Tiling

Array = NDArray[Any] | Tensor

GIVEN_TRUST = 0.95
"""Probability given to the label of a hard coarse mask that comes from elsewhere."""


class IDGBRPipeline:
    """Coarse segmentation, then boundary refinement (arXiv 2507.01573); without a refiner the coarse map stands."""

    def __init__(self, settings: Settings, coarse: CoarseUNet, refiner: Refiner | None = None) -> None:
        self.settings = settings
        self.coarse = coarse
        self.refiner = refiner
        wanted = (len(settings.bands), len(settings.classes))
        for network in self._networks():
            found = (network.config["bands"], network.config["classes"])
            if found != wanted:
                raise CheckpointError(
                    f"the {type(network).__name__} has {found[0]} bands and {found[1]} classes, "
                    f"but the model's settings name {wanted[0]} bands and {wanted[1]} classes"
                )
        self.to("cpu")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """The model saved in a local folder; CheckpointError says in one sentence what is wrong with it."""
        folder = Path(folder)
        index = read_json(folder, "model_index.json", cls.__name__)
        index.pop("_class_name")
        has_refiner = index.pop("refiner", None) is not None
        try:
            settings = read_settings(index)
        except (TypeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{folder / 'model_index.json'} has wrong settings: {error}") from error
        coarse = load_network(CoarseUNet, folder / "coarse")
        return cls(settings, coarse, load_network(Refiner, folder / "refiner") if has_refiner else None)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes model_index.json, coarse/ and, if there is one, refiner/."""
        folder = Path(folder)
        self.coarse.save_pretrained(folder / "coarse")
        if self.refiner is not None:
            self.refiner.save_pretrained(folder / "refiner")
        index = {"_class_name": type(self).__name__, "refiner": self.refiner and type(self.refiner).__name__}
        (folder / "model_index.json").write_text(json.dumps(index | asdict(self.settings), indent=2) + "\n")

    def to(self, device: str | torch.device) -> Self:
        """Moves the networks, sets them to inference and to the memory layout that keeps results reproducible."""
        for network in self._networks():
            network.eval().requires_grad_(False)
            network.place(device)
        return self

    @property
    def device(self) -> torch.device:
        return self.coarse.device

    @property
    def channels(self) -> int:
        """Channels of the noise: the digits of a label code."""
        return (len(self.settings.classes) - 1).bit_length()

    @property
    def digest(self) -> str:
        """sha256 (hex) of settings, network configs and weights: two models with one digest give one map."""
        return digest(asdict(self.settings), self._networks())

    def normalise(self, image_BCHW: Array) -> Tensor:
        """Raw numbers to zero mean and unit variance per band; 0 in all bands means no data and becomes 0."""
        raw_BCHW = torch.as_tensor(image_BCHW).to(self.device, torch.float32)
        if raw_BCHW.ndim != 4 or raw_BCHW.shape[1] != len(self.settings.bands):
            raise InputError(
                f"the model takes images (batch, {len(self.settings.bands)} bands {', '.join(self.settings.bands)}, "
                f"height, width), not an array of shape {tuple(raw_BCHW.shape)}"
            )
        mean_C11, std_C11 = (
            torch.tensor(values, device=self.device)[:, None, None]
            for values in (self.settings.mean, self.settings.std)
        )
        return ((raw_BCHW - mean_C11) / std_C11).masked_fill((raw_BCHW == 0).all(1, keepdim=True), 0)

    @torch.inference_mode()
    def coarse_logits(self, image_BCHW: Array) -> Tensor:
        """BKHW float32 logits of raw windows whose sides are multiples of 16."""
        return self._batched(lambda image: self.coarse(self.normalise(image)), image_BCHW)

    @torch.inference_mode()
    def refine_logits(
        self, image_BCHW: Array, coarse_logits_BKHW: Array, noise_BDHW: Array, steps: int | None = None
    ) -> Tensor:
        """BKHW float32 refined logits of raw windows from their coarse logits and standard normal noise."""
        refiner = self.refiner
        if refiner is None:
            raise InputError("this model has no refiner; train one with idgbr.training.train_refiner")

        count = self.settings.steps if steps is None else steps

        def refine(image_BCHW: Tensor, logits_BKHW: Tensor, noise_BDHW: Tensor) -> Tensor:
            coarse_BKHW = probabilities(logits_BKHW)
            condition = refiner.condition(self.normalise(image_BCHW), coarse_BKHW)
            return sample(refiner, condition, coarse_BKHW, noise_BDHW, count)

        return self._batched(refine, image_BCHW, coarse_logits_BKHW, noise_BDHW)

    @torch.inference_mode()
    def __call__(
        self,
        image_BCHW: Array,
        coarse: NDArray[Any] | None = None,
        steps: int | None = None,
        seed: int | None = None,
        origin: tuple[int, int] = (0, 0),
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Class codes BHW (0 = no data) and the probability of each, BHW, for raw images of any size.

        coarse: a mask to refine instead of the model's own, as class codes BHW or probabilities BKHW. seed: of the
        noise. origin: absolute (y, x) of the top left pixel, which the noise is keyed by.
        Outside the band (see `idgbr.band`) the coarse label stands.
        """
        image_BCHW = torch.as_tensor(image_BCHW)
        if image_BCHW.ndim != 4 or 0 in image_BCHW.shape:
            raise InputError(
                f"the model takes images (batch, bands, height, width), not shape {tuple(image_BCHW.shape)}"
            )
        tiling = Tiling((image_BCHW.shape[2], image_BCHW.shape[3]), self.settings.window, self.settings.overlap)
        given_BKHW = None if coarse is None else self._given(coarse, image_BCHW)
        noise_DHW = torch.from_numpy(
            noise(self.settings.seed if seed is None else seed, *origin, *tiling.padded, self.channels)
        )
        labels, confidences = [], []
        for number, image_CHW in enumerate(image_BCHW):
            padded_CHW = tiling.pad(image_CHW.to(torch.float32))
            if given_BKHW is None:
                coarse_KHW = tiling.blend(self.coarse_logits(tiling.cut(padded_CHW, tiling.corners)), tiling.corners)
            else:
                coarse_KHW = tiling.pad(given_BKHW[number])
            probability_KHW = self._refined(tiling, padded_CHW, coarse_KHW, noise_DHW, steps)
            label_HW, confidence_HW = self._answer(probability_KHW, padded_CHW)
            labels.append(label_HW[: tiling.size[0], : tiling.size[1]])
            confidences.append(confidence_HW[: tiling.size[0], : tiling.size[1]])
        return np.stack(labels), np.stack(confidences)

    def _refined(
        self, tiling: Tiling, image_CHW: Tensor, coarse_KHW: Tensor, noise_DHW: Tensor, steps: int | None
    ) -> Tensor:
        """KHW probabilities: refined inside the band, coarse outside; windows without band are not computed."""
        probability_KHW = probabilities(coarse_KHW[None])[0]
        if self.refiner is None:
            return probability_KHW
        margin_HW = margin(probability_KHW.numpy())
        label_HW = probability_KHW.argmax(0).numpy()
        band_HW = torch.from_numpy(band(label_HW, margin_HW, self.settings.radius, self.settings.threshold))
        corners = [corner for corner in tiling.corners if tiling.cut(band_HW[None], [corner]).any()]
        if not corners:
            return probability_KHW
        image, coarse, noisy = (tiling.cut(array, corners) for array in (image_CHW, coarse_KHW, noise_DHW))
        refined_KHW = tiling.blend(self.refine_logits(image, coarse, noisy, steps), corners)
        return torch.where(band_HW, probabilities(refined_KHW[None])[0], probability_KHW)

    def _answer(self, probability_KHW: Tensor, image_CHW: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        confidence_HW, index_HW = (value.numpy() for value in probability_KHW.max(0))
        empty_HW = (image_CHW == 0).all(0).cpu().numpy()
        code_HW = np.array(self.settings.codes, np.uint8)[index_HW]
        return np.where(empty_HW, np.uint8(0), code_HW), np.where(empty_HW, np.float32(0), confidence_HW)

    def _given(self, coarse: NDArray[Any], image_BCHW: Tensor) -> Tensor:
        """BKHW logits of a mask from elsewhere; a hard label is taken as right with probability GIVEN_TRUST."""
        classes = len(self.settings.classes)
        batch, _, height, width = image_BCHW.shape
        if coarse.shape == (batch, classes, height, width):
            return torch.as_tensor(coarse, dtype=torch.float32).clamp_min(1e-6).log()
        if coarse.shape != (batch, height, width):
            raise InputError(
                f"coarse must be class codes {(batch, height, width)} or "
                f"probabilities {(batch, classes, height, width)}, not an array of shape {coarse.shape}"
            )
        index_BHW = torch.from_numpy(class_index(coarse, self.settings.codes)).long()
        hit_BKHW = index_BHW[:, None] == torch.arange(classes)[:, None, None]
        logit = math.log(GIVEN_TRUST / (1 - GIVEN_TRUST) * (classes - 1))
        return hit_BKHW * logit

    def _batched(self, compute: Callable[..., Tensor], *arrays: Array) -> Tensor:
        """`compute` in batches of exactly `settings.batch`: the last one is filled by repeating its last window."""
        tensors = [torch.as_tensor(array) for array in arrays]
        count, _, height, width = tensors[0].shape
        for tensor in tensors:
            if tensor.shape != (count, tensor.shape[1], height, width):
                shapes = [tuple(each.shape) for each in tensors]
                raise InputError(f"image, mask and noise must be windows alike, not of shapes {shapes}")
        out_BKHW = torch.empty(count, len(self.settings.classes), height, width, device=self.device)
        for start in range(0, count, self.settings.batch):
            chosen = torch.arange(start, start + self.settings.batch).clamp(max=count - 1)
            batch = (
                tensor[chosen].to(self.device, torch.float32, memory_format=torch.channels_last) for tensor in tensors
            )
            out_BKHW[start : start + self.settings.batch] = compute(*batch)[: count - start]
        return out_BKHW

    def _networks(self) -> list[CoarseUNet | Refiner]:
        return [self.coarse] if self.refiner is None else [self.coarse, self.refiner]
