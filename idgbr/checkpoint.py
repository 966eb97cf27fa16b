"""Model folders as diffusers lays them out: config.json and diffusion_pytorch_model.safetensors, local files only."""

from __future__ import annotations

import hashlib
import inspect
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from idgbr.errors import CheckpointError
from idgbr.json_file import read_json
from idgbr.layers.network import WEIGHTS, Network
from idgbr.tensor_file import Header, misfit, read_header, read_tensors
from idgbr.values import check_number, check_whole, short

LARGEST = 2**31 - 1

Kind = TypeVar("Kind", bound=Network)


def load_network(kinds: Mapping[str, type[Kind]], folder: Path) -> Kind:
    """The network saved in `folder`, one of `kinds`, with exactly the weights found there.

    What config.json describes is compared with the header of the weights before memory is taken for it.
    CheckpointError if it is not a whole network.
    """
    config = read_json(folder, "config.json", *kinds)
    kind: Any = kinds[config["_class_name"]]
    path, weights = folder / "config.json", weights_file(folder)
    _check_arguments(kind, config, path)
    header = read_header(weights)
    fault = misfit(header, outline(lambda: kind.from_config(config), header, path).state_dict())
    if fault:
        raise CheckpointError(f"{weights} does not fit {path}: {fault}")
    return load_weights(kind.from_config(config), folder)


def load_weights(network: Kind, folder: Path) -> Kind:
    """Fills a network with exactly the weights saved in `folder`; CheckpointError if they are not just those it has, of
    its dtypes and finite."""
    weights = weights_file(folder)
    fault = misfit(read_header(weights), network.state_dict())
    if fault:
        raise CheckpointError(f"{weights} does not fit {folder / 'config.json'}: {fault}")
    network.load_state_dict(read_tensors(weights))
    return network


def weights_file(folder: Path) -> Path:
    """CheckpointError where there is none."""
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise CheckpointError(f"{folder} has no {WEIGHTS}; copy the whole model folder")
    return weights


def outline(build: Callable[[], nn.Module], header: Header, path: Path) -> nn.Module:
    """The network that `build` makes, with shapes but without memory (torch's device "meta").

    CheckpointError, naming the config `path`, if it makes none, or one of many more tensors than the weights' header.
    """
    try:
        with torch.device("meta"), _parameters_at_most(2 * len(header) + 16):
            return build()
    except Exception as error:
        raise CheckpointError(f"{path} describes no network: {_first_line(error)}") from error


def digest(settings: dict[str, Any], networks: Sequence[Network]) -> str:
    """sha256 (hex) over settings, network configs and weights; the same before saving and after loading."""
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for network in networks:
        total.update(json.dumps([type(network).__name__, config_of_answers(network)], sort_keys=True).encode())
        for name, value in sorted(network.state_dict().items()):
            total.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            total.update(value.cpu().numpy().tobytes())
    return total.hexdigest()


def config_of_answers(network: Network) -> dict[str, Any]:
    """What its answers depend on: all but diffusers' own keys, which begin with _ and of which one lists names in an
    order that differs from process to process, and the share of its training without the condition."""
    left_out = "condition_dropout"
    return {key: value for key, value in network.config.items() if not key.startswith("_") and key != left_out}


def _check_arguments(kind: type[Network], config: Mapping[str, Any], path: Path) -> None:
    """CheckpointError unless every key of the config is an argument of the network's class, of its type."""
    hints, allowed = get_type_hints(kind.__init__), inspect.signature(kind.__init__).parameters
    for key, value in config.items():
        if key.startswith("_"):
            continue
        if key not in allowed:
            raise CheckpointError(f"{path} has {short(key)}, which a {kind.__name__} does not know; take it out")
        if not _fits(value, hints[key]):
            raise CheckpointError(f"{path} describes no network: {key} of a {kind.__name__} cannot be {short(value)}")


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin is Sequence:
        return isinstance(value, list) and all(_fits(each, get_args(hint)[0]) for each in value)
    if origin is Mapping:
        return isinstance(value, dict)
    if origin is not None:
        return any(_fits(value, each) for each in get_args(hint))
    try:
        if hint is int:
            check_whole("", value, 0, LARGEST)
        elif hint is float:
            check_number("", value)
        else:
            return type(value) is hint or (hint is NoneType and value is None)
    except ValueError:
        return False
    return True


@contextmanager
def _parameters_at_most(count: int) -> Iterator[None]:
    """Ends the making of a network, in this thread, that has more parameters."""
    thread, left = threading.get_ident(), count

    def count_down(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        if threading.get_ident() == thread:
            left -= 1
            if left < 0:
                raise ValueError("it has many more tensors than the weights")

    handle = register_module_parameter_registration_hook(count_down)
    try:
        yield
    finally:
        handle.remove()


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
