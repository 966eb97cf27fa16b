"""The head: from what a model knows at 10 m to class scores at 2.5 m."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finer import SCALE
from finer.worlds import Place


@dataclass(frozen=True, kw_only=True)
class Training:
    """crop: px of 10 m. scale: of the labels, SCALE or 1 (the majority of each pixel of 10 m)."""

    steps: int = 1000
    batch: int = 4
    crop: int = 64
    rate: float = 3e-3
    width: int = 32
    scale: int = SCALE


class Head(nn.Module):
    """Residual blocks at 10 m, then a convolution to all classes of all parts of a pixel (PixelShuffle), added to the
    enlarged scores: before any training its map is that of the enlarged scores, to the bit."""

    def __init__(self, inputs: int, classes: int, how: Training) -> None:
        super().__init__()
        width, self.scale = how.width, how.scale
        self.stem = nn.Conv2d(inputs, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
            )
            for _ in range(3)
        )
        self.last = nn.Conv2d(width, classes * self.scale**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, seen_BCHW: Tensor, logits_BKHW: Tensor) -> Tensor:
        hidden = self.stem(seen_BCHW)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return enlarged(logits_BKHW, scale=self.scale) + F.pixel_shuffle(self.last(F.relu(hidden)), self.scale)


def enlarged(value_BKHW: Tensor, mode: str = "bilinear", scale: int = SCALE) -> Tensor:
    if scale == 1:
        return value_BKHW
    corners = {} if mode == "nearest" else {"align_corners": False}
    return F.interpolate(value_BKHW, scale_factor=scale, mode=mode, **corners)


def seen(place: Place) -> Tensor:
    return torch.cat([place.image_CHW, place.probability_KHW, place.feature_FHW])


def new_head(place: Place, how: Training) -> Head:
    return Head(len(seen(place)), len(place.probability_KHW), how)


def train(places: Sequence[Place], seed: int, how: Training, tell: Callable[[int, float], None]) -> Head:
    """tell: gets the steps done and the mean loss since the last time, every 100 steps."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    seen_P = [seen(place) for place in places]
    head = new_head(places[0], how)
    optimiser = torch.optim.AdamW(head.parameters(), how.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / how.steps))
    )
    losses: list[float] = []
    for step in range(1, how.steps + 1):
        batch = [_crop(places, seen_P, chance, how) for _ in range(how.batch)]
        seen_B, logits_B, index_B = (torch.stack(parts) for parts in zip(*batch, strict=True))
        loss = F.cross_entropy(head(seen_B, logits_B), index_B)
        if not loss.isfinite():
            raise ArithmeticError(f"the loss of step {step} is {float(loss)}")
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if len(losses) == 100:
            tell(step, sum(losses) / 100)
            losses.clear()
    return head


def _crop(
    places: Sequence[Place], seen_P: Sequence[Tensor], chance: torch.Generator, how: Training
) -> tuple[Tensor, Tensor, Tensor]:
    """A random crop, turned and flipped at random."""

    def draw(limit: int) -> int:
        return int(torch.randint(limit, (), generator=chance))

    number, side = draw(len(places)), how.crop
    height, width = seen_P[number].shape[-2:]
    y, x, turns, flip = draw(height - side + 1), draw(width - side + 1), draw(4), draw(2)
    parts = []
    index = places[number].coarse_HW if how.scale == 1 else places[number].index_YX
    for value, scale in ((seen_P[number], 1), (places[number].logits_KHW, 1), (index, how.scale)):
        cut = value[..., y * scale : (y + side) * scale, x * scale : (x + side) * scale]
        turned = torch.rot90(cut, turns, (-2, -1))
        parts.append(turned.flip(-1) if flip else turned)
    return parts[0], parts[1], parts[2]


@torch.inference_mode()
def answer(head: Head, place: Place, mode: str = "bilinear") -> Tensor:
    """KYX class probabilities at 2.5 m of a whole place; mode: how scores of a head of scale 1 are enlarged."""
    logits_BKHW = head(seen(place)[None], place.logits_KHW[None])
    return enlarged(logits_BKHW, mode, SCALE // head.scale)[0].softmax(0)
