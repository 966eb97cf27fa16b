"""GDAL virtual rasters: many small GeoTIFFs as one raster, with its georeference, colours and overviews."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

GDAL_TYPES = {"uint8": "Byte", "uint16": "UInt16"}
OPAQUE = 255


@dataclass(frozen=True)
class Piece:
    """A GeoTIFF and the place of its first pixel (row, col) in the whole."""

    path: Path
    place: tuple[int, int]
    shape: tuple[int, int]


@dataclass(frozen=True)
class Raster:
    """What a raster is apart from its pixels: 0 means no data.

    transform: affine a, b, c, d, e, f. bands: descriptions. classes: rows with code, name and color; empty for
    quantities. tags: metadata. unit, scale, offset: what a pixel is, value * scale + offset.
    """

    shape: tuple[int, int]
    dtype: str
    wkt: str
    transform: tuple[float, float, float, float, float, float]
    bands: Sequence[str]
    classes: Sequence[Mapping[str, Any]] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


def write_vrt(path: Path, raster: Raster, pieces: Iterable[Piece], overviews: Sequence[Path] = ()) -> None:
    """Writes a virtual raster of pieces that do not overlap; `overviews` are virtual rasters at 1/2, 1/4, ..."""
    a, b, c, d, e, f = raster.transform
    root = Element("VRTDataset", rasterXSize=str(raster.shape[1]), rasterYSize=str(raster.shape[0]))
    SubElement(root, "SRS").text = raster.wkt
    SubElement(root, "GeoTransform").text = f"{c!r}, {a!r}, {b!r}, {f!r}, {d!r}, {e!r}"
    _add_tags(root, raster.tags)
    listed = list(pieces)
    for number, name in enumerate(raster.bands, start=1):
        band = SubElement(root, "VRTRasterBand", dataType=GDAL_TYPES[raster.dtype], band=str(number))
        SubElement(band, "Description").text = name
        if raster.unit:
            SubElement(band, "UnitType").text = raster.unit
        if (raster.scale, raster.offset) != (1, 0):
            SubElement(band, "Scale").text, SubElement(band, "Offset").text = repr(raster.scale), repr(raster.offset)
        SubElement(band, "NoDataValue").text = "0"
        if raster.classes:
            SubElement(band, "ColorInterp").text = "Palette"
            _add_colours(band, raster.classes)
        for overview in overviews:
            _add_file(SubElement(band, "Overview"), overview, path, number)
        for piece in listed:
            _add_piece(band, piece, path, number, raster.dtype)
    path.write_bytes(tostring(root))


def write_class_names(path: Path, classes: Sequence[Mapping[str, Any]]) -> None:
    """Writes GDAL's side file of a raster, `path` with .aux.xml: category names and a raster attribute table."""
    root = Element("PAMDataset")
    band = SubElement(root, "PAMRasterBand", band="1")
    names = SubElement(band, "CategoryNames")
    by_code = {row["code"]: row["name"] for row in classes}
    for code in range(max(by_code) + 1):
        SubElement(names, "Category").text = by_code.get(code, "" if code else "no data")
    table = SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    # Types and usages by their numbers in GDAL's GDALRATFieldType and GDALRATFieldUsage.
    for index, (name, kind, usage) in enumerate(
        [("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8)]
    ):
        column = SubElement(table, "FieldDefn", index=str(index))
        for tag, value in (("Name", name), ("Type", kind), ("Usage", usage)):
            SubElement(column, tag).text = str(value)
    for index, row in enumerate(classes):
        line = SubElement(table, "Row", index=str(index))
        for value in (row["code"], row["name"], *_rgb(row["color"])):
            SubElement(line, "F").text = str(value)
    path.with_name(f"{path.name}.aux.xml").write_bytes(tostring(root))


def _add_tags(root: Element, tags: Mapping[str, str]) -> None:
    metadata = SubElement(root, "Metadata")
    for key, value in tags.items():
        SubElement(metadata, "MDI", key=key).text = value


def _add_colours(band: Element, classes: Sequence[Mapping[str, Any]]) -> None:
    rgba = np.zeros((256, 4), int)
    for row in classes:
        rgba[row["code"]] = *_rgb(row["color"]), OPAQUE
    table = SubElement(band, "ColorTable")
    for colour in rgba.tolist():
        SubElement(table, "Entry", {f"c{n}": str(value) for n, value in enumerate(colour, start=1)})


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _add_piece(band: Element, piece: Piece, vrt: Path, number: int, dtype: str) -> None:
    source = SubElement(band, "SimpleSource")
    _add_file(source, piece.path, vrt, number)
    (row, col), (rows, cols) = piece.place, piece.shape
    size = {"RasterXSize": str(cols), "RasterYSize": str(rows)}
    SubElement(source, "SourceProperties", {**size, "DataType": GDAL_TYPES[dtype]})
    SubElement(source, "SrcRect", xOff="0", yOff="0", xSize=str(cols), ySize=str(rows))
    SubElement(source, "DstRect", xOff=str(col), yOff=str(row), xSize=str(cols), ySize=str(rows))


def _add_file(element: Element, file: Path, vrt: Path, number: int) -> None:
    relative = SubElement(element, "SourceFilename", relativeToVRT="1")
    relative.text = file.relative_to(vrt.parent).as_posix()
    SubElement(element, "SourceBand").text = str(number)
