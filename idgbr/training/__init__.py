"""Training of both networks from arrays: pairs of (image_CHW raw numbers, label_HW class codes, 0 = ignore)."""

from idgbr.training.card import write_card
from idgbr.training.coarse import CoarseTraining, train_coarse
from idgbr.training.crops import Pair
from idgbr.training.loop import Optimisation, Progress
from idgbr.training.refiner import RefinerTraining, train_refiner

__all__ = [
    "CoarseTraining",
    "Optimisation",
    "Pair",
    "Progress",
    "RefinerTraining",
    "train_coarse",
    "train_refiner",
    "write_card",
]
