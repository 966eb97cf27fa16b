"""What the overlap of windows costs and what it is worth.

    PYTHONPATH=tests/benchmarks python tests/benchmarks/overlaps.py [--worlds 3]

Unseen simulated worlds (seeds from 701 on, the middle 768 px) are mapped with each overlap, and once more with the
lattice of windows shifted by half a stride. Rows: windows of a megapixel; processor seconds of a megapixel; scores; the
pixels that the shifted lattice labels otherwise; and how often the label changes from one column to the next in the
middle of the overlaps, and there with the shifted lattice, whose windows have their middle there: a seam would make it
change more often in the first.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from refine_steps import SHOWN, SIDE, scored, worlds

from idgbr import IDGBRPipeline
from pipeline.console.tables import print_table

OVERLAPS = 128, 96, 64, 48, 32, 16, 0
NEAR = 8
"""Columns from the middle of an overlap that count as its middle."""


def changes(label_HW, stride, overlap):
    """Share of the pixels near the middle of an overlap whose right neighbour has another label."""
    change_W = (label_HW[:, 1:] != label_HW[:, :-1]).mean(0)
    from_middle_W = np.abs((np.arange(len(change_W)) + 0.5 - overlap / 2 + stride / 2) % stride - stride / 2)
    return change_W[from_middle_W < NEAR].mean()


def row(model, pairs):
    settings = model.settings
    stride, begun = settings.window - settings.overlap, time.process_time()
    found = [scored(model, *pair) for pair in pairs]
    seconds = time.process_time() - begun
    scores_S = np.mean([scores_S for scores_S, _ in found], 0)
    shifted = [model.maps(image_CHW[None], origin=(stride // 2, stride // 2)).refined_BHW[0] for image_CHW, _ in pairs]
    other = np.mean([(map_HW != there_HW).mean() for (_, map_HW), there_HW in zip(found, shifted, strict=True)])
    overlapped, within = (
        np.mean([changes(map_HW, stride, settings.overlap) for map_HW in maps])
        for maps in ([map_HW for _, map_HW in found], shifted)
    )
    return (
        str(settings.overlap),
        f"{1e6 / stride**2:.1f}",
        f"{seconds / (len(pairs) * SIDE**2 / 1e6):.2f}",
        *(f"{score:.3f}" for score in scores_S),
        f"{100 * other:.2f}",
        f"{100 * overlapped:.2f}, {100 * within:.2f}",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="simulated-s2")
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--home", type=Path, default=Path("out/refine_steps"), help="keeps the worlds")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, pairs = IDGBRPipeline.from_pretrained(asked.model), worlds(asked.worlds, asked.home)
    head = "overlap, px", "windows / Mpx", "s / Mpx, scoring too", *SHOWN, "labels that differ, %", "changes, %"
    print_table("overlaps", [row(model.with_settings(overlap=overlap), pairs) for overlap in OVERLAPS], head)


if __name__ == "__main__":
    main()
