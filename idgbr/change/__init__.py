"""Whether the ground changed between two dates, on plain arrays: the Semantic Change Network (arXiv 2503.20734) and a
siamese U-Net."""

from idgbr.change.network import PRESETS, ChangeNetwork
from idgbr.change.pipeline import ChangeOutput, ChangePipeline
from idgbr.change.settings import ChangeSettings
from idgbr.change.siamese import SiameseUNet

__all__ = ["PRESETS", "ChangeNetwork", "ChangeOutput", "ChangePipeline", "ChangeSettings", "SiameseUNet"]
