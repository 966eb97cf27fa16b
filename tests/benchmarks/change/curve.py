"""Recall against the share of blocks that are mapped, for what could decide which blocks an update maps.

    PYTHONPATH=tests/benchmarks python -m change.curve --home out/curve --seeds 501,502 --change simulated-s2-change

Simulated worlds with sparse changes, one pass a month; mosaics as updates make them (of all passes so far, the newest
clear pixel) in April, June, September and December; pairs of any two of them, the earlier the mosaic that was
published. A block's truth is the area that has changed in pieces of `--min-area` which only the later mosaic shows.
Scores: the change network as updates ask it, its scout alone (the highest logit in the block), the length of the change
vector in patches of that area, and the largest piece in which the maps of both mosaics differ (ha). Blocks with a piece
of ground that the earlier mosaic does not show are left out: they go on whatever a score says.

Worlds, mosaics and maps are kept in the folder; scores of a change model too, by its digest.
"""

import argparse
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy import ndimage
from year.ground import changed_on, cut

import catalogs
from catalogs import Query
from catalogs.items.mask import SCL
from catalogs.simulated import open_world, simulate_year, truths
from idgbr import IDGBRPipeline
from idgbr.change import ChangePipeline
from pipeline.change.score import EIGHT, block_score, in_patches, patch_pixels, percent_of
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.params import MosaicParams
from pipeline.scenes.resolve import resolve_or_drop

KILOMETRES, PASSES, DAYS, PER_KM2 = 10.6, 12, 30, 0.15
SHOWN = (3, 5, 8, 11)
"""Passes after which a mosaic is made."""
SIDE = 1024
SHADOW = 3
"""Code of the scene classification."""
METHODS = {
    "scn": "change network",
    "scout": "its scout alone",
    "vectors": "change vectors",
    "maps": "two maps compared",
}
WANTED = (80, 90, 95, 98, 100)


@dataclass(frozen=True)
class Dates:
    """A world's mosaics at SHOWN. mosaic_TBHW; last_THW: last clear day since 1970-01-01; map_THW: class codes;
    changed_HW: day on which a pixel's class changed, 0 = none; corner: absolute row and column."""

    mosaic_TBHW: np.ndarray
    last_THW: np.ndarray
    map_THW: np.ndarray
    changed_HW: np.ndarray
    corner: np.ndarray


@dataclass(frozen=True)
class Scored:
    """A block of a pair. changed: its changed pixels that the later mosaic can show. scores: by method."""

    changed: int
    scores: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="change.curve", description="recall against share of blocks mapped")
    parser.add_argument("--home", type=Path, default=Path("out/curve"))
    parser.add_argument("--seeds", default="501,502")
    parser.add_argument("--change", default="simulated-s2-change", help="a shipped change model or a folder")
    parser.add_argument("--blocks", default="256,512", help="px")
    parser.add_argument("--min-area", type=float, default=0.25, help="hectares")
    parser.add_argument("--dilate", type=float, help="metres by which clouds and shadows grow; default: clouds, 60")
    asked = parser.parse_args()
    asked.home.mkdir(parents=True, exist_ok=True)
    model = ChangePipeline.from_pretrained(asked.change)
    pixels = patch_pixels(asked.min_area, 10)
    figure = Figure((10, 4), layout="constrained")
    for number, side in enumerate(map(int, asked.blocks.split(","))):
        seeds = map(int, asked.seeds.split(","))
        scored = [each for seed in seeds for each in score(seed, asked.dilate, asked.home, model, side, pixels)]
        changed_N = np.array([each.changed for each in scored])
        changed = f"{np.count_nonzero(changed_N)} changed, {changed_N.sum() / 100:.1f} ha"
        print(f"\n{len(scored)} blocks of {side} px, of them {changed}")
        print("| recall by area | " + " | ".join(METHODS.values()) + " |\n" + "|---" * (len(METHODS) + 1) + "|")
        curves = {name: curve(np.array([each.scores[name] for each in scored]), changed_N) for name in METHODS}
        for wanted in WANTED:
            cells = (f"{share:.1f} % (from {at:.4g})" for share, at in (lowest(curves[n], wanted) for n in METHODS))
            print(f"| {wanted} % | " + " | ".join(cells) + " |")
        axes = figure.add_subplot(1, 2, number + 1)
        for name, (recall_N, share_N, _) in curves.items():
            axes.step(100 * share_N, 100 * recall_N, where="post", label=METHODS[name])
        least = 100 * np.count_nonzero(changed_N) / len(scored)
        axes.axvline(least, color="grey", linewidth=0.7)
        axes.set(xlabel="blocks mapped, %", ylabel="recall by area, %", title=f"{side} px, changed {least:.0f} %")
    axes.legend()
    figure.savefig(asked.home / "curve.png", dpi=110)
    print(asked.home / "curve.png")


