"""Inputs by number; progress on stderr, a table at the end, exit 1 where a call ended badly."""

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz import ground as grounds
from fuzz import inputs
from fuzz.child import BYTES, SECONDS, Outcome, call, fork_server
from fuzz.server import serving


@dataclass(frozen=True)
class Result:
    number: int
    kind: str
    argv: list[str]
    outcome: Outcome


def main() -> int:
    asked = _asked()
    context = fork_server()
    sys.setrecursionlimit(20_000)  # To write what is nested hundreds deep; the commands have Python's own limit.
    numbers = [asked.only] if asked.only is not None else list(range(asked.first, asked.inputs))
    if asked.kind:
        numbers = [number for number in numbers if inputs.kind_of(number) in asked.kind]
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder, serving() as answers:
        root = Path(folder)
        ground = grounds.prepare(root / "ground")

        def one(number: int) -> Result:
            at = root / str(number)
            at.mkdir()
            kind = inputs.kind_of(number)
            argv = inputs.KINDS[kind][0](Random(f"{asked.seed} {number}"), ground, at, answers)
            result = Result(number, kind, argv, call(context, argv, at))
            if asked.keep and (result.outcome.fault or asked.only is not None):
                shutil.copytree(at, asked.keep / str(number), dirs_exist_ok=True, symlinks=True)
            shutil.rmtree(at, ignore_errors=True)
            return result

        results = []
        with ThreadPoolExecutor(asked.jobs) as pool:
            for result in pool.map(one, numbers):
                results.append(result)
                if result.outcome.fault or asked.only is not None:
                    _tell_fault(result)
                elif len(results) % 50 == 0:
                    print(f"{len(results)} of {len(numbers)}", file=sys.stderr, flush=True)
    _table(results)
    return 1 if any(result.outcome.fault for result in results) else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1500)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this input alone, told whole")
    parser.add_argument("--kind", action="append", choices=inputs.KINDS, help="inputs of this kind alone")
    parser.add_argument("--keep", type=Path, help="folder that keeps the inputs that ended badly")
    parser.add_argument("--jobs", type=int, default=2, help="calls at once")
    return parser.parse_args()


def _tell_fault(result: Result) -> None:
    outcome = result.outcome
    last = (outcome.stderr.strip().splitlines() or [""])[-1][:200]
    what = outcome.fault or f"exit {outcome.code}"
    line = (
        f"{result.number:5} {result.kind:16} {what:12} {outcome.seconds:5.1f} s {outcome.peak_bytes >> 20:5} MB: {last}"
    )
    print(line, " ".join(result.argv)[:200], sep="\n      idgbr ", file=sys.stderr, flush=True)


def _table(results: list[Result]) -> None:
    columns = ("inputs", "exit 0", "sentence", "traceback", "hang", "memory", "other")
    print(f"limits: {SECONDS:.0f} s, {BYTES >> 30} GB")
    print(f"{'kind':16}", *(f"{name:>9}" for name in columns), f"{'most s':>7} {'most MB':>8}")
    for kind in (*inputs.KINDS, "all"):
        of = [result.outcome for result in results if kind in ("all", result.kind)]
        faults = [outcome.fault for outcome in of if outcome.fault]
        ended = [outcome.code == 0 for outcome in of if not outcome.fault]
        told = [faults.count(name) for name in ("traceback", "hang", "memory")]
        row = (len(of), sum(ended), len(ended) - sum(ended), *told, len(faults) - sum(told))
        most = (
            max((outcome.seconds for outcome in of), default=0),
            max((outcome.peak_bytes for outcome in of), default=0) >> 20,
        )
        print(f"{kind:16}", *(f"{value:9}" for value in row), f"{most[0]:7.1f} {most[1]:8}")


if __name__ == "__main__":
    sys.exit(main())
