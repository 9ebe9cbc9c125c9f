# %% [markdown]
# # 3. A convolution is one matrix product
#
# Why is it fast? A single layer of a U-Net multiplies hundreds of millions of times for a single picture. Written as
# the formula says it, that takes a program in Python minutes. Here the same sum is brought into another order, and
# takes milliseconds. At the end you write it yourself.
#
# **Afterwards you can**
#
# - write the convolution of whole batches of pictures in a few lines of NumPy;
# - say how often a layer multiplies, and how much memory it takes to be fast;
# - explain where the time goes in a slow program, and where in a fast one.
#
# **You need** Python, NumPy with slices such as `x[1:3]`, and pencil and paper. Taken for granted from
# [tutorial 2](02_convolution_by_hand.ipynb): window, padding, stride, channels, filters, bias. **It takes** about 75
# minutes, half of them for the exercises.

# %%
# %matplotlib inline
import time

import numpy as np
from matplotlib.figure import Figure

import tinyunet
import tinyunet.functional as F
from tinyunet import byhand, data, grade, plot
from tinyunet.ops.im2col import conv2d as by_im2col
from tinyunet.unet import UNet

# %% [markdown]
# ## 1. As the formula says it
#
# One number of the result is a sum over all channels and over all cells of the kernel. So that several pictures can
# be worked on at once, everything but the bias now has four indices:
#
# | | is read as | shape |
# |---|---|---|
# | x | `x[picture, channel, row, column]` | (N, C, H, W) |
# | w | `w[filter, channel, row, column]` | (O, C, k, k) |
# | b | `b[filter]` | (O,) |
# | y | `y[picture, filter, row, column]` | (N, O, Ho, Wo) |
#
# N pictures of H rows and W columns with C channels; O filters, which make the O channels of the result; Ho and Wo
# are its rows and columns. `np.pad` puts zeros around the rows and columns, and nothing around the first two axes.
# `np.ndindex` goes through all indices of a shape. So these are seven loops, written in two lines:

