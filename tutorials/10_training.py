# %% [markdown]
# # 10. Training
#
# A U-Net that has just been made draws nonsense: its weights are random numbers. **Training** changes them a little,
# hundreds of times, until what it draws is right. Here you work out by hand what happens in one of these steps, see
# what can go wrong and how to notice it, and at the end train a U-Net whose every operation is your own.
#
# **Afterwards you can**
#
# - work out the loss of a pixel, its gradient, and the step of a weight;
# - say which score to believe, and when a good number means nothing;
# - see in a curve whether the learning rate is too small or too large, and whether a network only learns by heart;
# - train a U-Net on your own operations, and on a folder of your own pictures.
#
# **You need** tutorial 8, or just this: a U-Net makes a number for every pixel of a picture, and `backward()` finds the
# slope of each of its weights. All these slopes together are the **gradient**. **It takes** about 90 minutes, half of
# them for the exercises.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tinyunet
import tinyunet.functional as F
from tinyunet import data, grade, metrics, optim, plot
from tinyunet.grade import steps  # steps(150) is 150, and fewer only where programs are tested
from tinyunet.unet import UNet

# %% [markdown]
# ## 1. What the network says of a pixel
#
# The last layer makes one number for each pixel, of any size, positive or negative: a **logit**. Positive says "this
# pixel belongs to a cell", negative says "it does not", and the further from 0, the surer. The **sigmoid** σ turns it
# into a probability:
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}}$$
#
# > **Predict.** Which probability belongs to the logit 0? Roughly which to 2, and which to −2?

# %%
for x in (-4.0, -2.0, 0.0, 2.0, 4.0):
    print(f"logit {x:2.0f}: probability {1 / (1 + np.exp(-x)):.3f}")

# %% [markdown]
# 0 is undecided. And σ(−x) = 1 − σ(x): a logit of −2 is as sure of *no cell* as 2 is of *cell*.

# %% [markdown]
# ## 2. The loss: what a mistake costs
#
# To learn, the network needs a single number that says how wrong it is: the **loss**. For each pixel, take the
# probability that the network gave to what is true: p if the pixel belongs to a cell, 1 − p if it does not. The pixel
# costs minus the logarithm of that. The loss is the mean of all pixels. It is called **binary cross-entropy**: binary,
# because there are two answers.
#
# The logarithm is the natural one, `np.log`. Of 1 it is 0, of ½ it is −0.69, and of a tenth −2.30. (And the logarithm
# of a product is the sum of both logarithms.)
#
# > **Predict.** A pixel belongs to a cell. What does it cost if the network is sure of it (0.99), undecided (0.5), or
# > sure of the opposite (0.01)?

# %%
for p in (0.99, 0.9, 0.5, 0.1, 0.01):
    print(f"probability of what is true {p:4.2f}: costs {-np.log(p):.2f}")

# %% [markdown]
# To be right costs next to nothing. To be undecided costs 0.69, which is log 2. To be sure and wrong is what costs.
#
# > **Predict.** A fresh network knows nothing. What is its loss, roughly?

# %%
images, masks = data.cells(16, rng=1000)
x_validation = np.stack([data.standardize(image) for image in images])  # mean 0 and spread 1 for each picture
fresh = UNet(1, 1, channels=(8, 16, 32), rng=0)
print(f"loss of a fresh network: {F.binary_cross_entropy_with_logits(fresh(x_validation), masks).item():.2f}")

# %% [markdown]
# About log 2, as for a coin.
#
# **Its gradient** is as simple as it could be: σ(x) − t, where t is 1 for a pixel of a cell and 0 elsewhere. It is the
# probability that the network gave, minus the one that would have been right. (Over the number of pixels, because the
# loss is their mean. Exercise 1 shows where it comes from.)
#
# > **Predict.** One pixel of a cell, with the logit 0. What is the gradient of its loss? Which way must the logit move
# > to make the loss smaller?

# %%
def loss(x, t):
    """The cost of one pixel with the logit x and the truth t."""
    p = 1 / (1 + np.exp(-x))
    return -np.log(p if t == 1 else 1 - p)


x = tinyunet.tensor([0.0], requires_grad=True)
F.binary_cross_entropy_with_logits(x, np.array([1.0], np.float32)).backward()
print("by the formula:", 0.5 - 1)
print(f"by a nudge:     {(loss(0.001, 1) - loss(-0.001, 1)) / 0.002:.4f}")
print("by backward():  ", x.grad[0].item())

