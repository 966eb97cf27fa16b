"""Whether an image has the units that a model was trained on."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from idgbr.errors import InputError
from idgbr.no_data import missing
from idgbr.settings import Settings

FAR = 30.0
"""Times that all bands together may be larger or smaller than in training. Open water and clouds stay below 10 with the
shipped model; reflectance of 0..1 in place of 0..10,000 is beyond it."""
SAMPLES = 512
"""Px a side that are looked at."""


def check_scale(image_BCHW: Tensor, settings: Settings) -> None:
    """InputError if an image's numbers are FAR from those that the model was trained on.

    Compared is, by band, the median magnitude of the pixels with data with the larger of the magnitude of the mean and
    the standard deviation in training; of the quotients the geometric mean. Bands whose median is 0 tell nothing.
    """
    steps = [-(-side // SAMPLES) for side in image_BCHW.shape[2:]]
    sample_BCHW = image_BCHW[:, :, :: steps[0], :: steps[1]]
    seen_BHW = ~missing(sample_BCHW, settings.blank)[:, 0].cpu().numpy()
    if not seen_BHW.any():
        return
    bands_CBHW = sample_BCHW.double().cpu().numpy().swapaxes(0, 1)
    typical_C = np.array([np.median(np.abs(band_BHW[seen_BHW])) for band_BHW in bands_CBHW])
    trained_C = np.maximum(np.abs(settings.mean), settings.std)
    telling_C = typical_C > 0
    if not telling_C.any():
        return
    quotient = float(np.exp(np.log(typical_C[telling_C] / trained_C[telling_C]).mean()))
    if 1 / FAR <= quotient <= FAR:
        return
    times, way = (1 / quotient, "smaller") if quotient < 1 else (quotient, "larger")
    raise InputError(
        f"the image's numbers are about {times:,.0f} times {way} than those that the model was trained on (medians "
        f"{_listed(typical_C)}, in training means {_listed(np.array(settings.mean))} of {', '.join(settings.bands)}); "
        "bring them to its units, as reflectance of 0..1 times 10,000"
    )


def _listed(number_C: np.ndarray) -> str:
    return ", ".join(f"{number:.4g}" for number in number_C)
