"""The model card that goes with a trained folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from idgbr.metrics.scores import LABELS, EvaluationScores
from idgbr.pipeline import IDGBRPipeline


def write_card(
    folder: str | Path, title: str, data: str, license: str, steps: Mapping[str, int], scores: EvaluationScores
) -> Path:
    """Writes README.md into a model folder: what it maps, from what data, under which license, how well.

    license: an SPDX identifier in lower case; steps: training steps of each network.
    """
    model = IDGBRPipeline.from_pretrained(folder)
    settings = model.settings
    networks = [model.coarse] if model.refiner is None else [model.coarse, model.refiner]
    sizes = [f"{type(each).__name__} ({sum(w.numel() for w in each.parameters()):,} parameters)" for each in networks]
    maps = scores.maps()
    lines = [
        "---",
        f"license: {license}",
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
        f"| metric | {' | '.join(maps)} |",
        f"|---{'|---' * len(maps)}|",
        *(_row(label, *(getattr(each, name) for each in maps.values())) for name, label in LABELS.items()),
        "",
    ]
    path = Path(folder) / "README.md"
    path.write_text("\n".join(lines))
    return path


def _row(label: str, *values: float | None) -> str:
    cells = ("-" if value is None else f"{value:.2f}" for value in values)
    return f"| {label} | {' | '.join(cells)} |"