# %% [markdown]
# −0.5: a larger logit makes the loss smaller. And the surer the network already is of what is true, the less there is
# to gain.
#
# **Why not work with the probability itself?** The formula for σ is right, but a computer rounds.
#
# For a pixel of no cell, −log(1 − σ(x)) is log(1 + eˣ). For a large x that is as good as log(eˣ), which is x.
#
# > **Predict.** Such a pixel has the logit 1000, so it costs 1000. What does the function `loss` above say?

# %%
with np.errstate(all="ignore"):
    print("by the formula as it stands:", loss(1000.0, 0))
right = F.binary_cross_entropy_with_logits(np.array([1000.0]), np.array([0.0]))
print("by F.binary_cross_entropy_with_logits:", right.item())

# %% [markdown]
# σ(1000) is so close to 1 that it is rounded to 1, and the logarithm of 0 is infinite. After one such pixel all weights
# are `nan`. So the loss is worked out from the logit, by log(1 + eˣ), and no probability is ever rounded to 1. That is
# what the "with logits" in its name says.

# %% [markdown]
# ## 3. A score for people, and when accuracy lies
#
# The loss is what the network learns by. People want to know: how much of it is right? Here are two scores for a mask.
# **Accuracy** is the share of pixels that are right. **Dice** is 2 · (pixels in both masks) / (pixels of one + pixels
# of the other).
#
# > **Predict.** Somebody hands in an empty mask: nothing is marked. Which accuracy and which Dice does it get, for
# > filaments, which cover about a tenth of the picture?

# %%
_, thin = data.filaments(16, rng=1000)
nothing = np.zeros_like(thin)
print(f"accuracy {metrics.pixel_accuracy(nothing, thin):.2f}")
print(f"Dice     {metrics.dice(nothing, thin):.2f}")

# %% [markdown]
# An accuracy of 0.9 without a single pixel found. Where most of the picture is background, accuracy mostly says that
# the background is large. Dice leaves out what is rightly not marked. **Before you believe a score, ask what doing
# nothing would get.**

# %% [markdown]
# ## 4. One weight, and the learning rate
#
# Gradient descent moves each weight against its gradient: w becomes w − lr · gradient. The factor lr is the **learning
# rate**. Here it is for one weight with the loss L = w², whose gradient is 2w. The best weight is 0, and we start at 1.
#
# > **Predict.** Work out the first two steps for lr = 0.1, 0.5 and 1. What happens with 1.1?

# %%
for lr in (0.01, 0.1, 0.5, 1.0, 1.1):
    w, way = 1.0, []
    for _ in range(6):
        w = w - lr * 2 * w
        way.append(f"{w:6.3f}")
    print(f"lr {lr:4}:", " ".join(way))

# %% [markdown]
# Too small, and it takes for ever. Too large, and each step lands further away than it began. (With 1 it jumps between
# −1 and 1 for ever.) Between the two lies a factor of a hundred, and nobody tells you where: you try.

# %% [markdown]
# ## 5. Adam, by hand
#
# A network has thousands of weights, and one learning rate for all. But some gradients are a thousand times larger
# than others. **Adam** divides them by their own size. For each weight it keeps two running means: m of the gradient,
# v of its square. At step t, counted from 1:
#
# - m becomes 0.9 · m + 0.1 · gradient
# - v becomes 0.999 · v + 0.001 · gradient²
# - both begin at 0 and so are too small at first: m / (1 − 0.9ᵗ) and v / (1 − 0.999ᵗ) make up for it
# - w becomes w − lr · (corrected m) / (√(corrected v) + 0.00000001)
#
# The last number is only there so that nothing is divided by 0.
#
# > **Predict.** Two weights, with the gradients 5 and 0.01, and lr = 0.1. How far does each one move at the first step?
# > Work out m, v and both corrections for the gradient 5.

# %%
for gradient in (5.0, 0.01):
    m, v = 0.1 * gradient, 0.001 * gradient**2
    corrected_m, corrected_v = m / (1 - 0.9), v / (1 - 0.999)
    step = 0.1 * corrected_m / (np.sqrt(corrected_v) + 1e-8)
    print(f"gradient {gradient}: m {m:g}, v {v:g}, corrected {corrected_m:g} and {corrected_v:g}, step {-step:.4f}")

# %% [markdown]
# Both move by 0.1, the learning rate. With Adam, lr is a length: a weight moves about so far in a step, or less.
#
# > **Predict.** The gradient is 5, 5 again, and then −5. Which way does the weight move at the third step, and further
# > or less far than before?

