"""Whether the ground changed between two dates: the Semantic Change Network on plain arrays (arXiv 2503.20734)."""

from idgbr.change.network import PRESETS, ChangeNetwork
from idgbr.change.pipeline import ChangeOutput, ChangePipeline
from idgbr.change.settings import ChangeSettings

__all__ = ["PRESETS", "ChangeNetwork", "ChangeOutput", "ChangePipeline", "ChangeSettings"]
