"""Clouds, their shadows and haze over a region on one day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalogs.simulated.noise import Bounds, Field, smooth_field

DRIFT_METRES = 4000.0
SOFT = 0.30


@dataclass(frozen=True)
class Sky:
    """Cloud thickness (the edge is at 0), cloud height in metres, haze, light, and the sun's position in degrees."""

    thickness: Field
    height: float
    haze: Field
    light: Field
    gain: float
    sun_azimuth: float
    sun_elevation: float

    def opacity(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
        """Opacity of the clouds seen from above at (x, y): 0 clear, 1 opaque, with a soft rim."""
        rise = np.clip(self.thickness.at(x, y) / SOFT, 0, 1)
        return rise * rise * (3 - 2 * rise)

    def shade(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
        """Opacity of the clouds between (x, y) and the sun; grid north is taken for north."""
        away = self.height / np.tan(np.radians(self.sun_elevation))
        azimuth = np.radians(self.sun_azimuth)
        return self.opacity(x + away * np.sin(azimuth), y + away * np.cos(azimuth))


def sky(rng: np.random.Generator, bounds: Bounds, cloudiness: float, sun: tuple[float, float]) -> Sky:
    """A sky with clouds over the share `cloudiness` of `bounds`; `sun` is its azimuth and elevation."""
    west, south, east, north = bounds
    wide = west - DRIFT_METRES, south - DRIFT_METRES, east + DRIFT_METRES, north + DRIFT_METRES
    noise = smooth_field(rng, wide, rng.uniform(450, 850), octaves=5, persistence=0.6)
    inside = np.clip(int(DRIFT_METRES / noise.spacing), 1, min(noise.value_YX.shape) // 3)
    edge = np.quantile(noise.value_YX[inside:-inside, inside:-inside], 1 - cloudiness)
    thickness = Field(noise.value_YX - np.float32(edge), noise.west, noise.north, noise.spacing)
    return Sky(
        thickness=thickness,
        height=float(rng.uniform(900, 1900)),
        haze=smooth_field(rng, wide, 3000.0),
        light=smooth_field(rng, wide, 4000.0),
        gain=float(rng.normal(1, 0.03)),
        sun_azimuth=sun[0],
        sun_elevation=sun[1],
    )
