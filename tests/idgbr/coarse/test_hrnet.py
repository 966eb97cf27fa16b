import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from idgbr.coarse import HRNet
from idgbr.coarse.hrnet import Exchange


def hrnet(width, classes, modules=(1, 4, 3)):
    """Names and shapes of the published HRNetV2 for segmentation."""
    shapes = {}
    widths = [width * 2**branch for branch in range(4)]

    def norm(name, channels):
        shapes.update({f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")})
        shapes[f"{name}.num_batches_tracked"] = ()

    def pair(name, inputs, outputs, size):
        shapes[f"{name}.0.weight"] = (outputs, inputs, size, size)
        norm(f"{name}.1", outputs)

    for number, inputs in (1, 3), (2, 64):
        shapes[f"conv{number}.weight"] = (64, inputs, 3, 3)
        norm(f"bn{number}", 64)
    for block in range(4):
        sizes = (64 if block == 0 else 256, 64, 1), (64, 64, 3), (64, 256, 1)
        for number, (inputs, outputs, size) in enumerate(sizes, 1):
            shapes[f"layer1.{block}.conv{number}.weight"] = (outputs, inputs, size, size)
            norm(f"layer1.{block}.bn{number}", outputs)
    pair("layer1.0.downsample", 64, 256, 1)
    pair("transition1.0", 256, widths[0], 3)
    pair("transition1.1.0", 256, widths[1], 3)
    pair("transition2.2.0", widths[1], widths[2], 3)
    pair("transition3.3.0", widths[2], widths[3], 3)
    for stage, count in enumerate(modules, 2):
        for module in range(count):
            path = f"stage{stage}.{module}"
            for branch in range(stage):
                for block in range(4):
                    for number in (1, 2):
                        name = f"{path}.branches.{branch}.{block}"
                        shapes[f"{name}.conv{number}.weight"] = (widths[branch], widths[branch], 3, 3)
                        norm(f"{name}.bn{number}", widths[branch])
                for source in range(stage):
                    name = f"{path}.fuse_layers.{branch}.{source}"
                    if source > branch:
                        pair(name, widths[source], widths[branch], 1)
                    for step in range(branch - source):
                        last = step == branch - source - 1
                        pair(f"{name}.{step}", widths[source], widths[branch if last else source], 3)
    total = sum(widths)
    shapes["last_layer.0.weight"] = (total, total, 1, 1)
    shapes["last_layer.3.weight"] = (classes, total, 1, 1)
    shapes["last_layer.0.bias"], shapes["last_layer.3.bias"] = (total,), (classes,)
    norm("last_layer.1", total)
    return shapes


def built(width, classes=19):
    with torch.device("meta"):
        return HRNet(3, classes, width)


def parameters(network, only=""):
    return sum(weight.numel() for name, weight in network.named_parameters() if name.startswith(only))


@pytest.mark.parametrize("width", [18, 32, 48])
def test_tensors_have_the_names_and_shapes_of_the_published_weights(width):
    state = {name: tuple(value.shape) for name, value in built(width).state_dict().items()}
    assert state == hrnet(width, 19)


@pytest.mark.parametrize(("width", "millions"), [(18, 9.6), (32, 29.5), (48, 65.9)])
def test_segmentation_networks_have_the_published_sizes(width, millions):
    """Of HRNetV2 with 19 classes."""
    assert parameters(built(width)) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(("width", "millions"), [(18, 21.3), (32, 41.2), (48, 77.5)])
def test_the_backbone_under_the_published_classifier_has_its_size(width, millions):
    """The classifier of HRNet-W*-C, which is not built here: bottlenecks to 128..1024 channels, downsampling, 2048."""
    widths, planes = [width * 2**branch for branch in range(4)], (32, 64, 128, 256)
    grow = sum(5 * w * p + 13 * p * p + 20 * p for w, p in zip(widths, planes, strict=True))
    down = sum(9 * 4 * a * 4 * b + 3 * 4 * b for a, b in itertools.pairwise(planes))
    head = grow + down + 1024 * 2048 + 3 * 2048 + 2048 * 1000 + 1000
    assert (parameters(built(width), HRNet.backbone) + head) / 1e6 == pytest.approx(millions, abs=0.05)


def test_w18_concatenates_270_channels():
    network = built(18)
    assert network.last_layer[0].in_channels == 18 + 36 + 72 + 144 == 270
    assert [len(stage) for stage in (network.stage2, network.stage3, network.stage4)] == [1, 4, 3]


def test_an_exchange_adds_to_each_branch_all_others_in_its_size():
    torch.manual_seed(0)
    unit = Exchange((4, 8, 16), blocks=1, momentum=0.1).eval()
    levels = [torch.randn(1, 4 * 2**depth, 16 // 2**depth, 8 // 2**depth) for depth in range(3)]
    one, two, three = (branch(level) for branch, level in zip(unit.branches, levels, strict=True))
    rows = unit.fuse_layers

    def larger(layers, value, factor):
        return F.interpolate(layers[1](layers[0](value)), scale_factor=factor, mode="bilinear", align_corners=False)

    expected = [
        one + larger(rows[0][1], two, 2) + larger(rows[0][2], three, 4),
        rows[1][0](one) + two + larger(rows[1][2], three, 2),
        rows[2][0](one) + rows[2][1](two) + three,
    ]
    for found, wanted in zip(unit(levels), expected, strict=True):
        assert torch.allclose(found, F.relu(wanted), atol=1e-5)


def test_between_halvings_is_a_relu_and_none_after_the_last():
    with torch.device("meta"):
        *first, last = Exchange((4, 8, 16, 32), blocks=1, momentum=0.1).fuse_layers[3][0]
    assert [len(step) for step in first] == [3, 3]
    assert [type(layer) for layer in last] == [nn.Conv2d, nn.BatchNorm2d]
