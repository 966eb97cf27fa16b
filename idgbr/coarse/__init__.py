"""Coarse segmentation networks: image in, one logit per class and pixel out, boundaries blurred by their stride."""

from idgbr.coarse.backbone import load_backbone
from idgbr.coarse.deeplab import DeepLabV3Plus
from idgbr.coarse.diff_hrnet import DiffHRNet
from idgbr.coarse.diffusion_unet import DiffusionUNet
from idgbr.coarse.hrnet import HRNet
from idgbr.coarse.network import CoarseNetwork, Wrapped
from idgbr.coarse.own import NetworkCode, read_code
from idgbr.coarse.segformer import SegFormer
from idgbr.coarse.unet import CoarseUNet

KINDS: dict[str, type[CoarseNetwork]] = {
    kind.__name__: kind for kind in (CoarseUNet, DeepLabV3Plus, SegFormer, HRNet, DiffHRNet)
}
"""The networks a saved model may name as `_class_name`."""

__all__ = [
    "KINDS",
    "CoarseNetwork",
    "CoarseUNet",
    "DeepLabV3Plus",
    "DiffHRNet",
    "DiffusionUNet",
    "HRNet",
    "NetworkCode",
    "SegFormer",
    "Wrapped",
    "load_backbone",
    "read_code",
]
