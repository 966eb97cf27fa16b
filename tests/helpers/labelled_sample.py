"""A small cube of three classes, a truth that differs from its map, and samples of it labelled by that truth."""

import csv
from dataclasses import replace

import numpy as np
from made_versions import SUMMER, plain, published

from pipeline.analysis.sample_design import Wishes, draw_sample
from pipeline.analysis.sample_files import write_sample
from pipeline.analysis.strata import StratifiedMap
from pipeline.cube.cube import Cube

NAMES = {10: "Tree", 30: "Grass", 80: "Water"}


def stripes():
    """A map: a lake in trees on the left, grass on the right, and a hole without a class."""
    map_HW = plain(10)
    map_HW[:, 300:700] = 30
    map_HW[150:300, 100:250] = 80
    map_HW[500:510, 500:510] = 0
    return map_HW


def truth():
    """The same with borders elsewhere: trees reach 30 pixels further, the lake is smaller."""
    truth_HW = stripes()
    truth_HW[:, 300:330] = 10
    truth_HW[150:300, 220:250] = 10
    truth_HW[400:, 600:700] = 80
    return truth_HW


def cube_with_map(folder, map_HW=None):
    """A cube and its one version."""
    cube = Cube.create(folder)
    return cube, published(cube, stripes() if map_HW is None else map_HW)


def sample_of(cube, version, seed=0, points=300, period=None, before=None, **wishes):
    of = StratifiedMap(cube, version, period or SUMMER[0], before)
    return draw_sample(of, replace(Wishes(points), **wishes), seed)


def labels(sample, truth_HW):
    """Names of the true classes of the sampled pixels. The cube's grid begins at pixel (0, 0)."""
    return [NAMES[code] for code in truth_HW[sample.row_N, sample.col_N].tolist()]


def write_labelled(sample, path, of_plots, **columns):
    """Writes a sample as CSV with labels, and further columns."""
    draft = path.with_name("draft.csv")
    write_sample(sample, draft)
    rows = list(csv.DictReader(draft.open()))
    for n, (row, label) in enumerate(zip(rows, of_plots, strict=True)):
        row["label"] = label
        row.update({name: values[n] for name, values in columns.items()})
    write_rows(path, rows)
    draft.unlink()
    return path


def write_rows(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def areas_of(code_HW):
    """Number of pixels of each class name."""
    return {name: int(np.count_nonzero(code_HW == code)) for code, name in NAMES.items()}
