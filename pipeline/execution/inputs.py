"""What a run leaves in its folder before it works."""

from pipeline.cube.cube import Cube
from pipeline.execution.stac_item import write_run_item
from pipeline.execution.task import run_folder
from pipeline.planning.plan import Plan
from pipeline.scenes.decisions import write_decisions
from pipeline.scenes.item_list import write_items
from pipeline.scenes.provenance import write_provenance


def write_inputs(cube: Cube, planned: Plan) -> None:
    """Writes the inputs of the workers, and the provenance and the STAC item of the map."""
    files, folder = cube.files, run_folder(planned.run)
    files.write(f"{folder}/region.json", planned.region.to_json())
    write_items(files, f"{folder}/scenes.parquet", planned.items)
    write_decisions(files, f"{folder}/offsets.json", planned.decisions)
    write_provenance(files, f"{folder}/applied.json", planned.selection, planned.warnings)
    write_run_item(cube, planned)
