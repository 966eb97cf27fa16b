"""Trains the boundary refiner of a pipeline whose coarse network is done."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from idgbr.checkpoint import config_of_answers
from idgbr.classes import UNLABELLED, class_index
from idgbr.coarse import NetworkCode
from idgbr.codecs import train_autoencoder, train_embedding
from idgbr.errors import InputError
from idgbr.labels import probabilities
from idgbr.pipeline import IDGBRPipeline
from idgbr.processes import PROCESSES, diffusion
from idgbr.processes.sampling import Denoiser
from idgbr.refiners.refiner import Refiner
from idgbr.saved_model import AnyRefiner
from idgbr.settings import Settings
from idgbr.training.alignment import STEPS, Alignment, PixelPositions, tokens_at, weight
from idgbr.training.corruption import corrupt
from idgbr.training.crops import Augmentation, Crops, Pair, check_pairs, prefetch
from idgbr.training.loop import Optimisation, Progress, optimise, with_seed
from idgbr.training.losses import boundary_loss, cross_entropy, edge_weights
from idgbr.training.ranks import rank
from idgbr.training.sizes import fitting
from idgbr.values import check_choice, check_number

Times = Literal["uniform", "cubic", "last"]

WALK: Mapping[str, Any] = {
    "num_inference_steps": Settings.num_inference_steps,
    "init": Settings.init,
    "guidance_scale": Settings.guidance_scale,
    "ensemble_size": Settings.ensemble_size,
}
"""Settings that are of one refiner and no other, and their defaults."""
TRUE_STATES = 0.5
"""Share of the steps that start from the true labels: of the shares tried on training places, the best."""
TOKEN = 16
"""Px of a crop for each token that a teacher's features are compared at."""


@dataclass(frozen=True, kw_only=True)
class RefinerTraining:
    """crop: px, a multiple of 16; batch: crops a step; sizes: config of the Refiner, such as widths and process.

    times: uniform in 0..1; cubic, 1 - u^3, which favours noisy ones; last, always 1, for an answer in one step.
    pixels: learn the decoded answer by cross-entropy also where the network predicts epsilon, v or x0 (with times
    "last" this is the end-to-end fine-tuning of arXiv 2409.11355). condition_dropout: share of samples whose
    condition is dropped, which classifier-free guidance needs. edge_weight: loss weight of pixels within edge_radius px
    of a true boundary; 1 elsewhere. boundary: weight of `losses.boundary_loss`. corruption: probability of each fault
    of `corruption.corrupt`. hard: share of samples whose coarse mask is given as labels instead of probabilities.
    true_states: share of steps whose noisy input is made of the true labels, which teaches a walk to keep what is
    right (TRUE_STATES unless told otherwise); the others' is made of the network's own first answer, so that later
    steps of a walk meet what they were trained on (as in DDP, arXiv 2303.17559). unrolled: learn through that first
    answer too, as a recurrent network. Both only for networks that predict labels. align_steps: see `train_refiner`.
    """

    crop: int = 160
    batch: int = 8
    seed: int = 0
    sizes: Mapping[str, Any] = field(default_factory=dict)
    times: Times = "cubic"
    pixels: bool = False
    condition_dropout: float = 0.0
    edge_weight: float = 4.0
    edge_radius: int = 4
    boundary: float = 0.0
    corruption: float = 0.15
    hard: float = 0.0
    true_states: float | None = None
    unrolled: bool = False
    align_steps: int = STEPS
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_choice("times", self.times, get_args(Times))
        check_number("condition_dropout", self.condition_dropout, 0, 1)
        if self.true_states is not None:
            check_number("true_states", self.true_states, 0, 1)
        if self.unrolled and self.true_states == 1:
            raise InputError("unrolled training learns through the network's own answers; true_states must be below 1")


