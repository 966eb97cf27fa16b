"""Representation alignment: early in training, features of a network are drawn to those of a frozen teacher.

After arXiv 2410.06940, as used in arXiv 2507.01573. The teacher itself never runs here: its tokens come precomputed, a
float tensor tokens_hwC per image; token (i, j) describes the image's cell (i, j) of a regular h x w grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.errors import InputError

WEIGHT = 0.5
"""Weight of the alignment loss in arXiv 2507.01573."""
STEPS = 200
"""Steps it lasts there, of 80,000."""
EMPTY = 1e-6


class Alignment(nn.Module):
    """Projects a network's features to a teacher's: a perceptron over channels with SiLU between its three layers.

    It is trained along (give `optimise` both in one nn.ModuleDict) and thrown away.
    """

    def __init__(self, student_channels: int, teacher_channels: int, hidden: int = 2048) -> None:
        super().__init__()
        channels = (student_channels, hidden, hidden, teacher_channels)
        layers = [nn.Linear(narrow, wide) for narrow, wide in pairwise(channels)]
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.layers = nn.Sequential(layers[0], nn.SiLU(), layers[1], nn.SiLU(), layers[2])

    def loss(self, student_BCHW: Tensor, tokens_BhwC: Tensor) -> Tensor:
        """Minus the mean cosine of the projected features, resized bilinearly to the token grid, and the tokens.

        Tokens of length 0 do not count; -1 is perfect, 0 if no token counts.
        """
        projected_BCHW = self.layers(student_BCHW.movedim(1, -1)).movedim(-1, 1).float()
        resized_BChw = F.interpolate(projected_BCHW, tokens_BhwC.shape[1:3], mode="bilinear", align_corners=False)
        cosine_Bhw = F.cosine_similarity(resized_BChw.movedim(1, -1), tokens_BhwC, dim=-1)
        counted_Bhw = tokens_BhwC.norm(dim=-1) >= EMPTY
        return -(cosine_Bhw * counted_Bhw).sum() / counted_Bhw.sum().clamp_min(1)


def weight(step: int, steps: int = STEPS) -> float:
    """Of the alignment loss: it ends after `steps`."""
    return WEIGHT if step <= steps else 0.0


class PixelPositions(Sequence[NDArray[np.float32]]):
    """Extra arrays for `data.Crops` with the position of a crop's pixels: image number, y and x in 0..1 (3HW).

    A `Crops` of the same pairs, seed and augmentation with these extras draws the same crops, so its third array is
    the positions of theirs.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]]) -> None:
        self._sizes = sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, number: int) -> NDArray[np.float32]:  # type: ignore[override]
        height, width = self._sizes[number]
        position_3HW = np.empty((3, height, width), np.float32)
        position_3HW[0] = number
        position_3HW[1] = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
        position_3HW[2] = (np.arange(width, dtype=np.float32) + 0.5) / width
        return position_3HW


def tokens_at(tokens: Sequence[Tensor], position_B3HW: NDArray[np.float32], grid: int) -> Tensor:
    """tokens_BhwC, float32: the images' tokens at the centres of a grid x grid lattice over each crop, bilinear."""
    side = position_B3HW.shape[-1]
    if not 1 <= grid <= side:
        raise InputError(f"the token grid of a crop of {side} px must be in 1..{side}, not {grid}")
    lattice_B3hw = F.interpolate(torch.from_numpy(position_B3HW), (grid, grid), mode="bilinear", align_corners=False)
    answers = []
    for position_3hw, number in zip(lattice_B3hw, position_B3HW[:, 0, 0, 0], strict=True):
        xy_1hw2 = 2 * position_3hw[[2, 1]].movedim(0, -1)[None] - 1
        token_1Chw = tokens[int(number)].float().movedim(-1, 0)[None]
        answer_1Chw = F.grid_sample(token_1Chw, xy_1hw2, mode="bilinear", padding_mode="border", align_corners=False)
        answers.append(answer_1Chw[0].movedim(0, -1))
    return torch.stack(answers)