# %%
def by_loops(x, w, b, stride=1, padding=0):
    """A convolution, product by product."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    (N, C, H, W), (O, C, k, k) = x.shape, w.shape
    y = np.empty((N, O, (H - k) // stride + 1, (W - k) // stride + 1), x.dtype)
    for n, o, i, j in np.ndindex(y.shape):  # every number of the result
        total = b[o]
        for c, u, v in np.ndindex(C, k, k):  # every weight of its filter
            total += w[o, c, u, v] * x[n, c, stride * i + u, stride * j + v]
        y[n, o, i, j] = total
    return y


# %% [markdown]
# We try it on the example of tutorial 2: two channels, the first with an edge, the second 5 everywhere; one filter
# that finds the edge and takes the centre of the second channel; the bias 2.

# %%
image = np.array([[[[10., 10, 0, 0]] * 4, [[5.] * 4] * 4]])  # 1 picture, 2 channels, 4 rows, 4 columns
edge = np.array([[1., 0, -1]] * 3)
centre = np.array([[0., 0, 0], [0, 1, 0], [0, 0, 0]])
w = np.stack([edge, centre])[None]  # 1 filter, 2 channels, 3 rows, 3 columns
b = np.array([2.])
plot.grids({"x": image[0], "w": w[0]})

# %% [markdown]
# > **Predict.** Which four numbers are in y?

# %%
print(by_loops(image, w, b))

# %% [markdown]
# 30 + 5 + 2 in all four places.
#
# Now a layer of a U-Net: one picture of 128×128 with 64 channels goes in, and 64 filters of 3×3 with padding 1 make 64
# channels of the same size.
#
# > **Predict.** How many numbers are in y? How many products is each of them made of? So how often is there a
# > multiplication?

# %%
numbers = 64 * 128 * 128  # filters · rows · columns
products = 64 * 3 * 3  # channels · rows · columns of the kernel
print(f"{numbers:,} numbers, each of {products} products: {numbers * products:,} multiplications")

# %% [markdown]
# A loop in Python does a few million of them in a second. This layer would take it some minutes, and a U-Net has
# about twenty layers. The multiplications themselves are no trouble: a processor does thousands of millions in a
# second. The time goes into everything around them. For each product Python looks up two numbers, by four indices
# each, makes an object of each, multiplies them, makes an object of the result, and forgets all three.
#
# What we need is one call that does all of the multiplications at once. There is one that computers have been tuned
# for since there have been computers: **the product of two matrices**, in NumPy `A @ B`.

# %% [markdown]
# ## 2. Each window becomes a column
#
# Each number of `A @ B` is a sum of products, too: the number in row r, column c is row r of A times column c of B,
# number by number, added up. So every row meets every column. A row of weights times a column of pixels would be just
# what happens in a window. So let us write the pixels of each window into one column, from left to right and from top
# to bottom.
#
# In this picture of 4×4 pixels every pixel holds its address: 23 is row 2, column 3, and 3 is row 0, column 3.
#
# > **Predict.** The kernel is 3×3. How many columns does the matrix have, and how many rows? Write down its first
# > column, and its second.

# %%
address = np.array([[10 * row + column for column in range(4)] for row in range(4)])
windows = [address[i:i + 3, j:j + 3] for i in range(2) for j in range(2)]
columns = np.stack([window.ravel() for window in windows], axis=1)  # 9 cells, 4 windows
plot.grids({"picture": address, "columns": columns},
           marks={"picture": [np.s_[0:3, 0:3], np.s_[0:3, 1:4]], "columns": [np.s_[:, 0], np.s_[:, 1]]})

# %% [markdown]
# Four windows, so four columns; nine pixels in a window, so nine rows. The blue window is the first column, the
# orange one the second. (`ravel` lays the rows of an array end to end.) The way from an image to these columns is
# called **im2col**.

# %% [markdown]
# ## 3. Each filter becomes a row
#
# The weights of a filter are laid end to end in the same order. Then row times column is weight times pixel, nine
# times, added up. Here for the first channel of our example:

# %%
windows = [image[0, 0, i:i + 3, j:j + 3] for i in range(2) for j in range(2)]
columns = np.stack([window.ravel() for window in windows], axis=1)  # 9 cells, 4 windows
row = edge.reshape(1, 9)  # 1 filter, 9 weights
plot.grids({"a row of weights": row, "columns": columns, "row @ columns": np.full((1, 4), np.nan)},
           marks={"a row of weights": np.s_[0, :], "columns": np.s_[:, 0], "row @ columns": np.s_[0, 0]})

# %% [markdown]
# > **Predict.** Which four numbers are in the product?

# %%
print(row @ columns)

# %% [markdown]
# 30, four times: the whole map of this channel in one product. Nothing was computed that the loops did not compute,
# and nothing was left out. Only the order is another one.
#
# **Channels.** The pixels of channel 1 go below those of channel 0, and so the row of weights becomes longer.
# **Filters.** Each filter is a row of its own. **Bias.** It is added afterwards, to the whole row of its filter.
#
# > **Predict.** Three filters on two channels, 3×3, four windows: which shapes have the matrix of weights, the matrix
# > of columns, and their product?

# %%
three = np.random.default_rng(0).integers(-2, 3, (3, 2, 3, 3))  # 3 filters, 2 channels, 3 rows, 3 columns
windows = [image[0, :, i:i + 3, j:j + 3] for i in range(2) for j in range(2)]
columns = np.stack([window.ravel() for window in windows], axis=1)
weights = three.reshape(3, -1)
print(weights.shape, "@", columns.shape, "=", (weights @ columns).shape)

# %% [markdown]
# In letters: (O, C·k·k) @ (C·k·k, windows) = (O, windows). The number that both share, C·k·k, is the number of
# products behind each result.

# %% [markdown]
# ## 4. The columns, row by row
#
# The list `windows` above still needs a loop in Python over all places of the window, 16,384 of them in a picture of
# 128×128. But look at a *row* of the matrix: it holds what one cell of the kernel sees, in one window after the
# other.
#
# > **Predict.** Row 0 holds what the upper left cell sees in the four windows, row 1 what the cell right of it sees.
# > Which pixels of the picture are these? Draw a frame around them.

# %%
windows = [address[i:i + 3, j:j + 3] for i in range(2) for j in range(2)]
columns = np.stack([window.ravel() for window in windows], axis=1)
plot.grids({"picture": address, "columns": columns},
           marks={"picture": [np.s_[0:2, 0:2], np.s_[0:2, 1:3]], "columns": [np.s_[0, :], np.s_[1, :]]})

# %% [markdown]
# A whole block of the picture: what a cell sees is the picture itself, moved. In NumPy that is one slice for each of
# the k·k cells, however large the picture is. With a stride the slice takes steps.

# %%
def im2col(x, k, stride=1, padding=0):
    """What each cell of the kernel sees in each window: x (N, C, H, W) → (N, C·k·k, Ho·Wo)."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    N, C, H, W = x.shape
    Ho, Wo = (H - k) // stride + 1, (W - k) // stride + 1
    columns = np.empty((N, C, k, k, Ho, Wo), x.dtype)
    for u, v in np.ndindex(k, k):
        rows = slice(u, u + stride * (Ho - 1) + 1, stride)
        cols = slice(v, v + stride * (Wo - 1) + 1, stride)
        columns[:, :, u, v] = x[:, :, rows, cols]
    return columns.reshape(N, C * k * k, Ho * Wo)


