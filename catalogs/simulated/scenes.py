"""Images of one tile on one day from a Sentinel-2-like sensor: four bands and a scene classification."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from catalogs.simulated.clouds import Sky, sky
from catalogs.simulated.landscape import Landscape
from catalogs.simulated.noise import Bounds, Field, stream
from catalogs.simulated.overpass import Overpass, sun_position
from catalogs.simulated.spectra import BANDS, patch_reflectance, patch_texture
from catalogs.simulated.view import View

SCL_METRES = 20
SCL_NODATA, SHADOW, VEGETATION, BARE_GROUND, WATER, CLOUD_MEDIUM, CLOUD_HIGH = 0, 3, 4, 5, 6, 8, 9
POINT_SPREAD_PIXELS = 0.55
SWATH_TILT = np.tan(np.radians(14.0))
VEIL_B = np.array([140, 95, 65, 30], np.float32)
SHADOW_B = np.array([0.48, 0.56, 0.60, 0.64], np.float32)
CLOUD_B = np.array([4700, 4600, 4550, 4900], np.float32)
CLOUD_SEEN = 0.10


@dataclass(frozen=True)
class Conditions:
    """A pass, its sky, and each patch's reflectance x 10000 in the four bands and texture on that day."""

    overpass: Overpass
    sky: Sky
    colour_PC: NDArray[np.float32]


@dataclass(frozen=True)
class Exposure:
    """Digital numbers (uint16, 0 no data), SCL classes at 20 m, and the share of valid pixels truly under cloud."""

    number_BHW: NDArray[np.uint16]
    scl_HW: NDArray[np.uint8]
    cloud_share: float


def conditions(seed: int, land: Landscape, overpass: Overpass, longitude: float, latitude: float) -> Conditions:
    """The sky and the ground that a pass meets over a landscape near (`longitude`, `latitude`)."""
    sun = sun_position(overpass.start, longitude, latitude)
    above = sky(stream(seed, "sky", overpass.day, overpass.platform), land.bounds, overpass.cloudiness, sun)
    first = len(land.class_of_patch) - land.later
    colour_PB = np.concatenate(
        [
            patch_reflectance(seed, code_P, overpass.start.date(), layer, land.season)
            for layer, code_P in (("patches", land.class_of_patch[:first]), ("history", land.class_of_patch[first:]))
        ]
    )
    texture_P1 = patch_texture(land.class_of_patch)[:, None]
    return Conditions(overpass, above, np.concatenate([colour_PB, texture_P1], axis=1))


def expose(seed: int, view: View, conditions: Conditions, bounds: Bounds) -> Exposure:
    """What the sensor sees: mixed pixels, texture, point spread, light, shadow, cloud, haze and noise, in that order.

    `bounds` (EPSG:3035) is the region that the pass' `swath_edge` refers to.
    """
    overpass, above = conditions.overpass, conditions.sky
    rng = stream(seed, "sensor", overpass.day, overpass.platform, view.tile.name)
    height, width = view.tile.shape
    mixed_NC = view.mix @ conditions.colour_PC
    *ground_BHW, rough_HW = np.ascontiguousarray(mixed_NC.T).reshape(-1, height, width)
    opacity_HW, shade_HW = above.opacity(view.x_HW, view.y_HW), above.shade(view.x_HW, view.y_HW)
    valid_HW = in_swath(view.x_HW, view.y_HW, overpass, bounds)
    cloud_HW, shadow_HW = _finer(opacity_HW), _finer(shade_HW)
    light_HW = above.gain * view.drift_HW * _finer(1 + 0.02 * above.light.at(view.x_HW, view.y_HW))
    haze_HW = _finer(np.clip(1 + 0.4 * above.haze.at(view.x_HW, view.y_HW), 0.1, None))
    billow_HW = _finer(1 + 0.55 * np.clip(above.thickness.at(view.x_HW, view.y_HW), 0, 1.2))
    missing_HW = ~_doubled(valid_HW)

    clear_BHW = np.empty((len(BANDS), height, width), np.float32)
    number_BHW = np.empty(clear_BHW.shape, np.uint16)
    for band in range(len(BANDS)):
        textured_HW = 0.4 * rng.standard_normal((height, width), dtype=np.float32)
        textured_HW += view.texture_HW
        textured_HW *= rough_HW
        np.clip(textured_HW, -0.7, 1.5, out=textured_HW)
        textured_HW += 1
        textured_HW *= ground_BHW[band]
        np.multiply(light_HW, gaussian_filter(textured_HW, POINT_SPREAD_PIXELS), out=clear_BHW[band])
        lit_HW = 1 - SHADOW_B[band] * shadow_HW
        lit_HW *= clear_BHW[band]
        seen_HW = CLOUD_B[band] * billow_HW
        seen_HW -= lit_HW
        seen_HW *= cloud_HW
        seen_HW += lit_HW
        seen_HW += VEIL_B[band] * haze_HW
        noise_HW = 0.008 * seen_HW
        noise_HW += 8
        noise_HW *= rng.standard_normal((height, width), dtype=np.float32)
        seen_HW += noise_HW
        number_BHW[band] = np.clip(np.rint(seen_HW, out=seen_HW) + overpass.offset, 1, 2**15 - 1)
        number_BHW[band][missing_HW] = 0
    return Exposure(
        number_BHW,
        _classify(_halved(clear_BHW), opacity_HW, shade_HW, valid_HW),
        float((opacity_HW[valid_HW] > CLOUD_SEEN).mean()) if valid_HW.any() else 0.0,
    )


def in_swath(x: NDArray[np.float64], y: NDArray[np.float64], overpass: Overpass, bounds: Bounds) -> NDArray[np.bool_]:
    """Whether places (EPSG:3035) lie west of the pass' slanting eastern edge."""
    if overpass.swath_edge is None:
        return np.ones(np.shape(x), bool)
    west, south, east, north = bounds
    return x - west - overpass.swath_edge * (east - west) < SWATH_TILT * (y - (south + north) / 2)


def _classify(
    clear_BHW: NDArray[np.float32],
    opacity_HW: NDArray[np.float32],
    shade_HW: NDArray[np.float32],
    valid_HW: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """The scene classification at 20 m, as imperfect as the real one: it misses the thin rims of clouds and shadows."""
    red_HW, nir_HW = clear_BHW[2], clear_BHW[3]
    greenness_HW = (nir_HW - red_HW) / (nir_HW + red_HW)
    ground_HW = np.select([nir_HW < 800, greenness_HW > 0.45], [WATER, VEGETATION], BARE_GROUND)
    scl_HW = np.select(
        [~valid_HW, opacity_HW > 0.75, opacity_HW > 0.4, shade_HW > 0.45],
        [SCL_NODATA, CLOUD_HIGH, CLOUD_MEDIUM, SHADOW],
        ground_HW,
    )
    return scl_HW.astype(np.uint8)


def _finer(value_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values at 20 m, interpolated to 10 m."""
    height, width = value_HW.shape
    field = Field(value_HW, 10.0, -10.0, 20.0)
    return field.on(5 + 10.0 * np.arange(2 * width), -5 - 10.0 * np.arange(2 * height))


def _doubled(value_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return value_HW.repeat(2, axis=0).repeat(2, axis=1)


def _halved(value_BHW: NDArray[np.float32]) -> NDArray[np.float32]:
    upper_BHW = value_BHW[:, ::2, ::2] + value_BHW[:, ::2, 1::2]
    sum_BHW: NDArray[np.float32] = upper_BHW + (value_BHW[:, 1::2, ::2] + value_BHW[:, 1::2, 1::2])
    return sum_BHW / np.float32(4)
