"""Blocks that went on without a change and changes that no update caught: before, after, and what seemed to change."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipeline.config.region import Region
from year.ground import Ground, parts
from year.judge import Alarm, Event, Versions
from year.report import versions_of

SIDE = 96
"""Px of ground around what is shown."""
SCALE = 3
MOST = 12
"""Pictures of wrong alarms."""


def draw(region: Region, truth: Ground, rows: list[dict], found: tuple[list[Alarm], list[Event]], folder: Path) -> None:
    """alarms.png, a row each: published and new mosaic around the largest piece, which is outlined in red on white;
    missed.png: the mosaic of the first version and the one that was compared last, and the change in blue."""
    folder.mkdir(parents=True, exist_ok=True)
    alarms, changes = found
    versions, strips = Versions(region), []
    for alarm in [alarm for alarm in alarms if alarm.cause not in ("change", "unseen")][:MOST]:
        part = parts(region)[alarm.block]
        y, x = np.argwhere(alarm.change_HW)[np.count_nonzero(alarm.change_HW) // 2]
        middle = part[0].start + int(y), part[1].start + int(x)
        shown_HW = np.zeros(truth.event_HW.shape, bool)
        shown_HW[part] = alarm.change_HW
        title = f"evening {alarm.evening}, block {alarm.block}, score {alarm.score}: {alarm.cause}"
        strips.append(_strip(versions, versions_of(rows, alarm.evening), middle, shown_HW, (210, 30, 30), title))
    _save(strips, folder / "alarms.png")
    compared = [row["mosaics"] for row in rows if row["mosaics"] is not None]
    strips, ends = [], (rows[0]["version"], (compared or [rows[-1]["version"]])[-1])
    for change in changes:
        if not change.caught:
            mask_HW = truth.event_HW == change.number
            y, x = np.argwhere(mask_HW).mean(0).astype(int).tolist()
            strips.append(_strip(versions, ends, (y, x), mask_HW, (40, 90, 230), f"{change.kind} {change.number}"))
    _save(strips, folder / "missed.png")


def _strip(
    versions: Versions,
    ends: tuple[str, str],
    middle: tuple[int, int],
    mask_HW: np.ndarray,
    colour: tuple[int, int, int],
    title: str,
) -> Image.Image:
    at = tuple(
        slice(max(0, min(centre - SIDE // 2, size - SIDE)), max(0, min(centre - SIDE // 2, size - SIDE)) + SIDE)
        for centre, size in zip(middle, mask_HW.shape, strict=True)
    )
    panels = [_rgb(versions.pixels(version, "mosaic")[:, *at]) for version in ends]
    panels.append(np.where(mask_HW[at][..., None], np.array(colour), 255).astype(np.uint8))
    strip = Image.fromarray(np.concatenate(panels, 1)).resize((3 * SIDE * SCALE, SIDE * SCALE))
    ImageDraw.Draw(strip).text((4, 4), title, fill="yellow")
    return strip


def _rgb(mosaic_CHW: np.ndarray) -> np.ndarray:
    return np.clip(mosaic_CHW[[2, 1, 0]].transpose(1, 2, 0) / 2500 * 255, 0, 255).astype(np.uint8)


def _save(strips: list[Image.Image], path: Path) -> None:
    if strips:
        Image.fromarray(np.concatenate([np.asarray(strip) for strip in strips])).save(path)
        print(path)
