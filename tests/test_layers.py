"""The layers: catalogs, idgbr and cluster stand alone; only pipeline joins them."""

import subprocess
import sys

import pytest

BLOCKED = {
    "catalogs": ["torch", "diffusers", "ray", "dask", "zarr", "icechunk", "xarray", "idgbr", "cluster", "pipeline"],
    "idgbr": [
        "ray",
        "dask",
        "zarr",
        "icechunk",
        "xarray",
        "rasterio",
        "pystac",
        "pyproj",
        "catalogs",
        "cluster",
        "pipeline",
    ],
    "cluster": ["torch", "zarr", "icechunk", "xarray", "rasterio", "pystac", "pyproj", "catalogs", "idgbr", "pipeline"],
}
IMPORT_ALL = """
import importlib, importlib.util, pathlib, sys
package, blocked = sys.argv[1], sys.argv[2].split(",")
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            return importlib.util.spec_from_loader(name, self)
    def create_module(self, spec):
        raise ImportError(f"{package} must not import {spec.name}")
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Wall())
folder = pathlib.Path(importlib.import_module(package).__file__).parent
for file in sorted(folder.rglob("*.py")):
    parts = file.relative_to(folder.parent).with_suffix("").parts
    importlib.import_module(".".join(part for part in parts if part != "__init__"))
"""


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("package", BLOCKED)
def test_every_module_of_a_foundation_imports_with_the_other_stacks_blocked(package):
    done = _python(IMPORT_ALL, package, ",".join(BLOCKED[package]))
    assert done.returncode == 0, done.stderr


def test_the_wall_of_that_test_holds():
    done = _python(IMPORT_ALL, "catalogs", "shapely")
    assert done.returncode != 0
    assert "catalogs must not import shapely" in done.stderr


@pytest.mark.parametrize("module", ["pipeline.cli", "pipeline", "pipeline.analysis.query"])
def test_the_command_and_the_query_side_import_neither_torch_nor_ray(module):
    code = f"import {module}, sys; print([m for m in ('torch', 'ray', 'dask', 'diffusers') if m in sys.modules])"
    done = _python(code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_cube_opens_with_the_base_install_alone():
    heavy = "torch,diffusers,ray,distributed,rasterio,pystac,pystac_client,rustac,pyarrow,matplotlib,scipy"
    code = IMPORT_ALL.split("folder =")[0] + "from pipeline import open_cube"
    done = _python(code, "pipeline", heavy)
    assert done.returncode == 0, done.stderr
