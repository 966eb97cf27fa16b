"""One trial: a run of which something is killed, the same command until it ends well, and a reader all along."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from messages import messages

from crash import nodes as ray_nodes
from crash.cubes import Arrays, Ground, arrays, copied, differences, others
from crash.nodes import Nodes
from crash.reader import Reader
from crash.watch import Watch, phase

VICTIMS = ("driver", "worker", "raylet", "node")
HEAD_EVERY, S3_EVERY = 25, 20
WORKERS = 2
RERUNS = 3
LIMIT = 400


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
        change = random.choice(("scenes", "model", "screened"))
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
    _finish(template.parent, ground.first.verb, nodes)
    made = Stage(ground, nodes, template, arrays(str(template)), {}, s3, bucket)
    for change in (each for each in ground.changes if each.name in changes):
        folder = ground.folder / f"undisturbed-{change.name}"
        folder.mkdir()
        cube = folder / "cube"
        copied(template, str(cube))
        ground.write_region(folder / "region.yaml", str(cube), change, 2)
        watch, begun = Watch(cube), time.monotonic()
        _finish(folder, change.verb, nodes)
        made.after[change.name] = Undisturbed(time.monotonic() - begun, watch.count(), arrays(str(cube)), others(cube))
    return made


def _started(region: Path, verb: str, nodes: Nodes) -> subprocess.Popen:
    command = [sys.executable, "-m", "pipeline.cli", verb, str(region), "--address", nodes.address]
    with (region.parent / "stdout").open("w") as out, (region.parent / "stderr").open("w") as told:
        return subprocess.Popen(
            [*command, "--workers", str(WORKERS), "--json"],
            stdout=out,
            stderr=told,
            cwd=region.parent,
            start_new_session=True,
        )


def _finish(folder: Path, verb: str, nodes: Nodes) -> None:
    if _started(folder / "region.yaml", verb, nodes).wait(timeout=LIMIT) != 0:
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
        process = _started(region, change.verb, stage.nodes)
        _disturb(stage, spec, cube, process, result)
        ended = _ended(process, folder, result)
        result.runs = 1
        while ended != 0 and result.runs <= RERUNS and not result.wrong:
            stage.nodes.mend()
            ended = _ended(_started(region, change.verb, stage.nodes), folder, result)
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
    told = messages((folder / "stderr").read_text())
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
