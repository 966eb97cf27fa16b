"""Steps and noise of the shipped model's refinement, and how much of the ground it looks at.

    IDGBR_DATA=DIR python tests/benchmarks/refine_steps.py [--worlds 3] [--model FOLDER]

Unseen simulated worlds (seeds from 701 on, the middle 768 px) are mapped in one and in two steps, without noise and
with the noise that the refiner was trained with, that of another seed too. Then, of windows of 256 px, the share that
holds some of the band; in those windows the share of the pixels in it, of the squares of 128, 64 and 32 px that hold
some, and of the smallest rectangle of whole squares of 16 px around it; also of a real scene of 120 m where IDGBR_DATA
has it.
"""

import argparse
import os
from copy import copy
from pathlib import Path

import numpy as np
import rasterio
import torch
from science.sets import middle

from idgbr import IDGBRPipeline
from idgbr.inference.band import band
from idgbr.inference.certainty import certainty
from idgbr.inference.tiling import WindowLattice
from idgbr.metrics import confusion
from idgbr.metrics.boundary import BoundaryIoU
from idgbr.metrics.evaluation import Calibrated
from idgbr.metrics.scores import BOUNDARY_IOU_PX
from idgbr.metrics.topology import ConnectedLength
from idgbr.metrics.weighted import wfm
from pipeline.console.tables import print_table
from pipeline.training.area_kinds import Simulated
from pipeline.training.prepare import load_areas

FIRST, SIDE = 701, 768
TRAINED_SIGMA = 0.5
SQUARES = 128, 64, 32
SCENE = "sentinel2_l2a_33T/sentinel-2-l2a/S2A_33TWM_20230815_0_L2A"
SHOWN = "mIoU, %", "boundary IoU, %", "WFm, %", "lines in one piece, %", "ECE, %", "NLL"


def worlds(count, folder):
    """image_CHW and label_HW of each."""
    areas = Simulated(kind="simulated", seeds=list(range(FIRST, FIRST + count)))
    pairs, _ = load_areas(areas, folder, lambda *step: None)
    return [(middle(image_CHW, SIDE), middle(label_HW, SIDE)) for image_CHW, label_HW in pairs]


def scored(model, image_CHW, label_HW):
    """The numbers of SHOWN, and the map."""
    codes, ignore = model.settings.codes, model.settings.no_label
    calibration = Calibrated(true_HW=label_HW, codes=codes, ignore=ignore)
    map_HW = model.maps(image_CHW[None], listener=calibration).refined_BHW[0]
    shares = (
        confusion.mean_iou(confusion.confusion_matrix(label_HW, map_HW, codes, ignore)),
        BoundaryIoU.of(label_HW, map_HW, codes, BOUNDARY_IOU_PX, ignore).mean,
        wfm(label_HW, map_HW, ignore),
        ConnectedLength.of(label_HW, map_HW, codes, ignore=ignore).mean,
        calibration.refined.expected_error,
    )
    return np.array([*(100 * share for share in shares), calibration.refined.mean_nll]), map_HW


def with_noise(model):
    """The model with the noise of its training."""
    noisy = IDGBRPipeline(model.settings, model.coarse, copy(model.refiner))
    noisy.refiner.register_to_config(sigma=TRAINED_SIGMA)
    return noisy


