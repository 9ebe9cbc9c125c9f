# %% [markdown]
# # 5. The ConvBlock
#
# A U-Net is built from one brick, used again and again: nine times in the network of the next tutorials. The brick is
# called **ConvBlock**: a convolution, a batch normalisation, a ReLU, and the same three once more. The convolution you
# know. Here you find out what the other two are for, by working them out, by writing them, and by leaving them out.
#
# **Afterwards you can**
#
# - show what a network without ReLU can never do;
# - normalise numbers with a pencil, and write batch normalisation with its gradient;
# - say why a network answers differently in training and in evaluation, and notice when it is in the wrong one;
# - build a ConvBlock, and say what each of its parts is good for.
#
# **You need** Python, a little NumPy, school mathematics, and pencil and paper. **It takes** about 90 minutes, half of
# them for the three exercises.
#
# **Taken for granted:** what a convolution and a channel are (tutorial 2), and what the slopes `dy` and a `backward`
# are (tutorials 1 and 4). In short: `dy` holds, for each output of an operation, by how much the loss grows when that
# output grows by 1, and `backward(dy)` turns this into the same for each input. ("By 1" is said for short. The nudge
# is tiny, and the loss grows `dy` times as much.)

# %%
# %matplotlib inline
import numpy as np
from matplotlib.figure import Figure

import tinyunet
import tinyunet.functional as F
from tinyunet import byhand, data, grade, nn, optim, plot
from tinyunet.grade import steps  # steps(300) is 300, and fewer when the tutorials are only tested
from tinyunet.unet import ConvBlock

# %% [markdown]
# ## 1. Two convolutions are one
#
# The simplest kernel has a single weight: it multiplies every pixel by it. Let one layer multiply by 3, and the next
# by 2. Both together multiply by 6, and one layer with the weight 6 would have done.
#
# Is it the same with larger kernels? Take a picture with a single row, x0, x1, x2, …. The first layer has the kernel
# 1 0 −1, and so it makes x0 − x2, x1 − x3, x2 − x4, …. The second has the kernel 1 1 1, and adds three neighbours.
#
# > **Predict.** Write down what the second layer makes of the first three numbers, and simplify. Which single kernel,
# > with five weights, does the same?

# %%
row = np.array([3, 1, 4, 1, 5, 9, 2, 6.0])


def convolve(row, kernel):
    """A convolution of one row of pixels."""
    return F.conv2d(row.reshape(1, 1, 1, -1), np.array(kernel, float).reshape(1, 1, 1, -1)).numpy().ravel()


print("two layers:", convolve(convolve(row, [1, 0, -1]), [1, 1, 1]))
print("one layer: ", convolve(row, [1, 1, 0, -1, -1]))

# %% [markdown]
# (x0 − x2) + (x1 − x3) + (x2 − x4) = x0 + x1 − x3 − x4: the kernel 1 1 0 −1 −1. It goes on like this. A hundred
# convolutions, one after the other, can do no more than one with a large kernel. All their layers would be in vain.
#
# Something must stand between them that is *not* a sum of products.

# %% [markdown]
# ## 2. ReLU
#
# The **rectified linear unit**, ReLU, is about the simplest thing that will do: a number below zero becomes 0, and any
# other stays as it is.
#
# y = max(x, 0)
#
# What does this change? Here are two kernels for edges. The first gives large numbers where the picture goes from
# bright to dark, going right. The second is its negative, and gives large numbers where it goes from dark to bright.
# The next layer adds both maps.
#
# > **Predict.** What does the sum of both maps look like without anything in between? And with a ReLU after each
# > kernel?

# %%
images, _ = data.cells(1, size=(80, 110), rng=4)
picture = images.astype(float)  # 1 picture, 1 channel, 80 rows, 110 columns
edge = np.array([[[[1, 0, -1],
                   [1, 0, -1],
                   [1, 0, -1]]]], float)
falling, rising = F.conv2d(picture, edge).numpy(), F.conv2d(picture, -edge).numpy()
with_relu = F.relu(falling).numpy() + F.relu(rising).numpy()
without = falling + rising
plot.maps({"picture": picture[0, 0], "added": without[0, 0], "ReLU, then added": with_relu[0, 0]})

