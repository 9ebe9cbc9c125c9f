"""Draw what docs/diffusion.md shows, with the networks that come with tinyunet:

    python docs/diffusion.py

writes diffusion-way.png, diffusion-guidance.png, diffusion-same.png and diffusion-edit.png beside this file.
"""

from pathlib import Path
from textwrap import fill

import numpy as np

from tinyunet import plot
from tinyunet.data import instructions
from tinyunet.data.instructions import change
from tinyunet.data.sentences import tokens, understand
from tinyunet.data.things import draw, paint
from tinyunet.diffusion import back_and_forth, denoising, edited, guided, keeping, times
from tinyunet.tasks import editing, sampling
from tinyunet.tasks.edit import Edit, nearest_right
from tinyunet.tasks.painter import DIFFUSION, as_picture
from tinyunet.tasks.text import Text

HERE = Path(__file__).parent
_, model = sampling.trained(None, Text)
noise = np.random.default_rng(3).standard_normal((1, 3, 32, 32), np.float32)


def asked(sentence, w=1.5):
    return guided(model, tokens([understand(sentence)]), w)


def last(states):
    *_, state = states
    return as_picture(state.x)[0]


def way(sentence, shown=(0, 4, 8, 12, 16, 20)):
    """x_t on the way from noise to a picture, and below it the x̂₀ that the network sees behind it."""
    states = list(denoising(DIFFUSION, asked(sentence), noise, times(20, 1000), clip=1.0))
    return {f"t = {states[k].t}": [as_picture(states[k].x)[0], as_picture(states[k].x0)[0]] for k in shown}


def guidance(sentences, weights=(0, 1, 1.5, 3, 6)):
    """The same noise, with more and more of what is asked for."""
    walk = times(20, 1000)
    return {
        f"w = {w}": [last(denoising(DIFFUSION, asked(s, w), noise, walk, clip=1.0)) for s in sentences] for w in weights
    }


def same():
    """What the network does that was learnt for something else: paint in a part, and change a picture a little."""
    rng = np.random.default_rng(0)
    before = 2 * draw(understand("a large green circle at the top left, on grey"), rng)[None] - 1
    mask = np.zeros((1, 1, 32, 32), np.float32)
    mask[..., 17:, 17:] = 1
    words = "a large red cross at the bottom right, on grey"
    walk = back_and_forth(times(20, 1000), 3)
    painted = last(
        denoising(DIFFUSION, asked(words), noise, walk, rng, clip=1.0, keep=keeping(DIFFUSION, before, mask, rng))
    )
    columns = {"before": [as_picture(before)[0]], f"in the corner:\n{fill(words, 17)}": [painted]}
    for start in (200, 600, 800, 950):
        after = edited(DIFFUSION, asked(words, w=0), before, start, rng, steps=20, clip=1.0)
        columns[f"no words,\nfrom t = {start}"] = [as_picture(after)[0]]
    return columns


def edit(texts):
    """Pictures, the mean of all that they may become, what the network makes of them, and the nearest that is right."""
    task, editor = sampling.trained(None, Edit)
    rng = np.random.default_rng(4)
    columns = {}
    for text in texts:
        asked = change(rng, instructions.understand(text), counts=(3,))
        before = paint(*asked.before)
        after, _ = editing.edited(task, editor, before, asked)
        mean = np.mean([paint(*each) for each in asked.after], axis=0)
        columns[fill(text, 17)] = [before, mean, after, nearest_right(asked, after)[0]]
    return columns


if __name__ == "__main__":
    with model.evaluating():
        plot.save(plot.rows(way("a large yellow cross at the top right, on blue")), HERE / "diffusion-way.png")
        sentences = "a small red circle at the bottom left, on white", "a large purple triangle at the centre, on grey"
        plot.save(plot.rows(guidance(sentences)), HERE / "diffusion-guidance.png")
        plot.save(plot.rows(same()), HERE / "diffusion-same.png")
    texts = (
        "make the circle green",
        "move the circle to the centre",
        "turn the red square into a cross",
        "remove the triangle",
    )
    plot.save(plot.rows(edit(texts)), HERE / "diffusion-edit.png")
