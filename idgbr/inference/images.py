"""Whole images through a model: cut into windows, computed together, blended, and changed only within the band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.errors import InputError
from idgbr.inference.band import band, margin
from idgbr.inference.batches import Array, tensor
from idgbr.inference.coarse_input import given_logits
from idgbr.inference.tiling import Corner, Tiling
from idgbr.labels import probabilities

if TYPE_CHECKING:
    from idgbr.pipeline import IDGBRPipeline


@dataclass(frozen=True)
class Maps:
    """Answers for a batch of images: class codes, uint8 BHW, and the refined ones' probability, float32 BHW.

    `editable_BHW` is where refinement may differ from the coarse map.
    """

    coarse_BHW: NDArray[np.uint8]
    refined_BHW: NDArray[np.uint8]
    confidence_BHW: NDArray[np.float32]
    editable_BHW: NDArray[np.bool_]


def map_images(
    model: IDGBRPipeline,
    image_BCHW: Array,
    coarse: NDArray[Any] | None,
    num_inference_steps: int | None,
    seed: int | None,
    origin: Corner,
) -> Maps:
    """See `IDGBRPipeline.maps`."""
    settings = model.settings
    image_BCHW, tiling = _tiled(model, image_BCHW)
    padded_BCHW = _padded(tiling, image_BCHW)
    if coarse is None:
        coarse_BKHW = _coarse(model, tiling, padded_BCHW)
    else:
        coarse_BKHW = _padded(tiling, given_logits(coarse, image_BCHW, settings.codes, settings.no_label))
    probability_BKHW = probabilities(coarse_BKHW)
    label_BHW = probability_BKHW.argmax(1)
    editable_BHW = np.zeros(label_BHW.shape, np.bool_)
    refined_BKHW = probability_BKHW
    if model.refiner is not None:
        editable_BHW = band(
            label_BHW.numpy(),
            margin(probability_BKHW.numpy()),
            settings.boundary_radius,
            settings.uncertainty_threshold,
        )
        answer_BKHW = _refined(model, tiling, padded_BCHW, coarse_BKHW, editable_BHW, num_inference_steps, seed, origin)
        chosen_B1HW = torch.from_numpy(editable_BHW)[:, None]
        refined_BKHW = torch.where(chosen_B1HW, probabilities(answer_BKHW), probability_BKHW)
    code_K = np.array(settings.codes, np.uint8)
    confidence_BHW, index_BHW = (value.numpy() for value in refined_BKHW.max(1))
    height, width = tiling.size
    seen_BHW = _seen(image_BCHW, settings.blank)
    none = np.uint8(settings.no_label)
    return Maps(
        np.where(seen_BHW, code_K[label_BHW.numpy()][:, :height, :width], none),
        np.where(seen_BHW, code_K[index_BHW][:, :height, :width], none),
        np.where(seen_BHW, confidence_BHW[:, :height, :width], np.float32(0)),
        editable_BHW[:, :height, :width] & seen_BHW,
    )


def coarse_of_images(model: IDGBRPipeline, image_BCHW: Array) -> NDArray[np.float32]:
    """See `IDGBRPipeline.coarse_probabilities`."""
    image_BCHW, tiling = _tiled(model, image_BCHW)
    found_BKHW = probabilities(_coarse(model, tiling, _padded(tiling, image_BCHW)))
    return found_BKHW[..., : tiling.size[0], : tiling.size[1]].numpy()


def _tiled(model: IDGBRPipeline, image_BCHW: Array) -> tuple[Tensor, Tiling]:
    image_BCHW = tensor(image_BCHW)
    if image_BCHW.ndim != 4 or 0 in image_BCHW.shape:
        raise InputError(f"the model takes images (batch, bands, height, width), not shape {tuple(image_BCHW.shape)}")
    size = image_BCHW.shape[2], image_BCHW.shape[3]
    tiling = Tiling(size, model.settings.window, model.settings.overlap, model.multiple)
    return image_BCHW.to(torch.float32), tiling


def _padded(tiling: Tiling, array_BCHW: Tensor) -> Tensor:
    return torch.stack([tiling.pad(array_CHW) for array_CHW in array_BCHW])


def _coarse(model: IDGBRPipeline, tiling: Tiling, padded_BCHW: Tensor) -> Tensor:
    """BKHW coarse logits, blended."""
    corners = tiling.corners
    tiles = model.coarse_logits(torch.cat([tiling.cut(image_CHW, corners) for image_CHW in padded_BCHW]))
    return torch.stack([tiling.blend(own, corners) for own in tiles.split(len(corners))])


def _refined(
    model: IDGBRPipeline,
    tiling: Tiling,
    image_BCHW: Tensor,
    coarse_BKHW: Tensor,
    editable_BHW: NDArray[np.bool_],
    num_inference_steps: int | None,
    seed: int | None,
    origin: Corner,
) -> Tensor:
    """BKHW blended refined logits of the windows that hold an editable pixel; 0 elsewhere."""
    side = tiling.window
    due = [
        [(y, x) for y, x in tiling.corners if editable_HW[y : y + side, x : x + side].any()]
        for editable_HW in editable_BHW
    ]
    if not any(due):
        return coarse_BKHW
    image_NCHW, coarse_NKHW = (
        torch.cat([tiling.cut(each, own) for each, own in zip(array, due, strict=True) if own])
        for array in (image_BCHW, coarse_BKHW)
    )
    at = [(origin[0] + y, origin[1] + x) for own in due for y, x in own]
    tiles_NKHW = model.refine_logits(image_NCHW, coarse_NKHW, at, num_inference_steps, seed)
    parts = tiles_NKHW.split([len(own) for own in due])
    return torch.stack([tiling.blend(tiles, own) for tiles, own in zip(parts, due, strict=True)])


def _seen(image_BCHW: Tensor, blank: float | None) -> NDArray[np.bool_]:
    if blank is None:
        return np.ones((len(image_BCHW), *image_BCHW.shape[2:]), np.bool_)
    return (image_BCHW != blank).any(1).cpu().numpy()
