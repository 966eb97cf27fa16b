"""How the command's processes end: polls of a cube while a run works, and runs that are stopped at random moments.

    PYTHONPATH=tests/pipeline:tests/helpers python tests/benchmarks/endings.py --polls 500 --interrupts 100

A table counts exit codes; one of a signal, such as -6 for SIGABRT and -11 for SIGSEGV, exits with 1. With `--compare`
the polls also end as Python itself ends a process, in turns with the command. Of a stopped run it is also counted
whether it told one line, and left no process.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from conftest import DATES, write_region
from map_model import save_model

from catalogs.simulated import open_world, simulate
from pipeline.demo.ground import inner_bounds

COMMAND = [sys.executable, "-P", "-m", "pipeline.cli"]
AS_PYTHON_ENDS = [sys.executable, "-P", "-c", "from pipeline.cli import main; main()"]
ENDED = (0, 128 + signal.SIGINT, 128 + signal.SIGTERM)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=500)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--interrupts", type=int, default=100, help="of each address")
    parser.add_argument("--seconds", type=float, default=12.0, help="a run is stopped within so many")
    parser.add_argument("--addresses", nargs="*", default=["none", "local"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    random.seed(asked.seed)
    # A shell makes what it starts in the background ignore SIGINT, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        made = _make(folder)
        counts = {f"status, {name}": codes for name, codes in _poll(made(2.5), asked.polls, asked.compare).items()}
        for address in asked.addresses:
            counts[f"run --address {address}"] = _interrupt(made(10), address, asked.interrupts, asked.seconds)
    for name, codes in counts.items():
        print(f"{name:<34} {sum(codes.values()):>5}  " + ", ".join(f"{code}: {n}" for code, n in codes.most_common()))
    wrong = [code for name, codes in counts.items() if "Python" not in name for code in codes if code not in ENDED]
    return 1 if wrong else 0


def _make(folder: Path):
    """Writes a region file of a resolution, in metres."""
    if not (folder / "world").is_dir():
        simulate(folder / "world", seed=11, kilometres=6, dates=DATES)
        save_model(folder / "model")
    world = open_world(folder / "world")

    def made(resolution: float) -> Path:
        place = folder / f"at-{resolution}-{time.time():.0f}"
        place.mkdir()
        grid = {"crs": "europe", "resolution": resolution, "block": 256}
        write_region(place, world, folder / "model", bbox=list(inner_bounds(world)), grid=grid, commit_every=1)
        return place / "region.yaml"

    return made


def _poll(region: Path, polls: int, compare: bool) -> dict[str, Counter]:
    """Exit codes of status, by how the process ends; a run works all the while."""
    ends = {"the command": COMMAND} | ({"as Python ends": AS_PYTHON_ENDS} if compare else {})
    counts: dict[str, Counter] = {name: Counter() for name in ends}
    cube = region.parent / "cube"
    run = None
    for number in range(polls * 2):
        if run is None or run.poll() is not None:
            shutil.rmtree(cube, ignore_errors=True)
            run = _begin(region, "none")
            while not (cube / "lock.json").is_file() or not (cube / "lock.json").stat().st_size:
                time.sleep(0.2)
        for name, command in ends.items():
            if sum(counts[name].values()) < polls:
                done = subprocess.run([*command, "status", str(cube), "--json"], capture_output=True, check=False)
                counts[name][done.returncode if done.stdout.endswith(b"}\n") else "no output"] += 1
        if number % 20 == 0:
            print(number, counts, file=sys.stderr, flush=True)
        if all(sum(codes.values()) >= polls for codes in counts.values()):
            break
    if run is not None:
        run.kill()
        run.wait()
    return counts


def _begin(region: Path, address: str) -> subprocess.Popen:
    command = [*COMMAND, "run", str(region), "--address", address]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")


def _interrupt(region: Path, address: str, times: int, seconds: float) -> Counter:
    """Exit codes of runs that SIGINT or SIGTERM stops at a random moment; "not one line": of what some of them told."""
    counts: Counter = Counter()
    for number in range(times):
        process = _begin(region, address)
        # Python itself takes some time before it runs any of our code.
        while process.poll() is None and psutil.Process(process.pid).num_threads() < 2:
            time.sleep(0.005)
        begun = time.monotonic()
        moment = random.uniform(0, seconds)
        while process.poll() is None and time.monotonic() - begun < moment:
            time.sleep(0.01)
        children = []
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(random.choice([signal.SIGINT, signal.SIGTERM]))
        _, told = process.communicate(timeout=120)
        counts[process.returncode] += 1
        lines = [line for line in told.splitlines() if line.startswith("idgbr: ")]
        if process.returncode and (len(lines) != 1 or "Traceback" in told):
            counts["not one line"] += 1
        if process.returncode not in ENDED:
            print(f"{process.returncode} after {moment:.1f} s: {told}", file=sys.stderr)
        counts["process left"] += any(child.is_running() and child.status() != "zombie" for child in children)
        if number % 10 == 0:
            print(address, number, f"{moment:.1f} s", dict(counts), file=sys.stderr, flush=True)
    return Counter({code: count for code, count in counts.items() if count})


if __name__ == "__main__":
    os.environ.setdefault("RAY_AUTH_TOKEN", "e" * 64)
    sys.exit(main())
