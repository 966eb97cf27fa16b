"""The class table that a raster file carries: names and colors of its values."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import rasterio

from catalogs.access import ANYWHERE, Access, GdalSource
from catalogs.items.class_table import MapClass
from pipeline.raster.gdal import open_raster
from pipeline.raster.retry import with_retries

LEGEND_LINE = re.compile(r"\s*(\d+)[\s:;=,-]+(\S.*?)\s*")
NAME, VALUES = 2, (0, 5)
"""Usages of a raster attribute table's columns: GFU_Name; GFU_Generic and GFU_MinMax."""
TEXT = 2
"""Type of a column: GFT_String."""
MAX_BYTES = 2**20


def file_classes(href: str, access: Access = ANYWHERE) -> list[MapClass]:
    """The classes of band 1, in order of their values; [] where the file tells no names and no colors.

    Names are those of its raster attribute table or category names (in FILE.aux.xml, as GDAL writes them) or of its tag
    `legend`, lines of a value and a name; colors those of its color table. Values without a name are left out where
    others have one. Raises ReadError.
    """

    def attempt(source: GdalSource, cached: bool) -> list[MapClass]:
        with open_raster(href, source, access, cached) as dataset:
            tables = [{} if source.remote else _side_file(Path(f"{source.name}.aux.xml")), _legend(dataset)]
            names = next((names for names in tables if names), {})
            colors = _color_table(dataset)
        values = names or {value: f"class {value}" for value in colors}
        return [MapClass(value, values[value], colors.get(value)) for value in sorted(values)]

    return with_retries(href, access, attempt)


def _legend(dataset: rasterio.DatasetReader) -> dict[int, str]:
    lines = (dataset.tags(1).get("legend") or dataset.tags().get("legend") or "").splitlines()
    matches = [match for line in lines if (match := LEGEND_LINE.fullmatch(line))]
    return {int(match[1]): match[2] for match in matches}


def _color_table(dataset: rasterio.DatasetReader) -> dict[int, str]:
    """Colors by value, without no data, and without black, which fills the rest of a table."""
    try:
        table = dataset.colormap(1)
    except ValueError:
        return {}
    return {
        value: "#{:02x}{:02x}{:02x}".format(*color[:3])
        for value, color in table.items()
        if any(color[:3]) and value != dataset.nodata
    }


def _side_file(file: Path) -> Mapping[int, str]:
    """Names by value of the PAM file beside a raster (gdal.org/drivers/raster/gtiff.html#metadata)."""
    try:
        if not file.is_file() or file.stat().st_size > MAX_BYTES or b"<!DOCTYPE" in file.read_bytes():
            return {}
        band = ElementTree.parse(file).getroot().find("PAMRasterBand")
    except (OSError, ElementTree.ParseError):
        return {}
    if band is None:
        return {}
    table = band.find("GDALRasterAttributeTable")
    if table is not None:
        usages = [int(field.findtext("Usage") or 0) for field in table.findall("FieldDefn")]
        types = [int(field.findtext("Type") or 0) for field in table.findall("FieldDefn")]
        value = next((i for i, usage in enumerate(usages) if usage in VALUES and types[i] != TEXT), None)
        name = next(
            (i for i, usage in enumerate(usages) if usage == NAME), types.index(TEXT) if TEXT in types else None
        )
        rows = [[cell.text or "" for cell in row.findall("F")] for row in table.findall("Row")]
        if value is not None and name is not None:
            return {int(float(row[value])): row[name] for row in rows if row[name]}
    names = [each.text or "" for each in band.findall("CategoryNames/Category")]
    return {value: name for value, name in enumerate(names) if name}
