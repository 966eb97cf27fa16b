"""How often the audit's 95 % intervals hold what was truly missed: blocks whose misses are known, audited many times.

    .venv/bin/python tests/benchmarks/audit_coverage.py --seeds 200

Each seed draws the blocks that an update skips, what was missed in them, and the sample. Scores are 0 in half of the
blocks, else anything below the threshold. A missed change has 0.5 to 8 ha, lies in one block, and in a block of a
score from half the threshold on three times as often as in another, or as often as anywhere. Sample, strata, estimate
and interval are those of `pipeline.change.audit`. Beside it, the usual interval from the normal approximation.
"""

import argparse
from itertools import product

import numpy as np

from pipeline.analysis.estimators import total
from pipeline.change.audit import Judged, draw_audit, judge
from pipeline.console.tables import print_table

BLOCK_KM2 = 2.56**2
"""Of a block of 256 px of 10 m."""
THRESHOLD = 80
HECTARES = 0.5, 8.0
LIKELIER = 3
"""How many times as often a block of a score from half the threshold on holds a missed change."""


def population(rng: np.random.Generator, blocks: int, rate: float, likelier: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of skipped blocks in percent, and km2 missed in each; `rate` of them have any."""
    score_N = np.where(rng.random(blocks) < 0.5, 0, rng.integers(1, THRESHOLD, blocks))
    weight_N = np.where(score_N >= THRESHOLD / 2, likelier, 1.0)
    has_missed_N = rng.random(blocks) < rate * weight_N / weight_N.mean()
    return score_N, np.where(has_missed_N, np.exp(rng.uniform(*np.log(HECTARES), blocks)) / 100, 0.0)


def audited(seed: int, blocks: int, rate: float, share: float, likelier: float) -> dict[str, float]:
    """km2 that were missed, the audit's estimate and upper limit, and whether its and the usual interval hold it."""
    score_N, missed_N = population(np.random.default_rng([seed, blocks]), blocks, rate, likelier)
    stratum_N, taken_N = draw_audit(score_N, share, THRESHOLD, seed)
    sizes = np.bincount(stratum_N).tolist()
    taken_S = np.bincount(stratum_N[taken_N], minlength=len(sizes)).tolist()
    judged = [
        Judged((0, n), int(score_N[n]), float(missed_N[n]), 0.0, 1.0, s, sizes[s], taken_S[s])
        for n, s in zip(np.flatnonzero(taken_N).tolist(), stratum_N[taken_N].tolist(), strict=True)
    ]
    found, truth = judge(judged, sizes, BLOCK_KM2, 0.0).missed_km2, float(missed_N.sum())
    strata, at_N = np.unique(stratum_N[taken_N], return_inverse=True)
    usual = total(missed_N[taken_N], at_N, np.array(sizes)[strata])
    return {
        "truth": truth,
        "value": found.value,
        "high": found.high,
        "sample": len(judged),
        "held": found.low - 1e-9 <= truth <= found.high + 1e-9,
        "usual": usual.low - 1e-9 <= truth <= usual.high + 1e-9,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="how often the audit's intervals hold what was missed")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--blocks", type=int, nargs="+", default=[121, 1000, 10000])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.005, 0.02, 0.1])
    parser.add_argument("--share", type=float, default=0.02, help="of the blocks skipped, as `change.audit`")
    asked = parser.parse_args()
    rows = []
    for blocks, rate, likelier in product(asked.blocks, asked.rates, (1.0, LIKELIER)):
        found = [audited(seed, blocks, rate, asked.share, likelier) for seed in range(asked.seeds)]
        mean = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
        shares = (f"{100 * mean[name]:.1f}" for name in ("held", "usual"))
        areas = f"{mean['truth']:.3f}", f"{mean['value']:.3f}", f"{mean['high']:.0f}"
        rows.append((f"{blocks}", f"{mean['sample']:.0f}", f"{100 * rate:g}", f"{likelier:g}", *shares, *areas))
    columns = "skipped", "audited", "with %", "likelier", "held %", "usual %", "km2", "found", "limit"
    print_table(f"missed in skipped blocks, means of {asked.seeds} seeds", rows, columns)


if __name__ == "__main__":
    main()
