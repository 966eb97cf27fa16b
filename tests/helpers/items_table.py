"""How many real items become scenes, by provider and baseline: python tests/catalogs/items_table.py $IDGBR_DATA."""

import re
import sys
from collections import Counter
from pathlib import Path

from stac_files import real_items

from catalogs import ROLES, CatalogError, read_scene


def rows(items):
    """(provider or "-", baseline, offset as read, "scene" or the doubt's name or why it is refused) -> count."""
    counts = Counter()
    for item in items:
        try:
            scene = read_scene(item, ROLES)
        except CatalogError as error:
            said = re.sub(r"^item \S+ (of collection \S+ )?", "", str(error))
            counts["-", str(item.get("collection")), "", f"refused: {said}"] += 1
        else:
            outcome = f"in doubt: {scene.doubt.name}" if scene.doubt else "scene"
            counts[scene.provider, scene.baseline, f"{scene.bands[0].offset:g}", outcome] += 1
    return counts


def table(counts):
    lines = [("provider", "baseline", "offset", "items", "outcome")]
    lines += [(name, base, offset, str(n), outcome) for (name, base, offset, outcome), n in sorted(counts.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[4]]) for line in lines
    )


if __name__ == "__main__":
    print(table(rows(item for _, item in real_items(Path(sys.argv[1]) / "stac_items"))))
