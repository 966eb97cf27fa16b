"""Trials by number; progress on stderr, a table at the end, exit 1 where one failed."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from crash import nodes as ray_nodes

PHASES = ("planning", "work", "commit", "aggregate", "publish", "after", "ended")


def main() -> int:
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ray_nodes.guard()
    known = _known(asked)
    numbers = [asked.only] if asked.only is not None else [n for n in range(asked.trials) if n not in known]
    if numbers:
        _run(asked, numbers, known)
    results = [known[number] for number in sorted(known)]
    _table(results)
    left = 0 if asked.only is not None else asked.trials - len(results)
    if left:
        print(f"{left} trials are left: the same command goes on")
    failed = [result for result in results if result["wrong"]]
    for result in failed:
        print(f"trial {result['number']} of seed {asked.seed} failed: {'; '.join(result['wrong'])}")
    return 1 if failed else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many; 0: do not")
    parser.add_argument("--json", type=Path, help="keeps the finished trials, which are not done again")
    parser.add_argument("--only", type=int, help="this trial alone")
    return parser.parse_args()


def _known(asked: argparse.Namespace) -> dict[int, dict]:
    if asked.only is not None or asked.json is None or not asked.json.is_file():
        return {}
    kept = json.loads(asked.json.read_text())
    if kept["seed"] != asked.seed:
        sys.exit(f"crash: {asked.json} holds trials of seed {kept['seed']}; name another file")
    return {result["number"]: result for result in kept["trials"] if result["number"] < asked.trials}


def _keep(asked: argparse.Namespace, known: dict[int, dict]) -> None:
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        draft = asked.json.with_suffix(".draft")
        draft.write_text(json.dumps({"seed": asked.seed, "trials": [known[n] for n in sorted(known)]}, indent=1))
        draft.replace(asked.json)


def _run(asked: argparse.Namespace, numbers: list[int], known: dict[int, dict]) -> None:
    import s3_server

    from crash.cubes import prepare
    from crash.trial import Spec, stage, trial

    begun = time.monotonic()
    specs = [Spec.of(asked.seed, number) for number in numbers]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True)))
        s3, bucket = None, ""
        if any(spec.on_s3 for spec in specs):
            s3 = stack.enter_context(s3_server.serving())
            os.environ.update(s3.environment)
            bucket = s3.bucket(f"crash-{time.time_ns()}")
        changes = {spec.change for spec in specs}
        shared = stage(prepare(folder), stack.enter_context(ray_nodes.running()), s3, bucket, changes)
        for name, run in shared.after.items():
            _tell(f"undisturbed {name}: {run.seconds:.1f} s, {run.files} files of commits")
        for spec in specs:
            if asked.minutes and time.monotonic() - begun > asked.minutes * 60:
                break
            result = trial(shared, spec)
            known[spec.number] = asdict(result)
            _keep(asked, known)
            ended = "; ".join(result.wrong) or "well"
            _tell(
                f"{spec.number:4} {result.victim:10} {result.change:8} {result.phase:9} at {result.at:5.1f} s, "
                f"{result.runs} runs, {result.reads} reads, {result.seconds:5.1f} s: {ended}"
            )
            for line in result.told:
                _tell(f"       told: {line}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _table(results: list[dict]) -> None:
    found: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for result in results:
        found[result["victim"], result["phase"]].append(result)
    print(f"{'killed':10} {'in phase':10} {'trials':>6} {'failed':>6} {'reruns':>6} {'s/trial':>8} {'reads':>6}")
    for (victim, phase), of in sorted(found.items(), key=lambda row: (row[0][0], PHASES.index(row[0][1]))):
        _row(victim, phase, of)
    _row("all", "", results)


def _row(victim: str, phase: str, of: list[dict]) -> None:
    failed, runs = sum(bool(each["wrong"]) for each in of), sum(each["runs"] - 1 for each in of)
    seconds = sum(each["seconds"] for each in of) / max(len(of), 1)
    reads = sum(each["reads"] for each in of)
    print(f"{victim:10} {phase:10} {len(of):6} {failed:6} {runs:6} {seconds:8.1f} {reads:6}")


if __name__ == "__main__":
    sys.exit(main())