# %% [markdown]
# Cell u of the kernel begins at row u. The last window begins `stride * (Ho - 1)` rows further on, and a slice stops
# before its second number: so one more.
#
# > **Predict.** With stride 2, a 2×2 kernel has four windows in our 4×4 picture of addresses. Which four addresses
# > are in row 0 of the columns?

# %%
plot.grids({"picture": address, "columns, stride 2": im2col(address[None, None], 2, stride=2)[0]},
           marks={"picture": np.s_[0:4:2, 0:4:2], "columns, stride 2": np.s_[0, :]})

# %% [markdown]
# Every other pixel: where the four windows begin.

# %% [markdown]
# ## 5. The same numbers
#
# What is missing is the product itself. That is your exercise at the end; so that we can go on, here is the one from
# the package, `tinyunet.ops.im2col`, made in the same way. And there is the **engine**, `F.conv2d`, on which networks
# here are trained.
#
# > **Predict.** Three programs, the same sum. Are all their results the same, to the last digit?

# %%
rng = np.random.default_rng(0)
x, filters, biases = rng.normal(size=(2, 3, 9, 12)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4)
for stride, padding in [(1, 0), (1, 1), (2, 1)]:
    loops = by_loops(x, filters, biases, stride, padding)
    others = [conv(x, filters, biases, stride, padding).numpy() for conv in (by_im2col, F.conv2d)]
    close = all(np.allclose(loops, other, rtol=1e-12) for other in others)
    print(f"stride {stride}, padding {padding}: {loops.shape}, the same to 12 digits: {close}")

# %% [markdown]
# To twelve digits, and perhaps not to the sixteenth: numbers in a computer are rounded after each step, and in
# another order they are rounded in other places.

# %% [markdown]
# ## 6. How long it takes
#
# Now we measure, on your machine: 8 channels to 8 channels, 3×3, on pictures of more and more pixels. The loops only
# go as far as one can wait.

# %%
def seconds(function, n):
    """How long a convolution of one picture of n×n takes: the best of three."""
    x, w, b = np.ones((1, 8, n, n), np.float32), np.ones((8, 8, 3, 3), np.float32), np.ones(8, np.float32)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function(x, w, b, 1, 1)
        times.append(time.perf_counter() - start)
    return min(times)


ways = {"loops": (by_loops, [8, 16, 32, 64]),
        "im2col": (by_im2col, [8, 16, 32, 64, 128, 256]),
        "engine": (F.conv2d, [8, 16, 32, 64, 128, 256])}
measured = {name: [seconds(function, n) for n in sizes] for name, (function, sizes) in ways.items()}

# %% [markdown]
# > **Predict.** A picture of 64×64: how many times as fast as the loops is im2col? Ten times, a hundred, a thousand?
# > And when the picture is twice as high and twice as wide, how many times as long does each of the three take?

# %%
at_64 = {name: times[3] for name, times in measured.items()}
figure = Figure(figsize=(11, 5.5), layout="constrained")
axes = figure.subplots()
axes.set_title(f"At 64×64 im2col is {at_64['loops'] / at_64['im2col']:,.0f} times as fast as the loops", fontsize=20)
for (name, times), colour in zip(measured.items(), plot.MARKS, strict=False):
    sizes, side = ways[name][1], -1 if name == "engine" else 1
    axes.loglog(sizes, times, "o-", color=colour, linewidth=2.5)
    axes.annotate(f"  {name}", (sizes[-1], times[-1]), color=colour, fontsize=18, va="center")
    for k in range(1, len(sizes)):  # how many times as long as one size before
        middle = np.sqrt(sizes[k - 1] * sizes[k]), np.sqrt(times[k - 1] * times[k])
        axes.annotate(f"×{times[k] / times[k - 1]:.1f}", middle, (-9 * side, 13 * side), textcoords="offset points",
                      color=colour, fontsize=14, ha="center", va="center")
