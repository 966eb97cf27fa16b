"""Maps: from a region file to a published, versioned land-cover cube."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.analysis import picture as picture
    from pipeline.analysis.query import point
    from pipeline.config.region import Region
    from pipeline.config.region_file import load
    from pipeline.continent.join import join
    from pipeline.cube.open import open_cube
    from pipeline.execution.run import run
    from pipeline.planning.plan import plan

__all__ = ["Region", "join", "load", "open_cube", "plan", "point", "run"]

_HOME = {
    "Region": "config.region",
    "load": "config.region_file",
    "plan": "planning.plan",
    "open_cube": "cube.open",
    "point": "analysis.query",
    "join": "continent.join",
    "run": "execution.run",
}


def __getattr__(name: str) -> Any:
    """Imports a name's module when it is first asked for, so that reading a cube needs neither torch nor ray."""
    from importlib import import_module

    if name == "__version__":
        return import_module("importlib.metadata").version("idgbr")
    if name == "picture":
        return import_module("pipeline.analysis.picture")
    if name not in _HOME:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    if name == "open_cube":
        import_module("pipeline.analysis.accessor")  # It registers what shows a cube as `.idgbr`.
    return getattr(import_module(f"pipeline.{_HOME[name]}"), name)
