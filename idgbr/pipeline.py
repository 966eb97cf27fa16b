"""The whole model for plain arrays: coarse network, boundary refiner, and how they are run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from diffusers.utils import logging
from numpy.typing import NDArray
from torch import Tensor

from idgbr.checkpoint import digest
from idgbr.coarse import CoarseNetwork, NetworkCode
from idgbr.errors import CheckpointError, InputError
from idgbr.inference.batches import Array, in_batches, precision_of, tensor
from idgbr.inference.coarse_input import coarse_input_logits
from idgbr.inference.image_input import ImageInput, read_image, read_origin
from idgbr.inference.images import Listener, Maps, Part, Progress, coarse_of_images, map_images
from idgbr.inference.scale import check_scale
from idgbr.inference.tiling import Corner
from idgbr.labels import probabilities
from idgbr.no_data import missing
from idgbr.processes import PROCESSES, diffusion, schedulers
from idgbr.processes.noise import noise, seed_of
from idgbr.processes.sampling import Sampling
from idgbr.saved_model import AnyRefiner, load, save
from idgbr.settings import Settings
from idgbr.shipped import model_folder

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


class IDGBRPipeline:
    """Coarse segmentation, then boundary refinement (arXiv 2507.01573); without a refiner the coarse map stands."""

    def __init__(
        self, settings: Settings, coarse: CoarseNetwork, refiner: AnyRefiner | None = None, scheduler: Any = None
    ) -> None:
        """scheduler: see the property; of a diffusion by default DDIM."""
        self.settings = settings
        self.coarse = coarse
        self.refiner = refiner
        self._check()
        self._scheduler: Any = None
        if scheduler is not None:
            self.scheduler = scheduler
        elif refiner is not None and refiner.config["process"] == "diffusion":
            self._scheduler = schedulers.of_solver("ddim", refiner.config["prediction"])
        self._progress_bar_config: dict[str, Any] = {}
        self.to("cpu")

    def _check(self) -> None:
        settings, refiner = self.settings, self.refiner
        wanted = (len(settings.bands), len(settings.classes))
        for network in self._networks():
            found = (network.config["bands"], network.config["classes"])
            if found != wanted:
                raise CheckpointError(
                    f"the {type(network).__name__} has {found[0]} bands and {found[1]} classes, "
                    f"but the model's settings name {wanted[0]} bands and {wanted[1]} classes"
                )
        if settings.window % self.multiple:
            raise CheckpointError(
                f"the networks take windows of multiples of {self.multiple} px, but the model's settings say "
                f"{settings.window}"
            )
        if refiner is not None and settings.overlap % refiner.codec.stride:
            raise CheckpointError(
                f"the refiner's label codec takes windows at multiples of {refiner.codec.stride} px, but the model's "
                f"settings say an overlap of {settings.overlap}"
            )

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, coarse: CoarseNetwork | None = None, code: NetworkCode | None = None
    ) -> Self:
        """The model saved in a local folder, or a shipped one by its name; CheckpointError says in one sentence what
        is wrong with it.

        coarse: a network of one's own (`idgbr.coarse.Wrapped`) to fill with the saved coarse weights; code is never
        taken from the folder. code: builds that network, in its place.
        """
        return cls(*load(model_folder(folder), coarse, code))

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes model_index.json, coarse/ and, if there are some, refiner/ and scheduler/."""
        save(Path(folder), self.settings, self.coarse, self.refiner, self.scheduler)

    def to(self, device: str | torch.device | torch.dtype | None = None, dtype: torch.dtype | None = None) -> Self:
        """Moves the networks, sets them to inference and to the memory layout that keeps results reproducible.

        dtype: what the networks compute in, as the setting `precision` says it; weights and all else stay float32.
        """
        if isinstance(device, torch.dtype):
            device, dtype = None, device
        if dtype is not None:
            self.settings = replace(self.settings, precision=precision_of(dtype))
        for network in self._networks():
            network.eval().requires_grad_(False)
            network.place(self.device if device is None else device)
        return self

    def with_settings(self, **changes: Any) -> Self:
        """The same networks run otherwise, by `idgbr.settings.Settings`; those that are None stay. InputError for a
        value that a setting does not take, CheckpointError for one that the networks do not."""
        model = copy(self)
        model.settings = replace(self.settings, **{key: value for key, value in changes.items() if value is not None})
        model._check()
        return model

    @property
    def scheduler(self) -> Any:
        """What a diffusion walks by, one of diffusers' (`idgbr.processes.schedulers`); None for other models.

        One that is set is copied, as it was before any step; InputError for one that this model cannot walk by.
        """
        return self._scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Any) -> None:
        if self.refiner is None or self.refiner.config["process"] != "diffusion":
            raise InputError("only a model whose refiner is of the process diffusion walks by a scheduler")
        self._scheduler = schedulers.adopt(scheduler, self.refiner.config["prediction"])

    @property
    def sampling(self) -> Sampling:
        """How the refiner is run."""
        return replace(self.settings.sampling, scheduler=self.scheduler)

    @property
    def device(self) -> torch.device:
        return self.coarse.device

    @property
    def digest(self) -> str:
        """sha256 (hex) of settings, scheduler, network configs and weights. On one kind of device, two models with one
        digest make one map of the same ground, whether as an array (`maps`) or block by block as a cube."""
        content = self.settings.digest_content()
        content["solver"] = "ddim" if self.scheduler is None else schedulers.digest_content(self.scheduler)
        if self.refiner is not None and self.refiner.config["process"] == "diffusion":
            content["walk"] = diffusion.WALK_VERSION
        if self.coarse.code:
            content["code"] = self.coarse.code
        return digest(content, self._networks())

    def normalise(self, image_BCHW: Array) -> Tensor:
        """Raw numbers to zero mean and unit variance per band; pixels without data become 0."""
        raw_BCHW = self.check_image(image_BCHW).to(self.device, torch.float32)
        mean_C11, std_C11 = (
            torch.tensor(values, device=self.device)[:, None, None]
            for values in (self.settings.mean, self.settings.std)
        )
        return (raw_BCHW - mean_C11).div_(std_C11).masked_fill_(missing(raw_BCHW, self.settings.blank), 0)

    def check_image(self, image_BCHW: Array) -> Tensor:
        """The images as a tensor; InputError unless they are real numbers, BCHW with the model's bands."""
        raw_BCHW, bands = tensor(image_BCHW), self.settings.bands
        if raw_BCHW.ndim != 4 or raw_BCHW.shape[1] != len(bands) or 0 in raw_BCHW.shape:
            raise InputError(
                f"the model takes images (batch, bands, height, width) with {len(bands)} bands {', '.join(bands)}, "
                f"not an array of shape {tuple(raw_BCHW.shape)}"
            )
        return raw_BCHW

    def compile(self) -> Self:
        """Compiles the networks with torch.compile; the first windows wait for it. Worth it on a GPU."""
        for network in self._networks():
            network.compile()
        return self

    @torch.inference_mode()
    def coarse_logits(self, image_BCHW: Array, corners: Sequence[Corner] | None = None) -> Tensor:
        """BKHW float32 logits of raw windows whose sides are multiples of 16.

        corners: absolute (y, x) of each window's top left pixel, for networks that draw noise; by default (0, 0).
        """
        corners = [(0, 0)] * len(image_BCHW) if corners is None else corners
        noise_BCHW = self.coarse.noise(corners, *image_BCHW.shape[-2:])
        drawn = () if noise_BCHW is None else (noise_BCHW,)
        return self._batched(
            lambda image, *noise: self.coarse(_placed(self.normalise(image)), *map(_placed, noise)), image_BCHW, *drawn
        )

    @torch.inference_mode()
    def refine_logits(
        self,
        image_BCHW: Array,
        coarse_logits_BKHW: Array,
        corners: Sequence[Corner],
    ) -> Tensor:
        """BKHW float32 refined logits of raw windows from their coarse logits.

        corners: absolute (y, x) of each window's top left pixel, multiples of the codec's stride, which the noise is
        keyed by. Of an ensemble the logarithm of the mean probability.
        """
        refiner = self.refiner
        if refiner is None:
            raise InputError("this model has no refiner; train one with idgbr.training.train_refiner")
        sample, sampling = PROCESSES[refiner.config["process"]].sample, self.sampling
        members, (height, width) = self.settings.ensemble_size, image_BCHW.shape[-2:]
        noises = [self.noise(self.settings.seed + member, corners, height, width) for member in range(members)]

        def refine(image_BCHW: Tensor, logits_BKHW: Tensor, *noise_BDhw: Tensor) -> Tensor:
            coarse_BKHW = probabilities(logits_BKHW)
            condition = refiner.condition(_placed(self.normalise(image_BCHW)), _placed(coarse_BKHW))
            answers = [sample(refiner, condition, coarse_BKHW, each_BDhw, sampling) for each_BDhw in noise_BDhw]
            if members == 1:
                return answers[0]
            return torch.stack([probabilities(answer) for answer in answers]).mean(0).clamp_min(1e-9).log()

        return self._batched(refine, image_BCHW, coarse_logits_BKHW, *noises)

    def noise(self, seed: int, corners: Sequence[Corner], height: int, width: int) -> Tensor:
        """BDhw standard normal noise of windows at absolute corners, at the stride of the refiner's codec; zeros for a
        refiner whose walk has none."""
        assert self.refiner is not None
        stride, channels = self.refiner.codec.stride, self.refiner.codec.channels
        shape = height // stride, width // stride
        if any(place % stride for corner in corners for place in corner):
            raise InputError(f"windows of this refiner start at multiples of {stride} px, not at {list(corners)}")
        if self.refiner.config["process"] == "bridge" and self.refiner.config["sigma"] == 0:
            return torch.zeros(1, device=self.device).expand(len(corners), channels, *shape)
        return noise(seed, [(y // stride, x // stride) for y, x in corners], *shape, channels, self.device)

    def set_progress_bar_config(self, **options: Any) -> None:
        """Options of the tqdm bar that a call shows, such as disable=True."""
        self._progress_bar_config = options

    def check_inputs(
        self,
        image_BCHW: Any,
        coarse: NDArray[Any] | None = None,
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
        if self.refiner is not None:
            PROCESSES[self.refiner.config["process"]].check(model.sampling)
        if coarse is not None:
            if not hasattr(coarse, "ndim"):
                raise InputError(f"coarse must be an array, not a {type(coarse).__name__}")
            if coarse.ndim == 2 and len(image.image_BCHW) == 1:
                coarse = coarse[None]
            coarse_input_logits(coarse, tensor(image.image_BCHW), self.settings.codes, self.settings.no_label)
        return Inputs(model, image, coarse, image.origin if origin is None else read_origin(origin))

    def __call__(
        self,
        image_BCHW: Any,
        coarse: NDArray[Any] | None = None,
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
        with logging.tqdm(delay=BAR_SECONDS, unit="window", **self._progress_bar_config) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

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

    @property
    def multiple(self) -> int:
        """Px of which all networks take multiples."""
        return math.lcm(*(network.multiple for network in self._networks()))

    def _batched(self, compute: Callable[..., Tensor], *arrays: Array) -> Tensor:
        settings = self.settings
        return in_batches(compute, arrays, len(settings.classes), settings.batch, self.device, settings.precision)

    def _networks(self) -> list[CoarseNetwork | AnyRefiner]:
        return [self.coarse] if self.refiner is None else [self.coarse, self.refiner]


def _placed(value_BCHW: Tensor) -> Tensor:
    """In the memory layout of the networks."""
    return value_BCHW.contiguous(memory_format=torch.channels_last)
