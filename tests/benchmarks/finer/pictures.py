"""Best, median and worst places of the head against the map of 10 m, side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catalogs.simulated import WORLDCOVER
from finer import SCALE, rivals
from finer.scores import CODES
from finer.worlds import Place
from idgbr.metrics import BoundaryIoU

SIDE = 50
"""px of 10 m of a place."""
SHOWN = 400
TITLES = "image, 10 m", "truth, 2.5 m", "map of 10 m", "head, 2.5 m", "green: mended, red: broken"


def draw(places: Sequence[Place], ours: Sequence[NDArray[np.intp]], folder: Path) -> None:
    """finer-best.png, finer-median.png and finer-worst.png, ranked by the boundary IoU (2 px) won."""
    cases = []
    for number, (place, our_YX) in enumerate(zip(places, ours, strict=True)):
        maps = place.index_YX.numpy(), rivals.nearest(place), our_YX
        for y in range(0, place.coarse_HW.shape[0], SIDE):
            for x in range(0, place.coarse_HW.shape[1], SIDE):
                cut = slice(y * SCALE, (y + SIDE) * SCALE), slice(x * SCALE, (x + SIDE) * SCALE)
                true, before, after = (np.array(CODES, np.uint8)[each[cut]] for each in maps)
                won = [BoundaryIoU.of(true, each, CODES, 2).mean for each in (before, after)]
                if np.isfinite(won).all():
                    cases.append((won[1] - won[0], number, y, x))
    cases.sort()
    for word, case in (("best", cases[-1]), ("median", cases[len(cases) // 2]), ("worst", cases[0])):
        gain, number, y, x = case
        path = folder / f"finer-{word}.png"
        _sheet(places[number], ours[number], y, x).save(path)
        print(f"{word}: place {number}, row {y}, column {x}, boundary IoU (2 px) {100 * gain:+.1f}: {path}")


def _sheet(place: Place, our_YX: NDArray[np.intp], y: int, x: int) -> Image.Image:
    palette = np.array([[int(row["color"][at : at + 2], 16) for at in (1, 3, 5)] for row in WORLDCOVER], np.uint8)
    cut = slice(y * SCALE, (y + SIDE) * SCALE), slice(x * SCALE, (x + SIDE) * SCALE)
    true, before, after = (each[cut] for each in (place.index_YX.numpy(), rivals.nearest(place), our_YX))
    verdict = np.full((*true.shape, 3), 255, np.uint8)
    verdict[before != after] = 160
    verdict[(before != true) & (after == true)] = (0, 150, 60)
    verdict[(before == true) & (after != true)] = (210, 30, 30)
    photo = place.image_CHW[[2, 1, 0], y : y + SIDE, x : x + SIDE].numpy().transpose(1, 2, 0)
    panels = [(photo * 50 + 110).clip(0, 255).astype(np.uint8), palette[true], palette[before], palette[after], verdict]
    sheet = Image.new("RGB", (len(panels) * (SHOWN + 8), SHOWN + 20), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (title, panel) in enumerate(zip(TITLES, panels, strict=True)):
        tile = Image.fromarray(np.ascontiguousarray(panel)).resize((SHOWN, SHOWN), Image.Resampling.NEAREST)
        sheet.paste(tile, (number * (SHOWN + 8), 20))
        pen.text((number * (SHOWN + 8) + 4, 4), title, fill="black")
    return sheet