def steps_table(model, pairs):
    noisy = with_noise(model)
    runs = {
        "1 step": model.with_settings(num_inference_steps=1),
        "2 steps": model.with_settings(num_inference_steps=2),
        "4 steps": model.with_settings(num_inference_steps=4),
        "1 step, noise": noisy.with_settings(num_inference_steps=1),
        "1 step, other noise": noisy.with_settings(num_inference_steps=1, seed=1),
        "2 steps, noise": noisy.with_settings(num_inference_steps=2),
        "1 step, bf16": model.with_settings(num_inference_steps=1, precision="bf16"),
    }
    found = {name: [scored(run, *pair) for pair in pairs] for name, run in runs.items()}
    first, rows = next(iter(found.values())), []
    for name, each in found.items():
        scores_WS = np.stack([scores_S for scores_S, _ in each])
        farthest_S = np.abs(scores_WS - np.stack([scores_S for scores_S, _ in first])).max(0)
        other = np.mean([(map_HW != kept_HW).mean() for (_, map_HW), (_, kept_HW) in zip(each, first, strict=True)])
        cells = [f"{mean:.3f} ({far:.3f})" for mean, far in zip(scores_WS.mean(0), farthest_S, strict=True)]
        rows.append((name, *cells, f"{100 * other:.3f}"))
    title = f"{len(pairs)} worlds from {FIRST} on: means (in brackets how far a world is from the first row, at most)"
    print_table(title, rows, ("", *SHOWN, "labels that differ, %"))


def shares(model, image_CHW):
    """Of each window with data: whether it holds some of the band, and the shares of what it holds."""
    settings = model.settings
    image_BCHW = torch.from_numpy(image_CHW.astype(np.float32))[None]
    lattice = WindowLattice(settings.window, settings.overlap)
    corners = [
        (y, x)
        for y, x in lattice.corners((0, 0), image_BCHW.shape[2:])
        if min(y, x) >= 0 and y + settings.window <= image_BCHW.shape[2] and x + settings.window <= image_BCHW.shape[3]
    ]
    cut = torch.cat([image_BCHW[..., y : y + settings.window, x : x + settings.window] for y, x in corners])
    seen = (cut != 0).any(1).flatten(1).any(1)
    coarse = certainty(model.coarse_logits(cut[seen], corners), settings.codes)
    band_BHW = band(coarse.code_HW, coarse.margin_HW, settings.boundary_radius, settings.uncertainty_threshold)
    rows = []
    for band_HW in band_BHW.numpy():
        held = [float(squares(band_HW, side).mean()) for side in SQUARES]
        rows.append([float(band_HW.any()), float(band_HW.mean()), *held, box(squares(band_HW, 16))])
    return rows


def squares(band_HW, side):
    """Whether each square holds some."""
    height, width = band_HW.shape
    return band_HW.reshape(height // side, side, width // side, side).any((1, 3))


def box(held_hw):
    """The share of the smallest rectangle around what is held."""
    if not held_hw.any():
        return 0.0
    sides = [np.ptp(np.flatnonzero(held_hw.any(axis))) + 1 for axis in (0, 1)]
    return float(np.prod(sides)) / held_hw.size


def scene(folder):
    """CHW raw numbers of a real scene, zeros where it has none."""
    bands = []
    for name in ("B02", "B03", "B04", "B08"):
        with rasterio.open(folder / f"{name}.tif") as file:
            bands.append(file.read(1))
    return np.stack(bands)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--home", type=Path, default=Path("out/refine_steps"), help="keeps the worlds")
    parser.add_argument("--model", default="simulated-s2", help="a shipped model or a folder")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model = IDGBRPipeline.from_pretrained(asked.model)
    pairs = worlds(asked.worlds, asked.home)
    steps_table(model, pairs)
    grounds = {"simulated": [image_CHW for image_CHW, _ in pairs]}
    real = Path(os.environ.get("IDGBR_DATA", "")) / SCENE
    if os.environ.get("IDGBR_DATA") and real.is_dir():
        grounds["real, 120 m"] = [scene(real)]
    rows = []
    for name, images in grounds.items():
        found = np.array([row for image_CHW in images for row in shares(model, image_CHW)])
        held = found[found[:, 0] > 0]
        cells = [f"{100 * found[:, 0].mean():.1f}", *(f"{100 * value:.1f}" for value in held[:, 1:].mean(0))]
        rows.append((name, str(len(found)), *cells))
    head = "", "windows", "with band, %", "of those: pixels, %", *(f"squares of {side} px, %" for side in SQUARES)
    print_table("where refinement looks", rows, (*head, "rectangle around it, %"))


if __name__ == "__main__":
    main()
