"""What refinement costs: multiply-adds by torch's own counter, and on a GPU windows a second and memory."""

import time
from dataclasses import replace
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from idgbr import IDGBRPipeline
from idgbr.processes import PROCESSES

WINDOW = 256
PEAK = 989e12
"""Dense bf16 operations a second of an H100 or H200, as their data sheet states."""


def of(model: IDGBRPipeline) -> dict[str, float]:
    """Multiply-adds (G) of the refinement of one window of 256 px, without the coarse network before it."""
    image, coarse = torch.zeros(1, 3, WINDOW, WINDOW), torch.zeros(1, len(model.settings.classes), WINDOW, WINDOW)
    image, coarse = image.to(model.device), coarse.to(model.device)
    noise_BDhw = model.noise(0, [(0, 0)], WINDOW, WINDOW).to(model.device)
    refiner = model.refiner
    assert refiner is not None

    def refine() -> None:
        condition = refiner.condition(image, coarse.softmax(1))
        sample = PROCESSES[refiner.config["process"]].sample
        sample(refiner, condition, coarse.softmax(1), noise_BDhw, model.sampling)

    return {"refiner_gmac": gmac(refine)}


def speed(place: Any) -> dict[str, Any]:
    """Windows of 256 px a second, share of the GPU's bf16 peak, and memory, of both presets at bf16."""
    from idgbr.refiners.presets import BASE, TINY
    from idgbr.refiners.refiner import Refiner

    rows = []
    for name, sizes in (("tiny", TINY), ("base", BASE)):
        for compiled in (False, True):
            model = _untrained(place, Refiner(3, 5, **sizes))
            work = 2e9 * of(model)["refiner_gmac"]
            rows.append({"preset": name, "compiled": compiled, **_timed(model.compile() if compiled else model, work)})
    return {"rows": rows, "device": torch.cuda.get_device_name()}


def _untrained(place: Any, refiner: Any) -> IDGBRPipeline:
    folder = next((place.home / "models").glob("coarse-*-all"))
    trained = IDGBRPipeline.from_pretrained(folder)
    settings = replace(trained.settings, precision="bf16", batch=32)
    return IDGBRPipeline(settings, trained.coarse, refiner).to("cuda")


def _timed(model: IDGBRPipeline, work: float, windows: int = 256) -> dict[str, float]:
    """work: operations of one window."""
    image = torch.rand(windows, 3, WINDOW, WINDOW) * 255
    corners = [(0, WINDOW * number) for number in range(windows)]
    coarse = model.coarse_logits(image)
    model.refine_logits(image[:64], coarse[:64], corners[:64])
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    began = time.perf_counter()
    model.refine_logits(image, coarse, corners)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    return {
        "windows_per_second": windows / seconds,
        "utilisation": work * windows / seconds / PEAK,
        "memory_gb": torch.cuda.max_memory_allocated() / 1e9,
    }


def gmac(compute: Any) -> float:
    """Multiply-adds (G) of a call."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        compute()
    return counter.get_total_flops() / 2e9
