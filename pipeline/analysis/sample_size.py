"""How many units a stratified random sample needs, and how many of them each stratum gets."""

import math
from typing import Literal

import numpy as np

Allocation = Literal["equal", "proportional", "neyman"]


def sample_size(size_S: np.ndarray, users_S: np.ndarray, standard_error: float) -> int:
    """Units for a standard error of the overall accuracy, where `users_S` are the user's accuracies to expect.

    size_S: units of each stratum. Cochran (1977) equation 5.25, which Olofsson et al. (2014) have as equation 13.
    """
    share_S = size_S / size_S.sum()
    deviation_S = np.sqrt(users_S * (1 - users_S))
    variance = standard_error**2 + (share_S * deviation_S**2).sum() / size_S.sum()
    return max(math.ceil((share_S * deviation_S).sum() ** 2 / variance), 1)


def allocate(size_S: np.ndarray, units: int, how: Allocation, users_S: np.ndarray, minimum: int) -> np.ndarray:
    """Units of each stratum, rounded, int64: as many in each, by its size, or by size x standard deviation (Neyman).

    A stratum of fewer than `minimum` units gets that many, and the others share the rest; none gets more units than
    it has. So the sum may differ from `units` by rounding, and is larger where the minimum asks for more.
    """
    weight_S = {
        "equal": np.ones(len(size_S)),
        "proportional": size_S.astype(np.float64),
        "neyman": size_S * np.sqrt(users_S * (1 - users_S)),
    }[how] * (size_S > 0)
    least_S = np.minimum(minimum, size_S)
    at_least_S = np.zeros(len(size_S), bool)
    while True:
        rest = max(units - least_S[at_least_S].sum(), 0)
        weight = weight_S[~at_least_S].sum()
        unit_S = np.where(at_least_S, least_S, rest * weight_S / weight if weight else 0)
        below_S = ~at_least_S & (np.rint(unit_S) < least_S)
        if not below_S.any():
            return np.minimum(np.rint(unit_S), size_S).astype(np.int64)
        at_least_S |= below_S
