# %% [markdown]
# # 9. What skips are for
#
# A U-Net looks at a picture twice. On its way down it gathers what is there, in maps that become smaller and smaller.
# On its way up it draws the answer, and at every level it gets the map of the same size from the way down beside its
# own: the **skip**. Here you take the skips out, see what is lost, and find out why.
#
# **Afterwards you can**
#
# - say what a skip carries, and show it by an experiment that others can repeat;
# - explain why a network without skips draws blurred, and what then becomes of its score;
# - follow a gradient along both ways, through the skip and through the depth;
# - write a skip that adds instead of concatenating, and say what it costs and saves.
#
# **You need** tutorial 8, or just this: a U-Net halves the picture at each level on the way down by max-pooling (the
# largest of 2×2 numbers stays), doubles it on the way up, and is trained by gradients. **It takes** about 60 minutes.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong.

# %%
# %matplotlib inline
import numpy as np

import tinyunet
import tinyunet.functional as F
from tinyunet import classical, data, grade, metrics, optim, plot
from tinyunet.grade import steps  # steps(200) is 200, and fewer only where programs are tested
from tinyunet.unet import UNet

# %% [markdown]
# ## 1. The same network, twice
#
# Here is a small U-Net with three levels, which have 8, 16 and 32 channels: once with its skips, once without them.

# %%
with_skips = UNet(in_channels=1, out_channels=1, channels=(8, 16, 32), rng=0)
without_skips = UNet(in_channels=1, out_channels=1, channels=(8, 16, 32), skips=False, rng=0)

# %% [markdown]
# Below, both are drawn for one grey picture of 64×64 pixels. A shape is (pictures, channels, rows, columns).
#
# > **Predict.** What is the size of the smallest map? How many pixels of the picture does one of its positions stand
# > for?

# %%
print(with_skips.trace((1, 1, 64, 64)).drawing())
print()
print(without_skips.trace((1, 1, 64, 64)).drawing())

# %% [markdown]
# The smallest map is 8×8: three times halved. Each of its 64 positions stands for a block of 8×8 pixels.
#
# In the second network everything must pass through these 8×8 positions. In the first one there are three more ways
# across.

# %% [markdown]
# ## 2. Something thin
#
# To see whether a network knows *where* something is, we need something that can be missed: filaments, one to three
# pixels wide, as a microscope shows them. The **mask** says which pixels belong to one. Beside them are the cells of
# the other tutorials, which are ten to twenty pixels wide.

# %%
images, masks = data.filaments(16, rng=1000)
cells, cell_masks = data.cells(16, rng=1000)
plot.maps({
    "filaments": images[1, 0], "mask of filaments": masks[1, 0],
    "cells": cells[1, 0], "mask of cells": cell_masks[1, 0],
}, limits=(0, 1))

# %% [markdown]
# How good is a drawing? The **Dice** score compares the pixels that are marked with those that should be:
#
# $$\text{Dice} = \frac{2 \cdot \text{pixels in both}}{\text{pixels marked} + \text{pixels of the mask}}$$
#
# 1 is perfect, and 0 means that not one pixel is right.
#
# > **Predict.** Take the mask itself as the answer, but moved to the right by one pixel, or by two. Roughly which
# > Dice does it get for cells? And for filaments? (`np.roll` moves it. What leaves on the right comes in on the left.)

# %%
for right in (0, 1, 2):
    of_cells = metrics.dice(np.roll(cell_masks, right, axis=3), cell_masks)
    of_filaments = metrics.dice(np.roll(masks, right, axis=3), masks)
    print(f"{right} pixels beside: cells {of_cells:.2f}, filaments {of_filaments:.2f}")

# %% [markdown]
# If you miss a cell by two pixels, you are still nearly right. If you miss a filament by two pixels, you have missed
# it. So filaments tell us which network knows where.

# %% [markdown]
# ## 3. With and without
#
# Both networks now learn the same pictures of filaments in the same order, with the same settings. (Tutorial 10
# explains these lines, but for `schedule`, which lets the steps become smaller and smaller towards the end. Here it is
# enough that both networks are treated alike.)

# %%
def usual(model, x):
    """What a network makes of x."""
    return model(x)


