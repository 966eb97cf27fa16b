"""An image and its label as arrays that lie on each other: the right pixels, or one sentence.

Covers `pair.py`, `image_file.py`, `labels.py`, `place.py`, `orientation.py` and `dataset.py` of pipeline.training.
"""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning

from pipeline.errors import UserError
from pipeline.training import dataset, pair
from pipeline.training.labels import LabelValues, read_label

CODES = LabelValues((10, 20))
UTM = "EPSG:32633"
NORTH_UP = Affine(10, 0, 500_000, 0, -10, 5_300_000)
SIDE = 32
BANDS = ("red", "nir")

random = np.random.default_rng(0)
IMAGE = random.integers(1, 4000, (2, SIDE, SIDE)).astype(np.uint16)
LABEL = random.choice(np.array([10, 20], np.uint8), (SIDE, SIDE))


def write(path, array_BHW, driver="GTiff", transform=NORTH_UP, crs=UTM, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = array_BHW.shape
    profile = {"driver": driver, "count": count, "height": height, "width": width, "dtype": array_BHW.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile, crs=crs, transform=transform, **options) as target:
            target.write(array_BHW)
    return path


@pytest.fixture
def read(tmp_path):
    """Writes an image and a label, each with options of its own, and reads them as a pair."""

    def read_pair(image_BHW=IMAGE, label_HW=LABEL, image=None, label=None, blank=0.0, values=CODES):
        files = (
            write(tmp_path / "images/a.tif", image_BHW, **(image or {})),
            write(tmp_path / "labels/a.tif", label_HW[None], **(label or {})),
        )
        return pair.read_pair(*files, values, BANDS[: len(image_BHW)], blank)

    return read_pair


def moved(x=0.0, y=0.0):
    return {"transform": Affine(10, 0, 500_000 + x, 0, -10, 5_300_000 + y)}


def flipped(rows, columns):
    side = 10 * SIDE
    return {
        "transform": Affine(
            -10 if columns else 10, 0, 500_000 + side * columns, 0, 10 if rows else -10, 5_300_000 - side * rows
        )
    }


def test_a_pair_that_lies_alike_is_read_as_it_is_stored(read):
    image_BHW, label_HW = read()
    assert image_BHW.dtype == np.uint16
    assert np.array_equal(image_BHW, IMAGE)
    assert np.array_equal(label_HW, LABEL)


@pytest.mark.parametrize("which", ["image", "label", "both"])
@pytest.mark.parametrize(("rows", "columns"), [(True, False), (False, True), (True, True)])
def test_files_stored_from_south_to_north_or_east_to_west_are_read_north_up(read, which, rows, columns):
    step = (slice(None, None, -1 if rows else 1), slice(None, None, -1 if columns else 1))
    parts = {"image_BHW": IMAGE[:, *step], "image": flipped(rows, columns)} if which != "label" else {}
    if which != "image":
        parts |= {"label_HW": LABEL[step], "label": flipped(rows, columns)}
    image_BHW, label_HW = read(**parts)
    assert np.array_equal(image_BHW, IMAGE)
    assert np.array_equal(label_HW, LABEL)
    assert min(*image_BHW.strides, *label_HW.strides) > 0


@pytest.mark.parametrize(
    "label",
    [
        moved(y=1280),
        moved(x=5),
        moved(x=-5, y=5),
        {"crs": "EPSG:32634"},
        {"crs": "EPSG:4326"},
        {"transform": Affine(20, 0, 500_000, 0, -20, 5_300_000)},
        {"transform": Affine(0, 10, 500_000, -10, 0, 5_300_000)},
    ],
)
def test_a_label_that_lies_elsewhere_is_refused_with_both_places(read, label):
    with pytest.raises(UserError, match=r"a.tif begins at 500000, 5300000 in WGS 84 / UTM zone 33N, .*, but its label"):
        read(label=label)


def test_rounded_coordinates_and_other_words_for_one_crs_are_no_other_place(read):
    wkt = rasterio.CRS.from_epsg(32633).to_wkt(version="WKT1_ESRI")
    image_BHW, _ = read(label={**moved(x=0.4), "crs": wkt})
    assert np.array_equal(image_BHW, IMAGE)


def test_a_flipped_image_whose_label_does_not_say_how_it_lies_is_refused(tmp_path):
    image = write(tmp_path / "images/a.tif", IMAGE, **flipped(True, False))
    label = write(tmp_path / "labels/a.png", LABEL[None], driver="PNG", transform=None, crs=None)
    with pytest.raises(UserError, match="does not say how it lies"):
        pair.read_pair(image, label, CODES, BANDS, 0.0)


@pytest.mark.parametrize("tag", [-9999.0, np.nan, np.finfo(np.float32).min.item(), 65535.0])
def test_pixels_with_the_nodata_tag_of_their_file_hold_no_data(read, tag):
    holed = IMAGE.astype(np.float32)
    holed[:, :, :8] = tag
    holed[0, 0, 20] = tag
    image_BHW, label_HW = read(holed, image={"nodata": tag})
    hole_HW = np.zeros((SIDE, SIDE), bool)
    hole_HW[:, :8] = hole_HW[0, 20] = True
    assert np.array_equal(~np.isfinite(image_BHW).all(0), hole_HW)
    assert np.array_equal(image_BHW[:, ~hole_HW], IMAGE[:, ~hole_HW])
    assert np.array_equal(label_HW, LABEL)


def test_the_tag_that_the_recipe_names_too_leaves_the_numbers_as_they_are(read):
    holed = IMAGE.copy()
    holed[:, :4] = 0
    image_BHW, _ = read(holed, image={"nodata": 0})
    assert image_BHW.dtype == np.uint16
    assert np.array_equal(image_BHW, holed)


def test_pixels_that_the_mask_of_their_file_leaves_out_hold_no_data(tmp_path):
    image, label = tmp_path / "images/a.tif", write(tmp_path / "labels/a.tif", LABEL[None])
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(image, IMAGE)
        with rasterio.open(image, "r+") as target:
            target.write_mask(np.arange(SIDE) < np.full((SIDE, 1), 20))
    image_BHW, _ = pair.read_pair(image, label, CODES, BANDS, 0.0)
    assert np.isnan(image_BHW[:, :, 20:]).all()
    assert np.array_equal(image_BHW[:, :, :20], IMAGE[:, :, :20])


def test_of_a_label_nan_and_the_nodata_tag_are_no_label(read):
    label_HW = LABEL.astype(np.float32)
    label_HW[:3], label_HW[5] = np.nan, -1
    _, found_HW = read(label_HW=label_HW, label={"nodata": -1})
    assert not found_HW[:3].any()
    assert not found_HW[5].any()
    assert np.array_equal(found_HW[6:], LABEL[6:])


@pytest.mark.parametrize("value", [np.inf, -np.inf, 10.5, -10.0, 300.0])
def test_labels_of_no_class_are_named(read, value):
    label_HW = LABEL.astype(np.float32)
    label_HW[0, 0] = value
    with pytest.raises(UserError, match=rf"a.tif holds {value}, but the classes are 10, 20"):
        read(label_HW=label_HW)


def test_a_nodata_tag_that_is_a_class_is_refused(read):
    with pytest.raises(UserError, match="pixels of the class 10, which its nodata tag says hold none"):
        read(label={"nodata": 10})


@pytest.mark.parametrize("value", [-1, 300])
def test_grey_labels_are_of_one_byte(read, value):
    grey = LabelValues((3, 7), no_label=255, grey=127)
    label_HW = LABEL.astype(np.int16)
    label_HW[0, 0] = value
    with pytest.raises(UserError, match=rf"holds {value}, but grey labels are whole numbers in 0..255"):
        read(label_HW=label_HW, values=grey)
    _, found_HW = read(label_HW=np.where(label_HW == value, np.nan, 200).astype(np.float32), values=grey)
    assert found_HW[0, 0] == 255
    assert (found_HW.ravel()[1:] == 7).all()


def exif(turn):
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, turn, 0) + bytes(4)


