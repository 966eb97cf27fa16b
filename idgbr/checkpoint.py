"""Model folders as diffusers lays them out: config.json and diffusion_pytorch_model.safetensors, local files only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file

from idgbr.errors import CheckpointError
from idgbr.network import Network

WEIGHTS = "diffusion_pytorch_model.safetensors"

Kind = TypeVar("Kind", bound=Network)


def load_network(kind: type[Kind], folder: Path) -> Kind:
    """The network saved in `folder` with exactly the weights found there; CheckpointError if it is not a whole one."""
    config = read_json(folder, "config.json", kind.__name__)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise CheckpointError(f"{folder} has no {WEIGHTS}; copy the whole model folder")
    try:
        state = load_file(weights)
    except SafetensorError as error:
        raise CheckpointError(f"{weights} is truncated or not a safetensors file ({error}); copy it again") from error
    try:
        network: Any = kind.from_config(config)
        network.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{weights} does not fit {folder / 'config.json'}: {_first_line(error)}") from error
    return network


def read_json(folder: Path, name: str, class_name: str) -> dict[str, Any]:
    """The JSON object in `folder / name`; CheckpointError unless its `_class_name` is `class_name`."""
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
    if found != class_name:
        raise CheckpointError(f"{path} describes a {found}, but a {class_name} is needed here")
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
