"""One trial: a run of which something is killed, the same command until it ends well, and a reader all along."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import icechunk
import numpy as np

from crash import nodes as ray_nodes
from crash.cubes import Arrays, Ground, arrays, copied, differences, newest, others
from crash.nodes import Nodes
from pipeline import store, versions

VICTIMS = ("driver", "worker", "raylet", "node")
HEAD_EVERY, S3_EVERY = 25, 20
WORKERS = 2
RERUNS = 3
LIMIT = 180
PARTS = ("manifests", "snapshots", "transactions")


@dataclass(frozen=True)
class Spec:
    """What trial `number` of a seed does. `at` is a share of an undisturbed run, of its seconds or, `aimed`, of its
    commits' files."""

    number: int
    victim: str
    change: str
    commit_every: int
    on_s3: bool
    aimed: bool
    at: float
    delay: float
    seed: str

    @staticmethod
    def of(seed: int, number: int) -> "Spec":
        name = f"{seed}-{number}"
        random = Random(name)
        victim = "head" if number % HEAD_EVERY == HEAD_EVERY - 1 else VICTIMS[number % len(VICTIMS)]
        on_s3 = number % S3_EVERY == S3_EVERY - 2
        aimed = random.random() < 1 / 3 and not on_s3
        # The last files of a run are those of its publishing, a moment that chance alone would hardly meet.
        at = random.uniform(0.8, 1) if aimed and random.random() < 0.5 else random.random()
        at *= 0.8 if victim == "worker" else 1  # the last part of a run has no workers
        change = "scenes" if random.random() < 0.5 else "model"
        return Spec(number, victim, change, random.randint(1, 3), on_s3, aimed, at, random.uniform(0, 0.03), name)


@dataclass
class Result:
    number: int
    victim: str
    change: str
    phase: str = "ended"
    at: float = 0.0
    runs: int = 0
    reads: int = 0
    seconds: float = 0.0
    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Undisturbed:
    """What a run that nothing disturbs takes and gives."""

    seconds: float
    files: int
    arrays: Arrays
    others: set[str]


@dataclass
class Stage:
    """What all trials share. `s3` is a server, and `bucket` one of its, where trials need them."""

    ground: Ground
    nodes: Nodes
    template: Path
    before: Arrays
    after: dict[str, Undisturbed]
    s3: Any = None
    bucket: str = ""


def stage(ground: Ground, nodes: Nodes, s3: Any, bucket: str, changes: set[str]) -> Stage:
    """Publishes the first version, and runs every change of those named undisturbed once."""
    template = ground.folder / "template" / "cube"
    template.parent.mkdir()
    ground.write_region(template.parent / "region.yaml", str(template), ground.first, 4)
    _finish(template.parent, nodes)
    made = Stage(ground, nodes, template, arrays(str(template)), {}, s3, bucket)
    for change in (each for each in ground.changes if each.name in changes):
        folder = ground.folder / f"undisturbed-{change.name}"
        folder.mkdir()
        cube = folder / "cube"
        copied(template, str(cube))
        ground.write_region(folder / "region.yaml", str(cube), change, 2)
        watch, begun = Watch(cube), time.monotonic()
        _finish(folder, nodes)
        made.after[change.name] = Undisturbed(time.monotonic() - begun, watch.count(), arrays(str(cube)), others(cube))
    return made


def _started(region: Path, nodes: Nodes) -> subprocess.Popen:
    command = [sys.executable, "-m", "pipeline.cli", "run", str(region), "--address", nodes.address]
    with (region.parent / "stdout").open("w") as out, (region.parent / "stderr").open("w") as told:
        return subprocess.Popen(
            [*command, "--workers", str(WORKERS), "--json"],
            stdout=out,
            stderr=told,
            cwd=region.parent,
            start_new_session=True,
        )


def _finish(folder: Path, nodes: Nodes) -> None:
    if _started(folder / "region.yaml", nodes).wait(timeout=LIMIT) != 0:
        raise RuntimeError(f"an undisturbed run failed: {(folder / 'stderr').read_text()}")


