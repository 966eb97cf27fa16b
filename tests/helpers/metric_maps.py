"""Label maps that the metrics are checked on."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

CODES = (3, 1, 7)
SHAPE = (9, 11)
MAPS = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from((0, 1, 3, 7, 9)))
"""Maps of all codes, 0 (ignored) and 9, which is none of the codes."""
FULL = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from(CODES))
"""Maps in which every pixel has a class."""


def blobs(seed, size, codes=CODES):
    """A map of smooth regions, H x W."""
    from scipy import ndimage

    random = np.random.default_rng(seed)
    height_KHW = ndimage.gaussian_filter(random.normal(size=(len(codes), size, size)), (0, size / 16, size / 16))
    return np.array(codes, np.uint8)[height_KHW.argmax(0)]