axes.set_xlabel("rows and columns of the picture", fontsize=16)
axes.set_xticks([8, 16, 32, 64, 128, 256], ["8", "16", "32", "64", "128", "256"])
axes.set_yticks([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1], ["0.01 ms", "0.1 ms", "1 ms", "10 ms", "100 ms", "1 second"])
axes.set_xlim(7, 500)
axes.set_ylim(1e-5, 3)
axes.minorticks_off()
axes.tick_params(labelsize=14)
axes.spines[["top", "right"]].set_visible(False)
figure

# %% [markdown]
# Each step up at the left is ten times as long. At 64×64 the loops take hundreds or thousands of times as long as the
# other two.
#
# The small numbers say how many times as long each took as for the size before. Twice as high and wide is four times
# the pixels, and four times the products. The loops take about four times as long, from the first step on. The other
# two hardly notice the small sizes: a call has its own cost, whatever it computes. For large pictures they rise as
# steeply as the loops, from much further down.
#
# Where does im2col still lose time to the engine? It copies every pixel nine times before it multiplies anything.
# That is a matter of memory.

# %% [markdown]
# ## 7. What the memory costs
#
# A pixel is under the kernel in up to k·k windows, and so it is in up to k·k columns.
#
# > **Predict.** A picture of 128×128 with 64 channels. Each number takes 4 bytes (float32). How many millions of
# > bytes is the picture, and how many are its columns for a 3×3 kernel with padding 1?

# %%
picture = np.zeros((1, 64, 128, 128), np.float32)
print(f"picture: {64 * 128 * 128 * 4:>12,} bytes, by the computer {picture.nbytes:>12,}")
print(f"columns: {9 * 64 * 128 * 128 * 4:>12,} bytes, by the computer {im2col(picture, 3, padding=1).nbytes:>12,}")

# %% [markdown]
# Nine times as much: 38 million instead of 4. In the article that introduced the U-Net the pictures are larger. For
# 64 channels of 570×570 it would be 83 million for the picture and 743 million for the columns. (There is no
# padding there, and so there are only 568×568 windows.) And this is one picture, in one of about twenty layers.
#
# The engine does not make them all at once. It makes columns for a few rows of the picture, in memory that fits into
# the fast part next to the processor (the cache), multiplies them while they are there, and uses the same memory for
# the next few rows. So it neither needs the space nor waits for slow memory. That is most of what is in
# `tinyunet/ops/fast/`.

# %% [markdown]
# ## 8. Exercises
#
# **Exercise 1: by arithmetic.** The first layer in that article: a grey picture of 572×572, 64 filters of 3×3, no
# padding. How often does it multiply? Work it out on paper, with the size of the map from tutorial 2.

# %%
answer = None  # yours: one whole number
right = byhand.size("conv:64,3", (1, 572, 572)).multiplications
if answer is None:
    print("not answered yet")
elif answer == right:
    print("right")
else:
    print(f"not right: it is {answer / right:.4g} times what it must be. How large is the map of one filter?",
          "How many filters are there? How many weights does each number of a map meet?")

# %% [markdown]
# **Exercise 2: `conv2d`.** Now the whole: x (N, C, H, W), w (O, C, k, k) and b (O,) → y (N, O, Ho, Wo). The kernel
# need not be square: its shape is kh×kw. You may use `im2col` from section 4 as a pattern. Return y alone, a
# NumPy array; its backward comes in tutorial 4. If x, w and b are float32, y must be, too.
#
# `grade` tries it on small inputs. If something is not right, it shows on which, and looks for the mistake that leads
# to just your numbers. `grade.hint("conv2d")` helps one step at a time.

# %% tags=["exercise"]
def conv2d(x, w, b, stride=1, padding=0):
    """x: (N, C, H, W), w: (O, C, kh, kw), b: (O,). Returns y: (N, O, Ho, Wo)."""
    return None  # yours


