"""Maps of 2.5 m from a map of 10 m and its probabilities, without training."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor

from finer import SCALE
from finer.head import enlarged
from finer.worlds import Place

SMOOTH_PX = 5
"""Side of the square whose most frequent class a pixel gets: odd, one pixel of 10 m and half of one around."""
SWAPS, NEAR_PX = 5, 2.0


def scores(place: Place, mode: str) -> Tensor:
    """KYX class probabilities: enlarged as they are (nearest), or from enlarged logarithms (bilinear, bicubic)."""
    if mode == "nearest":
        return enlarged(place.probability_KHW[None], mode)[0]
    return enlarged(place.logits_KHW[None], mode)[0].softmax(0)


def smoothed(index_YX: NDArray[np.intp], classes: int) -> NDArray[np.intp]:
    """The most frequent class of a square around each pixel."""
    share_KYX = [uniform_filter((index_YX == k).astype(np.float32), SMOOTH_PX) for k in range(classes)]
    return np.stack(share_KYX).argmax(0)


def swapped(place: Place) -> NDArray[np.intp]:
    """Pixel swapping (Atkinson 2005) for several classes: each pixel of 10 m holds every class as often as its
    probability says, where the neighbourhood has most of it; from enlarged probabilities on, SWAPS times."""
    probability_KHW = place.probability_KHW.numpy()
    count_KHW = shares(probability_KHW)
    index_YX = allotted(enlarged(place.probability_KHW[None])[0].numpy(), count_KHW)
    for _ in range(SWAPS):
        near_KYX = [gaussian_filter((index_YX == k).astype(np.float32), NEAR_PX) for k in range(len(count_KHW))]
        index_YX = allotted(np.stack(near_KYX), count_KHW)
    return index_YX


def shares(probability_KHW: NDArray[np.float32]) -> NDArray[np.intp]:
    """How many of the SCALE^2 parts of a pixel each class gets: largest remainders."""
    wanted_KHW = probability_KHW * SCALE**2
    count_KHW = np.floor(wanted_KHW).astype(np.intp)
    rank_KHW = np.argsort(np.argsort(count_KHW - wanted_KHW, axis=0, kind="stable"), axis=0)
    return count_KHW + (rank_KHW < SCALE**2 - count_KHW.sum(0))


def allotted(score_KYX: NDArray[np.float32], count_KHW: NDArray[np.intp]) -> NDArray[np.intp]:
    """Class indices YX: class after class, the rarest of a map first, takes its parts of each pixel where its score
    exceeds that of all others by most."""
    classes, height, width = count_KHW.shape
    parts_KHWS = score_KYX.reshape(classes, height, SCALE, width, SCALE).transpose(0, 1, 3, 2, 4)
    parts_KHWS = parts_KHWS.reshape(classes, height, width, SCALE**2)
    index_HWS = np.full(parts_KHWS.shape[1:], -1)
    for k in np.argsort(count_KHW.sum((1, 2))):
        rivals_HWS = np.delete(parts_KHWS, k, 0).max(0)
        lead_HWS = np.where(index_HWS < 0, parts_KHWS[k] - rivals_HWS, -np.inf)
        rank_HWS = np.argsort(np.argsort(-lead_HWS, axis=-1, kind="stable"), axis=-1)
        index_HWS[rank_HWS < count_KHW[k][..., None]] = k
    fine_HYWX = index_HWS.reshape(height, width, SCALE, SCALE).transpose(0, 2, 1, 3)
    return fine_HYWX.reshape(height * SCALE, width * SCALE)


def nearest(place: Place) -> NDArray[np.intp]:
    """The map of 10 m, each pixel repeated."""
    return _repeated(place.probability_KHW.argmax(0).numpy())


def bound(place: Place) -> NDArray[np.intp]:
    """The true majority of each pixel of 10 m, repeated: no map of 10 m has a higher overall accuracy."""
    return _repeated(place.coarse_HW.numpy())


def _repeated(index_HW: NDArray[np.intp]) -> NDArray[np.intp]:
    return index_HW.repeat(SCALE, 0).repeat(SCALE, 1)
