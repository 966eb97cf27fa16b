"""Runs what is left of a preset's tasks in processes side by side, then writes the report."""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from idgbr.training.loop import OutOfTime
from science import report
from science.place import Place, Task
from science.presets import PRESETS
from science.tasks import tasks

LATER = 75
"""Exit code of a task that was stopped by the clock and can go on."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="science", description="trains and scores refiners and controls on real images"
    )
    parser.add_argument("--preset", choices=["auto", *PRESETS], default="auto", help="auto: gpu where there is one")
    parser.add_argument("--minutes", type=float, help="stop after so many; the same command goes on later")
    parser.add_argument("--only", default="", help="work on tasks whose name contains this, and what they need")
    parser.add_argument("--jobs", type=int, help="tasks side by side; default: the preset's")
    parser.add_argument("--home", type=Path, default=Path("out/science"), help="folder of what is made")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--deadline", type=float, default=float("inf"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    name = asked.preset if asked.preset != "auto" else "gpu" if torch.cuda.is_available() else "cpu"
    preset = PRESETS[name]
    deadline = time.time() + 60 * asked.minutes if asked.minutes else asked.deadline
    place = Place(asked.home / name, preset, time.monotonic() + deadline - time.time())
    chosen = _chosen(tasks(preset), asked.only)
    if asked.task:
        return _one(next(task for task in chosen if task.name == asked.task), place)
    _same_preset(place)
    jobs = asked.jobs or preset.jobs
    failed = _all(chosen, place, jobs, [f"--preset={name}", f"--home={asked.home}", f"--deadline={deadline}"], deadline)
    left = sum(not place.result(task.name).is_file() for task in chosen)
    print(report.write(place), flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}; see the .log files in {place.home / 'logs'}", file=sys.stderr)
        return 1
    if left:
        print(f"{left} of {len(chosen)} tasks are left; the same command goes on", file=sys.stderr)
    return LATER if left else 0


def _one(task: Task, place: Place) -> int:
    torch.set_num_threads(place.preset.threads)
    began = time.monotonic()
    try:
        result = task.run(place)
    except OutOfTime:
        return LATER
    path = place.result(task.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"task_seconds": round(time.monotonic() - began, 1), **result}, indent=1))
    partial.rename(path)
    return 0


def _all(chosen: list[Task], place: Place, jobs: int, arguments: list[str], deadline: float) -> list[str]:
    """Starts whatever is due as soon as what it needs is there, `jobs` at a time; names what failed."""
    logs = place.home / "logs"
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    logs.mkdir(parents=True, exist_ok=True)
    running: dict[str, subprocess.Popen[bytes]] = {}
    ended: dict[str, int] = {}
    while True:
        for name, process in list(running.items()):
            if process.poll() is not None:
                ended[name] = process.returncode
                del running[name]
                _bar(chosen, place, f"{name}: {'done' if ended[name] == 0 else f'exit {ended[name]}'}")
        due = [
            task
            for task in chosen
            if task.name not in running
            and task.name not in ended
            and not place.result(task.name).is_file()
            and all(place.result(need).is_file() for need in task.needs)
        ]
        while due and len(running) < jobs and time.time() < deadline:
            task = due.pop(0)
            threads = str(place.preset.threads)
            with (logs / f"{task.name}.log").open("ab") as log:
                running[task.name] = subprocess.Popen(
                    [sys.executable, "-m", "science", f"--task={task.name}", *arguments],
                    stdout=log,
                    stderr=log,
                    env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONPATH": path},
                )
        if not running:
            return [name for name, code in ended.items() if code not in (0, LATER)]
        time.sleep(0.2)


def _chosen(everything: list[Task], part: str) -> list[Task]:
    """The tasks whose name contains `part`, with all they need."""
    by_name = {task.name: task for task in everything}
    wanted: set[str] = set()
    open_ends = [task.name for task in everything if part in task.name]
    while open_ends:
        name = open_ends.pop()
        if name not in wanted:
            wanted.add(name)
            open_ends.extend(by_name[name].needs)
    return [task for task in everything if task.name in wanted]


def _same_preset(place: Place) -> None:
    """What was made by another preset must not be mixed in."""
    settings = json.dumps(asdict(place.preset), indent=1, default=str)
    path = place.home / "preset.json"
    if path.is_file() and path.read_text() != settings:
        sys.exit(f"{place.home} was made with other settings; name another folder with --home, or remove it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings)


def _bar(chosen: list[Task], place: Place, what: str) -> None:
    done = sum(place.result(task.name).is_file() for task in chosen)
    print(f"{done:4d}/{len(chosen)} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
