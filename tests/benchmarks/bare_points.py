"""The least service of points: reads a pixel of each array of the folder EXPORT, one by one, and knows no more."""

import os

import numpy as np
import zarr
from fastapi import FastAPI

from pipeline.cube.schema import DAYS, LABELS
from pipeline.cube.store import array

group = zarr.open_group(os.environ["EXPORT"], mode="r")
arrays = {name: array(group, name) for name in (*LABELS, *DAYS, "mosaic")}
app = FastAPI()


@app.get("/point")
def point(row: int, col: int) -> dict[str, object]:
    return {name: np.asarray(source[0, ..., row, col]).tolist() for name, source in arrays.items()}


@app.get("/")
def nothing() -> dict[str, object]:
    return {}
