"""The training loop, its states and its ranks. Covers idgbr.training.loop, state and ranks."""

import time

import pytest
import torch
from safetensors import safe_open
from torch import nn

from idgbr import tensor_file
from idgbr.errors import CheckpointError, InputError
from idgbr.training.loop import Diverged, Optimisation, OutOfTime, learning_rate, optimise, with_seed

HOW = {"steps": 20, "rate": 0.02, "warmup": 3, "ema": 0.9}


def network(width=4):
    """With what makes going on hard: batch statistics, dropout, weights in channels-last layout."""
    made = with_seed(
        0,
        lambda: nn.Sequential(
            nn.Conv2d(2, width, 3), nn.BatchNorm2d(width), nn.Dropout(0.3), nn.ReLU(), nn.Conv2d(width, 1, 3)
        ),
    )
    return made.to(memory_format=torch.channels_last)


def fresh(width=4):
    net = network(width)
    return net, lambda step: (net(picture(step)).float() - 1).square().mean()


def picture(step):
    return torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(step))


def values(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_rate_rises_then_falls_to_zero():
    how = Optimisation(steps=100, rate=1.0, warmup=10)
    assert [learning_rate(step, how) for step in (1, 10, 55, 100)] == pytest.approx([0.1, 1.0, 0.5, 0.0])
    assert learning_rate(1, Optimisation(steps=4, rate=1.0, warmup=0)) < 1


def test_averaged_weights_replace_the_last_ones():
    net = nn.Linear(1, 1, bias=False)
    seen = []

    def loss(step):
        seen.append(net.weight.item())
        return net.weight.square().sum()

    for progress in optimise(net, loss, Optimisation(steps=50, rate=0.05, warmup=1, ema=0.9)):
        last = net.weight.item()
        assert progress.step == len(seen)
    assert not net.training
    assert min(abs(value - last) for value in seen) < abs(net.weight.item() - last)


def test_running_statistics_are_averaged_like_weights():
    net = nn.Sequential(nn.BatchNorm1d(1, momentum=1.0))
    for _ in optimise(
        net, lambda step: net(step + torch.tensor([[-1.0], [1.0]])).sum(), Optimisation(**HOW | {"ema": 0.5})
    ):
        last = net[0].running_mean.item()
    assert last == 20
    assert net[0].running_mean.item() == pytest.approx(19, abs=0.1)
    assert net[0].num_batches_tracked == 20


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_ten_steps_a_kill_and_ten_more_give_the_bits_of_twenty(tmp_path, precision):
    how = Optimisation(**HOW, precision=precision)
    whole, loss = fresh()
    torch.manual_seed(1)
    told = [(p.loss, p.smoothed, p.rate) for p in optimise(whole, loss, how)]
    torch.manual_seed(2)
    killed, loss = fresh()
    for progress in optimise(killed, loss, how, tmp_path / "state.safetensors", save_every=10):
        if progress.step == 13:
            break
    net, loss = fresh()
    rest = [(p.loss, p.smoothed, p.rate) for p in optimise(net, loss, how, tmp_path / "state.safetensors")]
    assert same(values(whole), values(net))
    assert rest == told[10:]
    done, loss = fresh()
    assert list(optimise(done, loss, how, tmp_path / "state.safetensors")) == []
    assert same(values(whole), values(done))
    assert not done.training


def test_the_random_state_around_a_training_stays_as_it_was():
    net, loss = fresh()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    list(optimise(net, loss, Optimisation(**HOW)))
    assert torch.equal(torch.rand(3), expected)


def test_a_write_that_is_cut_off_leaves_the_state_before_it(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    net, loss = fresh()
    steps = optimise(net, loss, Optimisation(**HOW), path, save_every=5)
    for _ in range(5):
        next(steps)
    kept = path.read_bytes()
    with path.open("rb") as opened:
        for _ in range(5):
            next(steps)
        assert opened.read() == kept
    kept = path.read_bytes()

    def cut(tensors, target, metadata):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(tensor_file, "save_file", cut)
    with pytest.raises(OSError, match="disk full"):
        list(steps)
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"width": 5}, r"another network: its network.0.weight is \(4, 2, 3, 3\), not \(5, 2, 3, 3\)"),
        ({"how": {"rate": 0.5}}, "another training: its rate is 0.02, not 0.5"),
        ({"how": {"steps": 30}}, "another training: its steps is 20, not 30"),
        ({"about": "other data"}, "another training: its about is data, not other data"),
        ({"content": b"cut off"}, "truncated or not a safetensors file"),
    ],
)
def test_a_state_of_something_else_is_refused_in_one_sentence(tmp_path, change, says):
    path = tmp_path / "state.safetensors"
    net, loss = fresh()
    next(optimise(net, loss, Optimisation(**HOW), path, about="data", save_every=1))
    if "content" in change:
        path.write_bytes(change["content"])
    net, loss = fresh(change.get("width", 4))
    before = values(net)
    how = Optimisation(**HOW | change.get("how", {}))
    with pytest.raises(CheckpointError, match=says) as told:
        next(optimise(net, loss, how, path, about=change.get("about", "data")))
    assert "\n" not in str(told.value)
    assert same(before, values(net))


