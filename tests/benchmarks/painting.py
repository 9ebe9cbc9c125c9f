"""What it costs to paint by diffusion, in pixels and in a latent, and which part of it are products.

    python -m tests.benchmarks.painting

Time and memory do not depend on what was learnt, so the networks are as they are at first. All with one thread, in
turns; the bare matrix products of convolutions, linear layers and attention take turns with the painting.
"""

import argparse
from functools import partial

import numpy as np

import tinyunet
import tinyunet.functional as F
from tests.benchmarks.bounds import in_large_pages
from tests.benchmarks.turns import alternate, milliseconds, restart_unlimited
from tinyunet import threads
from tinyunet.tasks.latent import Latent
from tinyunet.tasks.text import Text


def products(paint):
    """The matrix products in it, (matrices, rows, terms, columns) each, by what its operations are given."""
    found = []

    def noted(operation, product):
        def stand_in(*args, **settings):
            y = operation.__wrapped__(*args, **settings)
            found.append(product(np.shape(y[0]), *map(np.shape, args)))
            return y

        return stand_in

    with tinyunet.using(
        conv2d=noted(F.conv2d, lambda y, x, w, *_: (1, w[0], np.prod(w[1:]), y[0] * y[2] * y[3])),
        linear=noted(F.linear, lambda y, x, w, *_: (1, np.prod(x[:-1]), *w[::-1])),
    ):
        paint()
    return [tuple(map(int, sizes)) for sizes in found]


def bare(paint):
    """The same products alone, of matrices that are there already."""
    each = [
        partial(np.matmul, in_large_pages(n, a, b), in_large_pages(n, b, c), out=in_large_pages(n, a, c))
        for n, a, b, c in products(paint)
    ]
    return lambda: [product() for product in each]


def steps(task, pictures):
    """Three functions: paint so many pictures; the products in that; learn from one batch."""
    rng = np.random.default_rng(0)
    model = task.model(rng)
    drawn = [np.stack(x) for x in zip(*(e.inputs for e in task.held_out[:pictures]), strict=True)]
    inputs, target, weight = task.batch(rng, task.n)
    paint = partial(task.predict, model, *drawn)
    return paint, bare(paint), lambda: task.loss(model(*inputs), target, weight).backward()


def main():
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.painting", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=16, help="painted at once")
    args = parser.parse_args()
    restart_unlimited()
    threads(1)
    tasks = Text(), Latent()
    measures = [partial(milliseconds, step, 1) for task in tasks for step in steps(task, args.pictures)]
    times = np.median(alternate(measures, args.rounds), axis=0).reshape(2, 3)
    for task, (paint, product, learn) in zip(tasks, times, strict=True):
        each, example = paint / args.pictures, learn / task.n
        print(
            f"{task.name:8} {each:6.1f} ms a picture, of which {product / paint:.0%} products, "
            f"{example:5.1f} ms an example that is learnt from"
        )
    pixels, latent = times[:, [0, 2]] / [[args.pictures, task.n] for task in tasks]
    print("in the latent {:.1f} and {:.1f} times as fast as in pixels".format(*pixels / latent))


if __name__ == "__main__":
    main()
