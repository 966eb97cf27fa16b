"""Maps the worlds by every method, once each, and prints the tables of probabilities and of areas."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from science.sets import middle

from idgbr import IDGBRPipeline
from idgbr.classes import class_index
from idgbr.metrics.calibration import Calibration
from idgbr.training.crops import Pair
from pipeline.training.area_kinds import Simulated
from pipeline.training.prepare import load_areas
from uncertainty import scaling
from uncertainty.areas import LEVELS, Forecast, Units, copula_deviation, correlated, sums
from uncertainty.methods import SHIPPED, methods, probabilities

TRAINING = range(201, 209)
"""Worlds of the shipped refiner, which the coarse network has not seen."""
SIDE, BLOCK, ZONE = 768, 128, 384
"""Px of the part of a world, of a block, and of a zone of 3 x 3 blocks."""
LENGTHS = (2, 4, 8, 16, 32)
"""Px: correlation lengths that the copula's is chosen from, by blocks of CHOICE calibration worlds."""
CHOICE = 3
SAMPLES = 16
EVERY = 11
"""Every so many pixels fit the scalings."""


class World(NamedTuple):
    """label_HW: true class codes; index_HW: their indices; mean_KHW: mean probabilities of a method's members, and
    block_MKhw: the areas that each expects in the blocks."""

    label_HW: np.ndarray
    index_HW: np.ndarray
    mean_KHW: np.ndarray
    block_MKhw: np.ndarray

    def scaled(self, scale: scaling.Scaling) -> "World":
        mean_KHW = scale(self.mean_KHW)
        return self._replace(mean_KHW=mean_KHW, block_MKhw=blocks(mean_KHW)[None])


def blocks(probability_KHW: np.ndarray) -> np.ndarray:
    """Khw sums over blocks."""
    side = SIDE // BLOCK
    return sums(probability_KHW, BLOCK).T.reshape(-1, side, side)


def main() -> None:
    parser = argparse.ArgumentParser(prog="uncertainty", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("out/uncertainty"), help="folder of what is made")
    parser.add_argument("--calibration", type=int, default=10, help="worlds, of seeds from 601 on")
    parser.add_argument("--judged", type=int, default=3, help="worlds, of seeds from 701 on")
    parser.add_argument("--steps", type=int, default=200, help="of the training of each twin")
    asked = parser.parse_args()
    labelled = asked.home / "labelled"
    made = methods(asked.home, _pairs(labelled, TRAINING), asked.steps)
    codes = IDGBRPipeline.from_pretrained("simulated-s2").settings.codes
    read = partial(_worlds, asked.home, labelled, codes)
    calibration = list(read(SHIPPED, made[SHIPPED], range(601, 601 + asked.calibration)))
    judged = range(701, 701 + asked.judged)
    found = {name: list(read(name, members, judged)) for name, members in made.items()}

    logit_NK, index_N = _pixels(calibration)
    scales = {}
    for name, vector in (("temperature", False), ("vector scaling", True)):
        scales[name], factors = scaling.fit(logit_NK, index_N, vector)
        print(f"{name}: 1 / factor {', '.join(f'{1 / factor:.3f}' for factor in factors)}")
        found[name] = [world.scaled(scales[name]) for world in found[SHIPPED]]
    _print_pixels(found, codes)
    known = calibration[:CHOICE]
    scores = {length: _copula(known, BLOCK, scales["temperature"], length).crps_UK.mean() for length in LENGTHS}
    length = min(scores, key=scores.__getitem__)
    for title, side in (("blocks", BLOCK), ("zones", ZONE)):
        _print_areas(title, side, found, calibration, scales["temperature"], length)


def _pairs(folder: Path, seeds: Sequence[int]) -> list[Pair]:
    """The middle of worlds; those that the folder lacks are made."""
    areas = Simulated(kind="simulated", seeds=list(seeds))
    pairs, _ = load_areas(areas, folder, lambda *step: None)
    return [(middle(image_CHW, SIDE), middle(label_HW, SIDE)) for image_CHW, label_HW in pairs]


