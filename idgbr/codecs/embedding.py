"""The published label codec: a learned point of the cube (-1, 1)^3 for every class, and a small decoder per pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.errors import InputError
from idgbr.labels import expected_code


class EmbeddingCodec(nn.Module):
    """Three values at `stride` 1 for a pixel's class (arXiv 2507.01573): 776 parameters for 2 classes, 1,568 for 8.

    Untrained it decodes nothing; see `train_embedding`.
    """

    channels = 3
    stride = 1

    def __init__(self, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise InputError(f"a label code needs at least 2 classes, not {classes}")
        self.table_K3 = nn.Parameter(torch.randn(classes, 3))
        self.decoder = nn.Sequential(nn.Conv2d(3, 128, 1), nn.ReLU(), nn.Conv2d(128, classes, 1))

    @property
    def code_K3(self) -> Tensor:
        return 2 * self.table_K3.sigmoid() - 1

    def encode(self, probability_BKHW: Tensor) -> Tensor:
        """B3HW mean code, float32."""
        return expected_code(probability_BKHW, self.code_K3).float()

    def logits(self, value_B3HW: Tensor) -> Tensor:
        """BKHW."""
        return self.decoder(value_B3HW)


def train_embedding(classes: int, steps: int = 300, seed: int = 0, noise: float = 0.5) -> EmbeddingCodec:
    """Trains table and decoder together on random labels under Gaussian noise of standard deviation `noise`.

    About a second on a CPU. The table starts from points that lie far apart. (The published script leaves it as it was
    drawn; for 2 classes the released one keeps a sixth of the distance that two points can have.)
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        codec = EmbeddingCodec(classes)
        codec.table_K3.data = _spread(classes)
        optimiser = torch.optim.AdamW(codec.parameters(), weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, total_steps=steps)
        for _ in range(steps):
            index_1HW = torch.randint(classes, (1, 32, 32))
            value_13HW = F.embedding(index_1HW, codec.code_K3).movedim(-1, 1)
            loss = F.cross_entropy(codec.logits(value_13HW + noise * torch.randn(value_13HW.shape)), index_1HW)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return codec.eval().requires_grad_(False)


def _spread(classes: int, starts: int = 32, steps: int = 200) -> Tensor:
    """table_K3 whose two nearest codes are as far apart as any of several random starts gets them."""
    table_SK3 = torch.randn(starts, classes, 3, requires_grad=True)
    optimiser = torch.optim.Adam([table_SK3], lr=0.1)
    first, second = torch.triu_indices(classes, classes, 1)
    for _ in range(steps):
        code_SK3 = 2 * table_SK3.sigmoid() - 1
        distance_SP = (code_SK3[:, first] - code_SK3[:, second]).square().sum(-1)
        optimiser.zero_grad()
        (-8 * distance_SP).logsumexp(1).sum().backward()
        optimiser.step()
    return table_SK3[distance_SP.amin(1).argmax()].detach().clamp(-3, 3)