def turn_jpeg(content, turn):
    block = b"Exif\0\0" + exif(turn)
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:]


def turn_png(content, turn):
    chunk = b"eXIf" + exif(turn)
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:33] + chunk + content[33:]


@pytest.mark.parametrize(("driver", "name", "change"), [("JPEG", "a.jpg", turn_jpeg), ("PNG", "a.png", turn_png)])
def test_a_photograph_that_is_shown_turned_is_refused(tmp_path, driver, name, change):
    image = write(tmp_path / "images" / name, IMAGE[:1].astype(np.uint8), driver, transform=None, crs=None)
    label = write(tmp_path / "labels/a.png", LABEL[None], "PNG", transform=None, crs=None)
    upright = image.read_bytes()
    image.write_bytes(change(upright, 1))
    pair.read_pair(image, label, CODES, ("grey",), None)
    for turn in (2, 3, 6, 8):
        image.write_bytes(change(upright, turn))
        with pytest.raises(UserError, match=f"its orientation tag is {turn}"):
            pair.read_pair(image, label, CODES, ("grey",), None)


def test_formats_that_name_other_files_are_not_opened(tmp_path):
    inside, outside = tmp_path / "data", write(tmp_path / "outside.tif", IMAGE)
    label = write(inside / "labels/a.tif", LABEL[None])
    image = inside / "images/a.png"
    image.parent.mkdir()
    with rasterio.open(outside) as source:
        rasterio.shutil.copy(source, image, driver="VRT")
    with pytest.raises(UserError, match="cannot be read as PNG, JPEG or GeoTIFF"):
        pair.read_pair(image, label, CODES, BANDS, 0.0)


