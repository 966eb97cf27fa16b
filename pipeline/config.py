"""A region file: what to map, from which scenes, with which model, into which cube."""

import hashlib
import json
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from pipeline.errors import UserError
from pipeline.grid import Extent, Grid, projected_crs
from pipeline.yamlfile import Frozen, checked, read

SHIPPED_MODELS = Path(__file__).parent.parent / "idgbr" / "weights"


class GridSettings(Frozen):
    crs: Annotated[str, AfterValidator(projected_crs)] = "europe"
    resolution: float = Field(default=10, gt=0, description="metres per pixel")
    block: int = Field(default=2048, ge=256, le=8192, multiple_of=256, description="pixels per side")


class Region(Frozen):
    """One run's whole configuration, as written in one YAML file.

    Relative paths count from the file's folder; `${NAME}` stands for an environment variable.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    cube: Path
    catalog: str = Field(min_length=1, description="URL of a STAC API, or path of a static catalog.json")
    collection: str = "sentinel-2-l2a"
    bounds: tuple[float, float, float, float] = Field(description="west, south, east, north in degrees")
    period: tuple[date, date] = Field(description="first and last day, both included")
    grid: GridSettings = GridSettings()
    model: Path = Field(description="a model folder, or the name of a shipped model")
    max_cloud: float = Field(default=100, ge=0, le=100, description="percent, of a whole scene")
    max_degraded: float = Field(
        default=0, ge=0, le=1, description="share of blocks that may lack a scene and still be published"
    )
    commit_every: int = Field(default=16, ge=1, description="blocks per commit")

    @field_validator("bounds")
    @classmethod
    def _bounds_in_order(cls, bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        west, south, east, north = bounds
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise ValueError("must be [west, south, east, north] in degrees with west < east and south < north")
        return bounds

    @field_validator("period")
    @classmethod
    def _period_in_order(cls, period: tuple[date, date]) -> tuple[date, date]:
        if period[0] > period[1]:
            raise ValueError("must start before it ends: [first day, last day]")
        return period

    @property
    def extent(self) -> Extent:
        grid = Grid(self.grid.crs, self.grid.resolution, self.grid.block)
        return Extent(grid, grid.window_of(self.bounds))


def digest(value: Any) -> str:
    """sha256 of a JSON-able value, written with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def load(path: Path, with_model: bool = True) -> Region:
    """Reads and checks a region file; `with_model` asks that its model be there.

    Raises UserError with one sentence for anything wrong in it.
    """
    raw = read(path)
    folder = path.resolve().parent
    if isinstance(raw.get("cube"), str):
        raw["cube"] = folder / raw["cube"]
    if isinstance(raw.get("model"), str):
        raw["model"] = model_folder(raw["model"], folder)
    if isinstance(raw.get("catalog"), str) and "://" not in raw["catalog"]:
        raw["catalog"] = str(folder / raw["catalog"])
    region = checked(Region, raw, path)
    if with_model and not (region.model / "model_index.json").is_file():
        shipped = ", ".join(sorted(p.name for p in SHIPPED_MODELS.iterdir() if p.is_dir()))
        raise UserError(
            f"{path.name}: model is {str(region.model)!r}, where there is no model_index.json; give a "
            f"model folder or one of: {shipped}"
        )
    return region


def model_folder(name: str, folder: Path) -> Path:
    """A shipped model by its name, else a path that counts from `folder`."""
    shipped = SHIPPED_MODELS / name
    return shipped if re.fullmatch(r"[a-z0-9-]+", name) and shipped.is_dir() else folder / name
