"""SegFormer against the equations of its paper, and the names of its tensors."""

import math

import pytest
import torch
from torch.nn import functional as F

from idgbr.coarse import SegFormer
from idgbr.coarse.segformer import Attention, Decoder, MixFFN
from idgbr.errors import InputError

B0 = (32, 64, 160, 256)
B1 = (64, 128, 320, 512)


def segformer(widths, decoder, classes, bands=3):
    """Names and shapes of Hugging Face's SegformerForSemanticSegmentation with two blocks a stage."""
    shapes = {}

    def layer(name, *weight, bias=True):
        shapes[f"{name}.weight"] = weight
        if bias:
            shapes[f"{name}.bias"] = weight[:1]

    for stage, (width, reduction) in enumerate(zip(widths, (8, 4, 2, 1), strict=True)):
        size = 7 if stage == 0 else 3
        patch = f"segformer.encoder.patch_embeddings.{stage}"
        layer(f"{patch}.proj", width, bands if stage == 0 else widths[stage - 1], size, size)
        layer(f"{patch}.layer_norm", width)
        layer(f"segformer.encoder.layer_norm.{stage}", width)
        for block in range(2):
            path = f"segformer.encoder.block.{stage}.{block}"
            layer(f"{path}.layer_norm_1", width)
            layer(f"{path}.layer_norm_2", width)
            for part in ("self.query", "self.key", "self.value", "output.dense"):
                layer(f"{path}.attention.{part}", width, width)
            if reduction > 1:
                layer(f"{path}.attention.self.sr", width, width, reduction, reduction)
                layer(f"{path}.attention.self.layer_norm", width)
            layer(f"{path}.mlp.dense1", 4 * width, width)
            layer(f"{path}.mlp.dwconv.dwconv", 4 * width, 1, 3, 3)
            layer(f"{path}.mlp.dense2", width, 4 * width)
        layer(f"decode_head.linear_c.{stage}.proj", decoder, width)
    layer("decode_head.linear_fuse", decoder, 4 * decoder, 1, 1, bias=False)
    layer("decode_head.batch_norm", decoder)
    shapes.update({f"decode_head.batch_norm.running_{part}": (decoder,) for part in ("mean", "var")})
    shapes["decode_head.batch_norm.num_batches_tracked"] = ()
    layer("decode_head.classifier", classes, decoder, 1, 1)
    return shapes


def built(widths, classes=150):
    with torch.device("meta"):
        return SegFormer(3, classes, widths)


@pytest.mark.parametrize("widths", [B0, B1])
def test_tensors_have_the_names_and_shapes_of_the_published_weights(widths):
    state = {name: tuple(value.shape) for name, value in built(widths).state_dict().items()}
    assert state == segformer(widths, 256, 150)


@pytest.mark.parametrize(
    ("widths", "encoder", "whole", "published"), [(B0, 3_319_392, 3_752_694, 3.75), (B1, 13_151_424, 13_715_798, 13.7)]
)
def test_b0_and_b1_have_the_published_parameters(widths, encoder, whole, published):
    network = built(widths)
    assert sum(weight.numel() for weight in network.segformer.parameters()) == encoder
    assert sum(weight.numel() for weight in network.parameters()) == whole
    assert whole / 1e6 == pytest.approx(published, abs=0.05)


def test_attention_is_softmax_attention_to_reduced_keys_and_values():
    torch.manual_seed(0)
    attention = Attention(8, heads=2, reduction=2)
    value = torch.randn(2, 8, 4, 6)
    own = attention["self"]
    few = own.layer_norm(own.sr(value))
    assert few.shape == (2, 8, 2, 3)
    query, key, content = (
        layer(source.flatten(2).mT) for layer, source in ((own.query, value), (own.key, few), (own.value, few))
    )
    mixed = [
        (query[..., part] @ key[..., part].mT / math.sqrt(4)).softmax(-1) @ content[..., part]
        for part in (slice(0, 4), slice(4, 8))
    ]
    expected = attention["output"](torch.cat(mixed, -1)).mT.unflatten(2, (4, 6))
    assert torch.allclose(attention(value), expected, atol=1e-6)


def test_the_mixing_layer_sees_the_neighbours_through_its_depthwise_convolution():
    torch.manual_seed(0)
    layer = MixFFN(4)
    value = torch.randn(1, 4, 5, 5)
    hidden = F.conv2d(
        F.conv2d(value, layer.dense1.weight[..., None, None], layer.dense1.bias),
        layer.dwconv.dwconv.weight,
        layer.dwconv.dwconv.bias,
        padding=1,
        groups=16,
    )
    expected = F.conv2d(F.gelu(hidden), layer.dense2.weight[..., None, None], layer.dense2.bias)
    assert torch.allclose(layer(value), expected, atol=1e-6)


def test_the_decoder_fuses_the_coarsest_level_first():
    torch.manual_seed(0)
    decoder = Decoder((4, 4, 4, 4), width=8, classes=2).eval()
    decoder.linear_fuse.weight.data[:, 8:] = 0
    levels = [torch.randn(1, 4, 8 // 2**depth, 8 // 2**depth) for depth in range(4)]
    answer = decoder(levels)
    assert torch.equal(decoder([torch.zeros_like(level) for level in levels[:3]] + levels[3:]), answer)
    assert not torch.allclose(decoder([*levels[:3], torch.zeros_like(levels[3])]), answer)


def test_features_come_at_strides_4_to_32():
    with torch.device("meta"):
        levels = built(B0).segformer(torch.zeros(1, 3, 128, 96))
    assert [tuple(level.shape) for level in levels] == [
        (1, 32, 32, 24),
        (1, 64, 16, 12),
        (1, 160, 8, 6),
        (1, 256, 4, 3),
    ]


def test_widths_that_the_heads_do_not_divide_are_refused():
    with pytest.raises(InputError, match="multiple of its heads, not 33 with 5 heads"):
        SegFormer(3, 2, (32, 64, 33, 256))