def link_out(folder, outside):
    (folder / "images/a.tif").unlink()
    (folder / "images/a.tif").symlink_to(outside)


def folder_of_links(folder, outside):
    (folder / "images").rename(folder.parent / "elsewhere")
    (folder / "images").symlink_to(folder.parent / "elsewhere")


def pipe(folder, outside):
    os.mkfifo(folder / "labels/b.tif")


def overviews(folder, outside):
    (folder / "labels/a.tif.ovr").write_text("<VRTDataset/>")


def overviews_elsewhere(folder, outside):
    domain = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{outside}</MDI></Metadata>'
    (folder / "images/a.tif.aux.xml").write_text(f"<PAMDataset>{domain}</PAMDataset>")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (link_out, "a.tif leads out of"),
        (folder_of_links, "a.tif leads out of"),
        (pipe, "b.tif is not a regular file"),
        (overviews, "a.tif.ovr is a side file"),
        (overviews_elsewhere, "a.tif names another file outside"),
    ],
)
def test_nothing_outside_the_folder_is_read(tmp_path, spoil, says):
    outside = write(tmp_path / "outside.tif", IMAGE)
    folder = tmp_path / "data"
    write(folder / "images/a.tif", IMAGE)
    write(folder / "labels/a.tif", LABEL[None])
    spoil(folder, outside)
    with pytest.raises(UserError, match=says):
        pair.read_pairs(dataset.pairs(folder).values(), CODES, BANDS, 0.0)


def test_an_image_of_many_pixels_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "labels/a.tif"
    path.parent.mkdir()
    profile = {"driver": "GTiff", "count": 1, "height": 60_000, "width": 60_000, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile, crs=UTM, transform=NORTH_UP, tiled=True, sparse_ok=True):
        pass
    with pytest.raises(UserError, match="is 60000 x 60000 px, but an image may have 33,554,432 px; cut it into tiles"):
        read_label(path, CODES)


def test_images_of_more_memory_than_the_machine_has_are_refused(tmp_path, monkeypatch):
    write(tmp_path / "images/a.tif", IMAGE)
    write(tmp_path / "labels/a.tif", LABEL[None])
    monkeypatch.setattr(pair, "machine_memory", lambda: 1000)
    with pytest.raises(UserError, match="more than half of this machine's memory; name fewer"):
        pair.read_pairs(dataset.pairs(tmp_path).values(), CODES, BANDS, 0.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"classes": [1, 2], "bands": ["red"]}', "a class needs a code"),
        ('{"classes": [{"code": "1", "name": "a", "color": "#000000"}], "bands": ["red"]}', "a class needs a code"),
        ('{"classes": [], "bands": "red"}', "bands must be a list of different words"),
        ("[" * 100_000, "classes.json is not"),
        (" " * 2**21, "more than 1048576 bytes"),
    ],
)
def test_a_class_table_that_is_none_is_told_in_one_sentence(tmp_path, content, says):
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(UserError, match=says):
        dataset.metadata(tmp_path)
