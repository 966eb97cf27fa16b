"""Maps: from a region file to a published, versioned land-cover cube."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.config.region import Region, load
    from pipeline.planning.plan import plan
    from pipeline.analysis.query import open_cube, point
    from pipeline.execution.run import run

__all__ = ["Region", "load", "open_cube", "plan", "point", "run"]

_HOME = {
    "Region": "config",
    "load": "config",
    "plan": "planner",
    "open_cube": "query",
    "point": "query",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    """Imports a name's module when it is first asked for, so that reading a cube needs neither torch nor ray."""
    if name not in _HOME:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"pipeline.{_HOME[name]}"), name)
