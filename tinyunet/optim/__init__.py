"""Learning: optimizers, schedules for the learning rate, gradient clipping, averages of the weights."""

from tinyunet.nn.utils import clip_grad_norm_
from tinyunet.optim import lr_scheduler, swa_utils
from tinyunet.optim.lr_scheduler import CosineAnnealingLR, Schedule, StepLR
from tinyunet.optim.muon import Muon
from tinyunet.optim.optimizer import SGD, Adam, AdamW, Optimizer

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "Muon",
    "Optimizer",
    "Schedule",
    "StepLR",
    "clip_grad_norm_",
    "lr_scheduler",
    "swa_utils",
]
