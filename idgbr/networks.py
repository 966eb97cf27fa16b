"""The networks of one model with their settings: saved and loaded, placed on a device, asked for logits of windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from idgbr.checkpoint import digest
from idgbr.coarse import CoarseNetwork, NetworkCode
from idgbr.errors import CheckpointError, InputError
from idgbr.inference.batches import Array, in_batches, precision_of, tensor
from idgbr.inference.tiling import Corner
from idgbr.labels import probabilities
from idgbr.no_data import missing
from idgbr.processes import PROCESSES, diffusion, schedulers
from idgbr.processes.noise import noise
from idgbr.processes.runs import check_run
from idgbr.processes.sampling import Sampling
from idgbr.saved_model import INDEX, AnyRefiner, load, save
from idgbr.settings import Settings
from idgbr.shipped import model_folder


class Networks:
    """A coarse network and, if there is one, its refiner."""

    def __init__(
        self, settings: Settings, coarse: CoarseNetwork, refiner: AnyRefiner | None = None, scheduler: Any = None
    ) -> None:
        """scheduler: see the property; of a diffusion by default DDIM."""
        self.settings = settings
        self.coarse = coarse
        self.refiner = refiner
        self._scheduler: Any = None
        if scheduler is not None:
            self.scheduler = scheduler
        elif refiner is not None and refiner.config["process"] == "diffusion":
            self._scheduler = schedulers.of_solver("ddim", refiner.config["prediction"])
        self._check()
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
        if refiner is not None:
            check_run(refiner, self.sampling, settings.ensemble_size)

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, coarse: CoarseNetwork | None = None, code: NetworkCode | None = None
    ) -> Self:
        """The model saved in a local folder, or a shipped one by its name; CheckpointError says in one sentence what
        is wrong with it.

        coarse: a network of one's own (`idgbr.coarse.Wrapped`) to fill with the saved coarse weights; code is never
        taken from the folder. code: builds that network, in its place.
        """
        path = model_folder(folder)
        parts = load(path, coarse, code)
        try:
            return cls(*parts)
        except InputError as error:
            raise CheckpointError(f"{path / INDEX} says what the model cannot do: {error}") from error

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
        value that a setting does not take and for a walk that the refiner does not, CheckpointError for windows that
        the networks do not."""
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
        # diffusers' `device` goes through all modules, which takes milliseconds and is asked several times a window.
        weight = next(self.coarse.parameters(), None)
        return self.coarse.device if weight is None else weight.device

    @property
    def batch(self) -> int:
        """Windows computed at once. A CPU takes one at a time: more are no faster there, and every batch is filled."""
        return 1 if self.device.type == "cpu" else self.settings.batch

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
        if self.coarse._compiled_call_impl is not None:
            content["compiled"] = True
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
        """Compiles the networks with torch.compile, which rounds otherwise, as the digest says; the first windows wait
        for it. Worth it on a GPU."""
        for network in self._networks():
            network.compile()
        if self.refiner is not None:
            self.refiner.guidance.compile()
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

    @property
    def multiple(self) -> int:
        """Px of which all networks take multiples."""
        return math.lcm(*(network.multiple for network in self._networks()))

    def _batched(self, compute: Callable[..., Tensor], *arrays: Array) -> Tensor:
        settings = self.settings
        return in_batches(compute, arrays, len(settings.classes), self.batch, self.device, settings.precision)

    def _networks(self) -> list[CoarseNetwork | AnyRefiner]:
        return [self.coarse] if self.refiner is None else [self.coarse, self.refiner]


def _placed(value_BCHW: Tensor) -> Tensor:
    """In the memory layout of the networks."""
    return value_BCHW.contiguous(memory_format=torch.channels_last)