# %%
w = tinyunet.tensor([1.0], requires_grad=True)
optimizer = optim.Adam([w], lr=0.1)
for gradient in (5.0, 5.0, -5.0):
    before = w.item()
    optimizer.zero_grad()
    (w * gradient).sum().backward()  # a loss with just this gradient
    optimizer.step()
    print(f"gradient {gradient:2.0f}: the weight moves by {w.item() - before:.3f}")

# %% [markdown]
# Still down, but less far: m remembers the two gradients before. A gradient that changes its sign at each step mostly
# cancels out. One that keeps its sign adds up.

# %% [markdown]
# ## 6. Training a U-Net
#
# All of it together. A **batch** is a few random pieces of the pictures, here 8 pieces of 32×32. Each step of training
# has five lines: draw a batch, forget the last gradients, work out the loss, find all gradients, move all weights.

# %%
def pieces(count, seed=0, crop=32, flips=True, batch_size=8):
    """Random batches from so many pictures of cells: pieces of crop×crop pixels, or whole pictures if it is None."""
    pictures, truths = data.cells(count, rng=seed)
    pictures = [data.standardize(picture) for picture in pictures]
    return data.Batches(pictures, truths, batch_size=batch_size, crop=crop, rng=seed, flips=flips)


def train(model, batches, number, lr=0.01, kind=optim.Adam, watch=None):
    """Train for a number of steps. Returns the loss of each one, and what `watch(model)` gave after every 20.

    `kind` says how weights move: by Adam, if nothing else is said.
    """
    optimizer = kind(model.parameters(), lr=lr)
    losses, seen = [], []
    for step in range(1, number + 1):
        x, truth = next(batches)
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x), truth)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if watch and (step % 20 == 0 or step == number):
            seen.append((step, watch(model)))
    return losses, seen


def probabilities(model, x):
    """For every pixel, how sure the network is that it belongs to a cell."""
    with model.evaluating():  # BatchNorm in evaluation: tutorial 5
        return F.sigmoid(model(x)).numpy()


def validation_dice(model):
    """Dice on cells that the network has not seen in training."""
    return metrics.dice(probabilities(model, x_validation) > 0.5, masks)


# %% [markdown]
# > **Predict.** Four fresh networks learn with the learning rates 0.0001, 0.01, 1 and 10, for 100 steps. Sketch the
# > four curves of the loss. At the first step all are at about 0.7.

# %%
found = {}
for lr in (0.0001, 0.01, 1.0, 10.0):
    model = UNet(1, 1, channels=(8, 16), rng=0)
    found[lr], _ = train(model, pieces(64), steps(100), lr=lr)
    print(f"lr {lr:6}: loss at the end {np.mean(found[lr][-10:]):.2f}, Dice {validation_dice(model):.2f}")


