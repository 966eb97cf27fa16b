"""The model card that goes with a trained folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from idgbr.change import ChangePipeline
from idgbr.checkpoint import digest
from idgbr.coarse import NetworkCode
from idgbr.coarse.diffusion_unet import DiffusionUNet
from idgbr.metrics.change import ChangeScores
from idgbr.metrics.scores import LABELS, EvaluationScores
from idgbr.pipeline import IDGBRPipeline
from idgbr.training.denoising import DenoisingError

AREA_ERRORS = "- errors of mapped areas, for intervals of areas: in model_index.json, from the areas of the scores"


def write_card(
    folder: str | Path,
    title: str,
    data: str,
    license: str,
    steps: Mapping[str, int],
    scores: EvaluationScores,
    code: NetworkCode | None = None,
) -> Path:
    """Writes README.md into a model folder: what it maps, from what data, under which license, how well.

    license: an SPDX identifier in lower case; steps: training steps of each network; code: of a coarse
    network of one's own.
    """
    model = IDGBRPipeline.from_pretrained(folder, code=code)
    settings = model.settings
    networks = [model.coarse] if model.refiner is None else [model.coarse, model.refiner]
    sizes = [f"{type(each).__name__} ({sum(w.numel() for w in each.parameters()):,} parameters)" for each in networks]
    maps = scores.maps()
    lines = [
        *_head(title, license),
        f"Input bands: {', '.join(settings.bands)}. Networks: {', '.join(sizes)}. Digest: `{model.digest}`.",
        *(
            []
            if code is None
            else ["", f"The coarse network is one's own: give its code, `{code.function}`, of digest `{code.digest}`."]
        ),
        "",
        "| code | class | color |",
        "|---|---|---|",
        *(f"| {row['code']} | {row['name']} | {row['color']} |" for row in settings.classes),
        "",
        "## Training",
        "",
        data,
        "",
        *(f"- {network}: {count} steps" for network, count in steps.items()),
        *(
            []
            if settings.temperature == 1
            else [f"- temperature of the probabilities: {settings.temperature:g}, fitted on the areas of the scores"]
        ),
        *([] if settings.area_errors is None else [AREA_ERRORS]),
        "",
        "## Scores",
        "",
        f"| metric | {' | '.join(maps)} |",
        f"|---{'|---' * len(maps)}|",
        *(_row(label, *(getattr(each, name) for each in maps.values())) for name, label in LABELS.items()),
        "",
    ]
    return _write(folder, lines)


def write_change_card(
    folder: str | Path, title: str, data: str, license: str, steps: Mapping[str, int], scores: ChangeScores
) -> Path:
    """`write_card` of a change model; steps: training steps of each stage."""
    model = ChangePipeline.from_pretrained(folder)
    kind, size = type(model.network).__name__, sum(weight.numel() for weight in model.network.parameters())
    lines = [
        *_head(title, license),
        f"Input bands of both dates: {', '.join(model.bands)}. Network: {kind} ({size:,} parameters). "
        f"Digest: `{model.digest}`.",
        "",
        "## Training",
        "",
        data,
        "",
        *(f"- {stage}: {count} steps" for stage, count in steps.items()),
        "",
        "## Scores",
        "",
        'Of the class "changed": one confusion matrix over all pixels of tiles of 256 px, probability above '
        f"{model.settings.threshold:g}.",
        "",
        "| pixels | changed | F1 | precision | recall | IoU |",
        "|---|---|---|---|---|---|",
        f"| {scores.pixels:,} {_row(f'{scores.changed:,}', scores.f1, scores.precision, scores.recall, scores.iou)}",
        "",
    ]
    return _write(folder, lines)


def write_ddpm_card(
    folder: str | Path,
    title: str,
    data: str,
    license: str,
    steps: int,
    network: DiffusionUNet,
    errors: Sequence[DenoisingError],
) -> Path:
    """`write_card` of a diffusion U-Net."""
    size = sum(weight.numel() for weight in network.parameters())
    lines = [
        *_head(title, license, "unconditional-image-generation"),
        f"Bands: {', '.join(network.config['bands'])}. Network: DiffusionUNet ({size:,} parameters). "
        f"Digest: `{digest({}, [network])}`.",
        "",
        "## Training",
        "",
        f"{data} {steps} steps.",
        "",
        "## Scores",
        "",
        "Mean squared error of the predicted noise, whose variance is 1. Pixel alone: the best multiple of the noisy "
        "number itself.",
        "",
        "| step | signal | error | pixel alone |",
        "|---|---|---|---|",
        *(f"| {each.step} | {each.alpha_bar:.4f} | {each.error:.4f} | {each.pointwise:.4f} |" for each in errors),
        "",
    ]
    return _write(folder, lines)


def _head(title: str, license: str, task: str = "image-segmentation") -> list[str]:
    tags = [f"license: {license}", "library_name: idgbr", f"pipeline_tag: {task}"]
    return ["---", *tags, "---", f"# {title}", ""]


def _write(folder: str | Path, lines: list[str]) -> Path:
    path = Path(folder) / "README.md"
    path.write_text("\n".join(lines))
    return path


def _row(label: str, *values: float | None) -> str:
    cells = ("-" if value is None else f"{value:.2f}" for value in values)
    return f"| {label} | {' | '.join(cells)} |"
