"""What a user would pick in place of a change network: change vectors, two maps compared, a siamese U-Net."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr import IDGBRPipeline
from pipeline.training.change_set import ChangePair

BINS = 256


def change_vectors(pair: ChangePair, blank: float | None) -> np.ndarray:
    """1 where the length of the change vector exceeds Otsu's threshold of its pair, NaN without data: every band of
    every date has mean 0 and deviation 1 first (Malila 1980; Otsu 1979)."""
    before_CHW, after_CHW, _ = pair
    empty_HW = np.zeros(before_CHW.shape[1:], bool)
    if blank is not None:
        empty_HW = (before_CHW == blank).all(axis=0) | (after_CHW == blank).all(axis=0)
    length_HW = np.sqrt(np.square(_standard(after_CHW, empty_HW) - _standard(before_CHW, empty_HW)).sum(axis=0))
    found_HW = (length_HW > otsu(length_HW[~empty_HW])).astype(np.float32)
    return np.where(empty_HW, np.float32(np.nan), found_HW)


def otsu(value_N: np.ndarray) -> float:
    """The threshold that parts a histogram of 256 bins into two groups of the largest variance between them."""
    count_B, edge_B = np.histogram(value_N, BINS)
    centre_B = (edge_B[:-1] + edge_B[1:]) / 2
    low_B = np.cumsum(count_B)[:-1].astype(float)
    high_B = count_B.sum() - low_B
    sum_B = np.cumsum(count_B * centre_B)
    with np.errstate(divide="ignore", invalid="ignore"):
        between_B = low_B * high_B * (sum_B[:-1] / low_B - (sum_B[-1] - sum_B[:-1]) / high_B) ** 2
    return float(edge_B[1:-1][np.nanargmax(between_B)])


def compare_maps(model: IDGBRPipeline, pair: ChangePair) -> np.ndarray:
    """1 where the maps of both dates by a shipped model differ, NaN where one has no class."""
    before_HW, after_HW = (model(image_CHW[None])[0][0] for image_CHW in pair[:2])
    unknown_HW = (before_HW == model.settings.no_label) | (after_HW == model.settings.no_label)
    return np.where(unknown_HW, np.float32(np.nan), (before_HW != after_HW).astype(np.float32))


class SiameseUNet(nn.Module):
    """FC-Siam-diff (Daudt et al. 2018): one encoder for both dates, skips that are absolute differences."""

    def __init__(self, bands: int, widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        self.down = nn.ModuleList(_block(*pair) for pair in pairwise((bands, *widths)))
        up = list(reversed(widths))
        self.rise = nn.ModuleList(nn.ConvTranspose2d(*pair, 2, 2) for pair in pairwise(up))
        self.join = nn.ModuleList(_block(2 * width, width) for width in up[1:])
        self.logit = nn.Conv2d(widths[0], 1, 1)

    def forward(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """B1HW logit; sides are multiples of 8."""
        difference = []
        for level, down in enumerate(self.down):
            if level:
                before_BCHW, after_BCHW = F.max_pool2d(before_BCHW, 2), F.max_pool2d(after_BCHW, 2)
            before_BCHW, after_BCHW = down(before_BCHW), down(after_BCHW)
            difference.append((before_BCHW - after_BCHW).abs())
        x_BCHW = difference.pop()
        for rise, join in zip(self.rise, self.join, strict=True):
            x_BCHW = join(torch.cat([rise(x_BCHW), difference.pop()], 1))
        return self.logit(x_BCHW)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (inputs, outputs):
        layers += [nn.Conv2d(width, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _standard(image_CHW: np.ndarray, empty_HW: np.ndarray) -> np.ndarray:
    known_CN = image_CHW[:, ~empty_HW].astype(np.float64)
    mean_C, std_C = known_CN.mean(axis=1), known_CN.std(axis=1) + 1e-9
    return (image_CHW - mean_C[:, None, None]) / std_C[:, None, None]