# %% [markdown]
# Without ReLU the maps cancel: nothing is left. With ReLU each map keeps only the edges that it is *for*, and the sum
# shows all edges on the left and on the right of cells. (Those above and below would need two more kernels.) That no
# single kernel can do. For the negative of a picture it gives the negative of its map, while the strength of an edge
# is the same in both. ReLU gives a layer the word *if*: if there is such an edge, say how strong it is, and else say
# nothing.

# %% [markdown]
# ## 3. The slope of ReLU
#
# On the way back ReLU is a switch. Where x is above 0, y is x: when x grows by 1, so does y. The slope is 1, and `dy`
# passes. Where x is below 0, y stays 0 whatever x does. The slope is 0, and nothing passes.
#
# Exactly at 0 there is a corner, and no slope. One must be chosen, and everybody chooses 0.
#
# > **Predict.** Here are four numbers, and the slopes `dy` of the four results. What is `dx`?

# %%
x = np.array([-2.0, 0.0, 3.0, 0.5])
dy = np.array([5.0, 5.0, 5.0, -1.0])
print(byhand.relu(x))
print()
print(byhand.relu(x).grad("x", dy))

# %% [markdown]
# It is the sign of **x** that decides, not the sign of `dy`: the −1 passes, because 0.5 is above 0.
#
# **Exercise 1: relu.** Write it, with its backward. An operation is a function that returns two things: its result,
# and a function that makes `dx` from `dy`. If you get stuck, `grade.hint("relu")` helps, one step at a time.

# %% tags=["exercise"]
def relu(x):
    """max(x, 0) for every number of an array of any shape."""
    y = x  # yours

    def backward(dy):
        return dy  # yours

    return y, backward


# %% tags=["solution"]
def relu(x):
    """max(x, 0) for every number of an array of any shape."""
    y = np.maximum(x, 0)

    def backward(dy):
        return np.where(x > 0, dy, 0)

    return y, backward


# %%
grade("relu", relu)

# %% [markdown]
# ## 4. Ten layers deep
#
# Now to the third part. Put ten convolutions in a row, each followed by a ReLU, and watch the size of the numbers. To
# measure it, one takes the **standard deviation**: how far numbers are from their mean, typically. (In section 5 you
# work one out.)
#
# The weights are random, as they are when training begins.
#
# > **Predict.** Make all weights half as large. How much smaller are the numbers after one layer? After ten?

# %%
rng = np.random.default_rng(0)
# divided by 4.5 they are of a size with which the numbers neither grow nor shrink much
weights = [rng.normal(size=(8, 1 if layer == 0 else 8, 3, 3)) / 4.5 for layer in range(10)]


def spread(factor, normalise):
    """The standard deviation after each of ten layers, with all weights times a factor."""
    x, found = picture, []
    for w in weights:
        x = F.conv2d(x, factor * w, padding=1).numpy()
        if normalise:
            x = (x - x.mean((0, 2, 3), keepdims=True)) / x.std((0, 2, 3), keepdims=True)  # each channel by itself
        x = F.relu(x).numpy()
        found.append(x.std())
    return found


plain = {f"weights × {factor:g}": spread(factor, normalise=False) for factor in (2, 1, 0.5)}
for name, found in plain.items():
    print(f"{name:14} after layer 1: {found[0]:8.4f}   after layer 10: {found[-1]:8.4f}")

# %% [markdown]
# Half as much after one layer, and after ten 2·2·2·2·2·2·2·2·2·2 = 1024 times less. With weights twice as large,
# 1024 times more. The slopes that come back through the layers shrink or grow in the same way. So a deep network
# would learn only if all its weights had just the right size, and kept it while they change.
#
# The cure is blunt: after each convolution bring the numbers to mean 0 and standard deviation 1, whatever they were.
# That is **batch normalisation**.
#
# > **Predict.** With normalisation after each convolution: how much do the numbers for × 2, × 1 and × 0.5 differ?

# %%
cured = {f"normalised, × {factor:g}": spread(factor, normalise=True) for factor in (2, 1, 0.5)}
for name, found in cured.items():
    print(f"{name:18} after layer 1: {found[0]:.3f}   after layer 10: {found[-1]:.3f}")

