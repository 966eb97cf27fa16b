from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cluster.in_flight import Call, InFlight


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["mosaic", "segment"]), st.integers(0, 3), st.booleans())))
def test_counts_are_those_of_the_calls_under_way(steps):
    underway, there = InFlight(), {}
    for ticket, (number, method, worker, ends) in enumerate(steps):
        if ends and there:
            gone = next(iter(there))
            ended = underway.end(gone)
            assert (ended.call, ended.worker) == there.pop(gone)
        there[ticket] = Call(number, method, None), worker
        underway.begin(ticket, *there[ticket], now=float(ticket))
    assert underway.tickets == list(there)
    assert [(each.call, each.worker) for each in underway] == list(there.values())
    on = Counter((worker, call.method) for call, worker in there.values())
    copies = Counter(call.number for call, _ in there.values())
    assert all(underway.on(w, m) == on[w, m] for w in range(4) for m in ("mosaic", "segment"))
    assert all(underway.copies(Call(n, "mosaic", None)) == copies[n] for n in range(6))
