"""Tiles of `idgbr serve` beside titiler-xarray's own server on a plain Zarr export of the same version.

`python tests/benchmarks/serve.py --cube CUBE`, or without for a synthetic one of `--side` blocks of 1024 px a side.
The servers are asked in turn, tile by tile, with connections that are kept; `cpu` is that of the server's process.
Points: `points.py`. titiler is given the group whose pixels fit the zoom, which its plain server leaves to the client.
"""

import argparse
import http.client
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from repeated_cube import publish_repeated

BLOCK = 1024
BANDS = ("blue", "green", "red", "nir")
LAYERS = ("landcover", "confidence", "mosaic")
OURS, TITILER = "idgbr serve", "titiler-xarray"


def make(folder: Path, side: int) -> None:
    """A published cube of side x side blocks, one smooth block repeated, with mosaic, confidence and levels."""
    from scipy import ndimage

    rng = np.random.default_rng(0)
    smooth_KHW = np.stack(
        [ndimage.gaussian_filter(rng.normal(size=(BLOCK, BLOCK)), 6, mode="wrap") * 20 for _ in range(6)]
    )
    arrays = {
        "landcover": (np.argmax(smooth_KHW, 0) * 10 + 10).astype(np.uint8),
        "confidence": (70 + 10 * smooth_KHW[0]).clip(1, 100).astype(np.uint8),
        "mosaic": (900 + 200 * smooth_KHW[:4] + rng.normal(0, 30, (4, BLOCK, BLOCK))).clip(1, 9999).astype(np.uint16),
    }
    publish_repeated(folder, BLOCK, (-280, 440), side, BANDS, "#80{code:02x}40", arrays)


