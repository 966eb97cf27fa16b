"""A simulated year: an update with a change model after each pass, beside mapping everything that new scenes touch.

    PYTHONPATH=tests/helpers python tests/benchmarks/year.py --kilometres 4 --passes 24 --model simulated-s2 \
        --change MODEL|vectors --json year.json

The land changes, fields are harvested, floods come and go, a scene is withdrawn, another comes in a newer baseline, and
on one evening the catalog cannot be reached. The first map is that of the pass after `--begin` others. `vectors` is
change-vector analysis: the length of the difference of two mosaics as a share of 2,000 (reflectance x 10,000). Prints a
row an evening, then: the share of truly changed area in blocks that were mapped after the change; accuracy of both last
maps; device seconds of both; and how many blocks of unchanged ground kept the bytes of the first map.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import yaml

from catalogs import CatalogError
from catalogs.simulated import open_world
from catalogs.simulated.world import truths
from catalogs.simulated.year import catalog_on, simulate_year
from idgbr.change import ChangeOutput, ChangePipeline
from pipeline.change.score import in_patches, patch_pixels
from pipeline.config.region import Region
from pipeline.config.region_file import load
from pipeline.config.sections import ChangeSettings
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.demo.ground import inner_bounds
from pipeline.execution.run import run

WIDTHS = (10, 4, 6, 5, 6, 4, 8, 8)
ARRAYS = ("mosaic", "landcover", "coarse", "confidence", "refined", "observations")


@dataclass
class ChangeVectors:
    bands: tuple[str, ...] = ("blue", "green", "red", "nir")
    digest: str = "vectors"
    halo: int = 0

    def to(self, device):
        return self

    def __call__(self, before_CHW, after_CHW, corner, part):
        length_HW = np.sqrt(((after_CHW.astype(np.float32) - before_CHW) ** 2).sum(0))
        length_HW[~(before_CHW.any(0) & after_CHW.any(0))] = np.nan
        return ChangeOutput(np.clip(length_HW / 2000, 0, 1))


def main() -> None:
    asked = _asked()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        world, evenings = simulate_year(
            folder / "world", asked.seed, asked.kilometres, passes=asked.passes, per_km2=asked.per_km2
        )
        print(f"simulated in {time.perf_counter() - begun:.0f} s: {len(world.history.changes)} changes", flush=True)
        vectors = patch.object(ChangePipeline, "from_pretrained", classmethod(lambda cls, _: ChangeVectors()))
        with vectors if asked.change == "vectors" else nullcontext():
            result = _year(asked, folder, world, evenings)
    if asked.json is not None:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keeps the world and the cubes")
    parser.add_argument("--kilometres", type=float, default=4)
    parser.add_argument("--passes", type=int, default=24)
    parser.add_argument("--per-km2", type=float, default=0.5, help="changes of the land to a square kilometre")
    parser.add_argument("--begin", type=int, default=0, help="passes before that of the first map, which has them too")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--block", type=int, default=256)
    parser.add_argument("--model", default="simulated-s2", help="of the map: a shipped model or a folder")
    parser.add_argument("--change", default="vectors", help="a change model's folder, or vectors")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--min-area", type=float, default=0.25)
    parser.add_argument("--audit", type=float, default=0.02)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _region(asked: argparse.Namespace, folder: Path, name: str, days: tuple[str, str]) -> Region:
    world = open_world(folder / "world")
    (folder / name).mkdir(exist_ok=True)
    path = folder / name / "region.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "name": name,
                "cube": "cube",
                "catalog": str(world.catalog),
                "bbox": list(inner_bounds(world)),
                "period": list(days),
                "grid": {"crs": "europe", "resolution": 10, "block": asked.block},
                "mosaic": {"method": "best", "target_day": days[1]},
                "model": asked.model,
                "gates": {"max_drift": 1, "max_lost_coverage": 1},
            }
        )
    )
    return load(path)


def _year(asked: argparse.Namespace, folder: Path, world, evenings) -> dict:
    days = evenings[0].day, evenings[-1].day
    everything = _region(asked, folder, "everything", days)
    settings = ChangeSettings(
        model=Path(asked.change), threshold=asked.threshold, min_area=asked.min_area, audit=asked.audit
    )
    gated = _region(asked, folder, "gated", days).model_copy(update={"change": settings})
    truth_THW = np.stack([_cut(world, truth_HW, gated) for truth_HW in truths(world, [e.day for e in evenings])])
    extent, rows = gated.extent, []
    first, mosaics_YX, mapped_on = None, None, dict.fromkeys(extent.blocks(), 0)
    seconds = Counter()
    heads = ("evening", "new", "asked", "kept", "mapped", "all", "device s", "all s")
    print(" ".join(f"{head:>{width}}" for head, width in zip(heads, WIDTHS, strict=True)), flush=True)
    for number, evening in list(enumerate(evenings))[asked.begin :]:
        with catalog_on(world.folder, evening):
            try:
                whole, part = run(everything, refresh=True), run(gated, refresh=True)
            except CatalogError as error:
                print(f"{evening.day:10} {str(error)[:60]}", flush=True)
                continue
        first = first or _bytes(gated)
        change, before = part.change, mosaics_YX
        mosaics_YX = np.asarray(store.array(Cube.open(gated.cube).group(), "blocks/mosaic")[0])
        for block in mapped_on:
            if before is None or before[extent.slot(block)] != mosaics_YX[extent.slot(block)]:
                mapped_on[block] = number
        row = {
            "evening": evening.day,
            "new": len(part.news.new) + len(part.news.reprocessed),
            "asked": change.asked if change else 0,
            "kept": change.outcomes.get("screened_out", 0) if change else 0,
            "mapped": part.done.segment,
            "everything": whole.done.segment,
            "seconds": round(_device(part), 2),
            "everything_seconds": round(_device(whole), 2),
        }
        if number > asked.begin:
            seconds.update(gated=row["seconds"], everything=row["everything_seconds"])
        rows.append(row)
        print(" ".join(f"{value:>{width}}" for value, width in zip(row.values(), WIDTHS, strict=True)), flush=True)
    result = {
        **_recall(gated, truth_THW, mapped_on, asked.begin, patch_pixels(asked.min_area, 10)),
        **_kept(gated, truth_THW[asked.begin :], first),
        **_accuracy({"gated": gated, "everything": everything}, truth_THW[asked.begin :]),
        "device_seconds": dict(seconds),
        "ratio": seconds["everything"] / max(seconds["gated"], 1e-9),
        "evenings": rows,
    }
    for name, value in result.items():
        if name != "evenings":
            print(f"{name}: {value}")
    return result


def _device(report) -> float:
    return report.work.get("segment.device", 0.0) + report.work.get("screen.device", 0.0)


def _bytes(region: Region) -> dict[str, np.ndarray]:
    cube = open_cube(region.cube)
    return {name: cube[name].values[0] for name in ARRAYS}


def _cut(world, truth_HW: np.ndarray, region: Region) -> np.ndarray:
    """The truth of the region's pixels."""
    window = region.extent.window
    top, left = window.y0 + round(world.bounds[3] / 10), window.x0 - round(world.bounds[0] / 10)
    rows, cols = window.shape
    return truth_HW[top : top + rows, left : left + cols]