# %% [markdown]
# Not at all: twice the weights give twice the numbers, and normalisation divides by 2 again. (0.6 and not 1, because
# this is measured after ReLU, which has cut off what was below 0.)

# %%
figure = Figure(figsize=(9, 4.5), layout="constrained")
axes = figure.subplots()
axes.set_title("Ten layers: the numbers explode, or vanish, or are normalised", fontsize=16)
axes.set_xlabel("layer", fontsize=15)
axes.set_ylabel("standard deviation", fontsize=15)
curves = {**plain, "normalised, all three": cured["normalised, × 1"]}
for (name, found), colour in zip(curves.items(), plot.MARKS, strict=True):
    axes.semilogy(range(1, 11), found, "o-", color=colour)
    axes.text(10.2, found[-1], name, color=colour, fontsize=15, va="center")
axes.set_xlim(0.8, 14)
axes.set_xticks(range(1, 11))
axes.spines[["top", "right"]].set_visible(False)
figure

# %% [markdown]
# ## 5. Four numbers
#
# A channel holds the numbers 1, 7, 9, 15. To normalise them:
#
# 1. the **mean** μ: the sum, divided by how many there are;
# 2. the **variance** σ²: how far is each from the mean? Square that, and take the mean of the squares;
# 3. the **standard deviation** s = √σ²;
# 4. from each number subtract μ, and divide by s. The results are called x̂, *x hat*.
#
# (The first line that is printed below has more in it. Its letters γ, β and ε come soon: read them as 1, 0 and 0. A
# *biased* variance is one that is divided by how many numbers there are, as in step 2.)
#
# > **Predict.** With a pencil: μ, σ², s, and the four x̂.

# %%
channel = np.array([[1], [7], [9], [15.0]])  # 4 pictures with 1 channel, and that is a single number
y = byhand.batch_norm(channel, training=True, eps=0)
print(y.at(0, 0))
print()
print(y)

# %% [markdown]
# The mean is 8, the deviations from it are −7, −1, 1, 7, their squares 49, 1, 1, 49, and the mean of these is 25. So
# s = 5, and the first x̂ is (1 − 8)/5 = −1.4.
#
# > **Predict.** The same for 101, 107, 109, 115? And for 10, 70, 90, 150?

# %%
for numbers in ([101, 107, 109, 115], [10, 70, 90, 150]):
    print(byhand.batch_norm(np.reshape(numbers, (4, 1)), training=True, eps=0).result.ravel())

# %% [markdown]
# The same x̂, all three times. Where the numbers lie and how far apart they are is gone; only their positions relative
# to each other are left. (So a convolution in front of a batch normalisation needs no bias: what it adds is subtracted
# again.)
#
# Perhaps the network needs another mean or another spread. So it may choose both: each channel has a weight **γ**
# (gamma), which multiplies, and a bias **β** (beta), which is added. They are learned like all weights, and begin with
# 1 and 0.
#
# y = γ · (x − μ) / √(σ² + ε) + β
#
# The **ε** (epsilon) under the root is tiny, 0.00001, and there for one case alone.
#
# > **Predict.** γ = 10 and β = 20: what becomes of x̂ = −1.4? And for what kind of numbers in a channel is ε needed?

# %%
print(byhand.batch_norm(channel, weight=[10], bias=[20], training=True, eps=0))
print()
print(byhand.batch_norm([[4], [4], [4], [4]], training=True))

# %% [markdown]
# 10·(−1.4) + 20 = 6. And where all numbers are equal, σ² is 0: only ε keeps us from dividing 0 by 0.

# %% [markdown]
# ## 6. Which numbers belong together
#
# Networks look at several pictures at once, a **batch**. Their arrays have four axes: pictures, channels, rows,
# columns. Which of all these numbers share a mean?
#
# Each channel holds the map of one filter. So the numbers of one **channel** belong together, of all pictures and all
# places. Here are two pictures with three channels of 2×2; a frame of one colour, one mean.

# %%
batch = np.array([[[[1, 7], [9, 15]], [[0, 2], [0, 2]], [[5, 5], [5, 5]]],
                  [[[1, 7], [9, 15]], [[4, 6], [4, 6]], [[5, 5], [5, 9]]]], float)
