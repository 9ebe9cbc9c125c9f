"""Segmentation: for every pixel, does it belong to the thing or not, or to which of several classes?

Data      pictures and masks of two values or of classes, as random crops, flipped and turned; where a class is rare,
          every second crop is laid around it
Model     a U-Net with one output channel, the logit of "belongs to it", or one for each class. It knows the mean and
          the deviation of the pictures that it learnt from
Loss      cross-entropy; where a class is rare, with the Dice loss added
Metric    Dice = 2·|P ∩ T| / (|P| + |T|) of the pixels with probability above ½, or IoU = |P ∩ T| / |P ∪ T|, mean over
          the classes
Baseline  Otsu's threshold, and a local threshold with its settings tuned on the very pictures it is judged by
"""

from tinyunet.tasks.segmentation.dataset import Dataset, read
from tinyunet.tasks.segmentation.network import PictureUNet, loss, predict
from tinyunet.tasks.segmentation.predicting import predict_files
from tinyunet.tasks.segmentation.running import Run, load, not_trained_on, read_like, resume, start, trainer
from tinyunet.tasks.segmentation.scores import Score, baselines, evaluate, score, score_of
from tinyunet.tasks.segmentation.shown import picture
from tinyunet.tasks.segmentation.splitting import split
from tinyunet.tasks.segmentation.telling import describe, outcome, run_picture, table, tables_of_classes
from tinyunet.tasks.settings import Settings

__all__ = [
    "Dataset",
    "PictureUNet",
    "Run",
    "Score",
    "Settings",
    "baselines",
    "describe",
    "evaluate",
    "load",
    "loss",
    "not_trained_on",
    "outcome",
    "picture",
    "predict",
    "predict_files",
    "read",
    "read_like",
    "resume",
    "run_picture",
    "score",
    "score_of",
    "split",
    "start",
    "table",
    "tables_of_classes",
    "trainer",
]
