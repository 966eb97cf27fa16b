"""Ranks that train one network, on a local Ray."""

import pytest
import torch
from rank_work import batch, line, one_fails

from cluster import PoolError
from cluster.ray_train import run_ranks
from idgbr.training.loop import Optimisation, optimise

pytestmark = pytest.mark.ray


@pytest.mark.long
def test_two_ranks_train_one_network_as_one_would_on_both_their_batches(local_ray, tmp_path):
    told = []
    state = tmp_path / "state.safetensors"
    config = {"points": 16, "steps": 12, "state": state}
    found, device, threads = run_ranks(line, config, 2, False, tmp_path / "notes", local_ray, told.append)
    first, second = found
    assert first == second
    assert device == "cpu"
    assert int(threads) >= 1

    torch.manual_seed(0)
    network = torch.nn.Linear(3, 1)

    def loss(step):
        x, y = batch(step, 16)
        return (network(x) - y).square().mean()

    losses = [p.loss for p in optimise(network, loss, Optimisation(steps=12, rate=0.1, warmup=2, ema=0.5))]
    assert first == pytest.approx([*network.weight.ravel().tolist(), network.bias.item()], abs=1e-5)
    assert [(step, rank) for step, _, rank in told] == [(step, 0) for step in range(1, 13)]
    assert [loss for _, loss, _ in told] == pytest.approx(losses, abs=1e-5)
    assert state.is_file()
    assert list((tmp_path / "notes").iterdir()) == []


@pytest.mark.long
def test_what_a_rank_raises_is_raised_here(local_ray, tmp_path):
    with pytest.raises(LookupError, match="the map is not there"):
        run_ranks(one_fails, "the map", 2, False, tmp_path, local_ray)


@pytest.mark.parametrize(("workers", "gpus", "says"), [(9999, False, r"\d+ CPUs"), (1, True, "has 0 GPUs")])
def test_more_ranks_than_there_is_room_for_are_refused(local_ray, tmp_path, workers, gpus, says):
    if gpus and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(PoolError, match=says):
        run_ranks(line, {}, workers, gpus, tmp_path, local_ray)