plot.grids({"x": batch}, {"x": [np.s_[:, channel] for channel in range(3)]})

# %% [markdown]
# > **Predict.** A batch of 8 pictures with 16 channels of 64×64. How many means are there, and each is the mean of how
# > many numbers?

# %%
many = np.random.default_rng(0).normal(size=(8, 16, 64, 64))
print("means:", many.mean(axis=(0, 2, 3)).shape, "  each of", 8 * 64 * 64, "numbers")
print("means of the batch above:", batch.mean(axis=(0, 2, 3)))

# %% [markdown]
# `axis=(0, 2, 3)` says which axes are averaged away: pictures, rows and columns. The channels remain. To subtract
# these three means from the batch, they must stand along its second axis: `means.reshape(1, 3, 1, 1)`.

# %% [markdown]
# ## 7. In training and in evaluation
#
# There is a catch. The mean is that of the batch: what the network says about a picture depends on the pictures that
# happen to come with it. While it learns, that does no harm. But who wants to *use* a network wants the same answer
# for the same picture, also if it comes alone.
#
# So there are two ways of working:
#
# - in **training** μ and σ² are those of the batch. On the side, the operation keeps **running statistics**: a running
#   mean and a running variance, which move a little towards those of each batch;
# - in **evaluation** μ and σ² are the running ones. Nothing depends on the batch any more, and nothing is moved.
#
# Each time a tenth of the old value is replaced by the new one:
#
# running ← 0.9 · running + 0.1 · batch
#
# The fraction 0.1 is called `momentum`. One detail: the variance that is *kept* is the sum of squares divided by one
# less than their number, 100/3 instead of 100/4. Statistics books call it unbiased: it is the better guess of what
# pictures not seen yet will have.
#
# > **Predict.** The running statistics begin as mean 0 and variance 1. Then comes the batch 1, 7, 9, 15. Where are
# > they now?

# %%
y = byhand.batch_norm(channel, running_mean=[0], running_var=[1], training=True)
print(y.updated("running_mean").at(0))
print()
print(y.updated("running_var").at(0))

# %% [markdown]
# The mean has gone a tenth of the way from 0 to 8, and the variance from 1 to 127/30, about 4.23.
#
# **Exercise 2: batch_norm.** Write it for batches (pictures, channels, rows, columns). In training it also moves
# `running_mean` and `running_var`. They are arrays that belong to the caller, one number for each channel. So change
# their numbers, as in `running_mean[:] = …`: after `running_mean = …` only a name inside your function would mean
# something else.

# %% tags=["exercise"]
def batch_norm(x, running_mean, running_var, weight, bias, training=False, momentum=0.1, eps=1e-5):
    """Normalise each channel of x (N, C, H, W); weight is γ, bias is β, all vectors (C,)."""
    return x  # yours


# %% tags=["solution"]
def batch_norm(x, running_mean, running_var, weight, bias, training=False, momentum=0.1, eps=1e-5):
    """Normalise each channel of x (N, C, H, W); weight is γ, bias is β, all vectors (C,)."""

    def channels(vector):
        return vector.reshape(1, -1, 1, 1)  # (1, C, 1, 1)

    if training:
        mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
        m = x.size // len(mean)  # so many numbers share a mean
        running_mean[:] = (1 - momentum) * running_mean + momentum * mean
        running_var[:] = (1 - momentum) * running_var + momentum * var * m / (m - 1)
    else:
        mean, var = running_mean, running_var
    normal = (x - channels(mean)) / np.sqrt(channels(var) + eps)
    return channels(weight) * normal + channels(bias)


# %%
grade("batch_norm", batch_norm)

# %% [markdown]
# ## 8. The gradient
#
# Now the way back. Let the loss count the first output alone, ten times: `dy` = 10, 0, 0, 0.
#
# > **Predict.** The *last* number of the channel grows from 15 to 16. Does the loss change?

# %%
dy = np.array([[10], [0], [0], [0.0]])


def outputs(numbers):
    """The four x̂ of a channel."""
    return byhand.batch_norm(np.reshape(numbers, (4, 1)), training=True, eps=0).result


