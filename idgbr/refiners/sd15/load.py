"""Makes a refiner from a local folder of Stable Diffusion 1.5 in diffusers' layout."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import SafetensorError
from torch import Tensor

from idgbr.checkpoint import outline
from idgbr.codecs import AutoencoderCodec, EmbeddingCodec, train_embedding
from idgbr.errors import CheckpointError
from idgbr.json_file import read_json
from idgbr.layers.network import WEIGHTS
from idgbr.processes.schedulers import SCHEDULE
from idgbr.refiners.sd15.refiner import TOKENS, SD15Refiner
from idgbr.tensor_file import check_finite, read_header, read_tensors

PROMPT = "empty_prompt.safetensors"
SCHEDULERS = (
    "PNDMScheduler",
    "DDIMScheduler",
    "DDPMScheduler",
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
)
PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "x0"}


def load_sd15(
    folder: str | Path,
    bands: int,
    classes: int,
    labels: EmbeddingCodec | AutoencoderCodec | None = None,
    seed: int = 0,
    **config: Any,
) -> SD15Refiner:
    """A refiner that is ready for training, from `unet`, `vae` and `scheduler` of a local folder.

    Only safetensors files are read and nothing is downloaded. labels: the codec, frozen from here on; by default an
    embedding trained on the spot. seed: of the guidance's first weights. config: further arguments of `SD15Refiner`,
    such as attention and prediction (by default the scheduler's).

    Text encoders are never run: `empty_prompt.safetensors` in the folder holds the empty prompt's embedding, one tensor
    (77, 768), which a machine with the transformers library makes once as
    `text_encoder(tokenizer("", padding="max_length", return_tensors="pt").input_ids).last_hidden_state[0]`. Without the
    file zeros stand for it, and a warning says so; as all of the U-Net is trained, it can get used to them.

    CheckpointError says in one sentence what is wrong with the folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}; give a local Stable Diffusion 1.5 in diffusers' layout")
    predicts = _prediction(folder / "scheduler")
    unet, vae = _part(UNet2DConditionModel, folder / "unet"), _part(AutoencoderKL, folder / "vae")
    latents, tokens = vae.config.latent_channels, unet.config.cross_attention_dim
    if (unet.config.in_channels, unet.config.out_channels) != (latents, latents):
        raise CheckpointError(
            f"{folder / 'unet'} takes {unet.config.in_channels} channels and gives {unet.config.out_channels}, but the "
            f"autoencoder's latents have {latents}; take a Stable Diffusion for text to image"
        )
    text_LE = _prompt(folder / PROMPT, tokens)
    if config.get("process", "diffusion") == "diffusion":
        config.setdefault("prediction", predicts)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        refiner = SD15Refiner(
            bands,
            classes,
            code="autoencoder" if isinstance(labels, AutoencoderCodec) else "embedding",
            unet_config=_plain(unet.config),
            vae_config=_plain(vae.config),
            **config,
        )
    weights = unet.state_dict()
    kept = refiner.frozen.state_dict().keys()
    refiner.frozen.load_state_dict({name: weights[name] for name in kept})
    refiner.unet.load_state_dict(weights)
    kept = refiner.codec.vae.state_dict().keys()
    refiner.codec.vae.load_state_dict({name: tensor for name, tensor in vae.state_dict().items() if name in kept})
    trained = train_embedding(classes) if labels is None else labels
    try:
        refiner.codec.labels.load_state_dict(trained.state_dict())
    except RuntimeError as error:
        raise CheckpointError(
            f"the label codec must be of {classes} classes, stride {refiner.codec.stride} and {latents} channels if it "
            f"is an autoencoder; {_short(error)}"
        ) from error
    refiner.text_1LE.copy_(text_LE)
    return refiner


def _part(kind: Any, folder: Path) -> Any:
    """The network of that class in `folder`, as float32. Raises CheckpointError."""
    config = read_json(folder, "config.json", kind.__name__)
    found = [path for path in (folder / WEIGHTS, folder / WEIGHTS.replace(".s", ".fp16.s")) if path.is_file()]
    if not found:
        pickled = next(iter(sorted([*folder.glob("*.bin"), *folder.glob("*.ckpt")])), None)
        raise CheckpointError(
            f"{folder} has no {WEIGHTS}; copy the whole folder"
            if pickled is None
            else f"{pickled} is a pickle, which can run code when read; give {WEIGHTS} instead"
        )
    header = read_header(found[0])
    shapes = outline(lambda: kind.from_config(config), header, folder / "config.json").state_dict()
    for name in sorted(header.keys() & shapes.keys()):
        if header[name][1] != tuple(shapes[name].shape):
            raise CheckpointError(
                f"{found[0]} does not fit its config.json: {name} has the shape {list(header[name][1])}, not "
                f"{list(shapes[name].shape)}"
            )
    try:
        network, about = kind.from_pretrained(
            folder,
            variant="fp16" if "fp16" in found[0].name else None,
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except (SafetensorError, OSError, RuntimeError, TypeError, ValueError, LookupError) as error:
        raise CheckpointError(
            f"{found[0]} is truncated or does not fit its config.json ({_short(error)}); copy it again"
        ) from error
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if about[what]:
            raise CheckpointError(
                f"{found[0]} does not fit its config.json: {what.replace('_', ' ')} such as {sorted(about[what])[0]}"
            )
    check_finite(found[0], network.state_dict())
    return network


def _prediction(folder: Path) -> str:
    """What the U-Net predicts; CheckpointError if the schedule is not that of `idgbr.processes.diffusion`."""
    found = read_json(folder, "scheduler_config.json", *SCHEDULERS)
    path = folder / "scheduler_config.json"
    for name, value in SCHEDULE.items():
        if found.get(name) != value:
            raise CheckpointError(
                f"{path} has {name} {found.get(name)}, but Stable Diffusion 1.5's is {value}; take its scheduler"
            )
    predicts = found.get("prediction_type", "epsilon")
    if predicts not in PREDICTIONS:
        raise CheckpointError(
            f"{path} has prediction_type {predicts}, not one of {', '.join(PREDICTIONS)}; take another Stable Diffusion"
        )
    return PREDICTIONS[predicts]


def _prompt(path: Path, channels: int) -> Tensor:
    shape = TOKENS, channels
    if not path.is_file():
        logging.getLogger(__name__).warning("%s has no %s; zeros stand for the empty prompt", path.parent, path.name)
        return torch.zeros(shape)
    tensors = list(read_tensors(path).values())
    if len(tensors) != 1 or tensors[0].squeeze(0).shape != shape:
        found = [tuple(tensor.shape) for tensor in tensors]
        raise CheckpointError(f"{path} must hold one tensor of shape {shape}, not {found}; make it again")
    return tensors[0].squeeze(0).float()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if not key.startswith("_")}