def _worlds(
    home: Path,
    labelled: Path,
    codes: tuple[int, ...],
    method: str,
    make_members: Callable[[], list[IDGBRPipeline]],
    seeds: Sequence[int],
) -> Iterator[World]:
    """What a method's members say of worlds, mapped where `home` lacks it."""
    members: list[IDGBRPipeline] = []
    for seed, (image_CHW, label_HW) in zip(seeds, _pairs(labelled, seeds), strict=True):
        file = home / "maps" / f"{method}-{seed}.npz"
        if not file.is_file():
            members = members or make_members()
            probability_MKHW = probabilities(members, image_CHW)
            file.parent.mkdir(parents=True, exist_ok=True)
            partial_file = file.with_suffix(".partial.npz")
            np.savez(
                partial_file,
                mean_KHW=probability_MKHW.mean(0),
                block_MKhw=np.stack([blocks(probability_KHW) for probability_KHW in probability_MKHW]),
            )
            partial_file.rename(file)
            print(f"mapped: {file.stem}", flush=True)
        with np.load(file) as kept:
            yield World(label_HW, class_index(label_HW, codes, 0), kept["mean_KHW"], kept["block_MKhw"])


def _pixels(worlds: list[World]) -> tuple[np.ndarray, np.ndarray]:
    """logit_NK and index_N of pixels with data."""
    logits, indices = [], []
    for world in worlds:
        probability_KN = world.mean_KHW.reshape(len(world.mean_KHW), -1)[:, ::EVERY]
        seen_N = probability_KN.any(0)
        logits.append(scaling.log(probability_KN).T[seen_N])
        indices.append(world.index_HW.ravel()[::EVERY][seen_N])
    return np.concatenate(logits), np.concatenate(indices)


def _print_pixels(found: dict[str, list[World]], codes: tuple[int, ...]) -> None:
    print("\n| probabilities | ECE, % | NLL | Brier |\n|---|---|---|---|")
    for name, worlds in found.items():
        first, *others = (Calibration.of(world.label_HW, world.mean_KHW, codes) for world in worlds)
        all_of = sum(others, first)
        error, nll, brier = all_of.expected_error, all_of.mean_nll, all_of.mean_brier
        print(f"| {name} | {100 * error:.2f} | {nll:.4f} | {brier:.4f} |")


def _print_areas(
    title: str,
    side: int,
    found: dict[str, list[World]],
    calibration: list[World],
    scale: scaling.Scaling,
    length: int,
) -> None:
    units = {name: _units(worlds, side) for name, worlds in found.items()}
    shipped, soft = units[SHIPPED], units["temperature"]
    known, known_soft = (_units(each, side) for each in (calibration, [world.scaled(scale) for world in calibration]))
    forecasts = {
        "as shipped, pixels on their own": shipped.alone(),
        "temperature, pixels on their own": soft.alone(),
        **{f"{name}: spread": each.apart() for name, each in units.items() if len(each.members_MUK) > 1},
        f"temperature, copula of {length} px": _copula(found[SHIPPED], side, scale, length),
        "as shipped, conformal": shipped.conformal(known),
        "temperature, conformal": soft.conformal(known_soft),
        "counted pixels, conformal": shipped.conformal(known, counted=True),
    }
    head = "".join(f" | {level:.0%}: covered, % | least of a class | width, %" for level in LEVELS)
    print(f"\n| areas of {len(soft.truth_UK)} {title}, of {len(known.truth_UK)} | CRPS, %{head} |\n|---{'|---' * 7}|")
    for name, each in forecasts.items():
        share = 100 / side**2
        cells = [f"{share * each.crps_UK.mean():.3f}"]
        for level in LEVELS:
            held_UK = each.coverage(soft.truth_UK, level)
            cells += [f"{100 * held_UK.mean():.1f}", f"{100 * held_UK.mean(0).min():.1f}"]
            cells.append(f"{share * each.width(level).mean():.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


def _units(worlds: list[World], side: int) -> Units:
    return Units.joined([Units.of(world.index_HW, world.mean_KHW, world.block_MKhw, side) for world in worlds])


def _copula(worlds: list[World], side: int, scale: scaling.Scaling, length: int) -> Forecast:
    scaled = [world.scaled(scale) for world in worlds]
    units = _units(scaled, side)
    gumbel_SKHW = correlated(length, SAMPLES, units.truth_UK.shape[1], ZONE)
    return units.spread(np.concatenate([copula_deviation(world.mean_KHW, gumbel_SKHW, side) for world in scaled]))


if __name__ == "__main__":
    main()