def learn(model, draw=data.filaments, seed=0, forward=usual):
    """Train a network on 64 drawn pictures, for 200 steps."""
    pictures, truths = draw(64, rng=seed)
    pictures = [data.standardize(picture) for picture in pictures]
    batches = data.Batches(pictures, truths, batch_size=8, crop=32, rng=seed)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.CosineAnnealingLR(optimizer, steps(200))
    for _ in range(steps(200)):
        x, truth = next(batches)
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(forward(model, x), truth).backward()
        optimizer.step()
        schedule.step()
    return model


def probabilities(model, pictures, forward=usual):
    """For every pixel, how sure the network is that it belongs to a filament: from 0 to 1."""
    x = np.stack([data.standardize(picture) for picture in pictures])
    with model.evaluating():
        return F.sigmoid(forward(model, x)).numpy()


def score(p, truth):
    """Dice of the pixels that are more likely than not."""
    return metrics.dice(p > 0.5, truth)


# %% [markdown]
# Here is a score to go by: that of Otsu's method, which marks whatever is brighter than a threshold.

# %%
otsu = np.stack([classical.otsu(image) for image in images])
print(f"Otsu's threshold: Dice {metrics.dice(otsu, masks):.2f}")

# %% [markdown]
# > **Predict.** After 200 steps, on pictures that neither network has seen: which Dice has the network with skips,
# > which the one without?

# %%
learn(with_skips)
learn(without_skips)
p_with, p_without = probabilities(with_skips, images), probabilities(without_skips, images)
print(f"with skips:    Dice {score(p_with, masks):.2f}")
print(f"without skips: Dice {score(p_without, masks):.2f}")

# %% [markdown]
# The network without skips has marked nothing. Has it learned nothing? Look at its probabilities,
# before anything is marked. White is 1, black is 0.

# %%
plot.maps({"picture": images[1, 0], "mask": masks[1, 0],
           "with skips": p_with[1, 0], "without skips": p_without[1, 0]}, limits=(0, 1))

# %% [markdown]
# It has learned a lot. It knows which parts of the picture hold a filament, roughly which way each one runs, and that
# the round bright specks are none. It does not know on which pixels the filament lies.
#
# That is the whole story in one picture: **the depth knows what, the skip knows where.** (How much depth it takes to
# know what depends on the job: see section 7.)

# %% [markdown]
# ## 4. Was it luck?
#
# A network begins with random weights and sees pictures in a random order. One experiment is an anecdote. So we do it
# three times, each time with other weights, other pictures and another order.
#
# > **Predict.** By how much do the three scores of one network differ from each other? Less or more than the two
# > networks do?

# %%
fall = []
print("seed    with    without")
for seed in (0, 1, 2):
    pair = [
        score(probabilities(learn(UNet(1, 1, (8, 16, 32), skips=skips, rng=seed), seed=seed), images), masks)
        for skips in (True, False)
    ]
    fall.append(pair[0] - pair[1])
    print(f"   {seed}    {pair[0]:.2f}    {pair[1]:.2f}")
print(f"the smallest fall of Dice: {min(fall):.2f}")

# %% [markdown]
# The scores of one network differ by a few hundredths, those of the two networks by far more. It was not luck.
#
# **Is it only that the second network has fewer weights?** Its decoder has no skip to look at, so its convolutions
# have fewer channels to read.
#
# > **Predict.** Let the network without skips be half as wide again, which gives it twice as many weights as the one
# > with skips. Does it catch up?

# %%
def size(model):
    """How many weights a network has."""
    return sum(p.numel() for p in model.parameters())


wider = learn(UNet(1, 1, (12, 24, 48), skips=False, rng=0))
print(f"with skips:           {size(with_skips):7,} weights, Dice {score(p_with, masks):.2f}")
print(f"without skips:        {size(without_skips):7,} weights, Dice {score(p_without, masks):.2f}")
print(f"without skips, wider: {size(wider):7,} weights, Dice {score(probabilities(wider, images), masks):.2f}")

# %% [markdown]
# No: more weights do not help, at least not within 200 steps. Something else is hard for it.

# %% [markdown]
# ## 5. Why blurred, and why nothing is marked
#
# Suppose you know that a line, one pixel wide, runs through one of four columns, and not through which one. You must
# give each column a probability p. The **loss** is −log p for the column with the line and −log(1 − p) for each of
# the three others: the surer you were of what is wrong, the more it costs. (The logarithm is the natural one, `np.log`.
# It is the loss that both networks learned by. Tutorial 10 works it out.)
#
# > **Predict.** Which p, the same for all four columns, costs least?

