"""Seconds and peak memory of exports of synthetic cubes, beside what rioxarray and GDAL alone would do.

Each row runs in a process of its own: `python tests/benchmarks/exports.py`. A cube is one random block repeated.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import peak_mb
from repeated_cube import publish_repeated

BLOCK = 1024
SHOWN = ("pixels", "what", "seconds", "cpu_seconds", "peak_mb", "megabytes")


def make(folder: Path, side: int) -> None:
    """A published cube of side x side blocks of 1024 px, with its levels."""
    import numpy as np
    from scipy import ndimage

    rng = np.random.default_rng(0)
    scores_KHW = [ndimage.gaussian_filter(rng.normal(size=(BLOCK, BLOCK)), 12, mode="wrap") for _ in range(6)]
    block_HW = (np.argmax(scores_KHW, 0) * 10 + 10).astype(np.uint8)
    publish_repeated(folder, BLOCK, (0, 0), side, ("red",), "#{code:02x}8040", {"landcover": block_HW})


def work(what: str, cube: Path, out: Path) -> None:
    """One export, by us or by a rival."""
    from pipeline.cube.cube import Cube

    if what == "cog":
        from pipeline.export.cog import export_cog

        export_cog(Cube.open(cube), out / "map.tif", workers=2)
    elif what == "cog tiles":
        from pipeline.export.cog import export_cog

        export_cog(Cube.open(cube), out / "map", tile=4, workers=2)
    elif what == "zarr":
        from pipeline.export.plain_zarr import export_zarr

        export_zarr(Cube.open(cube), out / "map.zarr", workers=2)
    elif what == "parquet":
        from pipeline.export.vector import export_polygons

        export_polygons(Cube.open(cube), out / "map.parquet", workers=2)
    elif what == "rioxarray":
        import rioxarray  # noqa: F401 it adds the accessor

        from pipeline.cube.open import open_cube

        landcover = open_cube(cube).landcover.isel(time=0, drop=True)
        options = {"driver": "COG", "compress": "DEFLATE", "overview_resampling": "MODE", "num_threads": "2"}
        landcover.rio.to_raster(out / "map.tif", **options)
    elif what == "gdal mode":
        import rasterio.shutil

        options = {"compress": "DEFLATE", "overviews": "IGNORE_EXISTING", "overview_resampling": "MODE"}
        rasterio.shutil.copy(out / "given.tif", out / "map.tif", driver="COG", num_threads="2", **options)


def agreement(ours: Path, theirs: Path) -> dict[int, float]:
    """Share of equal pixels of each overview, by its factor."""
    import rasterio

    shares = {}
    with rasterio.open(ours) as dataset:
        factors = dataset.overviews(1)
    for level, factor in enumerate(factors):
        with rasterio.open(ours, overview_level=level) as a, rasterio.open(theirs, overview_level=level) as b:
            shares[factor] = float((a.read(1) == b.read(1)).mean())
    return shares


def measure(what: str, cube: Path, out: Path) -> dict[str, object]:
    begun = time.monotonic()
    work(what, cube, out)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    size = sum(file.stat().st_size for file in out.glob("map*") for file in [file, *file.rglob("*")] if file.is_file())
    return {
        "what": what,
        "seconds": round(time.monotonic() - begun, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(peak_mb()),
        "megabytes": round(size / 1e6, 1),
    }


def run(what: str, cube: Path, out: Path) -> dict[str, object]:
    command = [sys.executable, __file__, "--what", what, "--cube", cube, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sides", type=int, nargs="+", default=[8, 16, 32], help="blocks of 1024 px along a side")
    parser.add_argument("--what", nargs="+", default=["cog", "cog tiles", "zarr", "rioxarray", "gdal mode", "parquet"])
    parser.add_argument("--largest-rival", type=int, default=16, help="side up to which rioxarray and polygons run")
    parser.add_argument("--cube", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.cube:
        print(json.dumps(measure(asked.what[0], asked.cube, asked.out)))
        return
    print("".join(f"{name:>14}" for name in SHOWN))
    for side in asked.sides:
        with tempfile.TemporaryDirectory() as folder:
            cube = Path(folder) / "cube"
            make(cube, side)
            for what in asked.what:
                if what in ("rioxarray", "parquet") and side > asked.largest_rival:
                    continue
                out = Path(folder) / "out"
                out.mkdir(exist_ok=True)
                row = {"pixels": f"{(side * BLOCK) ** 2:.2e}", **run(what, cube, out)}
                print("".join(f"{row[name]!s:>14}" for name in SHOWN), flush=True)
                if what == "cog":
                    (out / "map.tif").rename(out / "given.tif")
                if what == "gdal mode":
                    shares = agreement(out / "given.tif", out / "map.tif")
                    print("equal overviews:", ", ".join(f"1/{n} {share:.4f}" for n, share in shares.items()))
                for made in out.glob("map*"):
                    shutil.rmtree(made) if made.is_dir() else made.unlink()


if __name__ == "__main__":
    main()