for numbers in ([1, 7, 9, 15], [1, 7, 9, 16]):
    print(numbers, "  loss:", (dy * outputs(numbers)).sum().round(3))

# %% [markdown]
# It does, although its own output does not count: it moves the mean and the variance, and with them all outputs. So
# each number has three ways to the loss. Let one number, xᵢ, grow by a tiny h, and follow each way. There are m
# numbers in the channel, and s is √(σ² + ε).
#
# | way | what happens | what it does to the outputs |
# |---|---|---|
# | direct | xᵢ − μ grows by h | x̂ᵢ alone **grows by h/s** |
# | through the mean | μ grows by h/m | every x̂ⱼ **shrinks by h/(m·s)** |
# | through the variance | σ² grows by 2·(xᵢ − μ)·h/m, and so s by x̂ᵢ·h/m | every x̂ⱼ **shrinks by x̂ⱼ·x̂ᵢ·h/(m·s)** |
#
# (The last row: the square (xᵢ − μ)² grows by 2·(xᵢ − μ)·h, and σ² is the mean of m squares. That μ moves as well
# changes σ² by nothing: it makes all deviations smaller by the same amount, and since the deviations add up to 0, so
# do the changes of their squares. When what is under a root grows by something, the root grows by 1/(2s) of that. And
# when s grows by a hundredth, what is divided by it shrinks by a hundredth.)
#
# When an output grows by something, the loss grows by `dy` times that. Add it up over all outputs, j = 1 … m, and
# divide by h:
#
# dxᵢ = 1/s · ( dyᵢ − mean(dy) − x̂ᵢ · mean(dy·x̂) )
#
# One term for each way. And if there is a γ, each dy first becomes γ·dy.
#
# > **Predict.** With a pencil: x̂ is −1.4, −0.2, 0.2, 1.4, s is 5, and dy is 10, 0, 0, 0. What are mean(dy) and
# > mean(dy·x̂), and what is dx of the first number? And of the last?

# %%
dx = byhand.batch_norm(channel, training=True, eps=0).grad("x", dy)
print(dx.at(0, 0))
print()
print(dx)

# %% [markdown]
# The direct way alone would give 10/5 = 2 for the first number, and 0 for the others. This is the mistake that is made
# most, and the other two ways are not small: 0.52 is left of the 2. (The whole step from 15 to 16 gave −13.536 + 14 =
# 0.464. That is near to 0.48, and not the same, since the slope changes on the way.)
#
# There are two laws by which to notice it. Add the same to all numbers of the channel: nothing changes, and so the
# slopes must cancel. Pull all numbers away from their mean, in proportion: again nothing changes.
#
# > **Predict.** What must the sum of all dx be? And the sum of all dx·x̂?

# %%
normal = outputs([1, 7, 9, 15])
print("sum of dx:   ", abs(dx.result.sum().round(9)))
print("sum of dx·x̂:", abs((dx.result * normal).sum().round(9)))

# %% [markdown]
# Both are 0. The terms that are subtracted take out of the gradient the two changes that normalisation undoes: all
# numbers up together, and all further apart. (The second is exactly 0 for ε = 0, as here. With ε it is next to
# nothing.)
#
# The gradients of γ and β are short. In y = γ·x̂ + β each x̂ is multiplied by γ, and β is added everywhere:
#
# dγ = Σ dy·x̂  dβ = Σ dy
#
# > **Predict.** What are they here?

# %%
y = byhand.batch_norm(channel, weight=[1], bias=[0], training=True, eps=0)
print(y.grad("weight", dy))
print(y.grad("bias", dy))

# %% [markdown]
# **Exercise 3: batch_norm_backward.** All three, for batches (pictures, channels, rows, columns) in training.

# %% tags=["exercise"]
def batch_norm_backward(dy, x, weight, eps=1e-5):
    """dx (N, C, H, W), and dweight and dbias (C,), for dy and x (N, C, H, W) and γ = weight (C,)."""
    dx = dy  # yours
    dweight = np.zeros_like(weight)  # yours
    dbias = np.zeros_like(weight)  # yours
    return dx, dweight, dbias


