"""Training of the networks from arrays: pairs of (image_CHW raw numbers, label_HW class codes, 0 = ignore), for change
of (before_CHW, after_CHW, label_HW), for diffusion of image_CHW alone."""

from idgbr.training.calibration import Calibration, calibrate
from idgbr.training.card import write_card
from idgbr.training.change import ChangePair, ChangeTraining, short_schedule, train_change, train_prior
from idgbr.training.coarse import CoarseTraining, train_coarse
from idgbr.training.crops import Pair
from idgbr.training.ddpm import DDPMTraining, train_ddpm
from idgbr.training.loop import Optimisation, Progress
from idgbr.training.refiner import RefinerTraining, train_refiner
from idgbr.training.scout import train_scout

__all__ = [
    "Calibration",
    "ChangePair",
    "ChangeTraining",
    "CoarseTraining",
    "DDPMTraining",
    "Optimisation",
    "Pair",
    "Progress",
    "RefinerTraining",
    "calibrate",
    "short_schedule",
    "train_change",
    "train_coarse",
    "train_ddpm",
    "train_prior",
    "train_refiner",
    "train_scout",
    "write_card",
]
