"""A region file: read, checked, its paths made absolute and its secrets concealed."""

import os
import re
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from catalogs.area import MAX_BYTES, parse_polygon, read_polygon
from catalogs.secrets import conceal, conceal_secrets_of
from idgbr.shipped import model_folder, shipped_models
from pipeline.config.paths import check_path
from pipeline.config.region import Region
from pipeline.config.yaml_file import YamlFile, checked, read, variables
from pipeline.storage.location import Location, parse_location
from pipeline.storage.objects import read_object


def load(path: str | Path, with_model: bool = True) -> Region:
    """Reads and checks a region file; `with_model` requires that its model exists.

    Raises UserError with a line for each error in the file.
    """
    path = Path(path)
    file = read(path)
    values, folder = file.values, path.resolve().parent
    written = _conceal_secrets(file)
    with file.errors_of("cube"):
        if isinstance(values.get("cube"), str):
            location = parse_location(values["cube"])
            values["cube"] = folder / location if isinstance(location, Path) else location
    with file.errors_of("model"):
        if isinstance(values.get("model"), str):
            values["model"] = _model(values["model"], folder, with_model)
    if isinstance(values.get("code"), str):
        values["code"] = str(folder / values["code"])
    with file.errors_of("change"):
        if isinstance(change := values.get("change"), dict) and isinstance(change.get("model"), str):
            values["change"] = {**change, "model": _model(change["model"], folder, with_model)}
    with file.errors_of("catalog"):
        if isinstance(values.get("catalog"), str) and "://" not in values["catalog"]:
            values["catalog"] = str(folder / values["catalog"])
            check_path(Path(values["catalog"]))
    with file.errors_of("mask"):
        if isinstance(mask := values.get("mask"), dict) and isinstance(mask.get("path"), str):
            values["mask"] = {**mask, "path": str(folder / mask["path"])}
            check_path(folder / mask["path"])
    with file.errors_of("allowed_paths"):
        if isinstance(values.get("allowed_paths"), list):
            values["allowed_paths"] = [folder / str(name) for name in values["allowed_paths"]]
            for allowed in values["allowed_paths"]:
                check_path(allowed)
    with file.errors_of("polygon"):
        if isinstance(values.get("polygon"), str):
            values["polygon"] = _polygon(values["polygon"], folder).wkt
    region = checked(Region, file)
    region._written = written
    return region


def _conceal_secrets(file: YamlFile) -> dict[str, Any]:
    """The keys of URLs with environment variables as they are written. No message shows these variables' values."""
    written = {}
    for key in ("catalog", "token_endpoints"):
        for url in re.findall(r"\w+://[^\s'\"]+", str(file.values.get(key))):
            conceal_secrets_of(url)
        names = variables(file.written.get(key))
        if names and "://" in str(file.values[key]):
            written[key] = file.written[key]
            for name in names:
                secret = os.environ.get(name, "")
                conceal_secrets_of(secret) if "://" in secret else conceal(secret, f"${{{name}}}")
    provider = file.written.get("provider")
    if isinstance(provider, dict) and isinstance(provider.get("headers"), dict):
        written["provider"] = provider
        for name in variables(provider["headers"]):
            conceal(os.environ.get(name, ""), f"${{{name}}}")
        for host, line in provider["headers"].items():
            if not variables(line):
                file.errors[("provider", "headers", str(host))] = (
                    "a header is a secret, which does not belong into a file; write it as 'Authorization: Bearer "
                    "${NAME}' and set the variable NAME"
                )
    return written


def _polygon(name: str, folder: Path) -> BaseGeometry:
    """Raises ValueError, and RunError where object storage cannot be reached."""
    place = parse_location(name, "polygon")
    if isinstance(place, str):
        return parse_polygon(read_object(place, MAX_BYTES, "polygon"), place)
    check_path(folder / place)
    return read_polygon(folder / place)


def _model(name: str, folder: Path, must_exist: bool) -> Location:
    """Whether object storage has it is asked when it is fetched. Raises ValueError."""
    place = parse_location(name, "model")
    if isinstance(place, str):
        return place
    check_path(folder / name)
    model = model_folder(name, folder)
    if must_exist and not (model / "model_index.json").is_file():
        raise ValueError(
            f"no model_index.json in {model}; give a model folder or one of: {', '.join(shipped_models())}"
        )
    return model
