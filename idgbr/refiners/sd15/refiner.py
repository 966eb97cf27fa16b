"""The published refiner: Stable Diffusion 1.5's U-Net, guided by a frozen copy of its encoder (arXiv 2507.01573)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from idgbr.codecs import AutoencoderCodec, EmbeddingCodec
from idgbr.errors import InputError
from idgbr.layers.blocks import require_multiple
from idgbr.layers.network import Network
from idgbr.processes import PROCESSES
from idgbr.refiners.sd15.encoder import UNET, VAE, decode, encode, levels_of, remove_decoder
from idgbr.refiners.sd15.guidance import Guidance, LevelCondition
from idgbr.refiners.sd15.latents import Latents

TOKENS = 77
SCHEDULE_STEPS = 1000
FROZEN_STEP = 1
BRIGHTEST = 2.5
"""Normalised value that becomes the autoencoder's 1; its negative becomes -1."""


class Condition(NamedTuple):
    """What the denoising steps need of an image and its coarse mask; computed once, the same for every step."""

    levels: tuple[LevelCondition, ...] | None
    """None where no sample is guided."""
    kept_B: Tensor
    """1 for samples that are conditioned, 0 for those whose condition is dropped."""


class SD15Refiner(Network):
    """Predicts noise, v, clean latents or class logits from noisy label latents, their time and the condition.

    Trained: `unet` and `guidance`. Frozen, but saved beside them so that a model folder is whole: `frozen` (the encoder
    of the U-Net as it was before training, which sees image and coarse mask once, at step 1), `codec` (autoencoder and
    label codec) and `text`, the embedding of the empty prompt, which stands for text everywhere.

    attention: of the guidance; without it there are only its convolutions. process, prediction, sigma,
    condition_dropout: as in `idgbr.refiners.refiner.Refiner`; published are diffusion and epsilon. code: embedding,
    through the large autoencoder (published), or autoencoder, a light one for masks (`idgbr.codecs`). picture: the
    three bands, by number, that the autoencoder sees as red, green and blue; None for the first three, the last one
    repeated where there are fewer.
    unet_config, vae_config: of diffusers' classes; Stable Diffusion 1.5's by default.
    """

    text_1LE: Tensor

    @register_to_config
    def __init__(
        self,
        bands: int,
        classes: int,
        attention: bool = True,
        process: str = "diffusion",
        prediction: str = "epsilon",
        sigma: float = 0.0,
        code: str = "embedding",
        picture: Sequence[int] | None = None,
        condition_dropout: float = 0.0,
        unet_config: Mapping[str, Any] = UNET,
        vae_config: Mapping[str, Any] = VAE,
    ) -> None:
        super().__init__()
        for name, value, allowed in (
            ("process", process, tuple(PROCESSES)),
            ("prediction", prediction, ("labels", "epsilon", "v", "x0") if process == "diffusion" else ("labels",)),
            ("code", code, ("embedding", "autoencoder")),
        ):
            if value not in allowed:
                raise InputError(f"{name} of a {process} refiner must be one of {', '.join(allowed)}, not {value!r}")
        self._picture = [min(place, bands - 1) for place in range(3)] if picture is None else list(picture)
        if len(self._picture) != 3 or not all(0 <= place < bands for place in self._picture):
            raise InputError(f"picture must name three of the {bands} bands by number from 0, not {self._picture}")
        self.unet = UNet2DConditionModel.from_config(dict(unet_config))
        self.frozen = UNet2DConditionModel.from_config(dict(unet_config))
        remove_decoder(self.frozen)
        self.guidance = Guidance(levels_of(self.unet), attention)
        images = AutoencoderKL.from_config(dict(vae_config))
        stride = 2 ** (len(images.config.block_out_channels) - 1)
        self.codec = Latents(
            images,
            EmbeddingCodec(classes)
            if code == "embedding"
            else AutoencoderCodec(classes, images.config.latent_channels, stride),
        )
        self.multiple = stride * 2 ** (len(self.unet.config.block_out_channels) - 1)
        self.register_buffer("text_1LE", torch.zeros(1, TOKENS, self.unet.config.cross_attention_dim))
        self.requires_grad_(True)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Of the trained parts; the frozen ones never require gradients."""
        super().requires_grad_(requires_grad)
        self.frozen.requires_grad_(False)
        self.codec.requires_grad_(False)
        return self

    @property
    def deepest(self) -> nn.Module:
        """The guidance's coarsest residual on a skip, BChw of `deepest_channels`: what is aligned with a teacher's."""
        return self.guidance.levels[-2]

    @property
    def deepest_channels(self) -> int:
        return self.unet.config["block_out_channels"][-1]

    def condition(self, image_BCHW: Tensor, coarse_BKHW: Tensor) -> Condition:
        """Condition of a normalised image and its coarse class probabilities; sides are multiples of `multiple`."""
        require_multiple(image_BCHW, self.multiple)
        count = len(image_BCHW)
        with torch.no_grad():
            picture_B3HW = (image_BCHW[:, self._picture] / BRIGHTEST).clamp(-1, 1)
            latents = torch.cat([self.codec.picture(picture_B3HW), self.codec.encode(coarse_BKHW)])
            step_N = torch.full((2 * count,), FROZEN_STEP, device=latents.device)
            levels = encode(self.frozen, latents, step_N, self.text_1LE.expand(2 * count, -1, -1)).levels
            features = [torch.cat([level[:count], level[count:]], 1) for level in levels]
        return Condition(self.guidance.condition_level(features), torch.ones(count, device=image_BCHW.device))

    def drop(self, condition: Condition, dropped_B: Tensor) -> Condition:
        """The condition with that of some samples gone: their residuals are zero, as in the published code."""
        if not torch.is_grad_enabled() and bool(dropped_B.all()):
            return condition._replace(levels=None)
        return condition._replace(kept_B=condition.kept_B * ~dropped_B)

    def forward(self, noisy_BDhw: Tensor, time_B: Tensor, condition: Condition) -> Tensor:
        """BDhw from latents at time 0..1, the schedule's step round(999 t); BKHW logits if prediction is "labels"."""
        step_B = ((SCHEDULE_STEPS - 1) * time_B).round().long()
        text_BLE = self.text_1LE.expand(len(noisy_BDhw), -1, -1)
        encoded = encode(self.unet, noisy_BDhw, step_B, text_BLE)
        residuals = None
        if condition.levels is not None:
            kept_B111 = condition.kept_B[:, None, None, None]
            residuals = [
                kept_B111.to(residual.dtype) * residual for residual in self.guidance(encoded.levels, condition.levels)
            ]
        answer_BDhw = decode(self.unet, encoded, text_BLE, residuals)
        return self.codec.logits(answer_BDhw) if self.config["prediction"] == "labels" else answer_BDhw