def trial(stage: Stage, spec: Spec) -> Result:
    """A run that ended before its moment was no trial: another one is killed earlier."""
    folder = stage.ground.folder / f"trial-{spec.number}"
    for earlier in (1, 0.7, 0.5, 0.3):
        folder.mkdir()
        try:
            result = _trial(stage, replace(spec, at=spec.at * earlier), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if result.phase != "ended" or result.wrong:
            return result
    result.wrong.append("every run ended before anything was killed")
    return result


def _trial(stage: Stage, spec: Spec, folder: Path) -> Result:
    begun = time.monotonic()
    (change,) = (each for each in stage.ground.changes if each.name == spec.change)
    expected = stage.after[change.name]
    cube = f"{stage.bucket}/trial-{spec.number}-{time.time_ns()}" if spec.on_s3 else str(folder / "cube")
    copied(stage.template, cube, stage.s3 if spec.on_s3 else None)
    region = folder / "region.yaml"
    stage.ground.write_region(region, cube, change, spec.commit_every)
    stage.nodes.mend()
    result = Result(spec.number, spec.victim + ("/s3" if spec.on_s3 else ""), change.name)
    with Reader(cube, stage.before, expected.arrays, spec.seed) as reader:
        process = _started(region, stage.nodes)
        _disturb(stage, spec, cube, process, result)
        ended = _ended(process, folder, result)
        result.runs = 1
        while ended != 0 and result.runs <= RERUNS and not result.wrong:
            stage.nodes.mend()
            ended = _ended(_started(region, stage.nodes), folder, result)
            result.runs += 1
        time.sleep(0.1)
        reader.look()
    result.reads = reader.reads
    result.wrong += reader.wrong
    if ended != 0:
        result.wrong.append(f"the command still ends with {ended} after {RERUNS} more times")
    result.wrong += differences(cube, expected.arrays)
    if reader.last != "after":
        result.wrong.append("the reader never saw the new version")
    if not spec.on_s3:
        result.wrong += [f"file {name} is there in one only" for name in others(Path(cube)) ^ expected.others]
    result.seconds = round(time.monotonic() - begun, 1)
    return result


def _disturb(stage: Stage, spec: Spec, cube: str, process: subprocess.Popen, result: Result) -> None:
    """Waits for the moment, kills, and tells in which phase the run was."""
    expected, begun = stage.after[spec.change], time.monotonic()
    if spec.aimed:
        watch = Watch(Path(cube))
        wanted = max(1, round(spec.at * expected.files))
        while process.poll() is None and watch.count() < wanted:
            time.sleep(0.002)
        time.sleep(spec.delay)
    else:
        while process.poll() is None and time.monotonic() - begun < spec.at * expected.seconds:
            time.sleep(0.01)
    random, victims = Random(f"{spec.seed}-victim"), []
    while process.poll() is None and not victims:
        victims = _victims(stage.nodes, spec.victim, process, random)
    if process.poll() is None:
        ray_nodes.kill(victims)
        result.phase = phase(cube, spec.aimed)
        result.at = round(time.monotonic() - begun, 1)
        if spec.victim in ("raylet", "node"):
            stage.nodes.mend()


def _victims(nodes: Nodes, victim: str, process: subprocess.Popen, random: Random) -> list[Any]:
    import psutil

    if victim == "driver":
        return [psutil.Process(process.pid)]
    if victim == "worker":
        there = ray_nodes.workers(nodes)
        time.sleep(0 if there else 0.05)
        return [random.choice(there)] if there else []
    if victim == "head":
        head = nodes.cluster.head_node
        return ray_nodes.processes(head) if random.random() < 0.5 else [ray_nodes.raylet(head)]
    node = random.choice(nodes.nodes)
    return [ray_nodes.raylet(node)] if victim == "raylet" else ray_nodes.processes(node)


def _ended(process: subprocess.Popen, folder: Path, result: Result) -> int:
    """How a run ended; notes what it should not have said or done."""
    try:
        code = process.wait(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        code = process.wait()
        result.wrong.append(f"a run hung for {LIMIT} s")
        return code
    told = [line for line in (folder / "stderr").read_text().splitlines() if line.strip() and "━" not in line]
    if code == -signal.SIGKILL and result.victim.startswith("driver"):
        return code
    if told:
        result.told.append(" | ".join(told)[:2000])
    if code not in (0, 1):
        result.wrong.append(f"a run ended with {code}")
    if code == 0 and len((folder / "stdout").read_text().splitlines()) != 1:
        result.wrong.append("a run told more than its report on stdout")
    if any(line.startswith("Traceback") for line in told):
        result.wrong.append("a run ended in a traceback")
    elif code == 1 and not (len(told) == 1 and told[0].startswith("idgbr: ")):
        result.wrong.append(f"a run that failed told {len(told)} lines, not one sentence")
    return code


def phase(cube: str, aimed: bool) -> str:
    """How far a run is: planning, work, commit, aggregate, publish, after."""
    repository = store.repository(cube)
    published = len(versions.history(repository)) > 1
    branches = repository.list_branches() - {versions.MAIN}
    if not branches:
        return "after" if published else "planning"
    (branch,) = branches
    try:
        return _of_branch(repository, branch, published, aimed)
    except icechunk.IcechunkError:
        # Where not all of a run was killed, it goes on, and may delete its branch meanwhile.
        if branch in repository.list_branches():
            raise
        return "after"


def _of_branch(repository: icechunk.Repository, branch: str, published: bool, aimed: bool) -> str:
    tip = next(iter(repository.ancestry(branch=branch)))
    if published or (tip.metadata.get("published") and tip.id != versions.head(repository)):
        return "publish"
    group = store.reader(repository, branch=branch)
    made, counted = (np.asarray(store.array(group, f"blocks/{name}")[...]) for name in ("landcover", "aggregate"))
    old = np.asarray(store.array(store.reader(repository, branch=versions.MAIN), "blocks/landcover")[...])
    if (made == counted).all() and (made != old).any():
        return "publish"
    if (made != old).all():
        return "aggregate"
    return "commit" if aimed else "work"


class Watch:
    """Counts what commits and publishing write into a cube in a folder, from now on."""

    def __init__(self, cube: Path) -> None:
        self.store = cube / "store"
        self.main = self.store / "refs" / "branch.main" / "ref.json"
        self.first, self.at_first = self._files(), self._main()

    def count(self) -> int:
        return self._files() - self.first + (self._main() != self.at_first)

    def _files(self) -> int:
        return sum(1 for part in PARTS for _ in (self.store / part).iterdir())

    def _main(self) -> int:
        return self.main.stat().st_mtime_ns


class Reader:
    """Reads `main` again and again in a thread: always one version whole, and never the old one after the new."""

    def __init__(self, cube: str, before: Arrays, after: Arrays, seed: str) -> None:
        self.cube, self.versions = cube, {"before": before, "after": after}
        self.random = Random(f"{seed}-reader")
        self.reads, self.last = 0, "before"
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="reader", daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _loop(self) -> None:
        while not self._stop.wait(0.2) and not self.wrong:
            self.look()

    def look(self) -> None:
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - whatever a reader meets is what the trial is about
            self.wrong.append(f"a reader met {type(error).__name__}: {error}"[:500])

    def _look(self) -> None:
        group = newest(self.cube)
        told = np.asarray(store.array(group, "blocks/landcover")[...])
        seen = [name for name, of in self.versions.items() if told.tobytes() == of["blocks/landcover"].tobytes()]
        if not seen:
            self.wrong.append("a reader saw fingerprints that are of neither version")
            return
        (version,) = seen
        if (self.last, version) == ("after", "before"):
            self.wrong.append("a reader saw the old version after the new one")
        self.last = version
        for name in self.random.sample(sorted(n for n, a in self.versions[version].items() if a.ndim >= 3), 4):
            whole = self.versions[version][name]
            side = 256 if whole.shape[-1] >= 256 else whole.shape[-1]
            y, x = (self.random.randrange(max(1, length // side)) * side for length in whole.shape[-2:])
            part = (..., slice(y, y + side), slice(x, x + side))
            if np.asarray(store.array(group, name)[part]).tobytes() != whole[part].tobytes():
                self.wrong.append(f"a reader saw {name} of another version than its fingerprints")
        self.reads += 1
