"""When blocks are started, committed, held back and given up, on a clock and with workers of the test's own.

Covers pipeline/execution/schedule.py and cluster/events.py.
"""

from itertools import product
from types import SimpleNamespace

import pytest

from cluster import Ended, Finished, Outcome, Started
from pipeline.errors import RunError
from pipeline.execution.schedule import COMMIT_SHARE, MAX_COMMIT_DELAY, MAX_CONSECUTIVE_FAILURES, Scheduler
from pipeline.execution.task import BlockResult, Task
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.planning.blocks import BlockPlan
from pipeline.planning.totals import Totals

COMMIT_SECONDS = 1.0
EXTENT = Extent(Grid("EPSG:3035", 10.0, 256), Window(0, 0, 1024, 1024))


class Clock:
    """Time that passes when a test says so, and by COMMIT_SECONDS in each commit."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("pipeline.execution.schedule.clock", clock)
    return clock


class Commits:
    """A committer that keeps what it is given: stages and blocks by commit, and the scenes lost by then.

    It raises after `room` commits.
    """

    def __init__(self, clock, room):
        self.clock, self.room, self.made, self.lost = clock, room, [], {}

    def task(self, block):
        return Task(block.block, block.scenes, 0, b"")

    def commit(self, blocks, lost):
        if len(self.made) == self.room:
            raise RunError("the cube is another run's")
        self.made.append([(block.stage, block.plan.block) for block in blocks])
        self.lost = {block: set(scenes) for block, scenes in lost.items()}
        self.clock.now += COMMIT_SECONDS

    @property
    def count(self):
        return sum(map(len, self.made))


class Pool:
    """Workers whose every step a test scripts: a generator that asks for tasks and yields outcomes."""

    def __init__(self, script):
        self.script = script

    def run(self, stages, next_task):
        return self.script(next_task)

    def workers_for(self, stage):
        return 1


def done(stage, task, lost=None):
    seconds = {"device": 1.0} if stage == "segment" else {"write": 2.0}
    return Outcome(task, BlockResult(task.block, None, lost or {}, 1, True, seconds), None, None, 0.0, 1, 0, stage)


def failed(stage, task, error="ValueError: no"):
    return Outcome(task, None, error, "", 0.0, 3, 0, stage)


def neighbours(rows, cols):
    def seen_by(block):
        y, x = block
        ys, xs = range(max(y - 1, 0), min(y + 2, rows)), range(max(x - 1, 0), min(x + 2, cols))
        return list(product(ys, xs))

    return seen_by


@pytest.fixture
def scheduled(clock):
    """A function that runs a script over 4 x 4 blocks; what it committed, what it emitted, and its work or error."""

    def run(
        script, mosaic_due=lambda block: True, landcover_due=lambda block: True, alone=False, room=99, segments=True
    ):
        seen_by = (lambda block: [block]) if alone else neighbours(4, 4)
        blocks = list(product(range(4), range(4)))
        plans = [BlockPlan(b, (), 1, 7, 8, mosaic_due(b), landcover_due(b), "new") for b in blocks]

        def fingerprints(block, lost):
            return 7, 9 if any(other in lost for other in seen_by(block)) else 8

        plan = SimpleNamespace(
            blocks=lambda: iter(plans),
            blocks_of=SimpleNamespace(seen_by=seen_by),
            region=SimpleNamespace(name="bavaria", commit_every=2),
            run="abc",
            fingerprints=fingerprints,
            extent=EXTENT,
        )
        totals = Totals(to_mosaic=sum(p.mosaic_due for p in plans), to_segment=sum(p.landcover_due for p in plans))
        commits, events = Commits(clock, room), []
        pool = Pool(lambda next_task: script(next_task, commits))
        scheduler = Scheduler(plan, totals, pool, commits, events.append, segments=segments)
        clock.now += 10
        try:
            outcome = scheduler.run()
        except RunError as error:
            outcome = error
        return SimpleNamespace(commits=commits, events=events, outcome=outcome)

    return run


def mosaics(next_task, commits, count, noted):
    """Mosaics so many blocks, one after the other; notes how many blocks are committed after each."""
    for _ in range(count):
        yield done("mosaic", next_task("mosaic"))
        noted.append(commits.count)


def all_of(next_task, commits):
    """All there is, one task after the other, segmentations first."""
    while True:
        task = next_task("segment")
        stage = "segment" if task else "mosaic"
        task = task or next_task("mosaic")
        if task is None:
            return
        yield done(stage, task)


def test_all_blocks_are_mosaicked_then_segmented_and_committed_once(scheduled):
    run = scheduled(all_of)
    committed = [each for commit in run.commits.made for each in commit]
    assert sorted(committed) == sorted(product(("mosaic", "segment"), product(range(4), range(4))))
    for at, commit in enumerate(run.commits.made):
        earlier = {block for before in run.commits.made[:at] for stage, block in before if stage == "mosaic"}
        assert all(earlier >= set(neighbours(4, 4)(block)) for stage, block in commit if stage == "segment")
    assert run.outcome.blocks == {"mosaic": 16, "segment": 16}
    assert run.outcome.seconds == {"mosaic.write": 32.0, "segment.device": 16.0}
    assert run.outcome.lost == {}


def test_a_run_of_mosaics_only_makes_all_of_them_however_many_blocks_could_be_mapped(scheduled, clock, monkeypatch):
    monkeypatch.setattr("pipeline.execution.queue.MAX_READY", 3)

    def script(next_task, commits):
        for outcome in all_of(next_task, commits):
            clock.now += COMMIT_SECONDS / COMMIT_SHARE
            yield outcome

    assert scheduled(script, segments=False).outcome.blocks == {"mosaic": 16}


def test_a_run_that_ends_before_all_that_is_due_was_given_out_does_not_say_that_it_is_done(scheduled):
    run = scheduled(lambda next_task, commits: mosaics(next_task, commits, 3, []))
    assert "the run ended with 3 of 16 blocks done (mosaic) and none failed" in str(run.outcome)
    assert run.commits.count == 3


def test_as_many_blocks_as_the_region_says_make_a_commit(scheduled):
    noted = []
    run = scheduled(lambda next_task, commits: mosaics(next_task, commits, 3, noted))
    assert noted == [0, 2, 2]
    assert run.commits.count == 3


def test_where_blocks_come_faster_commits_take_no_more_than_their_share_of_the_drivers_time(scheduled, clock):
    noted = []

    def script(next_task, commits):
        yield from mosaics(next_task, commits, 8, noted)
        clock.now += COMMIT_SECONDS / COMMIT_SHARE + 0.1
        yield from mosaics(next_task, commits, 1, noted)

    scheduled(script)
    assert noted == [0, 2, *[2] * 6, 9]


def test_a_finished_block_waits_a_minute_at_most_for_others(scheduled, clock):
    noted = []

    def script(next_task, commits):
        clock.now += MAX_COMMIT_DELAY + 1
        yield from mosaics(next_task, commits, 1, noted)

    scheduled(script)
    assert noted == [1]


def test_mosaics_that_land_cover_waits_for_are_committed_early(scheduled):
    noted = []

    def script(next_task, commits):
        yield from mosaics(next_task, commits, 1, noted)
        running = next_task("mosaic")
        noted.append(next_task("segment").block)
        noted.append(commits.count)
        yield done("mosaic", running)
        noted.append(next_task("segment"))
        noted.append(commits.count)

    scheduled(script, alone=True)
    assert noted == [0, (0, 0), 1, None, 1]


def test_mosaics_that_no_land_cover_waits_for_are_committed_when_nothing_runs(scheduled):
    noted = []

    def script(next_task, commits):
        yield from mosaics(next_task, commits, 1, noted)
        noted.append((next_task("segment"), commits.count))
        running = next_task("mosaic")
        yield from mosaics(next_task, commits, 1, noted)
        noted.append((next_task("segment"), commits.count))
        yield done("mosaic", running)

    scheduled(script)
    assert noted == [0, (None, 1), 1, (None, 1)]


def test_what_a_commit_raises_ends_the_run(scheduled):
    run = scheduled(all_of, room=1)
    assert str(run.outcome) == "the cube is another run's"
    assert len(run.commits.made) == 1
    assert [event.stage for event in run.events if isinstance(event, Ended)] == ["mosaic", "segment"]


def test_land_cover_that_sees_a_mosaic_which_lost_a_scene_is_made_again_and_no_other(scheduled):
    """One mosaic is due, and no land cover: that of its neighbours becomes due when the mosaic lacks a scene."""

    def script(next_task, commits):
        yield done("mosaic", next_task("mosaic"), lost={"scene": "gone"})
        yield from all_of(next_task, commits)

    run = scheduled(script, mosaic_due=lambda block: block == (0, 0), landcover_due=lambda block: False)
    segmented = [block for commit in run.commits.made for stage, block in commit if stage == "segment"]
    assert sorted(segmented) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert run.commits.lost == {(0, 0): {"scene"}}
    assert run.outcome.lost == {(0, 0): {"scene": "gone"}}
    whole = scheduled(all_of, mosaic_due=lambda block: block == (0, 0), landcover_due=lambda block: False)
    assert whole.commits.made == [[("mosaic", (0, 0))]]


def test_a_failed_mosaic_holds_back_those_that_see_it_and_the_others_are_committed(scheduled):
    def script(next_task, commits):
        yield failed("mosaic", next_task("mosaic"), "ValueError: a pixel")
        yield from all_of(next_task, commits)

    run = scheduled(script)
    committed = [each for commit in run.commits.made for each in commit]
    held_back = set(neighbours(4, 4)((0, 0)))
    blocks = set(product(range(4), range(4)))
    assert {block for stage, block in committed if stage == "mosaic"} == blocks - {(0, 0)}
    assert {block for stage, block in committed if stage == "segment"} == blocks - held_back
    assert str(run.outcome) == (
        "1 of 16 blocks failed to mosaic, which 4 more wait for, the first at block (0, 0): ValueError: a pixel; "
        "the others are kept, run again after mending the cause"
    )
    ends = {event.stage: (event.done, event.failed) for event in run.events if isinstance(event, Ended)}
    assert ends == {"mosaic": (15, 1), "segment": (12, 0)}


def test_so_many_failures_in_a_row_end_a_run_and_a_success_between_them_does_not(scheduled, monkeypatch):
    assert MAX_CONSECUTIVE_FAILURES == 32
    monkeypatch.setattr("pipeline.execution.schedule.MAX_CONSECUTIVE_FAILURES", 5)

    def script(outcomes):
        def steps(next_task, commits):
            for good in outcomes:
                task = next_task("mosaic")
                yield done("mosaic", task) if good else failed("mosaic", task)

        return steps

    run = scheduled(script([True, *[False] * 5, True]), alone=True)
    assert "5 of 16 blocks failed to mosaic" in str(run.outcome)
    assert "aborted after 5 consecutive failures" in str(run.outcome)
    assert run.commits.count == 1
    run = scheduled(script([*[False] * 4, True, *[False] * 4]), alone=True)
    assert "8 of 16 blocks failed" in str(run.outcome)
    assert "consecutive" not in str(run.outcome)


def test_events_tell_of_every_block(scheduled):
    events = scheduled(all_of).events
    assert events[:2] == [Started("mosaic", 16), Started("segment", 16)]
    assert sum(isinstance(event, Finished) for event in events) == 32
    assert [(event.stage, event.done) for event in events[-2:]] == [("mosaic", 16), ("segment", 16)]