@dataclass(frozen=True)
class Service:
    """A server in a process of its own, that says of a tile what address it has there."""

    name: str
    pid: int
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def cpu(self) -> float:
        """Seconds, of all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) // 1024


@contextmanager
def running(name: str, command: list[str], port: int):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        service = Service(name, process.pid, port)
        try:
            for _ in range(600):
                try:
                    get(service.connect(), "/", any_status=True)
                    break
                except OSError:
                    time.sleep(0.1)
            yield service
        finally:
            process.terminate()


def get(connection: http.client.HTTPConnection, path: str, any_status: bool = False) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200 and not any_status:
        raise RuntimeError(f"{answer.status} for {path}: {content[:300]!r}")
    return content


@dataclass(frozen=True)
class Asked:
    """A tile of a layer, and its path at each server."""

    layer: str
    z: int
    x: int
    y: int
    path: dict[str, str]


def tiles_of(cube: dict, deepest: int, levels: int, export: Path, count: int, rng: random.Random) -> list[Asked]:
    """Distinct tiles inside the map at the four zooms down to its own pixels, for each layer."""
    west, south, east, north = cube["bounds"]
    colours = json.dumps({str(row["value"]): f"{row['color']}ff" for row in cube["classes"]})
    asked: dict[tuple[str, int, int, int], Asked] = {}
    while len(asked) < count:
        z, layer = rng.randint(max(deepest - 3, 0), deepest), rng.choice(LAYERS)
        lon = west + (east - west) * rng.uniform(0.2, 0.8)
        lat = south + (north - south) * rng.uniform(0.2, 0.8)
        x = int((lon + 180) / 360 * 2**z)
        y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z)
        group = 0 if layer == "mosaic" else min(max(deepest - z - 1, 0), levels)
        query = [
            ("url", str(export)),
            ("group", str(group)),
            ("variable", layer),
            ("sel", f"time={cube['periods'][0]}"),
        ]
        if layer == "landcover":
            query.append(("colormap", colours))
        elif layer == "confidence":
            query += [("colormap_name", "viridis"), ("rescale", "0,100")]
        else:
            query += [("sel", f"band={band}") for band in ("red", "green", "blue")] + [("rescale", "0,2200")]
        theirs = f"/tiles/WebMercatorQuad/{z}/{x}/{y}.png?{urlencode(query)}"
        asked[layer, z, x, y] = Asked(layer, z, x, y, {OURS: f"/tiles/{layer}/{z}/{x}/{y}.png", TITILER: theirs})
    return list(asked.values())


def percentile(values: list[float], share: int) -> float:
    return float(np.percentile(values, share)) * 1000


def latencies(services: list[Service], tiles: list[Asked], rng: random.Random) -> None:
    """Each tile for the first time (cold: nothing of it was asked before) and again, each server in turn."""
    connections = {service.name: service.connect() for service in services}
    spent: dict[tuple[str, str, str], list[float]] = {}
    cpu: dict[tuple[str, str, str], float] = {}
    equal = []
    for when in ("cold", "warm", "warm", "warm"):
        for tile in rng.sample(tiles, len(tiles)):
            pictures = {}
            for service in rng.sample(services, len(services)):
                key, before = (when, tile.layer, service.name), service.cpu()
                begun = time.perf_counter()
                pictures[service.name] = get(connections[service.name], tile.path[service.name])
                spent.setdefault(key, []).append(time.perf_counter() - begun)
                cpu[key] = cpu.get(key, 0) + service.cpu() - before
            if when == "cold" and tile.layer == "landcover":
                ours_HW4, theirs_HW4 = (pixels(pictures[name]) for name in (OURS, TITILER))
                equal.append((ours_HW4 == theirs_HW4).all(-1).mean())
    print("| tile, ms | tiles | ours p50 | p95 | cpu | titiler p50 | p95 | cpu | p50 ratio | p95 ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for when in ("cold", "warm"):
        for layer in LAYERS:
            rows = []
            for name in (OURS, TITILER):
                times = spent[when, layer, name]
                rows.append((percentile(times, 50), percentile(times, 95), 1000 * cpu[when, layer, name] / len(times)))
            ours, theirs = rows
            cells = [f"{value:.1f}" for value in (*ours, *theirs)]
            ratios = [f"{theirs[at] / ours[at]:.1f}" for at in (0, 1)]
            print(f"| {layer}, {when} | {len(spent[when, layer, OURS])} | {' | '.join([*cells, *ratios])} |")
    print(
        f"\npixels of landcover tiles that are equal in both: median {np.median(equal):.4f}, least {min(equal):.4f}\n"
    )


def pixels(png: bytes) -> np.ndarray:
    from PIL import Image

    rgba_HW4 = np.asarray(Image.open(BytesIO(png)).convert("RGBA")).copy()
    rgba_HW4[rgba_HW4[..., 3] == 0] = 0
    return rgba_HW4


def throughput(services: list[Service], tiles: list[Asked], clients: int, seconds: float, rounds: int = 6) -> None:
    """Requests a second of so many clients, who ask for random tiles, the servers taking turns of seconds / rounds."""
    total = {service.name: [0, 0.0, 0.0] for service in services}
    for turn in range(rounds):
        for service in services if turn % 2 else reversed(services):
            before, (count, took) = service.cpu(), load(service, tiles, clients, seconds / rounds, turn)
            row = total[service.name]
            row[0], row[1], row[2] = row[0] + count, row[1] + took, row[2] + service.cpu() - before
    print(f"| {clients} clients, {seconds:g} s each | requests / s | cpu ms a request | peak MB |")
    print("|---|---|---|---|")
    for service in services:
        count, took, cpu = total[service.name]
        print(f"| {service.name} | {count / took:.1f} | {1000 * cpu / count:.1f} | {service.peak_mb()} |")
    ours, theirs = (total[name][0] / total[name][1] for name in (OURS, TITILER))
    print(f"| ratio | {ours / theirs:.1f} | | |\n")


def load(service: Service, tiles: list[Asked], clients: int, seconds: float, seed: int) -> tuple[int, float]:
    begun = time.monotonic()
    counts = [0] * clients

    def client(at: int) -> None:
        rng, connection = random.Random(seed * 1000 + at), service.connect()
        while time.monotonic() - begun < seconds:
            get(connection, rng.choice(tiles).path[service.name])
            counts[at] += 1

    threads = [threading.Thread(target=client, args=(at,)) for at in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts), time.monotonic() - begun


def readers(address: Path, tiles: list[Asked], count: int) -> None:
    """Values under the pixels of landcover tiles: ours beside rio-tiler's reader of the cube as an xarray dataset."""
    from rio_tiler.io import XarrayReader

    from pipeline.cube.cube import Cube
    from pipeline.cube.open import open_cube
    from pipeline.serve.chunks import Chunks
    from pipeline.serve.maps import Maps
    from pipeline.serve.mercator import Tile, positions
    from pipeline.serve.tiles import codes_under

    chosen = [tile for tile in tiles if tile.layer == "landcover"][:count]
    shown = Maps(Cube.open(address)).map()
    period = shown.periods[-1][0]
    levels = {level: open_cube(address, level=level).landcover[-1] for level in range(shown.layout.levels + 1)}
    chunks, none = Chunks(256 * 2**20), Chunks(0)
    deepest = max(tile.z for tile in chosen)

    def ours(tile: Asked, cache: Chunks) -> np.ndarray:
        where = positions(Tile(tile.z, tile.x, tile.y), shown.layout.extent, shown.bounds)
        return codes_under(cache, shown, period, "landcover", where)

    def theirs(tile: Asked) -> np.ndarray:
        level = min(max(deepest - tile.z - 1, 0), shown.layout.levels)
        with XarrayReader(levels[level]) as reader:
            image = reader.tile(tile.x, tile.y, tile.z, reproject_method="nearest")
        return np.where(image.mask > 0, image.data[0], 0)

    ways = {
        "ours, chunks in memory": lambda tile: ours(tile, chunks),
        "ours, without": lambda tile: ours(tile, none),
        "rio-tiler XarrayReader": theirs,
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(4):
        for tile in chosen:
            for name, read in ways.items():
                begun, cpu = time.perf_counter(), time.process_time()
                read(tile)
                if turn:
                    spent[name].append((time.perf_counter() - begun, time.process_time() - cpu))
    print(f"| reader, {len(chosen)} landcover tiles | p50 ms | p95 ms | cpu ms |")
    print("|---|---|---|---|")
    for name, rows in spent.items():
        walls, cpus = zip(*rows, strict=True)
        print(f"| {name} | {percentile(walls, 50):.1f} | {percentile(walls, 95):.1f} | {1000 * np.mean(cpus):.1f} |")


def main() -> None:
    from s3_server import free_port

    from pipeline.cube.cube import Cube
    from pipeline.export.plain_zarr import export_zarr

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cube", type=Path)
    parser.add_argument("--side", type=int, default=8, help="blocks of 1024 px along a side of the synthetic cube")
    parser.add_argument("--tiles", type=int, default=90)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60, help="of load on each server")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        address, export = asked.cube or Path(folder) / "cube", Path(folder) / "export.zarr"
        if asked.cube is None:
            make(address, asked.side)
        export_zarr(Cube.open(address), export)
        ports = free_port(), free_port()
        serve = [sys.executable, "-m", "pipeline.cli", "serve", str(address), "--port", str(ports[0])]
        uvicorn = [sys.executable, "-m", "uvicorn", "titiler.xarray.main:app", "--port", str(ports[1])]
        with (
            running(OURS, serve, ports[0]) as ours,
            running(TITILER, [*uvicorn, "--log-level", "warning", "--no-access-log"], ports[1]) as theirs,
        ):
            services = [ours, theirs]
            cube = json.loads(get(ours.connect(), "/cube"))
            zooms = json.loads(get(ours.connect(), "/tiles/landcover/tile.json"))
            side = max(json.loads((export / "0/landcover/zarr.json").read_text())["shape"][-2:])
            levels = max(int(path.name) for path in export.iterdir() if path.name.isdigit())
            print(f"{cube['name']}: {side:,} px a side, {levels} coarser levels, {asked.tiles} tiles\n")
            tiles = tiles_of(cube, zooms["maxzoom"], levels, export, asked.tiles, rng)
            latencies(services, tiles, rng)
            throughput(services, tiles, asked.clients, asked.seconds)
        readers(address, tiles, 20)


if __name__ == "__main__":
    main()
