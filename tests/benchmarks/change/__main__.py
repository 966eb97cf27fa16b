"""Works through sets, methods, seeds and shares, then prints the table of all that is there."""

import argparse
import itertools
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from change import report
from change.methods import FIXED, METHODS, Job
from change.sets import REAL, load
from idgbr.metrics.change import ChangeCounts
from idgbr.training.loop import OutOfTime

LATER = 75
"""Exit code where the time was over before the work was."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="change", description="learning of change, beside its rivals")
    parser.add_argument("--home", type=Path, default=Path("out/change-benchmark"), help="folder of what is made")
    parser.add_argument("--sets", default=",".join([*REAL, "simulated"]))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shares", default="1,0.1", help="of the training pairs")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--shrink", type=int, default=1, help="the change networks see means of so many px a side")
    parser.add_argument("--drop", type=float, default=0.2, help="of the change networks, as published")
    parser.add_argument("--minutes", type=float, help="stop after so many; the same command goes on later")
    asked = parser.parse_args()
    for option, names, allowed in (
        ("--sets", asked.sets, (*REAL, "simulated")),
        ("--methods", asked.methods, tuple(METHODS)),
    ):
        if unknown := set(names.split(",")) - set(allowed):
            parser.error(f"{option} names {', '.join(sorted(unknown))}, but there are {', '.join(allowed)}")
    deadline = time.monotonic() + 60 * asked.minutes if asked.minutes else float("inf")
    try:
        for name in asked.sets.split(","):
            _work_on(name, asked, deadline)
    except OutOfTime:
        print("the time is over; the same command goes on", file=sys.stderr)
    print(report.table(asked.home))
    return LATER if time.monotonic() >= deadline else 0


def _work_on(name: str, asked: argparse.Namespace, deadline: float) -> None:
    data = load(name, asked.home)
    if data is None:
        print(f"{name} is left out: IDGBR_DATA ({os.environ.get('IDGBR_DATA', 'not set')}) has no such folder")
        return
    shares = [float(share) for share in asked.shares.split(",")]
    for method, share, seed in itertools.product(asked.methods.split(","), shares, range(asked.seeds)):
        fixed = method in FIXED
        if (fixed and (seed or share != shares[0])) or (method == "classes" and name != "simulated"):
            continue
        steps = 0 if fixed else asked.steps
        folder = (
            asked.home
            / name
            / method
            / (
                f"{share:g}-{steps}-{asked.crop}-{asked.batch}-{asked.shrink}-{asked.drop:g}-{seed}"
                if steps
                else "fixed"
            )
        )
        if (folder / "result.json").is_file():
            continue
        if time.monotonic() >= deadline:
            raise OutOfTime(0, steps)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.process_time()
        job = Job(data, seed, share, steps, asked.crop, asked.batch, asked.shrink, asked.drop, folder, deadline)
        found = METHODS[method](job)
        counts = {
            stem: ChangeCounts.of(data.test[stem][2], probability_HW, 0.5) for stem, probability_HW in found.items()
        }
        report.pictures(folder, data, found, counts)
        total = sum(counts.values(), ChangeCounts())
        facts = {"set": name, "method": method, "share": share, "seed": seed, "steps": steps, "crop": asked.crop}
        facts |= {
            "batch": asked.batch,
            "shrink": asked.shrink,
            "drop": asked.drop,
            "train_pairs": len(data.train),
            "test_pairs": len(data.test),
        }
        facts |= {"cpu_seconds_of_last_call": round(time.process_time() - began, 1), **asdict(total.scores())}
        facts["pairs"] = {stem: asdict(each.scores()) for stem, each in counts.items()}
        partial = folder / "result.partial"
        partial.write_text(json.dumps(facts, indent=1))
        partial.rename(folder / "result.json")
        print(f"{name} {method} share {share:g} seed {seed}: F1 {facts['f1']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