# %% tags=["solution"]
def conv2d(x, w, b, stride=1, padding=0):
    """x: (N, C, H, W), w: (O, C, kh, kw), b: (O,). Returns y: (N, O, Ho, Wo)."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    (N, C, H, W), (O, _, kh, kw) = x.shape, w.shape
    Ho, Wo = (H - kh) // stride + 1, (W - kw) // stride + 1
    columns = np.empty((N, C, kh, kw, Ho, Wo), x.dtype)
    for u, v in np.ndindex(kh, kw):
        rows = slice(u, u + stride * (Ho - 1) + 1, stride)
        cols = slice(v, v + stride * (Wo - 1) + 1, stride)
        columns[:, :, u, v] = x[:, :, rows, cols]
    y = w.reshape(O, -1) @ columns.reshape(N, C * kh * kw, Ho * Wo)  # (N, O, Ho·Wo)
    return y.reshape(N, O, Ho, Wo) + b[:, None, None]


# %%
grade("conv2d", conv2d)

# %% [markdown]
# Once it is passed, `tinyunet.solution("conv2d")` shows ours, to compare with. And it can go to work: inside
# `with grade.mine():` a network runs on all the operations that you have passed so far.
#
# > **Predict.** A small U-Net looks at a picture of cells, once with the engine, and once with your convolution in
# > each of its layers. Does it see the same?

# %%
model = UNet(in_channels=1, out_channels=1, channels=(8, 16), rng=0)
images, _ = data.cells(1, size=64, rng=0)
with tinyunet.no_grad():  # nothing is learned here, so nothing need be remembered for gradients
    ours = model(images).numpy()
    with grade.mine() as passed:
        yours = model(images).numpy()
print("yours:", ", ".join(passed) or "nothing yet")
print("the same to five digits:", np.allclose(ours, yours, rtol=1e-5, atol=1e-5))

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | multiplications | numbers of the map × weights that each meets | 64·128·128 · 64·3·3: 604 million |
# | a column | the pixels of one window, in all channels | C·k·k = 18 numbers |
# | a row of the columns | what one cell of the kernel sees: the picture, moved | one slice |
# | a filter | one row of weights, in the same order | C·k·k = 18 numbers |
# | the convolution | rows @ columns, plus the bias | (O, C·k·k) @ (C·k·k, Ho·Wo) |
# | memory | columns are k·k times as large as the picture | 3×3: nine times |
#
# ## Change it and see
#
# 1. Give `im2col` a dilation: one more argument, and a few changes.
# 2. A 1×1 kernel: what do its columns look like? Does such a convolution need im2col?
# 3. In section 6 let all numbers be float64 instead of float32. Who becomes slower, and why?
# 4. In section 6 measure your own `conv2d`, too.
# 5. NumPy has `np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))`. Which shape does it give? How do
#    you make columns of it?
#
# **What you should have seen.** 1: cell u begins at row d·u, in `rows` and `cols`, and Ho and Wo become smaller,
# since the kernel covers d·(k − 1) + 1 pixels. 2: the columns are the pixels themselves, and no copy is needed: a 1×1
# convolution is a product of matrices from the start. 3: the products take about twice as long, since twice the
# memory moves and a processor multiplies half as many at once; the loops stay as slow as they were, since they hardly
# multiply. 4: it lies near im2col. 5: (N, C, Ho, Wo, 3, 3), without copying anything yet; with
# `.transpose(0, 1, 4, 5, 2, 3)` the axes are in our order, and `reshape` then copies.
#
# ## Where to read on
#
# - [`tinyunet/ops/loops.py`](../../tinyunet/ops/loops.py): the loops, for convolution and its gradients.
# - [`tinyunet/ops/im2col.py`](../../tinyunet/ops/im2col.py): `im2col` and `correlate` are what you have written; it
#   takes dilation and groups, too.
# - [`tinyunet/ops/fast/`](../../tinyunet/ops/fast/): the engine, in six steps from im2col.
# - [`docs/measurements.md`](../../docs/measurements.md): how fast it is, next to PyTorch.
# - A worked example: `tinyunet byhand conv3x3`. Sizes and multiplications of whole networks: `tinyunet size --help`.
# - Next: [4. Its gradients](04_its_gradients.ipynb). Why does the kernel turn around?