# %%
print("   p    loss")
for p in (0.05, 0.15, 0.25, 0.35, 0.5, 0.75, 0.95):
    print(f"{p:.2f}    {-np.log(p) - 3 * np.log(1 - p):.2f}")

# %% [markdown]
# A quarter: one column of four. If you do not know where the line lies, you do best by spreading it evenly over all
# places where it may be. That is what **blurred** means here. It is not a lack of skill but the best answer to what is
# known.
#
# And a quarter is less than ½. A pixel is marked if it is more likely than not, so nothing is marked, and Dice is 0.
#
# > **Predict.** Look at the probabilities of both networks on the pixels that do belong to a filament. What is their
# > mean, what is the largest one of all?

# %%
for name, p in [("with skips", p_with), ("without skips", p_without)]:
    print(f"{name:14} mean on filaments {p[masks == 1].mean():.2f}, mean elsewhere {p[masks == 0].mean():.2f}, "
          f"largest {p.max():.2f}")

# %% [markdown]
# Without skips no pixel reaches ½.
#
# Yet something in the blur is right. Add up the probabilities within each block of 8×8 pixels, for which one position
# of the smallest map stands: so many filament pixels the network expects there. Do the same with the mask, and
# compare: block by block, and pixel by pixel. The number to compare by is the **correlation**. It is 1 where one
# rises exactly as the other does, and 0 where they have nothing to do with each other.
#
# > **Predict.** For which network, and for blocks or for pixels, is the correlation low?

# %%
def blocks(a):
    """The sums over blocks of 8×8 pixels."""
    return a.reshape(len(a), 8, 8, 8, 8).sum(axis=(2, 4))  # (N, 8, 8) of (N, 1, 64, 64)


def correlation(a, b):
    """How closely two arrays rise and fall together."""
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


print("                blocks   pixels")
for name, p in [("with skips", p_with), ("without skips", p_without)]:
    print(f"{name:14}    {correlation(blocks(p), blocks(masks)):.2f}     {correlation(p, masks):.2f}")

# %% [markdown]
# Block by block, both networks count well. Pixel by pixel, the one without skips does not. *What* there is in a block
# has been learned through the bottleneck. *Where* in the block it lies has not.

# %% [markdown]
# ## 6. The deeper, the blinder
#
# The smallest map has 32 channels, so 32 numbers for each block of 64 pixels. Could they not hold where the filament
# lies? They could. So there is a way for *where*, too. But to write the place of every pixel into 32 numbers, and to
# draw it again from them, is a hard thing to learn, and harder the larger the block.
#
# > **Predict.** With one level a position stands for 2×2 pixels, with two levels for 4×4. Where does the network
# > without skips stand then? And does the one with skips need three levels?

# %%
print("levels    a position is    with    without")
depths = {1: (8,), 2: (8, 16)}
drawn = {}
for levels, channels in depths.items():
    found = []
    for skips in (True, False):
        p = probabilities(learn(UNet(1, 1, channels, skips=skips, rng=0)), images)
        found.append(score(p, masks))
    drawn[levels] = p
    print(f"   {levels}      {2**levels}×{2**levels} pixels      {found[0]:.2f}    {found[1]:.2f}")
drawn[3] = p_without
print(f"   3      8×8 pixels      {score(p_with, masks):.2f}    {score(p_without, masks):.2f}")

# %%
plot.maps({f"without skips, {levels} level{'s' * (levels > 1)}": p[1, 0] for levels, p in drawn.items()},
          limits=(0, 1))

# %% [markdown]
# Without skips, depth costs sharpness. With skips it costs nothing. A network needs depth to see far around: with one
# level the deepest numbers see 14 pixels in a row, with three 68, with four 140 (tutorial 6). To tell a line from a
# speck 14 pixels are enough, so here one level would do. What only a wider view can tell needs more levels, and the
# skips are what makes these free.

# %% [markdown]
# ## 7. Which skip carries what
#
# This is the way of a picture through the U-Net, in six lines, so that we can reach in and set a skip to zero.

# %%
def passing(model, x, skip=lambda level, features: features, deep=lambda features: features):
    """What a U-Net makes of x; `skip` and `deep` may change what comes across and what comes from below."""
    x, skips = model.encoder(x)  # the smallest map, and every level's from before pooling
    x = deep(model.bottleneck(x))
    for block in model.decoder:
        level = len(skips)  # 3, 2, 1: the deepest skip first
        x = block(x, skip(level, skips.pop()))
    return model.output(x)


