"""The STAC items of a published version: its maps, and the model that made them."""

from datetime import UTC, datetime, time
from importlib.metadata import version
from pathlib import Path

from catalogs.stac_item import write_item
from catalogs.stac_model import write_model_item
from pipeline.cube.cube import Cube
from pipeline.cube.items import item_facts, item_of_run, model_of_run, publish_items
from pipeline.planning.plan import Plan

SETTINGS = (
    "overlap",
    "num_inference_steps",
    "guidance_scale",
    "seed",
    "ensemble_size",
    "boundary_radius",
    "uncertainty_threshold",
    "precision",
)
"""Settings of a model that its item lists."""


def write_run_item(cube: Cube, plan: Plan) -> None:
    """Writes the STAC item of a run's period into its folder; it names the run's branch until it is published."""
    region, layout = plan.region, plan.layout
    start, end = region.period
    with cube.files.local_draft(item_of_run(plan.run)) as path:
        write_item(
            path,
            id=f"{region.name}-{start}",
            footprint=region.searched,
            start=datetime.combine(start, time.min, UTC),
            end=datetime.combine(end, time.max, UTC),
            snapshot=plan.branch,
            scenes=[scene.id for scene in plan.scenes],
            lineage=(
                f"{region.mosaic.method} mosaic of {len(plan.scenes)} scenes, segmented and refined at boundaries by "
                f"model {plan.model_digest[:16]} in run {plan.run}"
            ),
            **item_facts(cube, layout),
        )
    _write_model_item(cube, plan)


def _write_model_item(cube: Cube, plan: Plan) -> None:
    settings, region = plan.settings, plan.region
    start, end = region.period
    with cube.files.local_draft(model_of_run(plan.run)) as path:
        write_model_item(
            path,
            id=f"model-{plan.model_digest[:16]}",
            footprint=region.searched,
            start=datetime.combine(start, time.min, UTC),
            end=datetime.combine(end, time.max, UTC),
            name=f"idgbr-{plan.model_digest[:16]}",
            href=_absolute(str(region.model)),
            digest=plan.model_digest,
            bands=settings.bands,
            mean=settings.mean,
            std=settings.std,
            classes=plan.layout.classes,
            window=settings.window,
            batch=settings.batch,
            hyperparameters={name: getattr(settings, name) for name in SETTINGS},
            framework_version=version("torch").partition("+")[0],
        )


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).resolve())


def write_version_item(cube: Cube, plan: Plan) -> None:
    """Makes the STAC items of the cube name the newest version, that of the plan's period included."""
    write_run_item(cube, plan)
    publish_items(cube, {str(plan.region.period[0]): plan.run})
