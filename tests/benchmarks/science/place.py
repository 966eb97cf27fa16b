"""Where tasks keep what they make, and what a task is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from science.presets import Preset

Result = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the tasks of one preset keep what they make, and until when this one may work."""

    home: Path
    preset: Preset
    deadline: float

    def model(self, *names: object) -> Path:
        return self.home / "models" / "-".join(map(str, names))

    def state(self, model: Path) -> Path:
        """The state of a model's training, beside it. (`with_suffix` would cut a name at the point of a number.)"""
        return model.with_name(f"{model.name}.state.safetensors")

    def result(self, task: str) -> Path:
        return self.home / "results" / f"{task}.json"


@dataclass(frozen=True)
class Task:
    """needs: names of the tasks that come first."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[Place], Result]


def tell(progress: Any) -> None:
    """A line every 50 steps of a training."""
    if progress.step % 50 == 0 or progress.step == progress.steps:
        print(f"{progress.step}/{progress.steps} loss {progress.smoothed:.3f} {progress.speed:.2f}/s", flush=True)