def test_a_model_file_is_not_taken_for_a_state(tmp_path):
    tensor_file.save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    net, loss = fresh()
    with pytest.raises(CheckpointError, match="is not the state of a training"):
        next(optimise(net, loss, Optimisation(**HOW), tmp_path / "model.safetensors"))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_loss_that_is_no_number_ends_the_training_and_saves_nothing(tmp_path, precision, bad):
    path = tmp_path / "state.safetensors"
    net, loss = fresh()
    how = Optimisation(**HOW, precision=precision)
    kept = []
    with pytest.raises(Diverged, match=rf"loss {bad} .* at step 7 of 20 are not finite; lower the rate"):
        steps = optimise(net, lambda step: loss(step) + (bad if step == 7 else 0), how, path, save_every=1)
        kept.extend(path.read_bytes() for _ in steps)
    assert len(kept) == 6
    assert path.read_bytes() == kept[-1]


def test_a_gradient_that_is_no_number_never_reaches_the_weights():
    net = nn.Linear(1, 1)
    before = values(net)
    with pytest.raises(Diverged, match="gradient norm"):
        list(optimise(net, lambda step: (net.weight * 0).square().sum().sqrt(), Optimisation(**HOW)))
    assert same(before, values(net))


def test_half_precision_leaves_out_steps_whose_gradient_overflows():
    net = nn.Linear(1, 1, bias=False)
    seen = []

    def loss(step):
        seen.append(net.weight.item())
        return net(torch.full((1, 1), 3.0)).float().sum() * (1e3 if step == 2 else 1)

    how = Optimisation(steps=4, rate=0.1, warmup=1, precision="fp16", weight_decay=0)
    list(optimise(net, loss, how))
    assert seen[1] == seen[0] or seen[2] == seen[1]
    assert seen[3] != seen[2]


def test_the_forward_pass_runs_in_the_precision_asked_for():
    net = nn.Linear(2, 2)
    seen = []

    def loss(step):
        answer = net(torch.ones(1, 2))
        seen.append(answer.dtype)
        return answer.float().sum()

    for precision in ("fp32", "bf16", "fp16"):
        list(optimise(net, loss, Optimisation(steps=1, precision=precision)))
    assert seen == [torch.float32, torch.bfloat16, torch.float16]
    assert net.weight.dtype == torch.float32


def test_a_deadline_ends_the_training_unfinished_and_it_goes_on_later(tmp_path):
    path = tmp_path / "state.safetensors"
    how = Optimisation(**HOW)
    whole, loss = fresh()
    list(optimise(whole, loss, how))
    net, loss = fresh()
    taken = []
    with pytest.raises(OutOfTime, match="after step 4 of 20") as out:
        steps = optimise(net, slow(loss, 4), how, path, deadline=time.monotonic() + 0.25)
        taken.extend(progress.step for progress in steps)
    assert taken == [1, 2, 3, 4]
    assert (out.value.step, out.value.steps) == (4, 20)
    assert net.training
    net, loss = fresh()
    rest = [progress.step for progress in optimise(net, loss, how, path, deadline=time.monotonic() + 60)]
    assert rest == list(range(5, 21))
    assert same(values(whole), values(net))


def slow(loss, at):
    def slowed(step):
        time.sleep(0.3 if step == at else 0)
        return loss(step)

    return slowed


def test_only_what_is_trained_changes_and_is_kept(tmp_path):
    net, loss = fresh()
    net[4].requires_grad_(False)
    before = values(net)
    list(optimise(net, loss, Optimisation(**HOW), tmp_path / "state.safetensors"))
    after = values(net)
    assert torch.equal(after["4.weight"], before["4.weight"])
    assert not torch.equal(after["0.weight"], before["0.weight"])
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        names = set(file.keys())
    assert {"network.0.weight", "average.0.weight", "exp_avg.0.weight", "exp_avg_sq.0.weight"} <= names
    assert not any("4." in name for name in names)
    with pytest.raises(InputError, match="no parameter that requires a gradient"):
        next(optimise(net.requires_grad_(False), loss, Optimisation(**HOW)))


def test_progress_tells_loss_speed_and_the_time_that_remains():
    net = nn.Linear(1, 1)

    def loss(step):
        time.sleep(0.01)
        return net(torch.ones(1, 1)).sum() * 0 + step

    told = list(optimise(net, loss, Optimisation(steps=10, rate=1e-9)))
    assert [p.loss for p in told] == list(range(1, 11))
    assert told[0].smoothed == 1
    assert told[9].smoothed == pytest.approx(5.5)
    assert 20 < told[5].speed < 100
    assert told[5].remaining == pytest.approx(4 / told[5].speed)
    assert told[9].remaining == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"precision": "int8"}, "precision must be one of fp32, bf16, fp16"),
        ({"steps": 0}, "steps"),
        ({"rate": 0}, "rate"),
    ],
)
def test_an_optimisation_that_cannot_be_is_told_in_one_sentence(change, says):
    with pytest.raises(InputError, match=says):
        Optimisation(**change)
