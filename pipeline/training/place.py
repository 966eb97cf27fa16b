"""Where an image lies on the ground, and whether an image and its label lie alike."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from rasterio import Affine

from pipeline.errors import UserError

NEAR = 0.1
"""Px by which the corners of an image and of its label may differ: what rounded coordinates make."""


@dataclass(frozen=True)
class Place:
    """Georeference of an image of `shape` (height, width). crs: WKT, "" where the file has none."""

    crs: str
    transform: Affine
    shape: tuple[int, int]

    @property
    def flips(self) -> tuple[bool, bool]:
        """Whether rows run from south to north, and columns from east to west; no flip of rotated images."""
        turned = bool(self.transform.b or self.transform.d)
        return not turned and self.transform.e > 0, not turned and self.transform.a < 0

    def north_up(self) -> "Place":
        """After the flips."""
        rows, columns = self.flips
        height, width = self.shape
        a, b, left, d, e, top = self.transform[:6]
        if columns:
            a, left = -a, left + a * width
        if rows:
            e, top = -e, top + e * height
        return replace(self, transform=Affine(a, b, left, d, e, top))

    @property
    def origin(self) -> tuple[int, int]:
        """Absolute (y, x) of the first pixel, north up, counted from the origin of the CRS as a map's grid counts; (0,
        0) for pixels that lie on no such grid."""
        a, b, left, d, e, top = self.north_up().transform[:6]
        if b or d or not np.isclose(a, -e, rtol=1e-6, atol=0):
            return 0, 0
        place_2 = np.array([top / e, left / a])
        pixel_2 = np.rint(place_2)
        on_grid = bool((np.abs(place_2 - pixel_2) <= NEAR).all() and (np.abs(pixel_2) < 2**31).all())
        return (int(pixel_2[0]), int(pixel_2[1])) if on_grid else (0, 0)

    def __str__(self) -> str:
        t = self.transform
        wide, tall = np.hypot(t.a, t.d), np.hypot(t.b, t.e)
        return f"{t.c:.10g}, {t.f:.10g} in {_name(self.crs)}, with pixels of {wide:g} x {tall:g}"


def _name(crs: str) -> str:
    try:
        return CRS(crs).name if crs else "no CRS"
    except CRSError:
        return "an unknown CRS"


def place_of(source: rasterio.DatasetReader) -> Place | None:
    """None for an image without georeference. Raises UserError for one that is none."""
    transform = source.transform
    if source.crs is None and transform.is_identity:
        return None
    if not np.isfinite(transform[:6]).all() or transform.determinant == 0:
        raise UserError(f"{source.name} has the georeference {tuple(transform[:6])}, which is none; write it again")
    return Place("" if source.crs is None else source.crs.to_wkt(), transform, source.shape)


def distance_px(image: Place, label: Place) -> float:
    """The largest distance between the corners of both, in pixels of the image; infinite where one cannot be told in
    the other's CRS. A file without CRS counts as of the other's."""
    corners_2N = np.array([[0, 1, 0, 1], [0, 0, 1, 1]])
    x, y = _apply(label.transform, *(corners_2N * np.array(label.shape[::-1])[:, None]))
    if image.crs and label.crs and image.crs != label.crs:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                x, y = Transformer.from_crs(label.crs, image.crs, always_xy=True).transform(x, y)
        except (CRSError, ProjError):
            return float("inf")
    if not np.isfinite([x, y]).all():
        return float("inf")
    pixel_2N = np.stack(_apply(~image.transform, x, y))
    return float(np.abs(pixel_2N - corners_2N * np.array(image.shape[::-1])[:, None]).max())


def _apply(t: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f
