"""`coding.py`, `level.py` and `read.py` on rasters as they come: each is read as a float64 reference says, to one
stored number, or refused in one sentence."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import rasterio
import shapely
from made_rasters import SQUARE, scene
from pyproj import Transformer
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from scipy.ndimage import zoom

from catalogs import Asset, MaskRule
from catalogs.items.provider import REFLECTANCE, Unit
from pipeline.geometry.grid import Window
from pipeline.mosaic.fuse import ViewParams, view_pass
from pipeline.mosaic.sample_cache import SampleCache
from pipeline.mosaic.view import UNSEEN
from pipeline.raster.level import Raster
from pipeline.scenes.passes import Pass

SHAPE = 90, 70
NORTH_UP = Affine(10, 0, 500_003, 0, -10, 5_300_004)
WINDOW = Window(-530_040, 49_970, -529_880, 50_130)
ALL = np.ones(SHAPE, bool)
HOLE = ALL.copy()
HOLE[30:45, 20:40] = False
METRES = Unit("metres above the sea", 0.5, -500)


def smooth(low, high, dtype):
    """A raster between two values whose neighbours differ by far more than one stored number."""
    coarse = np.random.default_rng(1).uniform(low, high, (12, 10))
    values = zoom(coarse, (SHAPE[0] / 12, SHAPE[1] / 10), order=1, grid_mode=True, mode="nearest").clip(low, high)
    return values.astype(dtype)


@dataclass
class Case:
    """A file, what its asset says of it, and where it has data; `says`: the sentence that refuses it."""

    dn: np.ndarray
    data: np.ndarray = field(default_factory=lambda: ALL)
    file: dict = field(default_factory=dict)
    asset: dict = field(default_factory=dict)
    tags: tuple = ()
    says: str | None = None

    @property
    def transform(self):
        return self.file.get("transform", NORTH_UP)

    @property
    def crs(self):
        return self.file.get("crs", "EPSG:32633")


def holed(dn, nodata):
    return np.where(HOLE, dn, nodata).astype(dn.dtype)


U16, U8, I16 = smooth(200, 9_000, "uint16"), smooth(0, 250, "uint8"), smooth(-2_000, 9_000, "int16")
REAL = smooth(0.01, 0.9, "float32")
PHOTO = {"scale": 1.0, "unit": Unit("grey value", 1, -1)}
BARE = {"scale": 1.0}
TURNED = NORTH_UP @ Affine.rotation(20)

OWN_CRS = "+proj=laea +lat_0=47.85 +lon_0=15.0047 +ellps=GRS80 +units=m"
FEET_CRS = "+proj=tmerc +lat_0=47.85 +lon_0=15.0047 +datum=WGS84 +units=us-ft"
GCPS = [
    GroundControlPoint(row, col, 500_003 + 10 * col, 5_300_004 - 10 * row) for row, col in ((0, 0), (90, 0), (0, 70))
]

CASES = {
    "uint16, 0 is no data": Case(holed(U16, 0), HOLE, asset={"nodata": 0.0}),
    "uint16, 0 is data": Case(smooth(0, 9_000, "uint16") // 4 * 4),
    "uint16, 65535 is no data and 0 is data": Case(holed(U16, 65_535), HOLE, {"nodata": 65_535}, {"nodata": 65_535.0}),
    "uint8, 0 is data": Case(U8, asset=PHOTO),
    "uint8, 255 is no data": Case(holed(U8, 255), HOLE, asset=PHOTO | {"nodata": 255.0}),
    "int8": Case(smooth(-128, 127, "int8"), asset={"scale": 0.005, "unit": Unit("index", 0.0001, -1)}),
    "int16, -9999 by item and file": Case(holed(I16, -9_999), HOLE, {"nodata": -9_999}, {"nodata": -9_999.0}),
    "int16, -9999 by the item alone": Case(holed(I16, -9_999), HOLE, asset={"nodata": -9_999.0}),
    "int16, -9999 by the file alone": Case(holed(I16, -9_999), HOLE, {"nodata": -9_999}),
    "int32, negative nodata": Case(holed(I16.astype("int32"), -(2**31)), HOLE, {"nodata": -(2**31)}),
    "uint32": Case(U16.astype("uint32") * 1_000, asset={"scale": 1e-7}),
    "int64": Case(U16.astype("int64")),
    "float32, NaN is no data": Case(holed(REAL, np.nan), HOLE, {"nodata": np.nan}, BARE),
    "float32, NaN without a tag": Case(holed(REAL, np.nan), HOLE, asset=BARE),
    "float32, -9999 is no data": Case(holed(REAL, -9_999), HOLE, {"nodata": -9_999}, BARE | {"nodata": -9_999.0}),
    "float64, infinite": Case(holed(REAL.astype("float64"), np.inf), HOLE, asset=BARE),
    "float32, heights below the sea": Case(smooth(-400, 3_000, "float32"), asset={"scale": 1.0, "unit": METRES}),
    "south-up": Case(U16, file={"transform": Affine(10, 0, 500_003, 0, 10, 5_299_104)}),
    "mirrored": Case(U16, file={"transform": Affine(-10, 0, 500_703, 0, -10, 5_300_004)}),
    "rotated by 20 degrees": Case(holed(U16, 0), HOLE, {"transform": TURNED}, {"nodata": 0.0}),
    "rotated by 90 degrees": Case(U16, file={"transform": NORTH_UP @ Affine.rotation(90)}),
    "rotated and south-up": Case(U16, file={"transform": TURNED @ Affine.scale(1, -1)}),
    "sheared": Case(U16, file={"transform": NORTH_UP @ Affine.shear(15, 5)}),
    "pixels of 10 x 20 m": Case(U16, file={"transform": Affine(10, 0, 500_003, 0, -20, 5_300_404)}),
    "pixels of 21 x 7 m": Case(U16, file={"transform": Affine(21, 0, 500_003, 0, -7, 5_300_004)}),
    "pixels of 10 x 20 m, rotated": Case(U16, file={"transform": TURNED @ Affine.scale(1, 2)}),
    "degrees": Case(U16, file={"crs": "EPSG:4326", "transform": Affine(1.4e-4, 0, 15, 0, -9e-5, 47.8538)}),
    "a CRS without a code": Case(U16, file={"crs": OWN_CRS, "transform": Affine(10, 0, -353, 0, -10, 455)}),
    "a CRS with heights": Case(U16, file={"crs": "EPSG:32633+5773"}),
    "feet": Case(U16, file={"crs": FEET_CRS, "transform": Affine(33, 0, -1_158, 0, -33, 1_493)}),
    "Web Mercator": Case(U16, file={"crs": "EPSG:3857", "transform": Affine(15, 0, 1_669_270, 0, -15, 6_083_640)}),
    "12 of 16 bits": Case(smooth(200, 4_000, "uint16"), file={"NBITS": 12}),
    "JPEG 2000": Case(U16, file={"driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES", "YCBCR420": "NO"}),
    "no data beyond the type": Case(U16, asset={"nodata": -9_999.0}),
    "mask in the file": Case(U16, HOLE, {"mask": "internal"}),
    "mask beside the file": Case(U16, HOLE, {"mask": "beside"}),
    "alpha": Case(U8, HOLE, {"count": 4, "alpha": True}, PHOTO | {"band": 2}),
    "band 3 of 3, by pixel": Case(U16, file={"count": 3, "interleave": "pixel"}, asset={"band": 3}),
    "a valid range": Case(holed(U16, 12_000), HOLE, asset={"valid": (1, 10_000)}),
    "tags that agree": Case(U16, tags=(0.0001, 0.0)),
    "big-endian strips": Case(U16, file={"ENDIANNESS": "BIG", "tiled": False}),
    "tags that contradict": Case(U16, tags=(0.0002, 0.0), says="declares scale 0.0002, but its item says 0.0001"),
    "palette": Case(U8, file={"palette": True}, asset=PHOTO, says="holds indices of a palette, which are no values of"),
    "no CRS": Case(U16, file={"crs": None}, says="names no CRS"),
    "ground control points": Case(
        U16, file={"transform": Affine.identity(), "gcps": GCPS}, says="ground control points alone"
    ),
    "no georeference": Case(U16, file={"transform": Affine.identity()}, says="no georeference"),
    "pixels without area": Case(U16, file={"transform": Affine(10, 0, 500_003, 20, 0, 0)}, says="no georeference"),
    "complex": Case(U16.astype("complex64"), says="must hold real numbers"),
    "a band that is not there": Case(U16, asset={"band": 2}, says="has 1 bands, but band 2"),
    "which of three bands": Case(U16, file={"count": 3}, says="name its band in the provider"),
}


def written(path, case):
    """The file of a case: its band holds the values, every other band other ones."""
    options = dict(case.file)
    mask, alpha, palette = (options.pop(name, None) for name in ("mask", "alpha", "palette"))
    count, band = options.get("count", 1), case.asset.get("band") or 1
    profile = {"driver": "GTiff", "height": SHAPE[0], "width": SHAPE[1], "count": 1, "dtype": case.dn.dtype}
    profile |= {"crs": case.crs, "transform": case.transform, **options}
    if palette:
        profile["photometric"] = "palette"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=mask == "internal"), rasterio.open(path, "w", **profile) as target:
        for number in range(1, count + 1):
            target.write(case.dn if number == min(band, count) else case.dn // 2, number)
        if alpha:
            target.colorinterp = [*([ColorInterp.red, ColorInterp.green, ColorInterp.blue]), ColorInterp.alpha]
            target.write(np.where(case.data, 255, 0).astype(case.dn.dtype), 4)
        if palette:
            target.write_colormap(1, {code: (code, 0, 0, 255) for code in range(256)})
        if mask:
            target.write_mask(np.where(case.data, 255, 0).astype(np.uint8))
        if case.tags:
            target.scales, target.offsets = case.tags[:1], case.tags[1:]
    return str(path)


def outline(case):
    corners = [case.transform @ (col, row) for col, row in ((0, 0), (SHAPE[1], 0), SHAPE[::-1], (0, SHAPE[0]))]
    to_grid = Transformer.from_crs(case.crs or "EPSG:32633", SQUARE.crs, always_xy=True)
    x, y = to_grid.transform(*zip(*corners, strict=True))
    to_lonlat = Transformer.from_crs(SQUARE.crs, "EPSG:4326", always_xy=True)
    grown = shapely.Polygon(zip(x, y, strict=True)).convex_hull.buffer(100)
    return shapely.transform(grown, lambda xy: np.stack(to_lonlat.transform(*xy.T), 1))


def reference(case):
    """Stored numbers by bilinear interpolation in float64 with pyproj at every pixel; NaN where there is no data, and
    the weight that has data."""
    facts = {"scale": 0.0001, "offset": 0.0, "unit": REFLECTANCE} | case.asset
    value_HW = case.dn.astype(np.float64) * facts["scale"] + facts["offset"]
    rows, cols = np.mgrid[WINDOW.y0 : WINDOW.y1, WINDOW.x0 : WINDOW.x1]
    to_raster = Transformer.from_crs(SQUARE.crs, case.crs, always_xy=True)
    x, y = to_raster.transform((cols + 0.5) * SQUARE.resolution, -(rows + 0.5) * SQUARE.resolution)
    t = ~case.transform
    col, row = t.a * x + t.b * y + t.c - 0.5, t.d * x + t.e * y + t.f - 0.5
    top, left = np.floor(row).astype(int), np.floor(col).astype(int)
    total, weight = np.zeros(col.shape), np.zeros(col.shape)
    for dy in (0, 1):
        for dx in (0, 1):
            share = (1 - abs(row - top - dy)) * (1 - abs(col - left - dx))
            r, c = top + dy, left + dx
            inside = (r >= 0) & (r < SHAPE[0]) & (c >= 0) & (c < SHAPE[1])
            r, c = r.clip(0, SHAPE[0] - 1), c.clip(0, SHAPE[1] - 1)
            share = share * (inside & case.data[r, c])
            total += np.where(share > 0, np.where(np.isfinite(value_HW), value_HW, 0)[r, c] * share, 0)
            weight += share
    with np.errstate(invalid="ignore", divide="ignore"):
        stored = (total / weight - facts["unit"].offset) / facts["unit"].scale
    return np.where(weight >= 0.5, stored.clip(1, UNSEEN - 1), np.nan), weight


def looked(case, href):
    facts = {"scale": 0.0001, "offset": 0.0, "nodata": None, "dtypes": (), **case.asset}
    made = scene("a", {}, href, Raster("EPSG:32633", 500_000, 5_300_000, 10, *SHAPE, None))
    bare = replace(made, bands=(Asset("value", href, **facts),), mask=None, rule=None, footprint=outline(case))
    params = ViewParams(SQUARE, WINDOW, ("value",))
    return view_pass(params, SampleCache(SQUARE), Pass(bare.datetime, (bare,)))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.says is None])
def test_an_odd_raster_is_read_as_the_reference_says(tmp_path, name):
    case = CASES[name]
    view, lost = looked(case, written(tmp_path / "odd.tif", case))
    assert lost == {}
    expected, weight = reference(case)
    stored_HW, sure = view.value_BHW[0].numpy(), abs(weight - 0.5) > 1e-3
    assert ((stored_HW != UNSEEN) == ~np.isnan(expected))[sure].all()
    both = (stored_HW != UNSEEN) & ~np.isnan(expected)
    assert both.sum() > 2_000
    assert np.ptp(expected[both]) > 200
    assert abs(stored_HW[both] - expected[both]).max() <= 1
    assert case.data.all() or ((weight == 0) & (stored_HW == UNSEEN)).any()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.says is not None])
def test_what_cannot_be_read_right_is_refused_in_one_sentence(tmp_path, name):
    case = CASES[name]
    view, lost = looked(case, written(tmp_path / "odd.tif", case))
    assert view is None
    assert case.says in lost["a"]
    assert "\n" not in lost["a"]


def test_an_alpha_band_that_is_not_marked_as_one_serves_as_mask(tmp_path):
    case = Case(U8, HOLE, {"count": 4}, PHOTO | {"band": 1})
    href = written(tmp_path / "photo.tif", case)
    with rasterio.open(href, "r+") as target:
        target.write(np.where(HOLE, 255, 0).astype(np.uint8), 4)
    made = scene("a", {}, href, Raster("EPSG:32633", 500_000, 5_300_000, 10, *SHAPE, None), rule=MaskRule(clear=(255,)))
    bands = (Asset("value", href, offset=0.0, nodata=None, dtypes=(), **case.asset),)
    made = replace(made, bands=bands, mask=replace(made.mask, band=4, crs=None), footprint=outline(case))
    params = ViewParams(SQUARE, WINDOW, ("value",), "nearest")
    view, lost = view_pass(params, SampleCache(SQUARE), Pass(made.datetime, (made,)))
    assert lost == {}
    assert (view.value_BHW[0] != UNSEEN).sum() == HOLE.sum()


def test_assets_of_one_item_may_differ_in_size_and_crs(tmp_path):
    fine, coarse = (
        CASES["uint16, 0 is no data"],
        Case(U16, file={"transform": Affine(20, 0, 499_803, 0, -20, 5_300_204)}),
    )
    to_west = Transformer.from_crs("EPSG:32633", "EPSG:32632", always_xy=True).transform(500_350, 5_299_550)
    west = Case(
        U16, file={"crs": "EPSG:32632", "transform": Affine(30, 0, to_west[0] - 1_050, 0, -30, to_west[1] + 1_350)}
    )
    cases = {"fine": fine, "coarse": coarse, "west": west}
    assets = []
    for name, case in cases.items():
        href = written(tmp_path / f"{name}.tif", case)
        assets.append(Asset(name, href, 0.0001, 0.0, 0.0, dtypes=()))
    made = scene("a", {}, assets[0].href, Raster("EPSG:32633", 500_000, 5_300_000, 10, *SHAPE, None))
    made = replace(made, bands=tuple(assets), mask=None, rule=None, footprint=outline(fine))
    view, lost = view_pass(ViewParams(SQUARE, WINDOW, tuple(cases)), SampleCache(SQUARE), Pass(made.datetime, (made,)))
    assert lost == {}
    seen = view.value_BHW[0].numpy() != UNSEEN
    assert seen.sum() > 3_000
    for band_HW, case in zip(view.value_BHW.numpy(), cases.values(), strict=True):
        expected, _ = reference(case)
        assert np.nanmax(abs(band_HW - expected)[seen]) <= 1
