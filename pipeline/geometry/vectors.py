"""Vector files: GeoJSON, GeoPackage, Shapefile and GeoParquet, on the local disk.

What a file is, its first bytes say, so that GDAL meets no format but these: none that names further files or addresses.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from pipeline.errors import UserError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

FORMATS = "GeoJSON, GeoPackage, Shapefile or GeoParquet"
POLYGONS, POINTS = ("Polygon", "MultiPolygon"), ("Point",)
SHAPEFILE, SQLITE, PARQUET = b"\x00\x00\x27\x0a", b"SQLite format 3\x00", b"PAR1"


def read_vectors(file: str | Path, types: tuple[str, ...] = POLYGONS, layer: str | None = None) -> GeoDataFrame:
    """The features of a file, in its CRS, two-dimensional; a missing geometry is an empty one.

    types: the types of geometry that are allowed. layer: the layer of a GeoPackage; needed where it has several.
    Raises UserError for what is no such file, and for one without features, without a CRS, with a geometry of another
    type, or with a polygon that crosses itself.
    """
    frame = _read(Path(file), layer)
    if not len(frame):
        raise UserError(f"{file} has no features; give a file with at least one")
    if frame.crs is None or not (frame.crs.is_geographic or frame.crs.is_projected) or "ndefined" in frame.crs.name:
        raise UserError(f"{file} has no CRS; write it anew with one, such as by `ogr2ogr -a_srs EPSG:4326 NEW OLD`")
    shapes = shapely.force_2d(np.asarray(frame.geometry.array))
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    for at in np.flatnonzero(there):
        if shapes[at].geom_type not in types:
            raise UserError(f"feature {at + 1} of {file} is a {shapes[at].geom_type}; give {' or '.join(types)} alone")
    if not np.isfinite(shapely.get_coordinates(shapes[there])).all():
        raise UserError(f"{file} has coordinates that are no finite numbers; mend it")
    for at in np.flatnonzero(there)[~shapely.is_valid(shapes[there])]:
        reason = shapely.is_valid_reason(shapes[at])
        raise UserError(
            f"feature {at + 1} of {file} is no valid polygon ({reason:.80}); mend it, such as by `ogr2ogr -makevalid`"
        )
    shapes[~there] = shapely.from_wkt(f"{types[0].upper()} EMPTY")
    return frame.set_geometry(shapes, crs=frame.crs)


def column(frame: GeoDataFrame, name: str, file: str | Path) -> list[str]:
    """The values of a column as text, "" for none; UserError where there is no such column."""
    columns = [str(each) for each in frame.columns if each != frame.geometry.name]
    if name not in columns:
        raise UserError(f"{file} has no column {name!r:.80}; it has {', '.join(columns)[:200] or 'none'}")
    return ["" if none else str(value) for value, none in zip(frame[name], frame[name].isna(), strict=True)]


def _read(file: Path, layer: str | None) -> GeoDataFrame:
    import geopandas
    import pyarrow
    import pyogrio

    if not file.is_file():
        raise UserError(f"there is no file {file!s:.200}; give a {FORMATS} file on this machine")
    try:
        start = _start(file)
        if start.startswith(PARQUET):
            return geopandas.read_parquet(file)
        if start.startswith(SQLITE):
            layer = _layer(file, layer)
        elif not (start.startswith(SHAPEFILE) or start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")):
            raise UserError(f"{file} is no {FORMATS} file; convert it, such as by `ogr2ogr NEW.gpkg OLD`")
        frame: Any = pyogrio.read_dataframe(file.resolve(), layer=layer)
    except UserError:
        raise
    except (ValueError, RuntimeError, OSError, pyarrow.ArrowException, sqlite3.Error) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{file} cannot be read as {FORMATS} ({reason}); mend or convert it") from None
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise UserError(f"{file} has no geometries, only a table; give a {FORMATS} file that has them")
    return frame


def _start(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(64)


def _layer(file: Path, wanted: str | None) -> str:
    """The layer of a GeoPackage to read."""
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'").fetchall()
    names = [str(name) for (name,) in rows]
    if wanted in names:
        return wanted
    if wanted is None and len(names) == 1:
        return names[0]
    what = "no layer" if wanted is None else f"no layer {wanted!r:.80}"
    if wanted is None and names:
        what = f"{len(names)} layers"
    raise UserError(f"{file} has {what}; name one of its layers: {', '.join(names)[:200] or 'it has none'}")
