"""What ground a model was trained on: whose scenes, in which pixel size, real or simulated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalogs.simulated.tiles import PIXEL_METRES

RECORD = "training.json"
SENSORS = ("sentinel-2", "landsat")


@dataclass(frozen=True)
class Ground:
    """resolution: metres per pixel. sensor: the beginning of its platforms' names."""

    resolution: float
    sensor: str
    simulated: bool

    def __str__(self) -> str:
        return f"Pixels of {self.resolution:g} m, of {'simulated ' if self.simulated else ''}{self.sensor}."


def ground_of(folder: Path) -> Ground | None:
    """Of a model's coarse network, by the model's record; None where the record does not tell."""
    try:
        part = json.loads((folder / RECORD).read_text())["coarse"]
        kind = part["areas"]["kind"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return _of_part(part, kind)


def _of_part(part: Mapping[str, Any], kind: str) -> Ground | None:
    if kind == "simulated":
        return Ground(PIXEL_METRES, "sentinel-2", simulated=True)
    scenes = part.get("scenes")
    if not isinstance(scenes, Mapping):
        return None
    sensor = next((name for name in SENSORS if name in str(scenes.get("collection")).lower()), None)
    resolution = scenes.get("resolution")
    if sensor is None or not isinstance(resolution, int | float):
        return None
    return Ground(float(resolution), sensor, simulated=False)
