"""The contract of coarse networks, and how a torch module of one's own meets it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.errors import InputError
from idgbr.layers.blocks import require_multiple
from idgbr.layers.network import Network


class CoarseNetwork(Network):
    """Image in, one logit per class out: at `stride` first, then upsampled bilinearly to the image's size.

    A subclass takes at least `bands` and `classes`, keeps all arguments of its __init__ in `config` (diffusers'
    `register_to_config`) and gives `strided_logits`. An ordinary module need not know any of this: see `Wrapped`.

    stride: px between logits. multiple: px of which an image's sides must be multiples. backbone: beginnings of the
    names of the tensors that `load_backbone` fills; first: name of the weight that sees the bands. code: digest of the
    source of a network whose code is the user's own (`idgbr.coarse.own`).
    """

    stride: int = 4
    multiple: int = 32
    backbone: tuple[str, ...] = ()
    first: str = ""
    code: str = ""

    def strided_logits(self, image_BCHW: Tensor) -> Tensor:
        """BKhw logits at `stride` from a normalised image; InputError unless its sides are multiples of `multiple`."""
        raise NotImplementedError

    def noise(self, corners: Sequence[tuple[int, int]], height: int, width: int) -> Tensor | None:
        """What the network draws for windows whose top left pixels are (y, x) in absolute coordinates, BCHW: a second
        argument of `forward`. None for a network that draws nothing."""
        return None

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """BKHW logits at the image's size from a normalised image whose sides are multiples of `multiple`."""
        return upsample(self.strided_logits(image_BCHW), self.stride)


class Wrapped(CoarseNetwork):
    """A module of one's own as a coarse network.

    module: takes a normalised image_BCHW and gives a tensor of logits BKhw, h = H / stride and w = W / stride, or an
    object that has it as `.logits`, as the segmentation models of transformers do; in eval mode a sample's answer must
    not depend on the others of its batch. It is given as an object: its weights are saved with the rest, its code is
    not, so to load them wrap the same module again and use `load_state_dict`, or name its code (`idgbr.coarse.own`).

    >>> Wrapped(nn.Conv2d(4, 6, 8, stride=8), bands=4, classes=6, stride=8).config["classes"]
    6
    """

    def __init__(self, module: nn.Module, bands: int, classes: int, stride: int = 4, multiple: int = 32) -> None:
        super().__init__()
        self.register_to_config(bands=bands, classes=classes, stride=stride, multiple=multiple)
        self.module = module
        self.stride = stride
        self.multiple = multiple

    def strided_logits(self, image_BCHW: Tensor) -> Tensor:
        """BKhw logits at `stride` from a normalised image whose sides are multiples of `multiple`."""
        require_multiple(image_BCHW, self.multiple)
        answer = self.module(image_BCHW)
        logits_BKhw = getattr(answer, "logits", answer)
        batch, _, height, width = image_BCHW.shape
        expected = (batch, self.config["classes"], height // self.stride, width // self.stride)
        if not isinstance(logits_BKhw, Tensor) or logits_BKhw.shape != expected:
            actual = tuple(logits_BKhw.shape) if isinstance(logits_BKhw, Tensor) else type(logits_BKhw).__name__
            raise InputError(
                f"the wrapped {type(self.module).__name__} must give logits {expected} for an image "
                f"{tuple(image_BCHW.shape)}, not {actual}; check its classes and stride"
            )
        return logits_BKhw


def upsample(x_BCHW: Tensor, factor: int = 4) -> Tensor:
    """Sides times `factor`, bilinear (half-pixel centres).

    Plane by plane, because torch rounds 3 channels at once differently with one thread than with more.
    """
    plane_N1HW = x_BCHW.flatten(0, 1)[:, None]
    full_N1HW = F.interpolate(plane_N1HW, scale_factor=factor, mode="bilinear", align_corners=False)
    return full_N1HW[:, 0].unflatten(0, x_BCHW.shape[:2])
