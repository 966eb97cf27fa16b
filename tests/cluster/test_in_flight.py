"""The counts of calls in flight."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cluster.in_flight import Call, InFlight


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["mosaic", "segment"]), st.integers(0, 3), st.booleans())))
def test_counts_are_those_of_the_calls_under_way(steps):
    in_flight, expected = InFlight(), {}
    for future, (number, method, worker, ends) in enumerate(steps):
        if ends and expected:
            first = next(iter(expected))
            submission = in_flight.remove(first)
            assert (submission.call, submission.worker) == expected.pop(first)
        expected[future] = Call(number, method, None), worker
        in_flight.add(future, *expected[future], now=float(future))
    assert in_flight.futures == list(expected)
    assert [(each.call, each.worker) for each in in_flight] == list(expected.values())
    load = Counter((worker, call.method) for call, worker in expected.values())
    copies = Counter(call.number for call, _ in expected.values())
    assert all(in_flight.load(w, m) == load[w, m] for w in range(4) for m in ("mosaic", "segment"))
    assert all(in_flight.copies(Call(n, "mosaic", None)) == copies[n] for n in range(6))


def test_a_worker_is_closed_while_it_has_a_call_that_it_must_do_alone():
    in_flight = InFlight()
    in_flight.add("future", Call(1, "mosaic", None, alone=True), 3, now=0.0)
    assert (in_flight.is_closed(3), in_flight.is_closed(2)) == (True, False)
    in_flight.remove("future")
    assert not in_flight.is_closed(3)