def _parts(region: Region) -> dict[tuple[int, int], tuple[slice, slice]]:
    extent = region.extent
    return {b: extent.covered(b).slices((extent.window.y0, extent.window.x0)) for b in extent.blocks()}


def _recall(region: Region, truth_THW: np.ndarray, mapped_on: dict, begin: int, pixels: int) -> dict:
    """Share of the changed area, in pieces of the least size, in blocks that were mapped after it had changed."""
    changed = caught = 0
    for number in range(begin + 1, len(truth_THW)):
        changed_HW = in_patches(truth_THW[number] != truth_THW[number - 1], pixels)
        for block, at in _parts(region).items():
            here = int(changed_HW[at].sum())
            changed += here
            caught += here if mapped_on[block] >= number else 0
    return {"changed_km2": changed * 1e-4, "recall": caught / max(changed, 1)}


def _kept(region: Region, truth_THW: np.ndarray, first: dict[str, np.ndarray]) -> dict:
    """Blocks without any true change, and how many of them have the bytes of the first map."""
    last = _bytes(region)
    quiet = [at for at in _parts(region).values() if (truth_THW[:, *at] == truth_THW[0][at]).all()]
    same = sum(all(first[n][..., *at].tobytes() == last[n][..., *at].tobytes() for n in ARRAYS) for at in quiet)
    return {"quiet_blocks": len(quiet), "kept_bytes": same}


def _accuracy(regions: dict[str, Region], truth_THW: np.ndarray) -> dict:
    """Overall accuracy of each last map, and where the truth has changed in the year."""
    result, changed_HW = {}, truth_THW[-1] != truth_THW[0]
    for name, region in regions.items():
        right_HW = open_cube(region.cube).landcover.values[0] == truth_THW[-1]
        result[f"accuracy_{name}"] = float(right_HW.mean())
        result[f"accuracy_of_changed_{name}"] = float(right_HW[changed_HW].mean()) if changed_HW.any() else None
    return result


if __name__ == "__main__":
    main()
