"""Colours that lie over classes differ from all of theirs, and from each other, to everybody."""

import numpy as np
import pytest

from pipeline.analysis.colours import rgb
from pipeline.serve.colours import CHANGED, CONFIRMED, SAFE

WORLDCOVER = (
    "#006400", "#ffbb22", "#ffff4c", "#f096ff", "#fa0000", "#b4b4b4", "#f0f0f0", "#0064c8", "#0096a0", "#00cf75",
    "#fae6a0",
)  # fmt: skip
"""ESA WorldCover 2021, product user manual, table of classes."""
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
"""On linear sRGB: Machado, Oliveira, Fernandes 2009, table 1, severity 1."""
XYZ_OF_LINEAR = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]
WHITE = [0.95047, 1, 1.08883]
APART = 15
"""CIE 1976 colour difference; about 2 is just seen side by side."""


def lab(colour, eye):
    value = np.array(rgb(colour)) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = np.array(XYZ_OF_LINEAR) @ np.clip(np.array(EYES[eye]) @ linear, 0, 1) / WHITE
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("classes", [WORLDCOVER, SAFE], ids=["WorldCover", "safe"])
def test_refined_pixels_are_told_from_every_class_and_from_each_other(classes, eye):
    for over, others in ((CONFIRMED, (*classes, CHANGED)), (CHANGED, classes)):
        distances = {other: np.linalg.norm(lab(over, eye) - lab(other, eye)) for other in others}
        assert min(distances.values()) > APART, distances
