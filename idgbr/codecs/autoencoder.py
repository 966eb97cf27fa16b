"""A light autoencoder of label maps: a few values for each cell of `stride` x `stride` pixels, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.errors import InputError
from idgbr.layers.blocks import Block, PixelNorm


class AutoencoderCodec(nn.Module):
    """`channels` values in -1..1 at `stride`; under a million parameters where classes * stride^2 is below 5,000.

    All its convolutions work on cells, so it costs next to nothing beside a network of pixels. Untrained it decodes
    nothing; see `train_autoencoder`.
    """

    def __init__(self, classes: int, channels: int = 4, stride: int = 4, width: int = 64) -> None:
        super().__init__()
        if classes < 2:
            raise InputError(f"a label code needs at least 2 classes, not {classes}")
        self.channels = channels
        self.stride = stride
        values = classes * stride**2
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(stride),
            nn.Conv2d(values, width, 1),
            Block(width, width),
            PixelNorm(width),
            nn.Conv2d(width, channels, 1),
            nn.Tanh(),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            Block(width, width),
            Block(width, width),
            PixelNorm(width),
            nn.Conv2d(width, values, 1),
            nn.PixelShuffle(stride),
        )

    def encode(self, probability_BKHW: Tensor) -> Tensor:
        """BDhw, float32, with h = H / stride; H and W are multiples of it."""
        height, width = probability_BKHW.shape[2:]
        if height % self.stride or width % self.stride:
            raise InputError(f"the codec takes sizes that are multiples of {self.stride} px, not {height} x {width}")
        return self.encoder(probability_BKHW).float()

    def logits(self, value_BDhw: Tensor) -> Tensor:
        """BKHW."""
        return self.decoder(value_BDhw)


def train_autoencoder(
    labels: Sequence[NDArray[np.integer[Any]]],
    classes: int,
    channels: int = 4,
    stride: int = 4,
    steps: int = 400,
    seed: int = 0,
    noise: float = 0.2,
    size: int = 64,
    device: str | torch.device = "cpu",
) -> AutoencoderCodec:
    """Trains on crops of `size` px from label maps HW of class indices; other indices count as unknown.

    noise: standard deviation of what is added to the values, so that decoding survives a denoiser's mistakes.
    Half a minute on a CPU. On landscapes of 3 classes that it has not seen, with shapes of 4 to 24 px, 0.4 % of pixels
    come back wrong (0.6 % after noise of 0.2, 1.4 % after 0.5); at stride 8, 1.3 % (1.7 %, 3.2 %).
    """
    crops = _Crops(labels, classes, size - size % stride)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        codec = AutoencoderCodec(classes, channels, stride).to(device)
        optimiser = torch.optim.AdamW(codec.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=steps)
        for _ in range(steps):
            index_BHW, probability_BKHW = (tensor.to(device) for tensor in crops.draw(8))
            value_BDhw = codec.encode(probability_BKHW)
            value_BDhw = value_BDhw + noise * torch.randn(value_BDhw.shape).to(device)
            loss = F.cross_entropy(codec.logits(value_BDhw), index_BHW, ignore_index=classes)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return codec.eval().requires_grad_(False)


class _Crops:
    """Turned and mirrored crops; some are softened, as a network's probabilities are."""

    def __init__(self, labels: Sequence[NDArray[np.integer[Any]]], classes: int, size: int) -> None:
        if not labels:
            raise InputError("an autoencoder is trained on label maps, and there are none; give at least one")
        self._classes, self._size = classes, size
        self._maps = []
        for label_HW in labels:
            index_HW = torch.from_numpy(np.where((label_HW >= 0) & (label_HW < classes), label_HW, classes)).long()
            low = [max(0, size - side) for side in index_HW.shape]
            self._maps.append(F.pad(index_HW, (0, low[1], 0, low[0]), value=classes))

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Class index BHW (`classes` where unknown) and probability BKHW."""
        chosen = []
        for number in torch.randint(len(self._maps), (count,)).tolist():
            index_HW = self._maps[number]
            y, x = (int(torch.randint(side - self._size + 1, ())) for side in index_HW.shape)
            index_HW = index_HW[y : y + self._size, x : x + self._size]
            turns, mirrored = int(torch.randint(4, ())), bool(torch.randint(2, ()))
            chosen.append((index_HW.mT if mirrored else index_HW).rot90(turns))
        index_BHW = torch.stack(chosen)
        hard_BKHW = F.one_hot(index_BHW, self._classes + 1).movedim(-1, 1)[:, : self._classes].float()
        hard_BKHW = hard_BKHW + (index_BHW == self._classes)[:, None] / self._classes
        blurred_BKHW = F.avg_pool2d(F.pad(hard_BKHW, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        return index_BHW, torch.lerp(hard_BKHW, blurred_BKHW, torch.rand(count, 1, 1, 1).sub(0.5).clamp_min(0))
