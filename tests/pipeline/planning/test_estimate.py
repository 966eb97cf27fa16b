"""What a run is said to take before it starts, and how that agrees with what it took.

Covers estimate, totals and memory. plan and blocks: tests/pipeline/scenes/test_search.py and tests/pipeline/execution;
describe: tests/pipeline/cli.
"""

import pytest
import torch

from idgbr.inference.tiling import WindowLattice
from pipeline.cube.cube import Cube
from pipeline.planning.estimate import Cost, estimate, latest_cost
from pipeline.planning.memory import worker_memory
from pipeline.planning.plan import plan
from pipeline.planning.totals import Totals, block_totals
from pipeline.segment.block import lattice_windows


def test_totals_count_what_the_stream_holds(undisturbed, region_of):
    region = region_of("totals")
    planned = plan(region)
    blocks, settings = list(planned.blocks()), planned.model.settings
    found = block_totals(planned)
    assert found.to_mosaic == found.to_segment == found.blocks == len(blocks)
    assert found.views == sum(block.passes for block in blocks)
    windows = [region.extent.covered(block.block).pad(settings.boundary_radius) for block in blocks]
    lattice = WindowLattice(settings.window, settings.overlap)
    assert found.windows == sum(len(lattice_windows(lattice, window)) for window in windows)
    assert found.busiest[1] == max(block.passes for block in blocks)
    assert not block_totals(plan(undisturbed[0])).due


def test_the_closed_form_of_an_estimate():
    """10 GB at 36 s, 7,200 windows at 0.5 s: 360 s of mosaics, 3,600 s of devices."""
    work = Totals(bytes=10**10, windows=7200)
    cost = Cost(second_per_gb=36, second_per_window=0.5)
    alone = estimate(work, cost, workers=2, price_per_worker_hour=3.0)
    assert (alone.seconds, alone.device_hours, alone.money) == (1980, pytest.approx(1.1), pytest.approx(3.3))
    helped = estimate(work, cost, workers=2, mosaic_workers=4)
    assert (helped.mosaic_seconds, helped.device_seconds, helped.seconds, helped.money) == (360, 3600, 1800, None)
    assert estimate(work, None, workers=2).seconds is None


def test_the_next_plan_is_calibrated_by_what_the_last_run_took(undisturbed, region_of):
    """The same work again is expected to take what it took."""
    region, report = undisturbed
    cost = latest_cost(Cube.open(region.cube))
    again = estimate(block_totals(plan(region_of("again"))), cost, workers=1)
    assert again.mosaic_seconds == pytest.approx(report.took.mosaic_seconds, rel=0.01)
    assert again.device_seconds == pytest.approx(report.took.device_seconds, rel=0.01)
    assert report.expected.seconds is None


def test_a_mosaic_of_more_passes_needs_no_less_memory(region_of):
    planned = plan(region_of("memory"))
    needs = [worker_memory(planned, Totals(busiest=((0, 0), passes)))[0] for passes in (1, 10, 100)]
    assert needs == sorted(needs)


def test_a_larger_model_needs_more_memory_where_it_segments(region_of):
    planned = plan(region_of("large"))
    before = worker_memory(planned, Totals())
    planned.model.coarse.register_buffer("more", torch.zeros(10**6))
    assert worker_memory(planned, Totals()) == (before.mosaic, before.segment + 4 * 10**6)