def cut(out):
    """A change for `passing`: the skip of this level becomes zeros."""
    return lambda level, features: features * 0 if level == out else features


# %% [markdown]
# > **Predict.** The trained network is left without one of its three skips, or without its bottleneck. Which of the
# > four is missed most? Which is not missed at all?

# %%
x = np.stack([data.standardize(image) for image in images])
with_skips.eval()
no_bottleneck = {"deep": lambda features: features * 0}
cases = {
    "with everything": {},
    "without skip 1 (64×64)": {"skip": cut(1)},
    "without skip 2 (32×32)": {"skip": cut(2)},
    "without skip 3 (16×16)": {"skip": cut(3)},
    "without the bottleneck": no_bottleneck,
    "without both of these": {"skip": cut(3), **no_bottleneck},
}
damaged = {}
for name, change in cases.items():
    damaged[name] = F.sigmoid(passing(with_skips, x, **change)).numpy()
    print(f"{name:22}  Dice {score(damaged[name], masks):.2f}")

# %%
plot.maps({"all there": damaged["with everything"][1, 0],
           "skip 1 is zero": damaged["without skip 1 (64×64)"][1, 0],
           "skip 2 is zero": damaged["without skip 2 (32×32)"][1, 0]}, limits=(0, 1))

# %% [markdown]
# Without skip 1 the lines are blurred: it alone knows single pixels. Without skip 2 the lines stay sharp, but specks
# and noise are marked, too: it sees more of what is around each pixel, enough to tell a line from a speck.
#
# Skip 3 and the bottleneck can go, even both at once, and nobody notices. *What* is here the work of level 2: for
# filaments that is deep enough, and the network has found its answer before it gets deeper. What is not needed is not
# used.

# %% [markdown]
# ## 8. Two ways back
#
# On the way down the features of a level are used twice: they are pooled, and they are the skip. So their gradient
# comes back along two ways, and the two parts are added. (The gradient is what tutorials 1 to 8 call the slopes;
# tutorial 1 shows why those of what is used twice add up.)
#
# `detach()` cuts a way for gradients and leaves the numbers as they are. With the skips detached, only the gradient
# through the depth arrives. With the bottleneck detached, what comes through it is missing.
#
# We print the length of each gradient. Lengths of arrays do not add up: if you walk 3 metres east and 4 metres north,
# you are 5 metres away. So the last column adds the arrays themselves, and compares.
#
# > **Predict.** In an untrained network, which part of the gradient is larger at the first convolution: the one that
# > comes through the bottleneck or the one that comes through skips? Do both add up to the whole?

# %%
fresh = UNet(1, 1, (8, 16, 32), rng=0)


def gradients(model, **change):
    """The gradient of the first convolution of each level."""
    model.zero_grad()
    F.binary_cross_entropy_with_logits(passing(model, x[:8], **change), masks[:8]).backward()
    return [level.conv[0].weight.grad.numpy().copy() for level in model.encoder.levels]


def length(a):
    """How large an array is: the square root of the sum of squares."""
    return np.sqrt((a**2).sum())


whole = gradients(fresh)
across = gradients(fresh, deep=lambda features: features.detach())
below = gradients(fresh, skip=lambda level, features: features.detach())
print("level    whole    through skips    through the bottleneck    add up")
for level in range(3):
    same = np.allclose(whole[level], across[level] + below[level], atol=1e-5)
    print(f"  {level + 1}     {length(whole[level]):.4f}      {length(across[level]):.4f}"
          f"               {length(below[level]):.4f}            {same}")

# %% [markdown]
# They add up, and nearly all of the gradient comes through skips. Through the finest skip the way from the loss to
# the first convolution leads through four convolutions: the last one, two of the decoder, one of the encoder. Through
# the bottleneck it leads through seventeen, three of them transposed.
#
# Why is the part through the bottleneck so small? Each decoder puts the map from below beside the skip.
#
# > **Predict.** Which of the two has the larger numbers, in an untrained network?

# %%
below_and_skip = []
deep, skips = fresh.encoder(x[:8])
deep = fresh.bottleneck(deep)
for block in fresh.decoder:
    across_here, from_below = skips.pop(), block.up(deep)
    sizes = [np.sqrt((a.numpy() ** 2).mean()) for a in (from_below, across_here)]  # the root of the mean square
    below_and_skip.append(sizes)
    print(f"from below {sizes[0]:.2f}, skip {sizes[1]:.2f}")
    deep = block(deep, across_here)

