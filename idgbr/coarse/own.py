"""Coarse networks whose code is the user's own: a function in a file or package that the user names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from idgbr.coarse.network import CoarseNetwork, Wrapped
from idgbr.errors import InputError

MAX_BYTES = 8 * 2**20
PROBE = 64
"""Px per side of the image of zeros that a plain module is tried with; a multiple of `Wrapped`'s."""

_importing = threading.RLock()


@dataclass(frozen=True)
class NetworkCode:
    """The function that builds a network, with the source that it needs, which may be imported in another process.

    name: as the user wrote it. sources: text of each module by its name below the file's or package's own, "" for that
    itself, and whether it is a package.
    """

    name: str
    function: str
    sources: tuple[tuple[str, str, bool], ...]

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of the function's name and of all source, wherever it lies."""
        return hashlib.sha256(repr((self.function, self.sources)).encode()).hexdigest()

    def network(self, bands: int, classes: int) -> CoarseNetwork:
        """What the function gives for these numbers, a plain module wrapped at the stride of its logits. InputError in
        one sentence for whatever is wrong with it."""
        build = getattr(self._module(), self.function, None)
        if not callable(build):
            raise InputError(f"code {self.name} has no function {self.function}; name one, such as nets.py:build")
        try:
            network = build(bands, classes)
        except Exception as error:
            raise InputError(
                f"code {self.name} fails for {bands} bands and {classes} classes: {_line(error)}"
            ) from error
        if not isinstance(network, nn.Module):
            raise InputError(f"code {self.name} gives a {type(network).__name__}, but it must give a torch.nn.Module")
        if not isinstance(network, CoarseNetwork):
            network = Wrapped(network, bands, classes, self._stride(network, bands, classes))
        network.code = self.digest
        return network

    def _stride(self, module: nn.Module, bands: int, classes: int) -> int:
        image_BCHW, was_training = torch.zeros(1, bands, PROBE, PROBE), module.training
        subject = f"code {self.name}: its {type(module).__name__}"
        try:
            with torch.inference_mode():
                answer = module.eval()(image_BCHW)
        except Exception as error:
            raise InputError(f"{subject} fails for an image {tuple(image_BCHW.shape)}: {_line(error)}") from error
        finally:
            module.train(was_training)
        logits_BKhw = getattr(answer, "logits", answer)
        shape = tuple(logits_BKhw.shape) if isinstance(logits_BKhw, Tensor) else type(logits_BKhw).__name__
        side = shape[-1] if isinstance(shape, tuple) and len(shape) == 4 else 0
        if shape != (1, classes, side, side) or not side or PROBE % side:
            raise InputError(
                f"{subject} gives {shape} for an image {tuple(image_BCHW.shape)}, but it must give logits "
                f"(1, {classes}, h, w), a whole number of times smaller, or an object that has them as .logits"
            )
        if not bool(logits_BKhw.isfinite().all()):
            raise InputError(f"{subject} gives NaN or infinity for an image of zeros; mend it")
        return PROBE // side

    def _module(self) -> ModuleType:
        root = f"idgbr_own_{self.digest[:16]}"
        with _importing:
            if not any(isinstance(finder, _Sources) and root in finder.texts for finder in sys.meta_path):
                sys.meta_path.append(_Sources({f"{root}.{name}".rstrip("."): rest for name, *rest in self.sources}))
            try:
                return importlib.import_module(root)
            except (Exception, SystemExit) as error:
                raise InputError(
                    f"code {self.name} cannot be imported: {_line(error)}; mend it, or install what it needs"
                ) from error


class _Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports modules from their text, and nothing else."""

    def __init__(self, texts: dict[str, Any]) -> None:
        self.texts = texts

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        return (
            importlib.machinery.ModuleSpec(name, self, is_package=self.is_package(name)) if name in self.texts else None
        )

    def get_source(self, name: str) -> str:
        return str(self.texts[name][0])

    def is_package(self, name: str) -> bool:
        return bool(self.texts[name][1])


def read_code(name: str, base: Path = Path()) -> NetworkCode:
    """The code that "nets.py:build" or "package/nets:build" names, relative to `base`. InputError.

    A package is a folder with __init__.py; its modules import each other relatively, as in `from .layers import Up`.
    """
    path, _, function = name.rpartition(":")
    if not path or not function.isidentifier():
        raise InputError(f"code is {name!r:.200}, but it must be a file or package and a function, as nets.py:build")
    place = base / path
    files = {"": place}
    if place.is_dir():
        files = {_module_name(file.relative_to(place)): file for file in sorted(place.rglob("*.py"))}
    if "" not in files or not (place.is_dir() or (place.is_file() and place.suffix == ".py")):
        raise InputError(
            f"code {name}: {place} is neither a file of Python nor a package, a folder with __init__.py; name one"
        )
    try:
        if sum(file.stat().st_size for file in files.values()) > MAX_BYTES:
            raise InputError(
                f"code {name}: {place} holds more than {MAX_BYTES} bytes of source; name a smaller package"
            )
        texts = [(key, file.read_text("utf-8"), file.name == "__init__.py") for key, file in sorted(files.items())]
    except (OSError, UnicodeError) as error:
        raise InputError(f"code {name}: {place} cannot be read ({_line(error)}); name a file or package") from error
    return NetworkCode(name, function, tuple(texts))


def _module_name(file: Path) -> str:
    parts = file.parent.parts if file.name == "__init__.py" else file.with_suffix("").parts
    return ".".join(parts)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
