"""Record which scenes a run uses, and how it reads them."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from catalogs.secrets import redact
from catalogs.select import Selection
from pipeline.storage.files import Files


def write_provenance(files: Files, name: str, selection: Selection, warnings: Sequence[str]) -> None:
    """Writes scale, offset and mask rule of each scene, why each other item is excluded, and the
    warnings of the plan, as JSON in the cube."""
    used = [
        {
            "id": scene.id,
            "provider": scene.provider,
            "acquisition": scene.acquisition,
            "datetime": scene.datetime.isoformat(),
            "baseline": scene.baseline,
            "bands": {asset.role: {"scale": asset.scale, "offset": asset.offset} for asset in scene.bands},
            "mask": None if scene.rule is None else asdict(scene.rule),
        }
        for scene in selection.scenes
    ]
    left_out = {name: redact(why) for name, why in selection.exclusions.items()}
    applied = {"used": used, "warnings": list(warnings), "left_out": left_out}
    files.write(name, json.dumps(applied, indent=1) + "\n")
