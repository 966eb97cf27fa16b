"""Model folders as diffusers lays them out: config.json and diffusion_pytorch_model.safetensors, local files only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file

from idgbr.errors import CheckpointError
from idgbr.layers.network import Network

WEIGHTS = "diffusion_pytorch_model.safetensors"

Kind = TypeVar("Kind", bound=Network)


def load_network(kinds: Mapping[str, type[Kind]], folder: Path) -> Kind:
    """The network saved in `folder`, one of `kinds`, with exactly the weights found there.

    CheckpointError if it is not a whole one.
    """
    config = read_json(folder, "config.json", *kinds)
    try:
        network: Any = kinds[config["_class_name"]].from_config(config)
    except (RuntimeError, TypeError, ValueError, LookupError) as error:
        raise CheckpointError(f"{folder / 'config.json'} describes no network: {_first_line(error)}") from error
    return load_weights(network, folder)


def load_weights(network: Kind, folder: Path) -> Kind:
    """Fills a network with exactly the weights saved in `folder`; CheckpointError if they are not just those it has."""
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise CheckpointError(f"{folder} has no {WEIGHTS}; copy the whole model folder")
    try:
        network.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise CheckpointError(f"{weights} is truncated or not a safetensors file ({error}); copy it again") from error
    except RuntimeError as error:
        raise CheckpointError(f"{weights} does not fit {folder / 'config.json'}: {_first_line(error)}") from error
    return network


def read_json(folder: Path, name: str, *class_names: str) -> dict[str, Any]:
    """The JSON object in `folder / name`; CheckpointError unless its `_class_name` is one of `class_names`."""
    if not folder.is_dir():
        raise CheckpointError(f"there is no model folder {folder}; give a folder made by training or save_pretrained")
    path = folder / name
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {name}; give a folder made by training or save_pretrained")
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); copy it again") from error
    found = content.get("_class_name") if isinstance(content, dict) else None
    if found not in class_names:
        raise CheckpointError(f"{path} describes a {found}, but a {' or '.join(class_names)} is needed here")
    return content


def digest(settings: dict[str, Any], networks: Sequence[Network]) -> str:
    """sha256 (hex) over settings, network configs and weights; the same before saving and after loading."""
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for network in networks:
        config = {key: value for key, value in network.config.items() if not key.startswith("_")}
        total.update(json.dumps([type(network).__name__, config], sort_keys=True).encode())
        for name, value in sorted(network.state_dict().items()):
            total.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            total.update(value.cpu().numpy().tobytes())
    return total.hexdigest()


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
