"""Questions of an update about four blocks in a row."""

from datetime import date

import numpy as np

from pipeline.change.questions import Questions, Reference
from pipeline.config.sections import ChangeSettings


def questions(**changes):
    """Four blocks in a row, all asked; mosaics 1 are in the cube, 2 are wanted."""
    ones = np.ones((1, 4), np.uint64)
    known = {
        "id": "a1",
        "reference": Reference("V", 0, date(2024, 5, 1), carries=False),
        "settings": ChangeSettings(model="any", threshold=0.5),
        "model_digest": "",
        "halo": 0,
        "screen_bytes": 0,
        "inputs": "",
        "wanted_mosaic_YX": 2 * ones,
        "wanted_landcover_YX": 2 * ones,
        "mosaic_YX": ones,
        "landcover_YX": ones,
        "screened_YX": 0 * ones,
        "run_YX": 0 * ones,
        "part_alerts_YXP": np.zeros((1, 4, 64), np.uint8),
        "part_alert_days_YXP": np.zeros((1, 4, 64), np.uint16),
        "going_YX": np.zeros((1, 4), np.uint8),
        "asked_YX": np.ones((1, 4), bool),
    }
    return Questions(**known | changes)
