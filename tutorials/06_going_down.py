# %% [markdown]
# # 6. Going down
#
# On its way down a U-Net makes the picture smaller, again and again, and the number of channels larger. What for? Here
# you find out what is lost by that and what is won, write the operation that does it, and build one level of the way
# down. It hands on **two** maps, and that is what the U is all about.
#
# **Afterwards you can**
#
# - work out max-pooling and its gradient with a pencil, and write both;
# - say how many pixels of the picture a number deep in a network sees, and show it;
# - say what a pooled map still knows, and what it has lost;
# - build a level of the encoder, with what comes back from both of its results.
#
# **You need** Python, a little NumPy, school mathematics, and pencil and paper. **It takes** about 75 minutes, half of
# them for the three exercises.
#
# **Taken for granted:** what a convolution and a feature map are (tutorial 2), what the slopes `dy` and a `backward`
# are (tutorials 1 and 4), that a ConvBlock makes feature maps of the same height and width (tutorial 5), and the names
# of the parts of the U (tutorial 0): **levels** lead down, each with a ConvBlock and a pooling, to one more ConvBlock,
# the **bottleneck**, and from each level a **skip** leads across to the way up.

# %%
# %matplotlib inline
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import tinyunet
import tinyunet.functional as F
from tinyunet import byhand, data, grade, plot
from tinyunet.unet import ConvBlock, EncoderBlock

# %% [markdown]
# ## 1. Of four numbers the largest
#
# **Max-pooling** cuts a map into windows of 2×2, side by side, and keeps the largest number of each. There is nothing
# to learn in it: no weights.
#
# > **Predict.** What remains of this map?

# %%
x = np.array([[1, 3, 0, 0],
              [2, 7, 0, 4],
              [5, 1, 2, 2],
              [0, 1, 6, 3]], float)
y = byhand.max_pool2d(x, 2)
windows = [np.s_[0:2, 0:2], np.s_[0:2, 2:4], np.s_[2:4, 0:2], np.s_[2:4, 2:4]]
cells = [np.s_[0, 0], np.s_[0, 1], np.s_[1, 0], np.s_[1, 1]]
plot.grids({"x": x, "y": y.result}, {"x": windows, "y": cells})

# %% [markdown]
# (The larger a number, the brighter its cell.) A number in a feature map says how strongly a filter has found what it
# looks for. The largest of four says: *it is here somewhere, and this strongly*. It no longer says in which of the four
# places.
#
# > **Predict.** In the map above the 7 moves one place up. What happens to y? And if it moves one place to the right?

# %%
up, right = x.copy(), x.copy()
up[0, 1], up[1, 1] = 7, 3
right[1, 2], right[1, 1] = 7, 0
print("up:   ", F.max_pool2d(up[None], 2).numpy().tolist())
print("right:", F.max_pool2d(right[None], 2).numpy().tolist())

# %% [markdown]
# Up, it stays in its window, and nothing changes at all. To the right it crosses a border: the 7 moves on to the next
# number of y, and its old window is left with a 3. So half of all moves by one place are not noticed, and the others
# show as a jump of a whole window: good for saying *what* there is, bad for saying *where*.

# %% [markdown]
# ## 2. Sizes
#
# Height and width are halved, and a map of an odd size has a row or column left over, which no window sees.
#
# > **Predict.** A map of 100×75 is pooled again and again. Which sizes does it go through? After how many times is
# > there, for the first time, something left over?

# %%
height, width = 100, 75
for times in range(1, 5):
    half = f"{height // 2}×{width // 2}"
    print(f"{times}: {height}×{width} → {half:6} left over: {height % 2} rows, {width % 2} columns")
    height, width = height // 2, width // 2

# %% [markdown]
# The columns leave a rest at once (75 is odd), the rows only the third time (25). On the way up each level doubles its
# size, and then something would be missing. So a U-Net with four levels wants pictures whose height and width are
# multiples of 2·2·2·2 = 16.

# %% [markdown]
# ## 3. Why the largest?
#
# Three ways to make one number of four: the largest, the mean, or just the first one, as a stride of 2 does. Here are
# bright lines, one pixel wide, on a dark ground, made smaller three times.
#
# > **Predict.** In which of the three are the lines still easy to see? In which do some vanish altogether?

