import pytest
import torch

from idgbr.errors import InputError
from idgbr.layers.attention import CrossAttention


def awake(*args, **kwargs):
    torch.manual_seed(0)
    attention = CrossAttention(*args, **kwargs)
    torch.nn.init.normal_(attention.zero.weight)
    return attention


def test_attention_is_silent_before_training_but_from_the_second_step_on_every_weight_learns():
    torch.manual_seed(0)
    attention = CrossAttention(8, 12, width=16, heads=2, grid=(4, 4))
    features, condition, target = torch.randn(2, 8, 4, 4), torch.randn(2, 12, 4, 4), torch.randn(2, 8, 4, 4)
    assert not attention(features, condition).any()
    optimiser = torch.optim.AdamW(attention.parameters(), lr=1e-2)
    for _ in range(2):
        optimiser.zero_grad()
        (attention(features, condition) - target).square().mean().backward()
        optimiser.step()
    shifts_all_keys_alike = {"key.0.bias", "key.1.bias"}
    for name, weight in attention.named_parameters():
        assert name in shifts_all_keys_alike or weight.grad.norm() > 1e-6, name


def test_the_block_is_condition_plus_softmax_attention_plus_perceptron():
    attention = awake(6, 10, width=8, heads=2)
    features, condition = torch.randn(1, 6, 2, 3), torch.randn(1, 10, 2, 3)

    def tokens(projection, norm, value):
        return norm(torch.stack([projection.weight[:, :, 0, 0] @ pixel for pixel in value[0].flatten(1).T]))

    asked = tokens(attention.query_in, attention.query_norm, features)
    known = tokens(attention.memory_in, attention.memory_norm, condition)
    query, key, value = attention.query(asked), attention.key(known), attention.value(known)
    heads = []
    for own in (slice(0, 4), slice(4, 8)):
        weight = torch.softmax(query[:, own] @ key[:, own].T / 4**0.5, 1)
        heads.append(weight @ value[:, own])
    stream = known + attention.mixed(torch.cat(heads, 1))
    norm, wide, _, narrow = attention.perceptron
    hidden = wide(norm(stream))
    stream = attention.norm(stream + narrow(hidden * torch.sigmoid(1.702 * hidden)))
    expected = (stream @ attention.zero.weight[:, :, 0, 0].T).T.reshape(1, 6, 2, 3)
    assert torch.allclose(attention(features, condition), expected, atol=1e-5)


@pytest.mark.parametrize("grid", [None, (4, 4)])
def test_pixels_know_their_place_only_through_the_embedding(grid):
    attention = awake(6, 10, width=8, heads=2, grid=grid)
    features, condition = torch.randn(1, 6, 4, 4), torch.randn(1, 10, 4, 4)
    turned = attention(features.flip(2), condition.flip(2)).flip(2)
    assert torch.allclose(turned, attention(features, condition), atol=1e-5) == (grid is None)


def test_the_embedding_is_resized_to_other_sizes_and_kept_at_its_own():
    attention = awake(6, 10, width=8, heads=2, grid=(4, 4))
    with torch.no_grad():
        attention.position_1Whw.copy_(torch.arange(4.0)[:, None].expand(1, 8, 4, 4))
    zero = torch.zeros(1, 8, 4, 4)
    assert torch.equal(attention._tokens(zero)[0, :, 0], torch.arange(4.0).repeat_interleave(4))
    rows = attention._tokens(torch.zeros(1, 8, 8, 6))[0, :, 0].reshape(8, 6)
    assert torch.allclose(rows, rows[:, :1].expand(8, 6), atol=1e-6)
    assert torch.allclose(rows[2:6, 0], torch.tensor([0.75, 1.25, 1.75, 2.25]), atol=0.1)
    assert attention(torch.randn(1, 6, 8, 6), torch.randn(1, 10, 8, 6)).shape == (1, 6, 8, 6)


def test_an_answer_does_not_depend_on_its_neighbour_in_the_batch():
    attention = awake(6, 10, width=16, heads=4, grid=(8, 8))
    features, condition = torch.randn(2, 6, 8, 8), torch.randn(2, 10, 8, 8)
    other = torch.cat([features[:1], torch.randn(1, 6, 8, 8)]), torch.cat([condition[:1], torch.randn(1, 10, 8, 8)])
    assert torch.equal(attention(features, condition)[0], attention(*other)[0])


def test_heads_must_share_the_width():
    with pytest.raises(InputError, match="multiple of its 8 heads, not 12"):
        CrossAttention(4, 4, width=12)