# %% tags=["solution"]
def batch_norm_backward(dy, x, weight, eps=1e-5):
    """dx (N, C, H, W), and dweight and dbias (C,), for dy and x (N, C, H, W) and γ = weight (C,)."""
    axes = (0, 2, 3)
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)  # (1, C, 1, 1)
    s = np.sqrt(var + eps)
    normal = (x - mean) / s
    scaled = weight.reshape(1, -1, 1, 1) * dy
    through_mean = scaled.mean(axes, keepdims=True)
    through_var = normal * (scaled * normal).mean(axes, keepdims=True)
    dx = (scaled - through_mean - through_var) / s
    return dx, (dy * normal).sum(axes), dy.sum(axes)


# %%
grade("batch_norm_backward", batch_norm_backward)

# %% [markdown]
# ## 9. The block
#
# Now put the brick together: convolution 3×3 with padding 1, batch normalisation, ReLU; and once more. Here is one
# with 1 channel in and 8 out, with the first three of its six parts written out.
#
# > **Predict.** About which share of the numbers that batch normalisation hands to it does ReLU turn into zeros?

# %%
cells, masks = data.cells(64, size=48, rng=0)  # 64 pictures of 48×48, and where the cells are
block = ConvBlock(1, 8, rng=0)
stages = {"picture": cells[:8]}
for name, part in zip(["convolution", "batch norm", "ReLU"], block, strict=False):
    stages[name] = part(list(stages.values())[-1]).numpy()
print("zeros after ReLU:", f"{(stages['ReLU'] == 0).mean():.0%}")

figure = Figure(figsize=(12, 3.2), layout="constrained")
for axes, (name, x) in zip(figure.subplots(1, 4, sharey=True), stages.items(), strict=True):
    axes.hist(x.ravel(), bins=np.arange(-3.05, 3.1, 0.1), weights=np.full(x.size, 1 / x.size), color=plot.BLUE)
    axes.set_title(name, fontsize=16)
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)
figure

# %% [markdown]
# After the convolution the numbers lie somewhere; after batch normalisation around 0; and ReLU collects all that is
# below 0 in one bar. About half of the numbers are zeros: each filter answers where it has something to say.
#
# > **Predict.** What is the shape of the block's result for 8 pictures of 48×48? And how many weights does it have?
# > (Each filter has 3×3 weights for each channel that it reads, and a bias; each channel a γ and a β.)

# %%
print(block(cells[:8]).shape)
for name, parameter in block.named_parameters():
    print(f"{name:9} {parameter.shape!s:14} {parameter.numel():4}")
print("together", sum(parameter.numel() for parameter in block.parameters()))

# %% [markdown]
# The block keeps height and width, because of the padding, and changes the number of channels. Its parts are numbered
# from 0. 0 and 3 are the convolutions; 1 and 4 are the batch normalisations, whose `weight` is γ and whose `bias` is
# β; 2 and 5 are the ReLUs, which learn nothing. (By section 5 the biases of the convolutions are not needed. They are
# there because a layer has one unless it is told not to, and they do no harm.)

# %% [markdown]
# ## 10. What happens without
#
# Three ConvBlocks, one after the other, and at the end a 1×1 convolution, which makes one number for each pixel: above
# 0 means *cell*, below 0 means *no cell*. This small network learns to find cells, three times from the same initial
# weights: as it is; with each ReLU replaced by nothing; and with each batch normalisation replaced by nothing.
#
# (How a network learns is the subject of tutorial 10. Here it is enough that the loss says how wrong the answers are,
# and that each step moves all weights a little against their gradient.)

# %%
def network(norm="batch"):
    """Three ConvBlocks and a 1×1 convolution, with the same initial weights each time."""
    rng = np.random.default_rng(0)
    return nn.Sequential(*(ConvBlock(i, 8, norm, rng) for i in (1, 8, 8)), nn.Conv2d(8, 1, 1, rng=rng))


def train(model, count):
    """The loss of each step, on eight pictures at a time."""
    optimizer, rng, losses = optim.SGD(model.parameters(), lr=0.3), np.random.default_rng(0), []
    for _ in range(count):
        chosen = rng.choice(len(cells), 8, replace=False)
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(cells[chosen]), masks[chosen])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def nothing(x):
    """An operation that does nothing, in place of ReLU."""
    return x, lambda dy: dy


