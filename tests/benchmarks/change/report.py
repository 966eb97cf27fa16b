"""The table of all results in a folder, and pictures of the best, the median and the worst pair of each."""

import json
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from PIL import Image

from change.sets import ChangeData
from idgbr.metrics.change import ChangeCounts

HIT, FALSE, MISSED, NONE = (255, 255, 255), (230, 60, 40), (60, 110, 255), (0, 0, 0)


def table(home: Path) -> str:
    """Markdown: means over seeds, of F1 also the standard deviation."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(home.glob("*/*/*/result.json")):
        facts = json.loads(path.read_text())
        groups[tuple(facts[key] for key in ("set", "method", "share", "steps", "crop", "batch"))].append(facts)
    lines = [
        "| set | method | share | steps | seeds | F1 | precision | recall | changed % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, method, share, steps, *_), results in sorted(groups.items(), key=lambda item: str(item[0])):
        f1, precision, recall = ([each[key] or 0.0 for each in results] for key in ("f1", "precision", "recall"))
        spread = f" ± {stdev(f1):.1f}" if len(f1) > 1 else ""
        changed = 100 * results[0]["changed"] / results[0]["pixels"]
        lines.append(
            f"| {name} | {method} | {share:g} | {steps} | {len(results)} | {mean(f1):.1f}{spread} "
            f"| {mean(precision):.1f} | {mean(recall):.1f} | {changed:.1f} |"
        )
    return "\n".join(lines)


def pictures(folder: Path, data: ChangeData, found: dict[str, np.ndarray], counts: dict[str, ChangeCounts]) -> None:
    """Before, after, and what was found rightly (white), wrongly (red) and not (blue)."""
    order = sorted(found, key=lambda stem: counts[stem].scores().f1 or 0.0)
    for name, stem in (("worst", order[0]), ("median", order[len(order) // 2]), ("best", order[-1])):
        before_CHW, after_CHW, label_HW = data.test[stem]
        said_HW, true_HW = np.nan_to_num(found[stem]) > 0.5, label_HW == 1
        verdict_HW3 = np.select(
            [(said_HW & true_HW)[..., None], (said_HW & ~true_HW)[..., None], (~said_HW & true_HW)[..., None]],
            [np.array(HIT), np.array(FALSE), np.array(MISSED)],
            np.array(NONE),
        ).astype(np.uint8)
        strip_HW3 = np.concatenate([*(_visible(image, data) for image in (before_CHW, after_CHW)), verdict_HW3], 1)
        Image.fromarray(strip_HW3).save(folder / f"{name}-{stem}.png")


def _visible(image_CHW: np.ndarray, data: ChangeData) -> np.ndarray:
    rgb_HW3 = image_CHW[[data.bands.index(band) for band in ("red", "green", "blue")]].transpose(1, 2, 0)
    if data.blank is None:
        return rgb_HW3.astype(np.uint8)
    return np.clip(rgb_HW3 / 2500 * 255, 0, 255).astype(np.uint8)
