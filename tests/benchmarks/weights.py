"""The weights that come with tinyunet: those of a run of `tests.benchmarks.tasks`, rounded to half precision.

    python -m tests.benchmarks.tasks text --seeds 0 1 --runs runs
    python -m tests.benchmarks.weights runs/text-0

measures them anew as they are written, and writes what they reach into the file.
"""

import sys
from pathlib import Path

import numpy as np

from tinyunet import runs
from tinyunet.checkpoint import load_arrays, save_arrays
from tinyunet.tasks import sampling
from tinyunet.tasks.program import Settings
from tinyunet.tasks.registry import TASKS
from tinyunet.tasks.task import UNET


def ship(run):
    """Write the weights of a run; the numbers that they reach."""
    weights, about = load_arrays(run / "best.safetensors")
    settings = runs.read_settings(run, Settings)
    file = sampling.weights_of(settings.task)
    halves = {key: array.astype(np.float16) for key, array in weights.items()}
    about = {"made by": f"tinyunet run {settings.task} --seed {settings.seed}", **about}
    save_arrays(file, halves, about)
    task, model = sampling.shipped(TASKS[settings.task])
    about["measured"] = task.metric(task.answers(task.methods(model)[UNET]))
    save_arrays(file, halves, about)
    return about


if __name__ == "__main__":
    print(ship(Path(sys.argv[1])))
