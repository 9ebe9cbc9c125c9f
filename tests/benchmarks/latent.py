"""What a latent saves: text to picture in pixels and in a latent, in turns, one thread.

    python -m tests.benchmarks.latent

Time and memory do not depend on what was learnt, so the networks are as they are at first.
"""

import argparse
from functools import partial

import numpy as np

from tests.benchmarks.turns import alternate, milliseconds, restart_unlimited
from tinyunet import threads
from tinyunet.tasks.latent import Latent
from tinyunet.tasks.text import Text


def steps(task, pictures):
    """Two functions: draw so many pictures; learn from one batch."""
    rng = np.random.default_rng(0)
    model = task.model(rng)
    drawn = [np.stack(x) for x in zip(*(e.inputs for e in task.held_out[:pictures]), strict=True)]
    inputs, target, weight = task.batch(rng, task.n)
    return (
        lambda: task.predict(model, *drawn),
        lambda: task.loss(model(*inputs), target, weight).backward(),
    )


def main():
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.latent", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=16, help="drawn at once")
    args = parser.parse_args()
    restart_unlimited()
    threads(1)
    tasks = Text(), Latent()
    measures = [partial(milliseconds, step, 1) for task in tasks for step in steps(task, args.pictures)]
    times = np.median(alternate(measures, args.rounds), axis=0).reshape(2, 2)
    times /= [[args.pictures, task.n] for task in tasks]
    for task, (draw, learn) in zip(tasks, times, strict=True):
        print(f"{task.name:8} {draw:6.1f} ms a picture, {learn:5.1f} ms an example that is learnt from")
    print("in the latent {:.1f} and {:.1f} times as fast".format(*times[0] / times[1]))


if __name__ == "__main__":
    main()
