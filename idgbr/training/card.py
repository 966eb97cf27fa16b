"""The model card that goes with a trained folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from idgbr.pipeline import IDGBRPipeline


def write_card(
    folder: str | Path, title: str, data: str, licence: str, steps: Mapping[str, int], scores: Mapping[str, float]
) -> Path:
    """Writes README.md into a model folder: what it maps, from what data, under which licence, how well.

    licence: an SPDX identifier in lower case; steps: training steps of each network; scores: metric name to value.
    """
    model = IDGBRPipeline.from_pretrained(folder)
    settings = model.settings
    networks = [model.coarse] if model.refiner is None else [model.coarse, model.refiner]
    sizes = [f"{type(each).__name__} ({sum(w.numel() for w in each.parameters()):,} parameters)" for each in networks]
    lines = [
        "---",
        f"license: {licence}",
        "library_name: idgbr",
        "pipeline_tag: image-segmentation",
        "---",
        f"# {title}",
        "",
        f"Input bands: {', '.join(settings.bands)}. Networks: {', '.join(sizes)}. Digest: `{model.digest}`.",
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
        "",
        "## Scores",
        "",
        "| metric | value |",
        "|---|---|",
        *(f"| {metric} | {value:.4f} |" for metric, value in scores.items()),
        "",
    ]
    path = Path(folder) / "README.md"
    path.write_text("\n".join(lines))
    return path
