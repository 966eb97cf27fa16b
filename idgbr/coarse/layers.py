"""Layers of the coarse networks; residual blocks are named as in torchvision's ResNet and the published HRNet."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.layers.linear import linear


class Pointwise(nn.Conv2d):
    """A 1x1 convolution, computed as a linear layer.

    As a convolution, torch rounds it differently with another number of threads where outputs are few or inputs many.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 1, stride, bias=bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        rows, columns = self.stride
        x_BHWC = x_BCHW[..., ::rows, ::columns].movedim(1, -1)
        return linear(x_BHWC, self.weight.flatten(1), self.bias).movedim(-1, 1)


class Bottleneck(nn.Module):
    """Residual block (arXiv 1512.03385) of 1x1, 3x3 and 1x1 convolutions with `width`, `width` and 4 `width` channels.

    The 3x3 one has the stride and the dilation.
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int = 1, dilation: int = 1, momentum: float = 0.1) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1 = Pointwise(inputs, width, bias=False)
        self.bn1 = nn.BatchNorm2d(width, momentum=momentum)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width, momentum=momentum)
        self.conv3 = Pointwise(width, outputs, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs, momentum=momentum)
        self.downsample = _projection(inputs, outputs, stride, momentum)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        hidden = F.relu(self.bn1(self.conv1(x_BCHW)))
        hidden = F.relu(self.bn2(self.conv2(hidden)))
        return F.relu(self.bn3(self.conv3(hidden)) + self.downsample(x_BCHW))


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions of `width` channels."""

    def __init__(self, width: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width, momentum=momentum)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, momentum=momentum)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x_BCHW))))) + x_BCHW)


def conv_norm(
    inputs: int,
    outputs: int,
    size: int = 1,
    stride: int = 1,
    dilation: int = 1,
    *,
    relu: bool = True,
    momentum: float = 0.1,
) -> nn.Sequential:
    """Convolution without bias (same size at stride 1), batch norm and, if asked for, ReLU."""
    convolution = (
        Pointwise(inputs, outputs, stride, bias=False)
        if size == 1
        else nn.Conv2d(inputs, outputs, size, stride, dilation * (size // 2), dilation, bias=False)
    )
    layers: list[nn.Module] = [convolution, nn.BatchNorm2d(outputs, momentum=momentum)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


def bottlenecks(
    inputs: int, width: int, count: int, stride: int = 1, dilations: tuple[int, int] = (1, 1), momentum: float = 0.1
) -> nn.Sequential:
    """`count` Bottlenecks, the first with `stride`; dilations: of the first one and of the others."""
    first = Bottleneck(inputs, width, stride, dilations[0], momentum)
    outputs = Bottleneck.expansion * width
    return nn.Sequential(first, *(Bottleneck(outputs, width, 1, dilations[1], momentum) for _ in range(count - 1)))


def initialise(network: nn.Module) -> None:
    """Normal weights of variance 2 / fan-out for every convolution, zero biases (arXiv 1502.01852)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _projection(inputs: int, outputs: int, stride: int, momentum: float) -> nn.Module:
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return conv_norm(inputs, outputs, stride=stride, relu=False, momentum=momentum)
