"""The STAC item of the model that made a map."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.area import bbox_of
from catalogs.atomic import atomic_write
from catalogs.stac_item import class_list


def write_model_item(
    path: str | Path,
    *,
    id: str,
    footprint: BaseGeometry,
    start: datetime,
    end: datetime,
    name: str,
    href: str,
    digest: str,
    bands: Sequence[str],
    mean: Sequence[float],
    std: Sequence[float],
    classes: Sequence[Mapping[str, Any]],
    window: int,
    batch: int,
    hyperparameters: Mapping[str, Any],
    framework_version: str,
) -> Path:
    """Write a STAC 1.1 item with the mlm extension, atomically, and return its path.

    `footprint` (longitude and latitude), `start` and `end`: where and when the model was applied. `href`: its folder.
    Inputs are `bands` in raw numbers, scaled by `mean` and `std`, in windows of `window` pixels. Raises CatalogError
    for a class whose color is not #rrggbb.
    """
    import pystac
    from pystac.extensions.mlm import (
        AssetGeneralMLMExtension,
        Hyperparameters,
        InputStructure,
        MLMExtension,
        ModelInput,
        ModelOutput,
        ResultStructure,
        TaskType,
        ValueScaling,
        ValueScalingType,
    )
    from pystac.extensions.raster import DataType

    item = pystac.Item(
        id=id,
        geometry=json.loads(shapely.to_geojson(footprint)),
        bbox=list(bbox_of(footprint)),
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties={"idgbr:digest": digest},
    )
    asset = pystac.Asset(href=href, media_type="application/octet-stream", roles=["mlm:model"])
    asset.extra_fields["bands"] = [{"name": band} for band in bands]
    item.add_asset("model", asset)
    scaling = [ValueScaling.create(ValueScalingType.Z_SCORE, mean=m, stddev=s) for m, s in zip(mean, std, strict=True)]
    inputs = ModelInput.create(
        name="reflectance",
        bands=list(bands),
        input=InputStructure.create(
            [-1, len(bands), window, window], ["batch", "channel", "height", "width"], DataType.UINT16
        ),
    )
    inputs.properties["value_scaling"] = [each.to_dict() for each in scaling]
    output = ModelOutput.create(
        name="landcover",
        tasks=[TaskType.SEMANTIC_SEGMENTATION],
        result=ResultStructure.create([-1, window, window], ["batch", "height", "width"], DataType.UINT8),
        classes=class_list(classes),
    )
    MLMExtension.ext(item, add_if_missing=True).apply(
        name=name,
        architecture="IDGBR",
        tasks=[TaskType.SEMANTIC_SEGMENTATION],
        framework="PyTorch",
        framework_version=framework_version,
        batch_size_suggestion=batch,
        input=[inputs],
        output=[output],
        hyperparameters=Hyperparameters.create(**hyperparameters),
    )
    AssetGeneralMLMExtension.ext(item.assets["model"]).apply(artifact_type="safetensors.torch.save_file")
    path = Path(path)
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(item.to_dict(include_self_link=False), indent=2))
    return path