# %% [markdown]
# > **Predict.** Put them in order, from the best to the worst. Does any of the three learn nothing at all?

# %%
models = {"ConvBlock": network(), "without ReLU": network(), "without batch norm": network(norm=None)}
losses = {}
for name, model in models.items():
    with tinyunet.using(**({"relu": nothing} if name == "without ReLU" else {})):
        losses[name] = train(model, steps(300))
    print(f"{name:18}  loss, mean of the last 20 steps: {np.mean(losses[name][-20:]):.2f}")

# %% [markdown]
# And what do they say of a picture that they have not seen?

# %%
unseen, truth = data.cells(16, size=48, rng=1)


def predict(model, pictures):
    """1 where the network says cell."""
    with tinyunet.no_grad():  # nothing is learned here, so nothing need be remembered for gradients
        return (model(pictures).numpy() > 0).astype(float)


answers = {}
for name, model in models.items():
    model.eval()  # from training to evaluation
    with tinyunet.using(**({"relu": nothing} if name == "without ReLU" else {})):
        answers[name] = predict(model, unseen)
plot.maps({"picture": unseen[0, 0], "cells": truth[0, 0], **{name: answers[name][0, 0] for name in answers}})

# %%
figure = Figure(figsize=(9, 4.5), layout="constrained")
axes = figure.subplots()
axes.set_title("Each part of the ConvBlock earns its place", fontsize=16)
axes.set_xlabel("step", fontsize=15)
axes.set_ylabel("loss", fontsize=15)
for (name, found), colour in zip(losses.items(), plot.MARKS, strict=False):
    smooth = plot.running_mean(found, 21)
    axes.plot(smooth, color=colour, linewidth=2.5)
    axes.text(len(found) * 1.02, smooth[-1], name, color=colour, fontsize=15, va="center")
