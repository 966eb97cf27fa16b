"""Single bits flipped on disk: which are noticed, which change nothing, and which change pixels without a word.

    python tests/benchmarks/bit_flips.py [--flips 1000] [--seed 1]

The store is that of a small map; after each flip the newest version is opened anew and all of it is read.
Assets are scenes of the simulated world written in several formats and read as a mosaic reads them. Exit code 1
where a flip changed the cube's arrays silently.
"""

import argparse
import os
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import rasterio.shutil
import zarr
from bit_rot import flipped_bit
from fuzz import ground as grounds

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part

OUTCOMES = ("noticed", "no change", "silent")
FORMATS: dict[str, dict] = {
    "GeoTIFF, uncompressed": {"driver": "GTiff"},
    "GeoTIFF, LZW": {"driver": "GTiff", "compress": "lzw", "predictor": 2},
    "GeoTIFF, deflate": {"driver": "GTiff", "compress": "deflate", "predictor": 2},
    "GeoTIFF, zstd": {"driver": "GTiff", "compress": "zstd", "predictor": 2},
    "JPEG 2000, lossless": {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=1000, help="of the store; a fifth as many of each format")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="bit-flips-") as folder:
        ground = grounds.prepare(Path(folder))
        print(f"{'':32}", *(f"{name:>10}" for name in OUTCOMES))
        silent = _store(ground.cube, asked.flips, chance)
        for name, options in FORMATS.items():
            path = _written(ground, Path(folder) / "assets", name, options)
            _row(name, Counter(_flips([path], asked.flips // 5, chance, lambda path=path: _pixels(path))))
    return 1 if silent else 0


def _store(cube: Path, flips: int, chance: random.Random) -> int:
    """Prints a row for each kind of file; the number of silent changes."""
    files = [path for path in sorted((cube / "store").rglob("*")) if path.is_file()]
    found: dict[str, Counter[str]] = {}
    for path in chance.choices(files, weights=[path.stat().st_size for path in files], k=flips // 2):
        found.setdefault(path.relative_to(cube / "store").parts[0], Counter()).update(
            _flips([path], 1, chance, lambda: _map(cube))
        )
    for path in chance.choices(files, k=flips - flips // 2):
        found.setdefault(path.relative_to(cube / "store").parts[0], Counter()).update(
            _flips([path], 1, chance, lambda: _map(cube))
        )
    for kind, counts in sorted(found.items()):
        _row(f"store/{kind}", counts)
    return sum(counts["silent"] for counts in found.values())


def _flips(files: list[Path], flips: int, chance: random.Random, read: Callable[[], object]) -> Iterator[str]:
    """What happened at each of so many flips; `read` gives what must not change, or raises."""
    expected = read()
    for _ in range(flips):
        with flipped_bit(chance.choice(files), chance):
            try:
                found = read()
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                yield "noticed"
            else:
                yield "no change" if found == expected else "silent"


def _map(cube: Path) -> object:
    """All arrays and attributes of the newest version."""
    group = Cube.open(cube).group(branch=versions.MAIN)
    found: dict[str, object] = {"": group.attrs.asdict()}
    for name, node in sorted(group.members(None)):
        found[name] = node.attrs.asdict(), np.asarray(node[...]).tobytes() if isinstance(node, zarr.Array) else None
    return found


def _written(ground: grounds.Ground, folder: Path, name: str, options: dict) -> Path:
    folder.mkdir(exist_ok=True)
    source = ground.items[0]["assets"]["blue"]["href"]
    path = folder / f"{name.split(',')[1].strip()}.tif"
    if options["driver"] == "GTiff":
        options = options | {"tiled": True, "blockxsize": 256, "blockysize": 256}
    rasterio.shutil.copy(source, path, **options)
    return path


def _pixels(path: Path) -> bytes:
    """A change of what the file says of itself, such as its place, also counts as a change."""
    inspect.cache_clear()
    raster = inspect(os.fspath(path), 10)
    return (
        repr(raster).encode()
        + read_part(os.fspath(path), raster, Part((0, raster.height), (0, raster.width))).tobytes()
    )


def _row(name: str, counts: Counter[str]) -> None:
    total = sum(counts.values())
    print(f"{name:32}", *(f"{counts[outcome]:10}" for outcome in OUTCOMES), f"  of {total}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
