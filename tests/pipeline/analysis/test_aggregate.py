"""aggregate.py: counts and levels are those of the map, also after an interruption."""

import math
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.analysis import aggregate
from pipeline.analysis.aggregate import majority, mean
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.errors import RunError
from pipeline.execution.run import run

WIDE = [11.961, 48.499, 12.039, 48.504]
"""Degrees of a region of one level: three blocks in a row, more than 512 px."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory, region_in):
    """A run of WIDE and its report."""
    region = region_in(tmp_path_factory.mktemp("wide"), bbox=WIDE)
    return region, run(region)


@given(
    hnp.arrays(
        np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 10, 30, 255])
    )
)
def test_majority_of_two_by_two_pixels_ties_to_the_lowest_code_and_skips_no_data(code_HW):
    found = majority(code_HW)
    for (y, x), value in np.ndenumerate(found):
        votes = Counter(int(v) for v in code_HW[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel() if v)
        expected = min(votes, key=lambda code: (-votes[code], code)) if votes else 0
        assert value == expected
    assert found.shape == tuple(-(-side // 2) for side in code_HW.shape)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 255)))
def test_mean_of_two_by_two_pixels_skips_no_data_and_rounds_halves_up(percent_HW):
    found = mean(percent_HW)
    for (y, x), value in np.ndenumerate(found):
        known = [int(v) for v in percent_HW[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel() if v]
        assert value == (math.floor(sum(known) / len(known) + 0.5) if known else 0)
    assert found.shape == tuple(-(-side // 2) for side in percent_HW.shape)


def test_levels_and_counts_are_those_of_the_published_map(wide):
    region, _ = wide
    cube = Cube.open(region.cube)
    group = cube.group(snapshot=versions.resolve(cube))
    layout = Layout.of(group)
    assert layout.levels == 1
    for name, reduce in (("landcover", majority), ("confidence", mean)):
        level_HW = np.asarray(store.array(group, name)[0])
        assert level_HW.any()
        for level in range(1, layout.levels + 1):
            level_HW = reduce(level_HW)
            assert (np.asarray(store.array(group, name, level)[0]) == level_HW).all()
    pixels = np.asarray(store.array(group, "blocks/pixels")[0])
    landcover = np.asarray(store.array(group, "landcover")[0])
    for k, row in enumerate(layout.classes):
        assert pixels[..., k].sum() == (landcover == row["code"]).sum()
    assert (
        np.asarray(store.array(group, "blocks/aggregate")) == np.asarray(store.array(group, "blocks/landcover"))
    ).all()


@pytest.mark.parametrize("step", [0, 1])
def test_a_run_stopped_while_aggregating_aggregates_it_all_when_it_goes_on(region_of, wide, monkeypatch, step):
    region, (of, whole) = region_of(bbox=WIDE), wide
    begun, gather = [], aggregate.gather

    def stop(*arguments, **options):
        begun.append(1)
        if len(begun) > step:
            raise RunError("stopped while aggregating")
        return gather(*arguments, **options)

    monkeypatch.setattr(aggregate, "gather", stop)
    with pytest.raises(RunError, match="stopped while aggregating"):
        run(region)
    monkeypatch.undo()
    report = run(region)
    assert asdict(report.done) == {"mosaic": 0, "segment": 0}
    assert report.areas_km2 == whole.areas_km2
    level = [np.asarray(store.array(newest(each), "landcover", 1)) for each in (region, of)]
    assert (level[0] == level[1]).all()


def newest(region):
    return Cube.open(region.cube).group(branch=versions.MAIN)
