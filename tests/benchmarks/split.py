"""Where the seconds of a composite go: hooks around the product's own functions, by thread, nested time taken out."""

import threading
import time
from collections import Counter
from contextlib import contextmanager
from functools import wraps

from pipeline.mosaic import asset, block, composite, fuse
from pipeline.raster import resample

STAGES = ("read and decode", "sampling", "masks", "warp", "composite")


@contextmanager
def split(resampling, method):
    """Gives seconds of processor time by stage, summed over threads."""
    seconds, nesting, lock = Counter(), threading.local(), threading.Lock()

    def timed(stage, function):
        @wraps(function)
        def run(*values, **how):
            inner, nesting.seconds = getattr(nesting, "seconds", 0.0), 0.0
            begun = time.thread_time()
            try:
                return function(*values, **how)
            finally:
                spent = time.thread_time() - begun
                with lock:
                    seconds[stage] += spent - nesting.seconds
                nesting.seconds = inner + spent

        return run

    method_before = place, resampled = resample.METHODS[resampling]
    reduce, one_pass = composite.METHODS[method], block.view_pass
    reads = asset.read_part, fuse.inspect, fuse._write
    resample.METHODS[resampling] = resample.Method(timed("sampling", place), resampled)
    nearest = resample.METHODS["nearest"]
    resample.METHODS["nearest"] = resample.Method(timed("sampling", nearest.locate), nearest.resample)
    composite.METHODS[method], block.view_pass = timed("composite", reduce), timed("masks", one_pass)
    asset.read_part, fuse.inspect, fuse._write = (
        timed(stage, hooked)
        for stage, hooked in zip(("read and decode", "read and decode", "warp"), reads, strict=True)
    )
    try:
        yield seconds
    finally:
        resample.METHODS[resampling], composite.METHODS[method], block.view_pass = method_before, reduce, one_pass
        asset.read_part, fuse.inspect, fuse._write = reads
