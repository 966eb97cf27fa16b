"""The change network and its prior. Covers idgbr.change.network, attention, blocks, folding and fusion."""

import pytest
import torch
from change_toys import tiny_network
from torch import nn
from torch.nn import functional as F

from idgbr.change import PRESETS, ChangeNetwork
from idgbr.change.blocks import DropPath
from idgbr.change.folding import folded
from idgbr.errors import InputError


def outline(preset, streams, bands=3):
    with torch.device("meta"):
        return ChangeNetwork(bands, streams, **PRESETS[preset])


def multiply_adds(network, side):
    """Of the convolutions alone, for one image a stream."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        total += output.numel() * module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    network.eval()(*[torch.zeros(1, 3, side, side, device="meta")] * network.streams)
    return total


def images(seed, count=2, size=32, batch=2):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, 3, size, size, generator=random) for _ in range(count)]


@pytest.mark.parametrize(
    ("preset", "streams", "parameters"),
    [("base", 2, 2_369_995), ("base", 1, 2_265_163), ("small", 2, 607_305), ("small", 1, 580_849)],
)
def test_the_published_sizes_have_the_published_numbers_of_parameters(preset, streams, parameters):
    assert sum(weight.numel() for weight in outline(preset, streams).parameters()) == parameters


@pytest.mark.parametrize(("preset", "giga"), [("base", 16.58), ("small", 5.36)])
def test_a_pair_of_256_px_takes_the_multiply_adds_of_the_published_network(preset, giga):
    assert multiply_adds(outline(preset, 2), 256) / 1e9 == pytest.approx(giga, rel=0.01)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_prior_leaves_ten_fusions_new_and_fills_all_else(preset):
    network, prior = (ChangeNetwork(4, streams, **PRESETS[preset]) for streams in (2, 1))
    new = network.load_prior(prior)
    assert len(new) == 10
    assert {name.rpartition(".")[0] for name in new} == {
        *(f"attention.{level}.attention" for level in range(5)),
        *(f"heads.{level}" for level in range(5)),
    }
    own, filled = network.state_dict(), prior.state_dict()
    assert all(torch.equal(own[name], value) for name, value in filled.items())
    assert set(own.keys() - filled.keys()) == {name for name in own if ".fusion." in name}


def test_a_prior_of_other_bands_or_sizes_is_refused_and_nothing_filled():
    network = tiny_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for prior in (tiny_network(1, bands=4), tiny_network(1, channels=(4, 4, 4, 8, 8, 16))):
        with pytest.raises(InputError, match="does not fit; train it with the bands"):
            network.load_prior(prior)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_batch_norms_see_one_date_after_the_other():
    network, (first, second) = tiny_network().train(), images(0)
    norm = network.stem[1]
    norm.running_mean.zero_()
    with torch.no_grad():
        network(first, second)
        means = [network.stem[0](image).mean((0, 2, 3)) for image in (first, second)]
    assert norm.num_batches_tracked == 2
    torch.testing.assert_close(norm.running_mean, 0.9 * 0.1 * means[0] + 0.1 * means[1])


def test_batch_norms_see_both_dates_at_once_if_asked_to():
    network, (first, second) = tiny_network(joint_norm=True).train(), images(0)
    norm = network.stem[1]
    norm.running_mean.zero_()
    with torch.no_grad():
        network(first, second)
        mean = network.stem[0](torch.cat([first, second])).mean((0, 2, 3))
    assert norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_mean, 0.1 * mean)
    assert {module.num_batches_tracked.item() for module in network.modules() if hasattr(module, "running_mean")} == {1}


def test_six_logits_of_which_the_first_fuses_the_other_five():
    network, pair = tiny_network().eval(), images(1)
    with torch.no_grad():
        logits_B6HW = network.logits(*pair)
        fused_B1HW = network.fuse(logits_B6HW[:, 1:])
        assert logits_B6HW.shape == (2, 6, 32, 32)
        assert torch.equal(logits_B6HW[:, :1], fused_B1HW)
        assert torch.equal(network(*pair), fused_B1HW)


def test_both_dates_share_one_attention_map_that_depends_on_both():
    network = tiny_network().eval()
    maps = []
    network.attention[0].attention.mix.register_forward_hook(lambda module, inputs, output: maps.append(output))
    (first, second), (other, _) = images(2), images(3)
    with torch.no_grad():
        network(first, second)
        network(first, other)
    assert len(maps) == 2
    assert not torch.equal(*maps)


def test_without_shared_attention_each_date_has_a_map_of_its_own():
    network = tiny_network(shared_attention=False).eval()
    maps = []
    network.attention[0].attention.mix.register_forward_hook(lambda module, inputs, output: maps.append(output))
    with torch.no_grad():
        network(*images(2))
    assert len(maps) == 2
    assert len(network.load_prior(tiny_network(1))) == 5


def test_differences_in_place_of_fusions_leave_nothing_new():
    network = tiny_network(learned_fusion=False)
    assert network.load_prior(tiny_network(1)) == []
    (first, second) = images(4)
    with torch.no_grad():
        network.eval()
        assert network(first, second).shape == (2, 1, 32, 32)


def test_folding_batch_norms_changes_rounding_only():
    network, pair = tiny_network().eval(), images(5)
    with torch.no_grad():
        torch.testing.assert_close(folded(network)(*pair), network(*pair), rtol=1e-3, atol=1e-3)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in folded(network).modules()) == 10
    assert not network.training


def test_a_network_that_shrinks_sees_means_and_answers_at_full_size():
    plain, shrunk = tiny_network().eval(), tiny_network(shrink=2).eval()
    first, second = images(6)
    coarse = [F.avg_pool2d(image, 2).repeat_interleave(2, 2).repeat_interleave(2, 3) for image in (first, second)]
    with torch.no_grad():
        assert torch.equal(shrunk(first, second), shrunk(*coarse))
        assert shrunk.logits(first, second).shape == (2, 6, 32, 32)
    assert plain.state_dict().keys() == shrunk.state_dict().keys()
    with pytest.raises(InputError, match="multiples of 32 px, not 48 x 48"):
        shrunk(*images(0, size=48))


def test_a_left_out_branch_is_made_up_for_by_those_that_stay():
    drop, branch = DropPath(0.25).train(), torch.ones(4000, 1, 2, 2)
    torch.manual_seed(0)
    kept = drop(branch)
    assert {round(value, 4) for value in kept.unique().tolist()} == {0, round(1 / 0.75, 4)}
    assert kept.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(branch), branch)


def test_sizes_that_are_no_multiples_of_16_and_wrong_numbers_of_dates_are_told():
    network = tiny_network()
    with pytest.raises(InputError, match="multiples of 16 px, not 40 x 40"):
        network(*images(0, size=40))
    with pytest.raises(InputError, match="takes 2 images, not 1"):
        network(*images(0, 1))


@pytest.mark.parametrize(
    "config",
    [{"streams": 3}, {"bands": 0}, {"channels": (4, 4, 4)}, {"channels": (2,) * 6}, {"drop": 1.0}, {"shrink": 0}],
)
def test_a_network_that_cannot_be_is_told(config):
    with pytest.raises(InputError, match="a change network has at least 1 band"):
        ChangeNetwork(**({"bands": 3} | config))