axes.set_xlim(0, len(found) * 1.4)
axes.set_xticks([0, len(found) // 3, 2 * len(found) // 3, len(found)])
axes.set_ylim(bottom=0)
axes.spines[["top", "right"]].set_visible(False)
figure

# %% [markdown]
# **Without batch normalisation** the loss hardly moves: after six convolutions the numbers, and on the way back the
# slopes, are so small that learning does not begin. (It can be made to begin, with larger initial weights: see *Change
# it*. Batch normalisation makes it begin by itself.)
#
# **Without ReLU** the network learns, and quickly, but it soon stops getting better. Its seven convolutions are one,
# as in section 1: a batch normalisation between them only multiplies each channel by a number and adds another, and
# changes nothing about that. One sum of products finds what is brighter than its surroundings, and there it ends.

# %% [markdown]
# ## 11. The trap
#
# A network from `model.eval()` uses its running statistics. Who forgets this line is told nothing. No error, and the
# answers look right, more or less.
#
# Here is one picture, once alone, and once in a batch with seven very bright ones.
#
# > **Predict.** In evaluation, does the answer about the first picture change? In training?

# %%
model = models["ConvBlock"]
bright = np.clip(unseen[:8] + 0.6, 0, 1)
bright[0] = unseen[0]  # the first of the eight is our picture


def both(model):
    """What it says of our picture alone, and in the batch."""
    return predict(model, unseen[:1])[0, 0], predict(model, bright)[0, 0]


model.eval()
alone, together = both(model)
print("evaluation: pixels with another answer:", int((alone != together).sum()), "of", alone.size)

kept = model.state_dict()  # a copy of all weights and running statistics
model.train()
wrong_alone, wrong_together = both(model)
print("training:   pixels with another answer:", int((wrong_alone != wrong_together).sum()), "of", alone.size)
plot.maps({"picture": unseen[0, 0], "evaluation": together, "training, alone": wrong_alone,
           "training, in the batch": wrong_together})

# %% [markdown]
# In training mode the bright pictures pull the mean up, and our picture is suddenly darker than most: the dim
# cells are gone. Nothing about the picture has changed, nor about the weights.
#
# And it has done more.
#
# > **Predict.** We only asked for predictions, and `no_grad` was on. Is the network still the same as before?

# %%
before, after = (state["0.1.running_mean"] for state in (kept, model.state_dict()))
print("running means of the first block, before:", before[:4])
print("                                  after: ", after[:4])

# %% [markdown]
# The running statistics have moved, towards pictures that the network was never trained on. Put it into evaluation
# now, and it is a little worse than it was. So:
#
# - `model.train()` before training, `model.eval()` before anything else;
# - a network that is good in training and bad in evaluation: look at its running statistics first.

# %%
model.load_state_dict(kept)

# %% [markdown]
# ## 12. On your own operations
#
# Inside `with grade.mine():` the operations that you have passed stand in for ours, forward and backward.
#
# > **Predict.** The same network, the same initial weights, the same pictures: what will the first losses be?

# %%
count = steps(5)
with grade.mine():
    mine = train(network(), count)
difference = np.abs(np.array(mine) - losses["ConvBlock"][:count]).max()
print("the largest difference of a loss is below 0.001:", bool(difference < 1e-3))

# %% [markdown]
# The same. (Sums in another order are rounded differently in the last digit. After many large steps one sees that,
# too, because each step begins where the one before has ended.)

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | why ReLU | convolutions in a row are one convolution | 1 0 −1, then 1 1 1, is 1 1 0 −1 −1 |
# | ReLU | max(x, 0); on the way back a switch | dx = dy where x > 0, else 0 |
# | why batch norm | sizes multiply from layer to layer | ten layers of half the weights: 1024 times less |
# | batch norm | x̂ = (x − μ)/√(σ² + ε), then γ·x̂ + β | 1, 7, 9, 15 → −1.4, −0.2, 0.2, 1.4 |
# | who shares a mean | one channel: all pictures, all places | `axis=(0, 2, 3)` |
# | running statistics | 0.9 · running + 0.1 · batch, in training | 0 → 0.8 |
# | its gradient | three ways: direct, through μ, through σ² | 0.52, −0.64, −0.36, 0.48 |
# | two laws | Σ dx = 0 and Σ dx·x̂ = 0 | |
# | the trap | `model.eval()` before predicting | |
# | ConvBlock | (convolution, batch norm, ReLU) twice | same height and width, other channels |
#
# ## Change it and see
#
# 1. In section 10 leave batch normalisation out again, and make all initial weights of the convolutions larger:
#    `for w in model.parameters(): w.data = w.data * 2.4`. Does learning begin?
# 2. Let `relu` give 0.1·x instead of 0 for negative numbers (and the slope 0.1). It is called a *leaky* ReLU. Are two
#    convolutions with it in between still one?
# 3. Train in section 10 with one picture at a time instead of eight. Is there still something to average?
# 4. In section 11 put the network into evaluation after a single step of training, before the running statistics have
#    come near those of the pictures. What does it say?
#
# **What you should have seen.** 1: it does, with 2.4: the loss falls to about 0.4, not as far as with batch
# normalisation. With 4 it does not begin in 300 steps: without batch normalisation much depends on the first weights.
# 2: no: its slope changes at 0, so there is still an *if*. The switch lets a tenth pass in its other position. 3: yes:
# all places of the one picture, 48·48 numbers for each channel. The means jump more from step to step. With one number
# for each channel nothing would be left: x̂ would be 0. 4: no cell anywhere, and after ten steps still none, while in
# training mode it already finds many of them. The running statistics still are near 0 and 1, where they began.
#
# ## Where to read on
#
# - [`tinyunet/ops/norm.py`](../../tinyunet/ops/norm.py): batch normalisation and its gradient, and its relatives for
#   groups and layers.
# - [`tinyunet/ops/elementwise.py`](../../tinyunet/ops/elementwise.py): ReLU among the operations that take one number
#   at a time.
# - [`tinyunet/unet.py`](../../tinyunet/unet.py): the ConvBlock, in ten lines.
# - A worked example: `tinyunet byhand batchnorm`. Problems for a pencil: `tinyunet worksheet batch_norm --level 3`.
#   Numbers of your own: `tinyunet lab`.
# - S. Ioffe and C. Szegedy, *Batch Normalization* (2015), where it was proposed.
#
# Next: [6. Going down](06_going_down.ipynb). What is lost, what is won?
