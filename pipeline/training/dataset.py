"""A labelled data set: a folder of `images/` and `labels/` with the same stems, as PNG, JPEG or GeoTIFF."""

import json
from pathlib import Path
from typing import Any

from idgbr.classes import check_class_rows
from idgbr.errors import InputError
from idgbr.values import check_words
from pipeline.errors import UserError
from pipeline.training.image_file import check_regular

SIDECARS = (".xml", ".wld", ".jgw", ".pgw", ".tfw", ".prj")
REFUSED = (".ovr", ".msk", ".aux", ".rrd")
"""Side files that GDAL opens with any of its drivers."""
MAX_BYTES = 2**20


def pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Image and label file of every stem, in order of the stems. Raises UserError."""
    for part in ("images", "labels"):
        if not (folder / part).is_dir():
            raise UserError(f"{folder} has no {part}; a labelled data set is a folder of images/ and labels/")
    images, labels = (by_stem(folder / part, folder) for part in ("images", "labels"))
    if not images:
        raise UserError(f"{folder}/images has no images; put PNG, JPEG or GeoTIFF files there")
    for stem, image in images.items():
        if stem not in labels:
            raise UserError(
                f"{folder}/images/{image.name} has no label of the same stem in labels/; add it or take the image out"
            )
    return {stem: (image, labels[stem]) for stem, image in images.items()}


def metadata(folder: Path) -> dict[str, Any] | None:
    """ "classes" and "bands" of the folder's classes.json, tuples; None where there is none. Raises UserError."""
    file = folder / "classes.json"
    if not (file.exists() or file.is_symlink()):
        return None
    check_regular(file, folder)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"it has more than {MAX_BYTES} bytes")
        content = json.loads(file.read_text("utf-8"))
        bands, classes = content["bands"], content["classes"]
        check_words("bands", bands)
        check_class_rows(classes)
    except InputError as error:
        raise UserError(f"{file} does not describe a data set: {error}") from None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        raise UserError(f'{file} is not {{"classes": [...], "bands": [...]}}; write it so') from None
    return {"bands": tuple(bands), "classes": tuple(classes)}


def by_stem(folder: Path, root: Path) -> dict[str, Path]:
    """The files of a folder in `root` by stem, in order; side files are left out. Raises UserError."""
    files: dict[str, Path] = {}
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be listed ({error.strerror}); see that it may be read") from None
    for file in entries:
        if file.name.startswith(".") or file.suffix.lower() in SIDECARS or file.is_dir():
            continue
        check_regular(file, root)
        if file.suffix.lower() in REFUSED:
            raise UserError(f"{file} is a side file, which is not read; take it out")
        if file.stem in files:
            raise UserError(f"{folder} has both {files[file.stem].name} and {file.name}; keep one file of a stem")
        files[file.stem] = file
    return files