# %%
def curves(lines, what, title, width=11):
    """Losses over steps: each step pale, and the mean of its neighbours."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    for k, (name, (x, y)) in enumerate(lines.items()):
        axes.plot(x, y, color=plot.MARKS[k], alpha=0.25)
        style = ["-", "--", "-.", ":"][k]
        axes.plot(x, plot.running_mean(y, width), style, color=plot.MARKS[k], linewidth=3, label=name)
    axes.set_title(title, fontsize=18)
    axes.set_xlabel("training step", fontsize=15)
    axes.set_ylabel(what, fontsize=15)
    axes.tick_params(labelsize=13)
    axes.set_ylim(0, 1)
    axes.legend(fontsize=14, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


curves({f"lr {lr}": (np.arange(len(y)) + 1, y) for lr, y in found.items()}, "loss",
       "Too small crawls, too large jumps")

# %% [markdown]
# 0.0001 is on its way, and would take many times as long. 0.01 falls at once, and is soon far below all others. With 1
# and 10 the first steps throw all weights far away, and the loss with them, out of the picture. What is learned
# afterwards remains coarse. (Each step is a pale line. The thick line is the mean of neighbours, and so begins a little
# lower or higher than the first step.) If a curve jumps and does not fall, try a tenth of the learning rate. If it
# falls steadily and slowly, try ten times as much.
#
# **How to read such a curve.** A single step tells little: one batch is easier than another. Look at the mean of
# neighbours, the thick line. And do not look at the loss alone: it is measured on what the network learns from.

# %% [markdown]
# ## 7. Learning by heart
#
# A network with thousands of weights can remember a few pictures pixel by pixel, and understand nothing. This is called
# **overfitting**. To see it, keep some pictures apart, never learn from them, and measure the loss on them too: the
# **validation** loss. Our 16 pictures from section 2 are kept apart in this way. (Strictly, if you choose a learning
# rate or a network by these pictures, you need still others to judge by.)
#
# Here a network learns from two pictures only, always from whole pictures, for 200 steps.
#
# > **Predict.** What becomes of the loss on the two pictures? And of the loss on the others: does it fall, too, and
# > does it go on falling?

# %%
def validation_loss(model):
    """The loss on pictures that were not learned from."""
    with model.evaluating():
        return F.binary_cross_entropy_with_logits(model(x_validation), masks).item()


by_heart = UNet(1, 1, channels=(8, 16, 32), rng=0)
whole_pictures = pieces(2, crop=None, flips=False, batch_size=2)
heart_losses, heart_seen = train(by_heart, whole_pictures, steps(200), watch=validation_loss)
print(f"loss on the two pictures: {heart_losses[-1]:.3f}")
print("loss on the others, every 20 steps:", " ".join(f"{value:.2f}" for _, value in heart_seen))
print(f"Dice on the others: {validation_dice(by_heart):.2f}")

# %% [markdown]
# On its two pictures it makes no mistake any more. On the others the loss falls at first, and then it *rises*: the
# network becomes surer and surer of what is wrong.
#
# The best cure is more pictures. The second best is to make more out of those that there are: cut out pieces at
# random, turn them by quarters, mirror them. A cell upside down is still a cell. This is **augmentation**.
#
# > **Predict.** The same two pictures, now as random pieces of 32×32, turned and mirrored at random. Which loss is
# > higher than before, which one lower?

# %%
varied = UNet(1, 1, channels=(8, 16, 32), rng=0)
varied_losses, varied_seen = train(varied, pieces(2), steps(200), watch=validation_loss)
print(f"loss on pieces of the two pictures: {np.mean(varied_losses[-10:]):.3f}")
print("loss on the others, every 20 steps:", " ".join(f"{value:.2f}" for _, value in varied_seen))
print(f"Dice on the others: {validation_dice(varied):.2f}")

# %%
seen = {
    "learned from, as they are": (np.arange(len(heart_losses)) + 1, heart_losses),
    "others, as they are": np.transpose(heart_seen),
    "learned from, with augmentation": (np.arange(len(varied_losses)) + 1, varied_losses),
    "others, with augmentation": np.transpose(varied_seen),
}
curves(seen, "loss", "Learning by heart: the loss on other pictures rises", width=1)

# %% [markdown]
# What it learns from has become harder, so the loss in training is higher. What counts is lower.
#
# | what you see | what it means | what to do |
# |---|---|---|
# | the loss does not fall, or jumps | learning rate too large | a tenth of it |
# | it falls slowly and steadily | learning rate too small | ten times as much |
# | training falls, validation rises | learning by heart | more pictures, augmentation |
# | both fall, Dice stays 0 | nothing reaches ½ yet | patience; look at the probabilities |
# | `nan` | an overflow, or a step too large | the loss with logits, a smaller rate |

# %% [markdown]
# ## 8. Exercises
#
# **Exercise 1: the loss and its gradient.** Write the binary cross-entropy of logits x against the truth t: for each
# pixel −t · log σ(x) − (1 − t) · log(1 − σ(x)), and of all pixels the mean. It returns the loss and `backward`, which
# takes dy, the gradient of what comes after, and returns dx.
#
# Use −log σ(x) = log(1 + e⁻ˣ) and −log(1 − σ(x)) = log(1 + eˣ), with the natural logarithm; `np.log1p(z)` is
# log(1 + z). But e¹⁰⁰⁰ is too large for a number: let only the exponential of a negative number be taken.

# %% tags=["exercise"]
def bce_with_logits(x, t):
    """Binary cross-entropy of logits x and truth t, alike in shape. Returns the mean and backward(dy) → dx."""
    y = np.abs(x - t).mean()  # yours

    def backward(dy):
        return np.zeros_like(x)  # yours

    return y, backward


# %% tags=["solution"]
def bce_with_logits(x, t):
    """Binary cross-entropy of logits x and truth t, alike in shape. Returns the mean and backward(dy) → dx."""
    y = (np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))).mean()

    def backward(dy):
        e = np.exp(-np.abs(x))
        p = np.where(x >= 0, 1, e) / (1 + e)  # σ(x), without an exponential that overflows
        return dy * (p - t) / x.size

    return y, backward


# %%
grade("bce_with_logits", bce_with_logits)

# %% [markdown]
# **Exercise 2: Dice.** Of two masks of 0 and 1. All pixels of all pictures count together. If both masks are empty,
# there is no mistake: what should Dice be then?

# %% tags=["exercise"]
def dice(p, t):
    """Dice of the mask p against the true mask t, arrays of 0 and 1 of one shape: 2·both / (marked + true)."""
    return (p == t).mean()  # yours


# %% tags=["solution"]
def dice(p, t):
    """Dice of the mask p against the true mask t, arrays of 0 and 1 of one shape: 2·both / (marked + true)."""
    total = p.sum() + t.sum()
    return 2 * (p * t).sum() / total if total else 1.0


# %%
grade("dice", dice)

# %% [markdown]
# **Exercise 3: a step of Adam.** Section 5 in general, for a whole array of weights. In the formulas there, 0.9 is
# `beta1`, 0.999 is `beta2`, and 0.00000001 is `eps`.

# %% tags=["exercise"]
def adam_step(w, dw, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """The t-th step of Adam (t is 1 at first): weights w, gradient dw, running means m and v → w, m, v anew."""
    return w - lr * dw, m, v  # yours


# %% tags=["solution"]
def adam_step(w, dw, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """The t-th step of Adam (t is 1 at first): weights w, gradient dw, running means m and v → w, m, v anew."""
    m = beta1 * m + (1 - beta1) * dw
    v = beta2 * v + (1 - beta2) * dw**2
    mean, square = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * mean / (np.sqrt(square) + eps), m, v


# %%
grade("adam_step", adam_step)

# %% [markdown]
# ## 9. Your U-Net
#
# Everything is there. `grade.mine()` puts every operation that you have passed, in all tutorials, into the place of
# ours: inside the `with`, the network runs on them. Your step of Adam becomes an optimizer in a few lines. It is called
# for every array of weights, with the m and v that belong to it. (`Optimizer` asks for the names `slots` and `update`,
# and hands over the learning rate as `group["lr"]`. `m[:] = …` writes into the array that is there.)
#
# It prints which operations are yours. (Where these results were stored, only this tutorial was run, so one is. When
# you have passed the exercises of tutorials 3 to 7 as well, all nine are.)

# %%
class MyAdam(optim.Optimizer):
    """Adam, by your own step. m and v are kept for every weight, and are changed in place."""

    slots = "m", "v"

    def update(self, group, t, w, dw, m, v):
        w, m[:], v[:] = adam_step(w, dw, m, v, t, group["lr"])
        return w


# %% [markdown]
# > **Predict.** 150 steps, with 64 pictures of cells. Which Dice on those that it has not seen?

# %%
def dice_by_name(model):
    """Dice on other cells, as `plot.training_curve` wants it."""
    return {"Dice": validation_dice(model)}


mine = UNet(1, 1, channels=(8, 16), rng=0)
with grade.mine() as yours:
    print("yours:", ", ".join(yours) or "nothing yet, so all is ours")
    my_losses, my_seen = train(mine, pieces(64), steps(150), kind=MyAdam, watch=dice_by_name)
    marked = probabilities(mine, x_validation) > 0.5
print(f"Dice {dice(marked, masks):.2f}")

# %%
plot.training_curve(my_losses, my_seen)

# %%
plot.maps({"cells": images[1, 0], "mask": masks[1, 0], "your U-Net": marked[1, 0]}, limits=(0, 1))

# %% [markdown]
# **Exercise 4: your U-Net.** Put it into a function that takes pictures as they come, and gives a probability for each
# pixel. It is then tried on other pictures of cells, and Dice 0.93 on them is enough. (It is checked when all the
# operations of your U-Net are passed: this exercise builds on all tutorials. `tinyunet progress` shows what is still
# open.)

# %% tags=["exercise"]
def my_unet(images):
    """Pictures of cells (N, 1, H, W), from 0 to 1 → for each pixel the probability that it belongs to a cell."""
    return np.zeros_like(images)  # yours


# %% tags=["solution"]
def my_unet(images):
    """Pictures of cells (N, 1, H, W), from 0 to 1 → for each pixel the probability that it belongs to a cell."""
    x = np.stack([data.standardize(image) for image in images])
    with grade.mine():
        return probabilities(mine, x)


# %%
grade("my_unet", my_unet)

# %% [markdown]
# ## 10. On your own pictures
#
# Put pictures into one folder, and masks of the same names into another: white where the thing is, black elsewhere.
# Here a folder is made for a moment, with twelve pictures of filaments; write the names of your folders instead.

# %%
with tempfile.TemporaryDirectory() as folder:
    pictures, truths = data.filaments(12, rng=5)
    for k in range(12):
        data.write_probability(Path(folder, "pictures", f"{k:02}.png"), pictures[k])  # numbers from 0 to 1, as grey
        data.write_mask(Path(folder, "masks", f"{k:02}.png"), truths[k])

    pairs = data.find_pairs(Path(folder, "pictures"), Path(folder, "masks"))
    my_pictures, my_masks = data.load_pairs(pairs)
print(len(pairs), "pairs, the first is", pairs[0].name, "with", my_pictures[0].shape)

# %% [markdown]
# The last three are kept apart: they tell how good it is. Filaments are thin, so small pieces of 16×16 show enough of
# them. That is a quarter of the work.
#
# > **Predict.** Nine pictures are not many. Which Dice do you expect on the three others after 150 steps, with
# > augmentation?

# %%
standard = [data.standardize(picture) for picture in my_pictures]
batches = data.Batches(standard[:9], my_masks[:9], batch_size=16, crop=16, rng=0)
model = UNet(1, 1, channels=(8, 16), rng=0)
with grade.mine():
    train(model, batches, steps(150), kind=MyAdam)
    p = probabilities(model, np.stack(standard[9:]))
print(f"Dice {dice(p > 0.5, np.stack(my_masks[9:])):.2f}")
plot.maps({"picture": my_pictures[9][0], "mask": my_masks[9][0], "your U-Net": p[0, 0]}, limits=(0, 1))

# %% [markdown]
# For more than a trial there is the command, which also saves, goes on after an interruption, and predicts pictures of
# any size:
#
# ```sh
# tinyunet train --images pictures --masks masks --out run
# tinyunet predict run new/*.png --out predictions
# ```

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | logit, sigmoid | any number; the probability made of it | 0 is ½, 2 is 0.88 |
# | cross-entropy | −log of the probability of what is true | undecided: 0.69 |
# | its gradient | σ(x) − t | logit 0 on a cell: −0.5 |
# | accuracy | share of pixels that are right | 0.9 for marking nothing |
# | Dice | 2 · both / (marked + true) | 0 for marking nothing |
# | learning rate | how far a step goes | 0.01 here, for Adam |
# | Adam | m / √v, corrected: a weight moves by about lr, or less | gradients 5 and 0.01: both by lr |
# | overfitting | learning by heart: validation rises | two pictures as they are |
# | augmentation | more pictures out of the same | pieces, turned and mirrored |
#
# ## Change it and see
#
# 1. In section 6, take `kind=optim.SGD`, which is section 4 for all weights, with the learning rates 0.01, 0.1 and 1.
# 2. In section 7, learn from pieces of two pictures, without turning or mirroring them: `pieces(2, flips=False)`.
# 3. Stop the first training of section 7 after 60 steps, where the validation loss is least. Is Dice better than at
#    the end?
# 4. In section 9, give `mine` a third level: `channels=(8, 16, 32)`.
#
# **What you should have seen.** 1: Dice 0.66, 0.85 and 0.91, so it needs a larger rate, and is slower than Adam with
# 0.01. 2: between the two: in the second half the loss on the others no longer falls, and Dice is 0.89. Pieces alone
# are augmentation, but not enough of it. 3: about the same, 0.85. To stop early keeps the loss from rising, but it does
# not make two pictures into more. 4: 0.96. It sees further around each pixel, and takes a little longer.
#
# ## Where to read on
#
# - [`tinyunet/ops/loss.py`](../../tinyunet/ops/loss.py): the losses, each with its gradient derived.
# - [`tinyunet/optim/optimizer.py`](../../tinyunet/optim/optimizer.py): Adam and its relatives.
# - [`tinyunet/training.py`](../../tinyunet/training.py): the loop that saves, stops and goes on.
# - [`tinyunet/data/augment.py`](../../tinyunet/data/augment.py): what may be done to a picture without changing its
#   meaning.
# - A worked example: `tinyunet byhand binary-cross-entropy` prints every step of a loss and its gradient.
# - A worksheet: `tinyunet worksheet cross_entropy --out sheet.pdf --key key.pdf`, for more than two answers.
