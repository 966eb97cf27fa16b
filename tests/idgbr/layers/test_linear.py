from itertools import product

import pytest
import torch
from torch.nn import functional as F

from idgbr.layers.linear import Linear, linear


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("shape", "outputs"), [((5, 3), 1), ((2, 7, 128), 16), ((2, 3, 4, 300), 10), ((0, 200), 5)])
def test_it_is_a_linear_layer_with_its_gradients(shape, outputs):
    ours, theirs = ([drawn(*shape), drawn(outputs, shape[-1], seed=1), drawn(outputs, seed=2)] for _ in range(2))
    for tensor in (*ours, *theirs):
        tensor.requires_grad_()
    found, wanted = linear(*ours), F.linear(*theirs)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    weight = drawn(*wanted.shape, seed=3)
    (found * weight).sum().backward()
    (wanted * weight).sum().backward()
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our.grad, their.grad, rtol=1e-5, atol=1e-4)


def test_a_layer_has_the_weights_of_torch_s_own():
    layer, torchs = Linear(300, 7), torch.nn.Linear(300, 7)
    layer.load_state_dict(torchs.state_dict())
    torch.testing.assert_close(layer(drawn(4, 300)), torchs(drawn(4, 300)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 4, 24, 96, 384, 1536])
def test_bits_do_not_depend_on_the_number_of_threads(rows, threads):
    for inputs, outputs in product((48, 128, 200, 304, 720, 1024, 2048), (6, 48, 128, 512)):
        x, weight, bias = drawn(rows, inputs), drawn(outputs, inputs, seed=1), drawn(outputs, seed=2)
        answers = []
        for count in (1, 2, 4):
            threads(count)
            answers.append(linear(x, weight, bias))
        assert all(torch.equal(answer, answers[0]) for answer in answers), (rows, inputs, outputs)
