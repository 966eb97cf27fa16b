import pytest
import torch
from torch import nn

from idgbr.coarse import DeepLabV3Plus
from idgbr.coarse.deeplab import Pyramid


def resnet50():
    """Names and shapes of torchvision's resnet50 without its last layer."""
    shapes = {"conv1.weight": (64, 3, 7, 7)}

    def norm(name, width):
        shapes.update({f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")})
        shapes[f"{name}.num_batches_tracked"] = ()

    norm("bn1", 64)
    inputs = 64
    for stage, (blocks, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True), 1):
        for block in range(blocks):
            path = f"layer{stage}.{block}"
            shapes[f"{path}.conv1.weight"] = (width, inputs, 1, 1)
            shapes[f"{path}.conv2.weight"] = (width, width, 3, 3)
            shapes[f"{path}.conv3.weight"] = (4 * width, width, 1, 1)
            for number, channels in (1, width), (2, width), (3, 4 * width):
                norm(f"{path}.bn{number}", channels)
            if block == 0:
                shapes[f"{path}.downsample.0.weight"] = (4 * width, inputs, 1, 1)
                norm(f"{path}.downsample.1", 4 * width)
            inputs = 4 * width
    return shapes


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return DeepLabV3Plus(3, 21)


def test_the_backbone_is_torchvision_s_resnet50_name_by_name(network):
    state = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert {name: shape for name, shape in state.items() if name.startswith(network.backbone)} == resnet50()


def test_the_backbone_has_the_published_23_508_032_parameters(network):
    parts = (weight.numel() for name, weight in network.named_parameters() if name.startswith(network.backbone))
    assert sum(parts) == 23_508_032


def test_pyramid_and_decoder_have_the_paper_s_widths(network):
    pyramid = 2 * (2048 * 256 + 512) + 3 * (9 * 2048 * 256 + 512) + (5 * 256 * 256 + 512)
    decoder = (256 * 48 + 96) + (9 * 304 * 256 + 512) + (9 * 256 * 256 + 512) + (256 * 21 + 21)
    parts = (weight.numel() for name, weight in network.named_parameters() if not name.startswith(network.backbone))
    assert sum(parts) == pyramid + decoder


def test_the_encoder_has_output_stride_16_by_dilation(network):
    convolutions = [module for module in network.layer4.modules() if isinstance(module, nn.Conv2d)]
    assert {module.stride for module in convolutions} == {(1, 1)}
    assert [block.conv2.dilation[0] for block in network.layer4] == [1, 2, 2]
    assert [block.conv2.stride[0] for block in (network.layer2[0], network.layer3[0])] == [2, 2]
    assert [branch[0].dilation[0] for branch in network.pyramid.branches] == [1, 6, 12, 18]
    with torch.device("meta"):
        deep = network.layer4(network.layer3(network.layer2(torch.zeros(1, 256, 32, 24))))
    assert deep.shape == (1, 2048, 8, 6)


def test_the_pyramid_sees_the_whole_image_through_its_pooled_branch():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pyramid = Pyramid(4, 8, (1,), 0.1).eval()
    value = torch.zeros(1, 4, 16, 16)
    changed = value.clone()
    changed[..., 0, 0] = 100.0
    assert not torch.equal(pyramid(value)[..., 15, 15], pyramid(changed)[..., 15, 15])
    pyramid.pooled[1].weight.data.zero_()
    assert torch.equal(pyramid(value)[..., 15, 15], pyramid(changed)[..., 15, 15])
