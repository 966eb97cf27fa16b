import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.continent.preference import Offer, choose

RANKS = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(0, 2))
)


@given(RANKS)
def test_a_block_is_taken_from_the_cube_of_the_highest_keys_the_first_at_a_tie(rank_SKYX):
    choice_YX = choose(rank_SKYX)
    cubes, _, rows, cols = rank_SKYX.shape
    for y in range(rows):
        for x in range(cols):
            keys = [tuple(rank_SKYX[cube, :, y, x]) for cube in range(cubes)]
            there = any(key[0] for key in keys)
            assert choice_YX[y, x] == (keys.index(max(keys)) if there else -1)


def offer(state=2, held=(9, 20, 30), published=1, clear=1):
    return Offer(*(np.array(value)[..., None, None] for value in (state, held, published, clear)))


def test_the_order_of_what_counts():
    """A map of seen ground, the ground of the block, then that around it from near to far, and then the preference."""
    better = [
        offer(clear=9),
        offer(published=5),
        offer(held=(9, 20, 31)),
        offer(held=(9, 21, 20)),
        offer(held=(10, 10, 10)),
    ]
    worse = [offer(state=1, held=(11, 30, 40), published=9, clear=10), offer(), *better]
    for at in range(len(better)):
        ranks = [each.rank("newest") for each in [*worse[: at + 2], better[at]]]
        assert choose(np.stack(ranks)) == len(ranks) - 1, at
    both = [offer(clear=9), offer(published=5)]
    assert choose(np.stack([each.rank("most-observed") for each in both])) == 0
    assert choose(np.stack([each.rank("newest") for each in both])) == 1
