"""Whether a model suits what it is to map: the pixel size and the sensor of its training, real or simulated."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalogs import Scene
from pipeline.training.ground import Ground, ground_of

FAR = 1.5
"""Times by which the pixel sizes of training and map may differ."""
SIMULATED = "simulated"
"""The STAC property `mission` of simulated items."""


def model_doubts(
    model: Path, resolution: float, scenes: Sequence[Scene], items: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Sentences about what a model has not seen in training; none where its record does not tell what it has."""
    ground = ground_of(model)
    return [] if ground is None else doubts_of(ground, model.name, resolution, scenes, items)


def doubts_of(
    ground: Ground, name: str, resolution: float, scenes: Sequence[Scene], items: Iterable[Mapping[str, Any]]
) -> list[str]:
    """See `model_doubts`. name: of the model. items: of the scenes, and maybe of others."""
    doubts = []
    mission = {item.get("id"): item.get("properties", {}).get("mission") for item in items}
    if ground.simulated and any(mission.get(scene.id) != SIMULATED for scene in scenes):
        doubts.append(
            f"the model {name} was trained on simulated scenes only, and these are real; train one on labels of your "
            "own (idgbr train coarse), or judge the map with idgbr sample and idgbr accuracy"
        )
    if not 1 / FAR <= resolution / ground.resolution <= FAR:
        doubts.append(
            f"the model {name} was trained on pixels of {ground.resolution:g} m, but the grid has {resolution:g} m; "
            f"set grid.resolution to {ground.resolution:g}, or train a model for this one"
        )
    strange = sorted({scene.platform for scene in scenes if not scene.platform.startswith(ground.sensor)})
    if strange:
        doubts.append(
            f"the model {name} was trained on {ground.sensor}, but the scenes are of {', '.join(strange)}; take a "
            "model of their sensor"
        )
    return doubts
