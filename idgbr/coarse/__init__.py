"""Coarse segmentation networks: image in, one logit per class and pixel out, boundaries blurred by their stride."""

from idgbr.coarse.unet import CoarseUNet

__all__ = ["CoarseUNet"]
