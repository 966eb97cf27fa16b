"""Progress while the blocks of a plan are counted."""

from pipeline.planning.totals import counted


def test_progress_is_told_every_thousand_blocks():
    told = []
    assert sum(1 for _ in counted(iter(range(2500)), lambda stage, number: told.append((stage, number)))) == 2500
    assert told == [("planned", 1000), ("planned", 2000)]
    assert list(counted(iter(range(3)), None)) == [0, 1, 2]