# %% [markdown]
# An up-convolution makes numbers smaller, so what comes from below has less than a third of the size of the skip. The
# BatchNorm that follows brings *both together* to one size, so the part from below stays small. This happens in three
# decoders, one after the other: 0.3 · 0.3 · 0.3 is about 0.03, and 0.0021 is 0.02 of 0.1152.
#
# It is often said that without skips the first layers get no gradient at all.
#
# > **Predict.** Is that so? Here is the gradient of the first convolution, in an untrained network without skips.

# %%
alone = gradients(UNet(1, 1, (8, 16, 32), skips=False, rng=0))
print(f"without skips {length(alone[0]):.4f}, with them {length(whole[0]):.4f}")

# %% [markdown]
# It is not so here. The gradient has about the same length. Without skips nothing stands beside what comes from below,
# so each BatchNorm brings it back to full size (tutorial 5): the deep way is weak beside skips, and not by itself. What
# is lost on it is not the size of the gradient but what it says about single pixels.

# %% [markdown]
# ## 9. What cells say
#
# Are skips always that important? Cells are large, and most of their pixels lie inside.
#
# > **Predict.** Both networks learn cells. Which Dice does each one get? And where are the pixels that the one without
# > skips gets wrong?

# %%
p_cells = {
    skips: probabilities(learn(UNet(1, 1, (8, 16, 32), skips=skips, rng=0), data.cells), cells)
    for skips in (True, False)
}


def edge_error(p, truth):
    """How many pixels the edges of what is marked lie beside the true ones, mean of all pictures."""
    return np.mean([metrics.edge_distance(p[k, 0] > 0.5, truth[k, 0]) for k in range(len(p))])


for skips, p in p_cells.items():
    print(f"{'with' if skips else 'without'} skips: Dice {score(p, cell_masks):.2f}, "
          f"edges {edge_error(p, cell_masks):.2f} pixels beside the true ones")

# %%
wrong = {skips: (p[1, 0] > 0.5) != cell_masks[1, 0] for skips, p in p_cells.items()}
plot.maps({"cells": cells[1, 0], "with skips: wrong pixels": wrong[True],
           "without skips: wrong pixels": wrong[False]}, limits=(0, 1))

# %% [markdown]
# Without skips Dice falls by a few hundredths only: a good score, and yet its edges lie more than twice as far off. If
# you look at Dice alone, you may think that skips hardly matter. **A score shows what it weighs**: Dice counts pixels,
# and large things have few of them on their edges.

# %% [markdown]
# ## 10. Exercises
#
# **Exercise 1: predictions.** Without a computer:
#
# - `line 1`, `line 2`, `line 4`: Dice of an upright line 1, 2 or 4 pixels wide, from the top of the picture to the
#   bottom, that is marked as wide as it is, but one pixel too far to the right;
# - `square`: Dice of a square of 20×20 pixels, marked one pixel too far to the right;
# - `block`: how many pixels a position of the smallest map stands for, in a U-Net with four levels;
# - `p`: an upright line 2 pixels wide runs through a block that is 16 pixels wide, and nothing is known of where. The
#   probability, the same for each pixel of the block, that costs least.

# %% tags=["exercise"]
predictions = {
    "line 1": None,  # yours, and all others
    "line 2": None,
    "line 4": None,
    "square": None,
    "block": None,
    "p": None,
}

# %% tags=["solution"]
predictions = {
    "line 1": 0,  # of w columns, w − 1 are in both: 2(w − 1) / (w + w)
    "line 2": 1 / 2,
    "line 4": 3 / 4,
    "square": 19 / 20,
    "block": 16 * 16,  # halved four times
    "p": 2 / 16,  # two columns of sixteen
}

# %%
grade("predictions", predictions)

# %% [markdown]
# **Exercise 2: a skip that adds.** Concatenation puts the maps of the skip behind those that come from below, and
# the next convolution has twice as many channels to read. One can add them instead, pixel by pixel and channel by
# channel. Write this operation for arrays, as all operations are written here: it returns its result, and `backward`,
# which turns the gradient of the result into the gradients of both inputs.

# %% tags=["exercise"]
def add_skip(up, skip):
    """up and skip, both (N, C, H, W), added. Returns y and backward(dy) → dup, dskip."""
    y = up.copy()  # yours

    def backward(dy):
        return dy, np.zeros_like(dy)  # yours

    return y, backward