def curve(score_N: np.ndarray, changed_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall by area and share of blocks mapped at each threshold, from the highest score down."""
    at_M = np.unique(score_N)[::-1]
    mapped_MN = score_N[None] >= at_M[:, None]
    return (mapped_MN * changed_N).sum(1) / max(changed_N.sum(), 1), mapped_MN.mean(1), at_M


def lowest(found: tuple[np.ndarray, np.ndarray, np.ndarray], wanted: float) -> tuple[float, float]:
    """The smallest share of blocks, %, that has the wanted recall, %, and its threshold."""
    recall_N, share_N, at_N = found
    first = int(np.argmax(recall_N >= wanted / 100 - 1e-12))
    return 100 * float(share_N[first]), float(at_N[first])


def score(seed: int, dilate: float | None, home: Path, model: ChangePipeline, side: int, pixels: int) -> list[Scored]:
    """Every block of every pair of a world."""
    name = f"{seed}" if dilate is None else f"{seed}-{dilate:g}m"
    dates, found = load(seed, dilate, home, name), []
    for before, after in combinations(range(len(SHOWN)), 2):
        late_HW = (dates.changed_HW > dates.last_THW[before]) & (dates.changed_HW <= dates.last_THW[after])
        images = dates.mosaic_TBHW[before], dates.mosaic_TBHW[after]
        unseen_HW = ~images[0].any(0) & images[1].any(0)
        probability_HW, logit_HW = asked_of(model, home, name, (before, after), dates)
        percent_HW = percent_of(probability_HW, *images)
        length_HW = np.sqrt(((images[1].astype(np.float32) - images[0]) ** 2).sum(0)) / 40
        length_HW = np.where(images[0].any(0) & images[1].any(0), np.clip(length_HW, 0, 100), 0).astype(np.uint8)
        differ_HW = dates.map_THW[before] != dates.map_THW[after]
        differ_HW &= images[0].any(0) & images[1].any(0)
        for y in range(0, SIDE, side):
            for x in range(0, SIDE, side):
                at = slice(y, y + side), slice(x, x + side)
                if in_patches(unseen_HW[at], pixels).any():
                    continue
                scores = {
                    "scn": block_score(percent_HW[at], pixels),
                    "scout": float(logit_HW[at].max()),
                    "vectors": block_score(length_HW[at], pixels),
                    "maps": largest(differ_HW[at]) / 100,
                }
                found.append(Scored(int(in_patches(late_HW[at], pixels).sum()), scores))
    return found


def largest(mask_HW: np.ndarray) -> int:
    """Pixels of the largest connected piece."""
    label_HW, count = ndimage.label(mask_HW, EIGHT)
    return int(np.bincount(label_HW.ravel())[1:].max()) if count else 0


def asked_of(
    model: ChangePipeline, home: Path, name: str, pair: tuple[int, int], dates: Dates
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of change and the scout's logit, HW; without a scout 0."""
    path = home / f"asked-{model.digest[:12]}-{name}-{pair[0]}-{pair[1]}.npz"
    if not path.is_file():
        before_CHW, after_CHW = (
            dates.mosaic_TBHW[each][[catalogs.ROLES.index(band) for band in model.bands]] for each in pair
        )
        probability_HW = model(before_CHW, after_CHW, tuple(dates.corner.tolist())).probability_HW
        logit_HW = np.zeros(probability_HW.shape, np.float32)
        if model.scout is not None:
            with torch.inference_mode():
                images = (torch.from_numpy(image.astype(np.float32))[None] for image in (before_CHW, after_CHW))
                cells_HW = model.scout(*model.normalise(*images))[0, 0].numpy()
            logit_HW = cells_HW.repeat(model.scout.cell, 0).repeat(model.scout.cell, 1)
        np.savez(path, probability_HW=probability_HW, logit_HW=logit_HW)
    with np.load(path) as kept:
        return kept["probability_HW"], kept["logit_HW"]


def load(seed: int, dilate: float | None, home: Path, name: str) -> Dates:
    """Of the world of a seed; made where the folder lacks it."""
    path = home / f"dates-{name}.npz"
    if not path.is_file():
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **vars(_made(seed, dilate, home / f"world-{seed}")))
        partial.rename(path)
    with np.load(path) as kept:
        return Dates(**{name: kept[name] for name in kept.files})


def _made(seed: int, dilate: float | None, folder: Path) -> Dates:
    if not (folder / "world.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        simulate_year(folder, seed, KILOMETRES, passes=PASSES, every=DAYS, per_km2=PER_KM2)
    world = open_world(folder)
    days = sorted({overpass.day for overpass in world.dates})
    left, _, _, top = (round(side / 10) for side in world.bounds)
    trim = (round(KILOMETRES * 100) - SIDE) // 2
    window = Window(trim - top, left + trim, trim - top + SIDE, left + trim + SIDE)
    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (days[0], days[-1]))
    query = Query(str(world.catalog), "sentinel-2-l2a", world.bounds_lonlat, first, last + timedelta(days=1))
    scenes = resolve_or_drop(catalogs.search(query))
    if dilate is not None:
        rule = replace(SCL, cloud=(SHADOW, *SCL.cloud), dilate=dilate)
        scenes = [replace(scene, rule=rule) for scene in scenes]
    model, grid = IDGBRPipeline.from_pretrained("simulated-s2"), Grid("EPSG:3035", 10.0, 512)
    mosaics, lasts, maps = [], [], []
    for number in SHOWN:
        upto = [scene for scene in scenes if scene.datetime.date().isoformat() <= days[number]]
        block = mosaic_block(grid, window, upto, catalogs.ROLES, MosaicParams("newest"))
        mosaics.append(block.mosaic_BHW)
        lasts.append(block.last_clear_HW)
        maps.append(model(block.mosaic_BHW[None].astype(np.float32), origin=(window.y0, window.x0))[0][0])
    first_HW, last_HW = (cut(world, each, window) for each in truths(world, [days[0], days[-1]]))
    _, changed_HW = changed_on(world, window, grid.resolution, first_HW != last_HW)
    return Dates(np.stack(mosaics), np.stack(lasts), np.stack(maps), changed_HW, np.array((window.y0, window.x0)))


if __name__ == "__main__":
    main()