# %%
lines = np.zeros((64, 64))
for k in range(64):
    lines[k, 5 + k // 4] = lines[min(63, 11 + k // 2), k] = 1
lines[:, 41] = 1
largest, mean, first = lines, lines, lines
for _ in range(3):
    largest = F.max_pool2d(largest[None], 2).numpy()[0]
    mean = F.avg_pool2d(mean[None], 2).numpy()[0]
    first = first[::2, ::2]
plot.maps({"64×64": lines, "largest: 8×8": largest, "mean: 8×8": mean, "first: 8×8": first}, limits=(0, 1))

# %% [markdown]
# The largest keeps every line at full strength, and makes it thicker. The mean dilutes it: eight bright pixels
# among 64. The first of four sees a line only where it happens to pass through the right pixel: here nowhere at all.

# %% [markdown]
# ## 4. The gradient
#
# On the way back: which of the four numbers moves the output? Only the largest. If another one grows a little, the
# maximum stays what it is.
#
# > **Predict.** Here are the slopes of the four outputs. What is `dx`?

# %%
dy = np.array([[10, -20],
               [30, 40]], float)
dx = y.grad("x", dy)
plot.grids({"x": x, "dy": dy, "dx": dx.result}, {"x": windows, "dy": cells, "dx": windows})

# %% [markdown]
# Each winner gets the slope of its window, whole; all others get 0. Nothing is lost and nothing added: dx and dy have
# the same sum.
#
# What if two are equally large? After a ReLU that is common: many windows hold nothing but zeros. There is a corner
# again, as in ReLU at 0, and somebody must be chosen. As in PyTorch it is the first one, row by row, and it alone.
#
# > **Predict.** All 16 numbers are 0. Where do the slopes go?

# %%
print(byhand.max_pool2d(np.zeros((4, 4)), 2).grad("x", dy).result)

# %% [markdown]
# Windows may also overlap: with the size 2 and `stride=1` each begins one pixel further. Then one number can win in
# several windows.
#
# > **Predict.** The largest number stands in the middle of a 3×3 map. How many windows of 2×2 with stride 1 are there,
# > how many does it win, and what does it receive if all dy are 1?

# %%
peak = [[1, 2, 3],
        [4, 9, 5],
        [6, 7, 8]]
print(byhand.max_pool2d(peak, 2, stride=1).grad("x").result)

# %% [markdown]
# It wins all four, and moves four outputs: the slopes add up to 4.
#
# **Exercise 1: max_pool2d.** Write it, with its backward, for maps (pictures, channels, rows, columns); y and dx are
# float32 if x is. The largest of a window is found by `argmax`, which says *where* it is, and takes the first among
# equals. `grade.hint("max_pool2d")` helps.
#
# A U-Net runs on nine operations, which you write in tutorials 3 to 10. `grade` counts those that you have passed. (It
# has seen no others where these results were stored: there only this tutorial was run.)

# %% tags=["exercise"]
def max_pool2d(x, kernel_size=2, stride=None):
    """The largest number of each window of x (N, C, H, W); without a stride the windows stand side by side."""
    stride = stride or kernel_size
    y = x  # yours

    def backward(dy):
        return np.zeros_like(x)  # yours

    return y, backward


# %% tags=["solution"]
def max_pool2d(x, kernel_size=2, stride=None):
    """The largest number of each window of x (N, C, H, W); without a stride the windows stand side by side."""
    stride = stride or kernel_size
    k = kernel_size
    N, C, H, W = x.shape
    Ho, Wo = (H - k) // stride + 1, (W - k) // stride + 1
    y = np.zeros((N, C, Ho, Wo), x.dtype)
    winner = np.zeros((N, C, Ho, Wo), int)  # its place in the window, from 0 to k·k − 1
    for i in range(Ho):
        for j in range(Wo):
            window = x[:, :, stride * i:stride * i + k, stride * j:stride * j + k].reshape(N, C, k * k)
            y[:, :, i, j], winner[:, :, i, j] = window.max(axis=2), window.argmax(axis=2)

    def backward(dy):
        dx = np.zeros_like(x)
        n, c = np.indices((N, C))
        for i in range(Ho):
            for j in range(Wo):
                u, v = np.divmod(winner[:, :, i, j], k)  # its row and column in the window
                dx[n, c, stride * i + u, stride * j + v] += dy[:, :, i, j]
        return dx

    return y, backward


# %%
grade("max_pool2d", max_pool2d)

# %% [markdown]
# ## 5. How far a number sees
#
# Now to what is won. A number behind a 3×3 convolution is made of 3×3 pixels: they are its **receptive field**. Behind
# a second 3×3 convolution it is made of 3×3 numbers, and each of these sees 3×3 pixels.
#
# > **Predict.** How many pixels in a row does it see, behind two 3×3 convolutions? And behind three?

# %%
for count in (1, 2, 3):
    chain = byhand.size(["conv:1,3"] * count, (1, 99, 99))
    print(count, "convolutions see", chain.receptive_field[0], "pixels")

# %% [markdown]
# Two more with each: 3, 5, 7. That is slow. To see a cell of 140 pixels one would need 70 convolutions.
#
# A pooling changes the pace. Behind it, neighbours in the map lie **two** pixels apart in the picture. So the next 3×3
# convolution reaches not one but two pixels further on either side. Keep two numbers: how many pixels a number *sees*,
# and the *distance*, in pixels of the picture, from one number to its neighbour.
#
# | layer | sees | distance |
# |---|---|---|
# | picture | 1 | 1 |
# | convolution 3×3 | 1 + 2·1 = 3 | 1 |
# | convolution 3×3 | 3 + 2·1 = 5 | 1 |
# | pooling 2×2 | 5 + 1·1 = 6 | 1·2 = 2 |
# | convolution 3×3 | 6 + 2·2 = 10 | 2 |
#
# Each layer adds (kernel − 1) · distance. Then the distance is multiplied by the stride, which is 1 for our
# convolutions and 2 for pooling.
#
# > **Predict.** Go on: another convolution, a pooling, and two convolutions. How much is seen at the end?

# %%
block = ["conv:1,3,p=1", "conv:1,3,p=1"]  # a convolution that makes 1 channel with kernels of 3×3 and padding 1, twice
chain = byhand.size([*block, "pool:2"] * 4 + block, (1, 160, 160))  # four levels, and the bottleneck below them
for layer, field in zip(chain.layers, chain.fields(), strict=True):
    print(f"{layer.name:10}  {layer.gives[-2]:3}×{layer.gives[-1]:<3}  sees {max(axis.most for axis in field):3}")

# %% [markdown]
# After 10 convolutions and 4 poolings a number in the bottleneck of a U-Net with four levels sees 140×140 pixels. Here
# is what that means in a picture: what one number sees, before the pooling of each level and in the bottleneck.

# %%
picture = data.cells(1, size=160, rng=4)[0][0, 0]
figure = Figure(figsize=(9, 6.4), layout="constrained")
axes = figure.subplots()
axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
for name, sees, colour in zip(["level 1", "level 2", "level 3", "level 4", "bottleneck"], [5, 14, 32, 68, 140],
                              [*plot.MARKS, "white"], strict=True):
    axes.add_patch(Rectangle((80 - sees / 2, 80 - sees / 2), sees, sees, fill=False, edgecolor=colour, linewidth=3,
                             label=f"{name}: {sees}"))
axes.set_title("The deeper, the more one number sees", fontsize=18)
figure.legend(loc="outside right center", fontsize=15, facecolor="0.3", labelcolor="white")
axes.set_axis_off()
figure

# %% [markdown]
# 5 pixels say *bright* or *dark*. 32 pixels say *a round thing with a rim*. 140 pixels say *a cell among others*.
#
# We can also measure it. Let the loss be what stands in one place of a map deep down, the sum of its channels, and ask
# for the slopes of all pixels: where a slope is not 0, that place sees the pixel. To see more than chance, we take the
# mean of 20 random pictures.
#
# > **Predict.** Two levels, and a ConvBlock below: conv conv pool, conv conv pool, conv conv. By the table it sees 32
# > pixels. Are all of them equally important, or some more than others?

# %%
rng = np.random.default_rng(0)
pixels = tinyunet.tensor(rng.normal(size=(20, 1, 64, 64)), requires_grad=True)
maps = pixels
for in_channels, pool in ((1, True), (8, True), (8, False)):
    maps = ConvBlock(in_channels, 8, norm=None, rng=rng).to(np.float64)(maps)
    maps = F.max_pool2d(maps, 2) if pool else maps
maps[:, :, 8, 8].sum().backward()
slopes = np.abs(pixels.grad.numpy()).mean(axis=(0, 1))
rows, columns = np.nonzero(slopes)
print("slopes that are not 0: rows", rows.min(), "to", rows.max(), "  columns", columns.min(), "to", columns.max())
times = slopes[30:38, 30:38].mean() / slopes[18:26, 18:26].mean()  # 8×8 pixels in the middle, 8×8 in a corner
print(f"in the middle they are {times:.0f} times as large as in a corner")
plot.maps({"slopes of the pixels": slopes})

# %% [markdown]
# From 18 to 49: 32 pixels, as in the table. The middle counts far more than the edge, because many ways lead there, and
# only one to a corner.
#
# **Exercise 2: receptive_field.** With a pencil: what does a number see behind each of these six layers?

# %% tags=["exercise"]
receptive_field = [
    1,  # convolution 5×5
    1,  # pooling 2×2
    1,  # convolution 3×3
    1,  # convolution 3×3, stride 2
    1,  # convolution 3×3
    1,  # pooling 2×2
]

# %% tags=["solution"]
receptive_field = [5, 6, 10, 14, 22, 26]

# %%
grade("receptive_field", receptive_field)

# %% [markdown]
# ## 6. What it costs
#
# A map of half the height and half the width has a quarter of the places. To make up for what is lost, each level
# doubles the number of channels: the network can say twice as many things about half as many rows and columns.
#
# > **Predict.** From level to level: does the number of numbers in a map grow, shrink, or stay? And the number of
# > weights in a ConvBlock?

# %%
channels = (64, 128, 256, 512)
for k, made in enumerate(channels):
    given, size = (3, *channels)[k], 128 // 2**k
    weights = 9 * given * made + 9 * made * made
    numbers = f"{made:3} × {size:3} × {size:3} = {made * size * size:9,} numbers"
    print(f"level {k + 1}: {numbers}  {weights:9,} kernel weights")

# %% [markdown]
# The numbers are halved from level to level, and the weights grow fourfold (at the first step even more, because level
# 1 reads only 3 channels): fewer places, and more to say of each.

# %% [markdown]
# ## 7. Two results
#
# Pooling has thrown away *where* things are. But somebody will need it: the way up, which must draw sharp borders. So a
# level of the encoder hands on two maps:
#
# - the **pooled** map, which goes down to the next level: it knows *what*;
# - the **features** from *before* pooling, which go across to the way up, as a **skip connection**: they know *where*.
#
# > **Predict.** A level with 64 channels in and 128 out gets a map of 64×64. Which shapes do its two results have?

# %%
level = EncoderBlock(64, 128, rng=0)
pooled, features = level(np.zeros((1, 64, 64, 64), np.float32))
print("pooled:  ", pooled.shape)
print("features:", features.shape)

# %% [markdown]
# Readers often confuse the two. The skip is twice as high and wide as what goes down.
#
# Here are the skips of three levels and the map that goes down from the last, on a picture of cells. The weights are
# random: nothing has been learned yet. Each panel is the mean of all channels, and goes from black to white by itself.
#
# > **Predict.** In which maps can you still say where the rim of a cell is, to the pixel?

# %%
x = picture[None, None]
rng = np.random.default_rng(1)
shown = {"picture": picture}
for k, (in_channels, out_channels) in enumerate(((1, 8), (8, 16), (16, 32)), 1):
    x, features = EncoderBlock(in_channels, out_channels, rng=rng)(x)
    shown[f"skip {k}: {features.shape[2]}×{features.shape[3]}"] = features.numpy()[0].mean(axis=0)
shown[f"deepest: {x.shape[2]}×{x.shape[3]}"] = x.numpy()[0].mean(axis=0)
plot.maps(shown)

# %% [markdown]
# In the first skip, which is as large as the picture. A number of the deepest map stands for 8×8 pixels, and does not
# say which of them.
#
# The features are used **twice**: by the pooling, and by the way up. So on the way back, slopes come from two sides,
# `dpooled` from below and `dfeatures` from across.
#
# > **Predict.** A number of the features grows by 1. By the one way the loss grows by 3, by the other by 4. By how
# > much does it grow altogether?

# %%
number = tinyunet.tensor(2.0, requires_grad=True)
loss = 3 * number + 4 * number
loss.backward()
print(number.grad)

# %% [markdown]
# By 7: where ways meet, slopes are added.
#
# **Exercise 3: encoder_block.** `conv_block` is given, and written as all our operations are: it returns its result and
# its backward. Use your `max_pool2d`. For `backward`, follow both slopes until they meet.

# %% tags=["exercise"]
def encoder_block(x, conv_block):
    """Returns (pooled, features), backward. conv_block(x) returns features, backward, too."""
    features, back_through_block = conv_block(x)
    pooled = features  # yours

    def backward(dpooled, dfeatures):
        return back_through_block(dfeatures)  # yours

    return (pooled, features), backward


# %% tags=["solution"]
def encoder_block(x, conv_block):
    """Returns (pooled, features), backward. conv_block(x) returns features, backward, too."""
    features, back_through_block = conv_block(x)
    pooled, back_through_pool = max_pool2d(features, 2)

    def backward(dpooled, dfeatures):
        return back_through_block(back_through_pool(dpooled) + dfeatures)

    return (pooled, features), backward


# %%
grade("encoder_block", encoder_block)

# %% [markdown]
# ## 8. On your own operations
#
# > **Predict.** Inside `with grade.mine():` the operations that you have passed stand in for ours. By how much do the
# > two maps differ that a level hands on?

# %%
level = EncoderBlock(1, 8, rng=0)
small = picture[None, None, :48, :48]
ours = [of.numpy() for of in level(small)]
with grade.mine() as yours:
    print("yours:", ", ".join(yours) or "nothing yet, so all is ours")
    mine = [of.numpy() for of in level(small)]
for name, a, b in zip(("pooled", "features"), ours, mine, strict=True):
    print(f"{name:8} of {a.shape} differ by {np.abs(a - b).max():.7f} at most")

# %% [markdown]
# Not at all. (With more operations of your own it may be 1 or 2 in the seventh place: float32 keeps about seven digits,
# and in another order of adding they are rounded differently.)

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | max-pooling | the largest of each 2×2 window | 1, 3, 2, 7 → 7 |
# | what is lost | where in the window it was | the 7 moves up: nothing changes |
# | size | half, rounded down | 100×75 → 50×37 |
# | its gradient | the winner gets all of dy, the others 0 | sum of dx = sum of dy |
# | ties | the first one, row by row | 0, 0, 0, 0: the upper left |
# | overlaps | who wins several times gets the sum | 4 windows: 4 |
# | what is won | a number sees (kernel − 1) · distance more per layer | 3, 5, 6, 10, 14, … |
# | a U-Net with four levels | 10 convolutions, 4 poolings | 140 pixels |
# | encoder block | hands on two: pooled and features | (1, 128, 32, 32) and (1, 128, 64, 64) |
# | its backward | slopes from both sides are added | 3 + 4 = 7 |
#
# ## Change it and see
#
# 1. In section 3 draw dark lines on a bright ground: `1 - lines`. Which of the three keeps them now?
# 2. How many levels does a U-Net need until a number in its bottleneck sees 1000 pixels?
# 3. Move `picture` by one pixel, `np.roll(picture, 1, axis=1)`, pool both three times, and compare. And if it moves by
#    eight?
# 4. In section 5 leave the poolings out, and give all ten convolutions dilation 2: `"conv:1,3,p=2,d=2"`. The cells of
#    a kernel then lie two pixels apart, and a layer adds (kernel − 1) · dilation · distance. How far does the chain
#    see, and what does it cost?
#
# **What you should have seen.** 1: the mean keeps a grey trace of them; the largest erases them all, since a dark pixel
# never wins; the first misses them, as it missed the bright ones. A network learns filters whose answer to what matters
# is *large*, so that pooling keeps it. 2: seven: with n levels it is 9·2ⁿ − 4, that is 572 for six and 1148 for seven.
# 3: moved by one, six of ten numbers of the pooled map stay just what they were; moved by eight, the whole pooled map
# moves by one. 4: 1 + 10 · 4 = 41 pixels, at full size all the time: more multiplications for less sight.
#
# ## Where to read on
#
# - [`tinyunet/ops/pool.py`](../../tinyunet/ops/pool.py): max-pooling with padding and dilation, by the cells of the
#   window.
# - [`tinyunet/unet.py`](../../tinyunet/unet.py): `EncoderBlock`, in four lines, and `Encoder`, which collects the
#   skips.
# - [`tinyunet/byhand/arithmetic/size.py`](../../tinyunet/byhand/arithmetic/size.py): receptive fields of any chain.
#   As a command: `tinyunet size conv:64,3 relu conv:64,3 relu pool:2 --input 1x572x572`.
# - A worked example: `tinyunet byhand maxpool`. Problems for a pencil: `tinyunet worksheet max_pool2d --level 5`.
#   Numbers of your own: `tinyunet lab`.
# - Next: [7. Going up](07_going_up.ipynb). How does an image grow?