# %% tags=["solution"]
def add_skip(up, skip):
    """up and skip, both (N, C, H, W), added. Returns y and backward(dy) → dup, dskip."""
    y = up + skip

    def backward(dy):
        return dy, dy  # each input moves y by as much as it moves itself

    return y, backward


# %%
grade("add_skip", add_skip)

# %% [markdown]
# Now a U-Net on it. A network without skips has just the weights that an adding one needs, since adding makes no more
# channels. So the networks "added" and "none" begin with the same weights, to the last digit, and see the same
# pictures. One thing is different between them: the plus.
#
# > **Predict.** Which Dice does it get: that with concatenated skips (you have it above), that without, or between?

# %%
add = tinyunet.differentiable(add_skip)  # an operation on Tensors, with your backward


def adding(model, x):
    """What a network makes of x if its skips are added."""
    x, skips = model.encoder(x)
    x = model.bottleneck(x)
    for block in model.decoder:
        x = block.conv(add(block.up(x), skips.pop()))
    return model.output(x)


added = learn(UNet(1, 1, (8, 16, 32), skips=False, rng=0), forward=adding)
p_added = probabilities(added, images, forward=adding)
for name, model, p in [
    ("concatenated", with_skips, p_with), ("added", added, p_added), ("none", without_skips, p_without),
]:
    print(f"skips {name:13} {size(model):7,} weights, Dice {score(p, masks):.2f}")

# %% [markdown]
# Adding does nearly as well, with a tenth fewer weights. With concatenation the network is free to choose what it
# makes of both: the next convolution could learn to add them. Adding decides that for it, and asks that both have the
# same number of channels. Both are in use: the U-Net's skips concatenate, those of a ResNet add.

# %% [markdown]
# ## Summary
#
# | | in words | here |
# |---|---|---|
# | bottleneck | has learned what is in each block, not where in it | blocks 0.86, pixels 0.50 |
# | skip | carries the map from before pooling across: where | Dice 0.88 instead of 0.00 |
# | blurred | the best answer if you do not know where | a line in one of 4 columns: ¼ each |
# | nothing marked | the blur lies below ½ | largest probability 0.47 |
# | depth | costs sharpness without skips, nothing with them | 0.84, 0.74, 0.00 with 1, 2, 3 levels |
# | finest skip | alone knows single pixels | without it Dice 0.52 |
# | gradients | come back both ways and add up | nearly all through skips |
# | large things | hide bad edges behind a good Dice | cells: 0.97 and 0.92 |
# | adding | fewer weights, nearly as good | 0.87 |
#
# ## Change it and see
#
# 1. In section 3, mark the pixels of the network without skips whose probability is above 0.3, not ½. Which Dice?
# 2. Write 1000 for 200 in both places of `learn`, and give it a fresh network without skips. Does it ever mark a
#    filament?
# 3. In section 7, cut skips 1 and 2 together. And skips 2 and 3?
# 4. In section 10, let `adding` multiply the skip by 0.5 before it is added.
# 5. In section 2, move the masks down instead of to the right: `axis=2`.
#
# **What you should have seen.** 1: 0.52: what is marked then lies in the right place, and is far too wide. 2: yes, with
# Dice 0.70: slowly it learns to write places into its 32 numbers for a block, which the network with skips need not
# learn at all. 3: without 1 and 2 nothing is marked, since what is left has passed through maps of 16×16; without 2
# and 3 Dice is 0.82. 4: 0.87, as before: the convolutions around it make up for a factor. 5: about the same, since
# filaments run in all directions.
#
# ## Where to read on
#
# - [`tinyunet/unet.py`](../../tinyunet/unet.py): the encoder returns two things, the decoder takes both.
# - [`cat` in `tinyunet/ops/shape.py`](../../tinyunet/ops/shape.py): concatenation and its gradient.
# - [`tinyunet/data/synthetic.py`](../../tinyunet/data/synthetic.py): how the filaments are drawn.
# - [`tinyunet/metrics.py`](../../tinyunet/metrics.py): Dice, and how far edges lie apart.
# - A worked example: `tinyunet byhand maxpool` shows which places a pooling forgets, and `tinyunet lab` lets you type
#   numbers of your own.
# - A worksheet: `tinyunet worksheet max_pool2d --out sheet.pdf --key key.pdf`.
# - Next: [10. Training](10_training.ipynb). How does it learn, and how do I see that it does?
