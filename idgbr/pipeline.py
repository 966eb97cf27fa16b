"""The whole model for plain arrays: images of any size to maps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers.utils import logging
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.inference.batches import Array, tensor
from idgbr.inference.coarse_input import coarse_input_logits
from idgbr.inference.image_input import ImageInput, read_image, read_mask, read_origin
from idgbr.inference.images import Listener, Maps, Part, Progress, coarse_of_images, map_images
from idgbr.inference.scale import check_scale
from idgbr.inference.tiling import Corner
from idgbr.networks import Networks
from idgbr.processes.noise import seed_of

BAR_SECONDS = 2.0


class Output(NamedTuple):
    """labels: class codes BHW, uint8, `no_label` where there are no data. confidence: the probability of each, float32
    BHW. Of one image HW; DataArrays if the image was one."""

    labels: Any
    confidence: Any


class Inputs(NamedTuple):
    """What a call computes with: the model with the call's settings, the images, the mask that is to be refined, and
    the absolute (y, x) of the images' top left pixel."""

    model: IDGBRPipeline
    image: ImageInput
    coarse: NDArray[Any] | None
    origin: Corner


class IDGBRPipeline(Networks):
    """Coarse segmentation, then boundary refinement (arXiv 2507.01573); without a refiner the coarse map stands."""

    _progress_bar_config: Mapping[str, Any] = MappingProxyType({})

    def set_progress_bar_config(self, **options: Any) -> None:
        """Options of the tqdm bar that a call shows, such as disable=True."""
        self._progress_bar_config = options

    def check_inputs(
        self,
        image_BCHW: Any,
        coarse: Any = None,
        num_inference_steps: int | None = None,
        seed: int | None = None,
        origin: Corner | None = None,
        *,
        guidance_scale: float | None = None,
        ensemble_size: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Inputs:
        """What a call with these arguments computes with; InputError for whatever it would refuse, before a network
        runs."""
        image = read_image(image_BCHW, self.settings.bands)
        check_scale(self.check_image(image.image_BCHW), self.settings)
        if generator is not None and seed is not None:
            raise InputError("seed and generator both say the noise; give one of them")
        model = self.with_settings(
            num_inference_steps=num_inference_steps,
            seed=seed if generator is None else seed_of(generator),
            guidance_scale=guidance_scale,
            ensemble_size=ensemble_size,
        )
        if coarse is not None:
            coarse = read_mask(coarse)
            if coarse.ndim == 2 and len(image.image_BCHW) == 1:
                coarse = coarse[None]
            coarse_input_logits(coarse, tensor(image.image_BCHW), self.settings.codes, self.settings.no_label)
        return Inputs(model, image, coarse, image.origin if origin is None else read_origin(origin))

    def __call__(
        self,
        image_BCHW: Any,
        coarse: Any = None,
        num_inference_steps: int | None = None,
        seed: int | None = None,
        origin: Corner | None = None,
        *,
        guidance_scale: float | None = None,
        ensemble_size: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Output:
        """The map of raw images, and how sure it is.

        image_BCHW: an array or nested lists, BCHW or of one image CHW, whose maps are HW then; or a DataArray with the
        axes band, y, x and at most one more, whose maps are DataArrays with its coordinates. Bands that have names are
        put into the model's order. origin: by default what the coordinates of a DataArray tell, else (0, 0).
        num_inference_steps, seed, guidance_scale, ensemble_size: of refinement, by default those of the settings.
        generator: in place of seed, gives the seed that it was made with and stays as it is: noise belongs to places.
        Images FAR from the units of the training (see `idgbr.inference.scale`) are an InputError. A call of more than
        BAR_SECONDS shows its progress on stderr. Else see `maps`.
        """
        model, image, coarse, origin = self.check_inputs(
            image_BCHW,
            coarse,
            num_inference_steps,
            seed,
            origin,
            guidance_scale=guidance_scale,
            ensemble_size=ensemble_size,
            generator=generator,
        )
        told = 0
        with logging.tqdm(**{"delay": BAR_SECONDS, "unit": "window", **self._progress_bar_config}) as bar:

            def progress(done: int, total: int) -> None:
                nonlocal told
                bar.total = total
                bar.update(done - told)
                told = done

            maps = model.maps(image.image_BCHW, coarse, origin, progress=progress)
        return Output(image.labels(maps.refined_BHW, self.settings), image.confidence(maps.confidence_BHW))

    @torch.inference_mode()
    def maps(
        self,
        image_BCHW: Array,
        coarse: NDArray[Any] | None = None,
        origin: Corner = (0, 0),
        listener: Listener | None = None,
        progress: Progress | None = None,
        part: Part | None = None,
    ) -> Maps:
        """Coarse and refined maps of raw images of any size.

        coarse: a mask to refine instead of the model's own, as class codes BHW or probabilities BKHW.
        origin: absolute (y, x) of the images' top left pixel. Windows lie on an absolute lattice and their noise is a
        function of their absolute corner, so two images of the same ground, given with their own origins, get the same
        map - except within one window of an image's edge: there the network lacks what lies beyond. A window that
        reaches beyond the image sees no data (`settings.blank`) there, or the image mirrored if the model has none.
        Outside the band (see `idgbr.inference.band`) the coarse label stands; windows without band are not refined.
        Pixels with NaN or infinity in a band have no data, and of a masked array those that are masked.
        listener: gets the class probabilities of both maps, some rows at a time. progress: is told the windows done.
        part: absolute (y0, x0, y1, x1) within the images, half-open, to answer for; by default all. The rest is only
        looked at: what lies within `halo` px of the part.
        """
        images_BCHW = self.check_image(image_BCHW).to(torch.float32)
        return map_images(self, images_BCHW, coarse, origin, listener, progress, part)

    @torch.inference_mode()
    def coarse_probabilities(self, image_BCHW: Array, origin: Corner = (0, 0)) -> NDArray[np.float32]:
        """BKHW class probabilities of the coarse network for raw images of any size; origin: see `maps`."""
        return coarse_of_images(self, self.check_image(image_BCHW).to(torch.float32), origin)

    @property
    def halo(self) -> int:
        """Px around a part within which its maps depend on the images."""
        return self.settings.window - 1 + self.settings.boundary_radius
