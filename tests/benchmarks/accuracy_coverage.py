"""How often 95 % intervals hold the truth: samples drawn from a cube whose true classes are known, many times over.

    .venv/bin/python tests/benchmarks/accuracy_coverage.py --draws 500

The map is a simulated landscape of three classes; the truth is the same landscape with other borders
and speckle. Each draw is `pipeline.analysis.sampling.draw` with a seed of its own, labelled with the truth. Beside it,
from the same labels, what is often reported instead: shares of the sample as if it were simple random, with binomial
intervals, and for areas the pixels of the map, which have no interval. The last table judges a newer map by the strata
of the older one.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from made_versions import SUMMER, published

from pipeline.analysis.estimators import Z95, Accuracy, Estimate, assess
from pipeline.analysis.sample_design import Wishes, draw_sample
from pipeline.analysis.sampling import draw
from pipeline.analysis.strata import StratifiedMap, count_pixels
from pipeline.cube.cube import Cube

NAMES = ("Tree", "Grass", "Water")
SHAPE = 512, 700
WISHES = Wishes(points=1200, minimum=300)


def landscape(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class indices (512, 700) of the map, of a newer and better map, and of the truth."""
    height_HW = gaussian_filter(rng.normal(size=SHAPE), 12)
    height_HW /= height_HW.std()

    def classes(shift: float, speckle: float) -> np.ndarray:
        """Water is what lies lowest, grass the next; `shift` moves borders, `speckle` is the share of random pixels."""
        code_HW = np.digitize(height_HW + shift * gaussian_filter(rng.normal(size=SHAPE), 3) * 12, (-1.4, -0.6))
        code_HW = np.array([2, 1, 0])[code_HW]
        return np.where(rng.random(SHAPE) < speckle, rng.integers(0, 3, SHAPE), code_HW)

    truth_HW = classes(0, 0)
    return classes(0.35, 0.08), classes(0.15, 0.03), truth_HW


def truths(map_HW: np.ndarray, truth_HW: np.ndarray) -> list[float]:
    """Overall accuracy, then user's and producer's accuracy and pixels of each class."""
    right_HW = map_HW == truth_HW
    values = [float(right_HW.mean())]
    for k in range(len(NAMES)):
        values += [right_HW[map_HW == k].mean(), right_HW[truth_HW == k].mean(), (truth_HW == k).sum()]
    return [float(value) for value in values]


def estimates(result: Accuracy) -> Iterator[Estimate]:
    yield result.overall
    for of in result.classes:
        assert of.users is not None and of.producers is not None
        yield from (of.users, of.producers, of.area)


def naive(map_N: np.ndarray, reference_N: np.ndarray, mapped_K: np.ndarray) -> Iterator[tuple[float, float]]:
    """Value and half of the interval of the same quantities, strata left out of account."""

    def share(right_N: np.ndarray) -> tuple[float, float]:
        p = float(right_N.mean())
        return p, Z95 * float(np.sqrt(p * (1 - p) / len(right_N)))

    right_N = map_N == reference_N
    yield share(right_N)
    for k in range(len(NAMES)):
        yield from (share(right_N[map_N == k]), share(right_N[reference_N == k]), (float(mapped_K[k]), 0.0))


def measure(of: StratifiedMap, map_HW: np.ndarray, truth_HW: np.ndarray, draws: int, first: int) -> None:
    true_Q = np.array(truths(map_HW, truth_HW))
    mapped_K = np.array([(map_HW == k).sum() for k in range(len(NAMES))])
    design, counts_YXS = draw_sample(of, WISHES, 0).design, count_pixels(of)
    value_DQ, half_DQ, covered_DQ, naive_DQ, apart_DQ = (np.zeros((draws, len(true_Q))) for _ in range(5))
    begun, used = time.perf_counter(), time.process_time()
    for n in range(draws):
        sample = draw(of.cube, replace(design, seed=first + n), 1, counts_YXS)
        pixels = sample.row_N, sample.col_N
        map_N, reference_N = map_HW[pixels], truth_HW[pixels]
        result = assess(sample.stratum_N, map_N, reference_N, sample.pixels_S, NAMES)
        for q, (estimate, (other, half)) in enumerate(
            zip(estimates(result), naive(map_N, reference_N, mapped_K), strict=True)
        ):
            value_DQ[n, q], half_DQ[n, q] = estimate.value, Z95 * estimate.standard_error
            covered_DQ[n, q] = estimate.low <= true_Q[q] <= estimate.high
            naive_DQ[n, q] = abs(other - true_Q[q]) <= half
            apart_DQ[n, q] = abs(other - true_Q[q])
    names = ["overall", *(f"{name} {what}" for name in NAMES for what in ("user's", "producer's", "area"))]
    print(f"{'':18}{'truth':>10}{'mean':>10}{'half':>9}{'covers':>9}{'naive covers':>14}{'error, naive / ours':>21}")
    error_Q = np.abs(value_DQ - true_Q).mean(0)
    for q, name in enumerate(names):
        print(
            f"{name:18}{true_Q[q]:10.4g}{value_DQ[:, q].mean():10.4g}{half_DQ[:, q].mean():9.3g}"
            f"{covered_DQ[:, q].mean() * 100:8.1f}%{naive_DQ[:, q].mean() * 100:13.1f}%"
            f"{apart_DQ[:, q].mean() / error_Q[q]:21.2f}"
        )
    noise = 100 * np.sqrt(0.95 * 0.05 / draws)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    print(
        f"{draws} draws of {sum(design.points.values())} points; a coverage is known to ± {noise:.1f} points (1 s.d.)"
    )
    print(f"{seconds / draws * 1000:.0f} ms and {cpu / draws * 1000:.0f} ms of CPU a draw\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="of the landscape; draws have seeds from 1000 times it on")
    asked = parser.parse_args()
    map_HW, newer_HW, truth_HW = landscape(np.random.default_rng(asked.seed))
    whole_HW = np.zeros((512, 768), np.uint8)
    whole_HW[:, :700] = np.array([10, 30, 80])[map_HW]
    with tempfile.TemporaryDirectory() as folder:
        cube = Cube.create(Path(folder) / "cube")
        of = StratifiedMap(cube, published(cube, whole_HW), SUMMER[0])
        for title, judged_HW in (("strata of the map that is judged", map_HW), ("strata of an older map", newer_HW)):
            print(title)
            measure(of, judged_HW, truth_HW, asked.draws, 1000 * asked.seed)


if __name__ == "__main__":
    main()
