from cluster import Ended, Finished, Outcome, Started, watch


def outcome(task, error=None):
    return Outcome(task, None, error, None, 0.1, 1, 0)


OUTCOMES = [outcome(1), outcome(2, "ValueError: no"), outcome(3)]


def test_a_listener_hears_the_start_each_outcome_and_the_end():
    heard = []
    assert list(watch("segment", 3, OUTCOMES, heard.append)) == OUTCOMES
    assert heard[0] == Started("segment", 3)
    assert heard[1:4] == [Finished("segment", each) for each in OUTCOMES]
    assert (heard[4].stage, heard[4].done, heard[4].failed) == ("segment", 2, 1)
    assert isinstance(heard[4], Ended)
    assert len(heard) == 5


def test_a_stage_that_is_broken_off_still_ends():
    heard = []
    stage = watch("mosaic", 3, OUTCOMES, heard.append)
    next(stage)
    stage.close()
    assert (heard[-1].done, heard[-1].failed) == (1, 0)


def test_nobody_needs_to_listen():
    assert list(watch("mosaic", 3, OUTCOMES, None)) == OUTCOMES
