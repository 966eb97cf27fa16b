"""Best, median and worst test images by the boundary IoU that refinement won, side by side."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from science.sets import labelled, read
from science.variants import OURS

SIDE = 384
TITLES = ("image", "truth", "coarse", "refined", "green: mended, red: broken")


def draw(place: Any, results: dict[str, Any], name: str) -> list[str]:
    """Pictures of the first seed's cases, and the lines that show them."""
    cases = []
    for backbone in place.preset.backbones:
        key = f"score-{name}-{OURS}-{backbone}-{place.preset.table[0]}"
        for stem, scores in results.get(key, {}).get("images", {}).items():
            before, after = (scores[which]["boundary_iou_4px"] for which in ("coarse", "refined"))
            if after is not None:
                cases.append((after - before, backbone, stem))
    if not cases:
        return []
    cases.sort()
    lines = []
    for word, (gain, backbone, stem) in (("best", cases[-1]), ("median", cases[len(cases) // 2]), ("worst", cases[0])):
        path = place.home / f"{name}-{word}.png"
        maps = np.load(place.home / "maps" / f"{name}-{backbone}-{place.preset.table[0]}" / f"{stem}.npz")
        image_CHW, true_HW = read(name, True, place.home, place.preset.centre)[stem]
        _sheet(name, image_CHW, true_HW, maps["coarse"], maps["refined"], path)
        lines += [f"{word}: {stem}, {backbone}, boundary IoU (4 px) {gain:+.2f}", "", f"![{word}]({path.name})", ""]
    return lines


def _sheet(
    name: str, image_CHW: np.ndarray, true_HW: np.ndarray, coarse_HW: np.ndarray, refined_HW: np.ndarray, path: Path
) -> None:
    known = labelled(name)
    palette = np.zeros((256, 3), np.uint8)
    for row in known.classes:
        palette[row["code"]] = [int(row["color"][at : at + 2], 16) for at in (1, 3, 5)]
    changed_HW = (coarse_HW != refined_HW) & (true_HW != known.no_label)
    verdict_HWC = np.full((*true_HW.shape, 3), 255, np.uint8)
    verdict_HWC[changed_HW] = (160, 160, 160)
    verdict_HWC[changed_HW & (refined_HW == true_HW)] = (0, 150, 60)
    verdict_HWC[changed_HW & (coarse_HW == true_HW)] = (210, 30, 30)
    photo_CHW = (
        (image_CHW[list(known.photo)].astype(np.float32) * (255 / known.brightest)).clip(0, 255).astype(np.uint8)
    )
    panels = [photo_CHW.transpose(1, 2, 0), palette[true_HW], palette[coarse_HW], palette[refined_HW], verdict_HWC]
    sheet = Image.new("RGB", (len(panels) * (SIDE + 8), SIDE + 20), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (title, panel_HWC) in enumerate(zip(TITLES, panels, strict=True)):
        tile = Image.fromarray(np.ascontiguousarray(panel_HWC))
        resampling = Image.Resampling.BILINEAR if place == 0 else Image.Resampling.NEAREST
        tile.thumbnail((SIDE, SIDE), resampling)
        sheet.paste(tile, (place * (SIDE + 8), 20))
        pen.text((place * (SIDE + 8) + 4, 4), title, fill="black")
    sheet.save(path)