def train_refiner(
    pairs: Sequence[Pair],
    folder: str | Path,
    config: RefinerTraining,
    masks: Sequence[NDArray[Any]] | None = None,
    refiner: AnyRefiner | None = None,
    tokens: Sequence[Tensor] | None = None,
    state: Path | None = None,
    deadline: float | None = None,
    code: NetworkCode | None = None,
    run: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Progress]:
    """Trains a refiner for the pipeline in `folder` and, when exhausted, saves it there.

    masks: coarse class probabilities KHW of each pair (floats, or uint8 in 255ths), from networks that have not seen it
    (`out_of_fold`); a pair may come several times with the masks of several networks. Without masks the pipeline's own
    coarse network makes them, which is too good on areas it was trained on: give pairs it has not seen. refiner: one to
    train further, in place of a new `Refiner(**sizes)`. tokens: a teacher's, one tensor a pair, to align the guidance
    with during the first `align_steps` (`idgbr.training.alignment`). state, deadline: see `loop.optimise`. code: of the
    pipeline's coarse network, where that is one's own. run: settings that the model is saved with. Those that it does
    not name are the folder's; but of its WALK, where a new refiner takes the place of another, the defaults.

    A bridge that has learned from its own answers alone answers alike in one step and in more: it is saved with one.
    Raises InputError before the first step for pairs and a config that do not fit, and for a run that is none of the
    refiner's; CheckpointError for a folder that holds no model.
    """
    pipeline = IDGBRPipeline.from_pretrained(folder, code=code).to(config.device)
    settings = pipeline.settings
    if refiner is None and pipeline.refiner is not None:
        settings = replace(settings, **WALK)
    check_pairs(pairs, len(settings.bands), settings.codes, settings.no_label)
    if refiner is None:
        refiner = new_refiner(pairs, settings, config)
    prediction = refiner.config["prediction"]
    if prediction != "labels" and (config.true_states is not None or config.unrolled):
        raise InputError(
            f"a network that predicts {prediction} always learns from noised true labels; leave out true_states and "
            "unrolled"
        )
    refiner.register_to_config(condition_dropout=config.condition_dropout)
    if refiner.config["process"] == "bridge" and not (_true_states(prediction, config) or config.unrolled):
        settings = replace(settings, num_inference_steps=1)
    model = IDGBRPipeline(replace(settings, **run), pipeline.coarse, refiner).to(config.device)
    if masks is None:
        masks = [pipeline.coarse_probabilities(image_CHW[None])[0] for image_CHW, _ in pairs]
    if len(masks) != len(pairs):
        raise InputError(f"{len(pairs)} pairs need as many coarse masks, not {len(masks)}")
    refiner.requires_grad_(True)
    crop_args = (
        settings.codes,
        config.crop,
        config.batch,
        config.seed,
        config.augmentation,
        settings.no_label,
        settings.blank,
    )
    crops = Crops(pairs, *crop_args, masks)
    learning: nn.Module = refiner
    aligner = None
    if tokens is not None:
        positions = Crops(pairs, *crop_args, PixelPositions([label_HW.shape for _, label_HW in pairs]))
        widths = refiner.deepest_channels, tokens[0].shape[-1]
        aligner = with_seed(config.seed, lambda: Alignment(*widths)).to(config.device)
        learning = nn.ModuleDict({"refiner": refiner, "aligner": aligner})
    scale = 255.0 if masks[0].dtype == np.uint8 else 1.0

    with (
        prefetch(lambda step: crops(step, rank()), config.optimisation.steps) as batches,
        _last_output(refiner.deepest) as outputs,
    ):

        def loss(step: int) -> Tensor:
            image_BCHW, index_BHW, mask_BKHW = batches(step)
            coarse_BKHW = torch.from_numpy(mask_BKHW).to(pipeline.device, torch.float32) / scale
            value = refiner_loss(refiner, pipeline.normalise(image_BCHW), coarse_BKHW, index_BHW, config)
            share = weight(step, config.align_steps)
            if aligner is None or tokens is None or not share:
                return value
            grid = max(1, config.crop // TOKEN)
            teacher_BhwC = tokens_at(tokens, positions(step, rank())[2], grid).to(pipeline.device)
            return value + share * aligner.loss(outputs[-1], teacher_BhwC)

        about = _identity(refiner, config, tokens is not None)
        yield from optimise(learning, loss, config.optimisation, state, about=about, deadline=deadline)
    if rank() == 0:
        model.to("cpu").save_pretrained(folder)


def new_refiner(
    pairs: Sequence[Pair], settings: Settings, config: RefinerTraining, kind: type[Refiner] = Refiner
) -> Refiner:
    """A `kind(**config.sizes)` with weights drawn from the seed, its label codec trained on the labels."""
    classes = len(settings.classes)
    with fitting("refiner", config.sizes):
        refiner = with_seed(config.seed, lambda: kind(len(settings.bands), classes, **config.sizes))
    if refiner.config["code"] == "embedding":
        refiner.codec = train_embedding(classes, seed=config.seed)
    elif refiner.config["code"] == "autoencoder":
        labels = [class_index(label_HW, settings.codes, settings.no_label) for _, label_HW in pairs]
        refiner.codec = train_autoencoder(labels, classes, seed=config.seed)
    return refiner


@contextmanager
def _last_output(module: nn.Module) -> Iterator[deque[Tensor]]:
    """The last output of a module, as the only element."""
    outputs: deque[Tensor] = deque(maxlen=1)
    hook = module.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()


def _identity(refiner: AnyRefiner, config: RefinerTraining, aligned: bool) -> str:
    """What a state must agree in: everything of the training but where it runs."""
    settings = {key: value for key, value in asdict(config).items() if key not in ("optimisation", "device")}
    # As it was first written, so that trainings begun before go on.
    del settings["true_states"]
    settings["aligned"] = 1 - _true_states(refiner.config["prediction"], config)
    settings["dropout"] = settings.pop("condition_dropout")
    if not settings["unrolled"]:
        del settings["unrolled"]
    return json.dumps([config_of_answers(refiner), settings, aligned], sort_keys=True, default=str)


def refiner_loss(
    refiner: AnyRefiner,
    image_BCHW: Tensor,
    coarse_BKHW: Tensor,
    index_BHW: NDArray[np.uint8],
    config: RefinerTraining,
) -> Tensor:
    """Loss of one batch: normalised image, coarse class probabilities, class index or UNLABELLED.

    Draws from torch's own random states, large arrays from the device's.
    """
    device, count = image_BCHW.device, len(index_BHW)
    target_BHW = torch.from_numpy(index_BHW).to(device, torch.long)
    prediction, sigma = refiner.config["prediction"], refiner.config["sigma"]
    process = PROCESSES[refiner.config["process"]]
    random = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    coarse_BKHW = corrupt(coarse_BKHW, config.corruption, config.hard, random)
    denoiser: Denoiser = refiner
    condition = denoiser.condition(image_BCHW, coarse_BKHW)
    if config.condition_dropout:
        condition = denoiser.drop(
            condition, (torch.rand(count, generator=random) < config.condition_dropout).to(device)
        )
    coarse_BDhw = refiner.codec.encode(coarse_BKHW)
    noise_BDhw = torch.randn_like(coarse_BDhw)
    one_B = torch.ones(count, device=device)
    first_BKHW = None
    if prediction == "labels" and torch.rand((), generator=random).item() < 1 - _true_states(prediction, config):
        with torch.set_grad_enabled(config.unrolled):
            start_BDhw = process.add_noise(one_B, coarse_BDhw, coarse_BDhw, noise_BDhw, sigma)
            first_BKHW = refiner(start_BDhw, one_B, condition)
            clean_BDhw = refiner.codec.encode(probabilities(first_BKHW))
    else:
        classes = coarse_BKHW.shape[1]
        true_BKHW = (target_BHW[:, None] == torch.arange(classes, device=device)[:, None, None]).float()
        known_B1HW = (target_BHW != UNLABELLED)[:, None]
        clean_BDhw = refiner.codec.encode(torch.where(known_B1HW, true_BKHW, coarse_BKHW))
    time_B = _times(config.times, count, random).to(device)
    noisy_BDhw = process.add_noise(time_B, clean_BDhw, coarse_BDhw, noise_BDhw, sigma)
    answer = refiner(noisy_BDhw, time_B, condition)
    if prediction != "labels" and not config.pixels:
        return (answer - diffusion.target(prediction, time_B, clean_BDhw, noise_BDhw)).square().mean()
    if prediction != "labels":
        answer = refiner.codec.logits(diffusion.clean_codes(prediction, answer, time_B, noisy_BDhw))
    loss = _pixel_loss(answer, target_BHW, config)
    if first_BKHW is None or not config.unrolled:
        return loss
    return (loss + _pixel_loss(first_BKHW, target_BHW, config)) / 2


def _true_states(prediction: str, config: RefinerTraining) -> float:
    """Share of the steps that start from the true labels, of a network that may start from its own answer; else 0."""
    if prediction != "labels":
        return 0.0
    return TRUE_STATES if config.true_states is None else config.true_states


def _pixel_loss(logits_BKHW: Tensor, target_BHW: Tensor, config: RefinerTraining) -> Tensor:
    weight_BHW = edge_weights(target_BHW, config.edge_weight, config.edge_radius)
    loss = cross_entropy(logits_BKHW, target_BHW, weight_BHW)
    return loss if not config.boundary else loss + config.boundary * boundary_loss(logits_BKHW, target_BHW)


def _times(kind: Times, count: int, random: torch.Generator) -> Tensor:
    if kind == "last":
        return torch.ones(count)
    uniform_B = torch.rand(count, generator=random)
    return 1 - (uniform_B if kind == "uniform" else uniform_B.pow(3))
