"""The files of a cube for a look ahead: what is written is kept in memory, and the cube stays as it is."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.storage.files import Files
from pipeline.storage.location import Location


@dataclass(frozen=True)
class DraftFiles(Files):
    """Reads what was written to it, else what `below` has."""

    below: Files
    _written: dict[str, bytes | None] = field(default_factory=dict, init=False)
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory, init=False)

    @property
    def location(self) -> Location:  # type: ignore[override]
        return self.below.location

    def exists(self, name: str) -> bool:
        return self._written[name] is not None if name in self._written else self.below.exists(name)

    def read(self, name: str) -> bytes:
        content = self._written[name] if name in self._written else self.below.read(name)
        if content is None:
            raise FileNotFoundError(f"{self.location}/{name}")
        return content

    def write(self, name: str, content: str | bytes) -> None:
        self._written[name] = content.encode() if isinstance(content, str) else content

    def swap(self, name: str, old: bytes | None, new: bytes | None) -> bool:
        content = self.read(name) if self.exists(name) else b""
        if content != (old or b""):
            return False
        self._written[name] = new
        return True

    def list(self, folder: str) -> list[str]:
        names = {name for name in self._written if name.rpartition("/")[0] == folder} | set(self.below.list(folder))
        return sorted(name for name in names if self.exists(name))

    def remove(self, name: str) -> None:
        self._written[name] = None

    def scratch(self, name: str) -> Path:
        return Path(self._folder.name) / name
