"""Record which scenes a run uses, and how it reads them."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from catalogs.select import Selection
from pipeline.scenes.decisions import OffsetDecision
from pipeline.storage.files import Files


def write_provenance(files: Files, name: str, selection: Selection, decisions: Mapping[str, OffsetDecision]) -> None:
    """Writes scale, offset and mask rule of each scene, and why each other item is excluded, as JSON in the cube."""
    used = [
        {
            "id": scene.id,
            "provider": scene.provider,
            "acquisition": scene.acquisition,
            "datetime": scene.datetime.isoformat(),
            "baseline": scene.baseline,
            "bands": {asset.role: {"scale": asset.scale, "offset": asset.offset} for asset in scene.bands},
            "mask": asdict(scene.rule),
        }
        for scene in selection.scenes
    ]
    warnings = sorted(decision.why for decision in decisions.values())
    applied = {"used": used, "warnings": warnings, "left_out": selection.exclusions}
    files.write(name, json.dumps(applied, indent=1) + "\n")
