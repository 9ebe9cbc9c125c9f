# %% [markdown]
# # 2. A convolution by hand
#
# A U-Net looks at a picture through thousands of small windows. What it does in each of them is a sum of products
# that fits on a sheet of paper. Here you work such sums out with a pencil, and then let the computer agree.
#
# **Afterwards you can**
#
# - work out any number that a convolution makes, with channels, bias, padding, stride and dilation;
# - say how large its result is before you run it;
# - write a convolution as one matrix product, in a few lines of NumPy;
# - work out the gradient of a weight, which is what a network learns by.
#
# **You need** Python, a little NumPy, school mathematics, and pencil and paper. **It takes** about 90 minutes, half
# of them for the exercises.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong. The notebook holds all results, for those who only read; to work through it, first choose *Edit → Clear
# Outputs of All Cells*.
#
# The first cell fetches what is needed, and says how small arrays are drawn. Run it, and read on below.

# %%
# %matplotlib inline
import numpy as np
from matplotlib.figure import Figure

import tinyunet
import tinyunet.functional as F
from tinyunet import byhand, data


def show(arrays):
    """Draw small arrays side by side, each under its title; bright is large."""
    rows = max(a.shape[0] for a in arrays.values())
    columns = sum(a.shape[1] + 2 for a in arrays.values())
    figure = Figure(figsize=(0.36 * columns, 0.36 * rows + 0.45))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.1, columns), ylim=(rows + 0.1, -1))
    axes.set_axis_off()
    left = 0
    for title, a in arrays.items():
        height, width = a.shape
        low, high = min(a.min(), 0), a.max()
        black = low - 1.5 * (high - low)  # never reached: the numbers stay legible
        across, down = left + np.arange(width + 1), np.arange(height + 1)
        axes.pcolormesh(across, down, a, cmap="gray", vmin=black, vmax=high, edgecolors="gray")
        axes.text(left + width / 2, -0.3, title, ha="center")
        for (i, j), number in np.ndenumerate(a):
            text = f"{number:g}".replace("-", "−")
            axes.text(left + j + 0.5, i + 0.5, text, ha="center", va="center")
        left += width + 2
    return figure


# %% [markdown]
# ## 1. One window
#
# Here is a picture of 4×4 **pixels**, bright on the left and dark on the right, and a **kernel** of 3×3 **weights**.

# %%
image = np.array([[10, 10, 0, 0],
                  [10, 10, 0, 0],
                  [10, 10, 0, 0],
                  [10, 10, 0, 0]], float)
edge = np.array([[1, 0, -1],
                 [1, 0, -1],
                 [1, 0, -1]], float)
show({"picture": image, "kernel": edge})

# %% [markdown]
# Lay the kernel onto the upper left corner of the picture. The 3×3 pixels that it covers are its **window**. Multiply
# each weight by the pixel under it, and add the nine products up. That is all that a convolution does in one place.
#
# > **Predict.** Before you run the next cell: which number comes out? Write down the nine products, row by row.

# %%
print(byhand.conv2d(image, edge).at(0, 0))

# %% [markdown]
# The second line holds your nine products: three rows of 10 + 0 + 0. (The first line is the formula for all cases. In
# section 5 you can read every letter of it.)
#
# In each row the kernel subtracts the pixel on the right from the pixel on the left. The sum is large where the
# picture goes from bright to dark: this kernel finds vertical **edges**.
#
# > **Predict.** The same kernel looks at a picture that is 7 everywhere. Which number comes out?

# %%
print(byhand.conv2d(np.full((4, 4), 7), edge).at(0, 0))

# %% [markdown]
# Each row gives 7 − 7. Where nothing changes, this kernel says 0.

# %% [markdown]
# ## 2. Channels and bias: 30 + 5 + bias
#
# A colour picture has three numbers at each pixel, for red, green and blue: three **channels**. Inside a U-Net there
# are dozens or hundreds. A **filter** has one kernel for each channel, and the sums of all channels are added up to
# one number.
#
# Our picture gets a second channel, which is 5 everywhere. The filter gets a second kernel, which takes the pixel in
# the centre and nothing else.

# %%
x = np.stack([image, np.full((4, 4), 5.0)])  # 2 channels, 4 rows, 4 columns
centre = np.array([[0, 0, 0],
                   [0, 1, 0],
                   [0, 0, 0]], float)
w = np.stack([edge, centre])[None]  # 1 filter, 2 channels, 3 rows, 3 columns

# %% [markdown]
# > **Predict.** What does the second channel contribute, and what is the sum of both?

# %%
y = byhand.conv2d(x, w)
print(y.at(0, 0, 0))

# %% [markdown]
# `y[0, 0, 0]` is the number that filter 0 makes in row 0, column 0. All counting begins at 0.
#
# A filter also has a **bias**: one number of its own that is added, whatever is in the picture.
#
# > **Predict.** The bias is 2. How often is it added: once for each of the 18 products, once for each channel, or
# > once?

# %%
y = byhand.conv2d(x, w, b=[2])
print(y.at(0, 0, 0))

# %% [markdown]
# Once: 30 + 5 + 2 = 37.

# %% [markdown]
# ## 3. From one window to the whole map
#
# Now the filter moves: one pixel to the right, and at the end of the row back to the left and one pixel down. Each
# window makes one number, and all of them together are a **feature map**. (From here on without the bias.)
#
# > **Predict.** In how many places does a 3×3 kernel fit into a 4×4 picture? And one step to the right, where the
# > window holds only one bright column: is the number smaller than 35, the same, or larger?

# %%
y = byhand.conv2d(x, w)
print(y.at(0, 0, 1))
print()
print(y)

# %% [markdown]
# Two places across, two down: the map is 2×2. And all its numbers are 35: the kernel compares the left column of its
# window with the right one, and in both places it finds 10 on the left and 0 on the right.
#
# Here is the first window again: all that goes into its number, and where that stands in the map.

# %%
y.at(0, 0, 0).figure()

# %% [markdown]
# Run the next cell: in a notebook, `y` by itself becomes a map to explore. Point at a number, or go there with the
# arrow keys, and see what it is made of.

# %%
y

# %% [markdown]
# ## 4. Padding
#
# From 4×4 to 2×2: a 3×3 kernel eats a border, one pixel on each side. With `padding=1` the picture first gets a
# border of zeros, one pixel wide, too. Then the map is as large as the picture was.
#
# > **Predict.** The first window now begins in the border, and its centre is the corner pixel of the picture. How
# > many of its nine pixels are zeros of the border? What does channel 0 give, what channel 1?

# %%
padded = byhand.conv2d(x, w, padding=1)
print(padded.at(0, 0, 0))

# %% [markdown]
# Five of the nine are zeros of the border.
#
# > **Predict.** The left column of the map is negative: after zeros of the border come tens. On the right the kernel
# > meets zeros of the border, too. Which numbers are in the right column of the map?

# %%
print(padded)
padded.at(0, 0, 0).figure()

# %% [markdown]
# On the left the border is dark and the picture bright: to the kernel this is an edge, the other way round. On the
# right both are dark, and only the 5 of channel 1 remains. So the zeros are not nothing: a network sees them. (To
# walk along the border, put `padded` into a cell of its own.)
#
# **Which one is output (1, 1)?** With `padding=1` everything has moved by one: the window of section 1 now makes
# output (1, 1), and that is 35. Without padding the same window makes output (0, 0). There is an output (1, 1)
# without padding, too: it belongs to another window, one step further down and to the right, and just happens to be
# 35 as well. A place in a map means something only together with the padding.

# %% [markdown]
# ## 5. Stride and dilation
#
# Two settings say how far apart things are. The **stride** is the distance from one window to the next, the
# **dilation** the distance from one cell of the kernel to the next. Both are 1 unless you say otherwise.
#
# To see what they do, here is a picture in which every pixel holds its own address: 23 is row 2, column 3. And two
# kernels with a single 1: whatever lies under the 1 is the result. So the map tells where its numbers come from.

# %%
address = np.array([[10 * row + column for column in range(6)] for row in range(6)])
first, last = np.zeros((3, 3)), np.zeros((3, 3))
first[0, 0] = last[2, 2] = 1
show({"addresses": address, "kernel first": first, "kernel last": last})

# %% [markdown]
# > **Predict.** With stride 2, how many windows are there, and in which pixels do they begin? The kernel `first`
# > tells.

# %%
print(byhand.conv2d(address, first, stride=2))

# %% [markdown]
# The windows begin in rows 0 and 2 and in columns 0 and 2. From 4 on there is no room for three pixels: row 5 and
# column 5 are never looked at. A stride of 2 keeps every other row and column of the map, and makes it half as high
# and wide.
#
# > **Predict.** With dilation 2 the cells of the kernel lie on every other pixel. Which pixel is under the last cell
# > of the first window? How many pixels wide is that window? How large is the map?

# %%
dilated = byhand.conv2d(address, last, dilation=2)
print(dilated)
dilated.at(0, 0).figure()

# %% [markdown]
# The nine weights now reach over 5×5 pixels, and skip those in between.
#
# **How large is the map?** With dilation d, a kernel of k cells covers d·(k − 1) + 1 pixels. With stride s, windows
# begin at pixel 0, s, 2s and so on, as long as they fit into the n pixels with p more on either side. So there are
# this many:

# %%
def size(n, k, s=1, p=0, d=1):
    """How many windows of k cells fit into n pixels, with stride s, padding p and dilation d."""
    covered = d * (k - 1) + 1
    return (n + 2 * p - covered) // s + 1


# %% [markdown]
# > **Predict.** A picture of 6×6 and a 3×3 kernel, in four ways. How large is the map: with nothing else, with
# > padding 1, with stride 2 and padding 1, with padding 2 and dilation 2?

# %%
for s, p, d in [(1, 0, 1), (1, 1, 1), (2, 1, 1), (1, 2, 2)]:
    rows, columns = byhand.conv2d(address, first, stride=s, padding=p, dilation=d).result.shape
    n = size(6, 3, s, p, d)
    print(f"stride {s}, padding {p}, dilation {d}: {rows}×{columns}, by the formula {n}×{n}")

# %% [markdown]
# Now you can read the formula that stands above every sum:
#
# $$y_{n,o,i,j} = b_o + \sum_{c,u,v} x_{n,\;c,\;si+du-p,\;sj+dv-p}\; w_{o,c,u,v}$$
#
# | letter | stands for |
# |---|---|
# | n | the pictures, when there are several |
# | o | the filters, each of which makes one output channel |
# | i, j | rows and columns of the map |
# | c | the channels of the picture |
# | u, v | rows and columns of the kernel |
# | s, d, p | stride, dilation, padding |
#
# The row s·i + d·u − p is all there is to remember: window i begins at s·i, cell u lies d·u further on, and the
# padding has moved everything by p.

# %% [markdown]
# ## 6. On a picture of cells
#
# The same nine weights on a larger picture: cells as a microscope shows them, drawn by `tinyunet.data`. `F.conv2d` is
# the convolution that networks use: it gives the same numbers as `byhand.conv2d`, fast, and without a word.
#
# > **Predict.** What will you see of a cell in the map of the edge kernel? And in the map of the same kernel on its
# > side, with the rows 1 1 1, 0 0 0 and −1 −1 −1?

# %%
images, _ = data.cells(1, size=(80, 110), rng=4)
picture = images[0].astype(float)  # 1 channel, 80 rows, 110 columns, as precise as the kernel
upright = F.conv2d(picture, edge[None, None]).numpy()[0]
sideways = F.conv2d(picture, edge.T[None, None]).numpy()[0]

figure = Figure(figsize=(12, 3.2), layout="constrained")
left, middle, right = figure.subplots(1, 3)
left.imshow(picture[0], cmap="gray", vmin=0, vmax=1)
left.set_title("picture")
middle.imshow(upright, cmap="gray", vmin=-1, vmax=1)
middle.set_title("map of the edge kernel")
right.imshow(sideways, cmap="gray", vmin=-1, vmax=1)
right.set_title("map of the edge kernel on its side")
for axes in (left, middle, right):
    axes.set_axis_off()
figure

# %% [markdown]
# Grey is 0: nothing changes there. From bright to dark, going right, the first map is bright; from dark to bright it
# is dark. So each cell has a dark side and a bright one, as if it stood out of the paper and a lamp shone from the
# right; in the second map the lamp is below.
#
# Nobody writes such kernels into a U-Net. It finds its own, thousands of them, in the way of section 8.

# %% [markdown]
# ## 7. One matrix product
#
# What computers are fastest at is a product of large matrices. So here is the trick that makes convolutions fast:
# write the pixels of each window into one column. Then the weights of a filter, written into one row, meet all
# windows in a single product of matrices. It is called **im2col**, from image to columns.

# %%
def im2col(x, k, stride=1, padding=0):
    """The k×k windows of x (channels, rows, columns), each as a column: (channels·k·k, windows)."""
    x = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    rows = range(0, x.shape[1] - k + 1, stride)
    columns = range(0, x.shape[2] - k + 1, stride)
    return np.stack([x[:, i:i + k, j:j + k].ravel() for i in rows for j in columns], axis=1)


def conv2d(x, w, b, stride=1, padding=0):
    """The maps of all filters w (filters, channels, k, k), each as a row: (filters, windows)."""
    return w.reshape(len(w), -1) @ im2col(x, w.shape[-1], stride, padding) + b[:, None]


# %% [markdown]
# > **Predict.** For the picture with two channels and the 3×3 filter without padding: how many rows and columns has
# > `im2col(x, 3)`?

# %%
columns = im2col(x, 3)
print(columns.shape)
show({"weights": w.reshape(18, 1), "the four windows": columns})

# %% [markdown]
# Multiply each column by the weights beside it, row by row, and add up: 35, four times. That is the whole
# convolution; more filters are more rows of weights. Is it the same as the one that networks are trained with here?
# First our example with the bias 2, then eight filters of random weights on a random picture with three channels.

# %%
print(conv2d(x, w, b=np.array([2])))

rng = np.random.default_rng(0)
large = rng.normal(size=(3, 20, 30))
filters, biases = rng.normal(size=(8, 3, 5, 5)), rng.normal(size=8)
for stride, padding in [(1, 0), (1, 2), (2, 1)]:
    ours = conv2d(large, filters, biases, stride, padding)
    theirs = F.conv2d(large, filters, biases, stride, padding).numpy()
    same = np.allclose(ours, theirs.reshape(8, -1))
    print(f"stride {stride}, padding {padding}: maps {theirs.shape}, the same: {same}")

# %% [markdown]
# ## 8. The gradient of one weight
#
# A network learns by asking of each weight: if you were a little larger, what would change, and by how much? The
# answer is a slope, the **gradient**. We ask it of the weight in the upper left corner of the edge kernel, `w[0, 0,
# 0, 0]`.
#
# > **Predict.** That weight is 1. Let it be 2. How much larger does each of the four outputs become? Look at which
# > pixel lies under this weight in each of the four windows.

# %%
nudged = w.copy()
nudged[0, 0, 0, 0] += 1
print(byhand.conv2d(x, nudged).result - byhand.conv2d(x, w).result)

# %% [markdown]
# Each output grows by the pixel under the weight, here by 10 in all four windows. (A nudge of 0.1 would make it grow
# by a tenth of that: the slope is the same.)
#
# But learning needs a single number that says how bad the outputs are: the **loss** L, which should become smaller.
# Suppose first that L is the sum of all outputs. Then L grows by 10 + 10 + 10 + 10 = 40 when the weight grows by 1:
# its gradient is 40.
#
# > **Predict.** What is the gradient of the weight in the upper right corner, `w[0, 0, 0, 2]`, which is −1?

# %%
y = byhand.conv2d(x, w)
print(y.grad("w").at(0, 0, 0, 0))
print()
print(y.grad("w").at(0, 0, 0, 2))

# %% [markdown]
# The weight on the right only ever lies on dark pixels. Whatever it is, nothing changes: its gradient is 0.
#
# Usually L is not just a sum. Then each output has a slope of its own: how much L grows when that output grows by 1.
# These slopes are called `dy`, and the later layers of the network hand them back. A negative one says that L would
# become smaller if this output were larger.
#
# A pixel under the weight now counts times the slope of its output. So the gradient is a **sum of products**, too: of
# all outputs, the slope times the pixel.

# %%
dy = np.array([[[1, -2],
                [0, 3]]])  # one slope for each output: 1 filter, 2 rows, 2 columns

# %% [markdown]
# > **Predict.** Work out the gradient of the upper weight in the middle, `w[0, 0, 0, 1]`. Which pixel is under it in
# > each of the four windows? Multiply these by the numbers in `dy`, and add up.

# %%
dw = y.grad("w", dy)
print(dw.at(0, 0, 0, 1))
dw.at(0, 0, 0, 1).figure()

# %% [markdown]
# It looks like a convolution, and it is one: `dy` lies on the picture like a kernel, and in each place it makes the
# gradient of one weight.
#
# > **Predict.** A loss with these slopes is L = 1·y[0,0,0] − 2·y[0,0,1] + 0·y[0,1,0] + 3·y[0,1,1]. By how much must
# > it grow when `w[0, 0, 0, 1]` grows by 1? And should `backward()`, with which networks are trained here, find the
# > same?

# %%
def loss(weights):
    """L for any weights."""
    return (byhand.conv2d(x, weights).result * dy).sum()


nudged = w.copy()
nudged[0, 0, 0, 1] += 1
print("by a nudge:     ", loss(nudged) - loss(w))

weights = tinyunet.tensor(w, requires_grad=True)
L = (F.conv2d(x, weights) * dy).sum()
L.backward()
print("by backward():  ", weights.grad[0, 0, 0, 1].item())
print("all 18 the same:", np.array_equal(weights.grad, dw.result))

# %% [markdown]
# A step of learning moves all weights at once, each a little against its gradient.
#
# > **Predict.** Does L become larger or smaller?

# %%
print("L before:", loss(w))
print("L after: ", loss(w - 0.01 * dw.result))

# %% [markdown]
# ## 9. Exercises
#
# Five, from easy to hard, all for a pencil. Put your answer in place of `None` and run the cell. `byhand` says
# whether it is right. If it is not, `byhand` looks for the mistake that leads to just this answer. The right one
# stays yours to find.
#
# This is what it says to somebody who turned the kernel of section 2 by 180°, as convolution in mathematics does and
# convolution in networks does not (mathematics calls that a cross-correlation):

# %%
def check(asked, answer):
    """Print what there is to say about an answer; None is no answer yet."""
    print("not answered yet" if answer is None else asked.check(answer))


check(byhand.conv2d(x, w).at(0, 0, 0), -30 + 5)

# %% [markdown]
# And this to somebody who forgot the padding of section 4:

# %%
check(padded, [[35, 35],
               [35, 35]])

# %% [markdown]
# **Exercise 1: one window.** What is `y[1, 0]`?

# %%
exercise_1 = byhand.conv2d([[2, 5, 5],
                            [1, 5, 1],
                            [4, 2, 4]],
                           [[3, 1],
                            [-1, 0]])
answer = None  # yours: one number
check(exercise_1.at(1, 0), answer)

# %% [markdown]
# **Exercise 2: channels and bias.** What is `y[0, 0, 0]`, the only output?

# %%
exercise_2 = byhand.conv2d(x=[[[2, 3],
                               [1, 5]],
                              [[4, 1],
                               [2, 4]]],
                           w=[[[[-1, -1],
                                [-1, 0]],
                               [[3, 3],
                                [2, -1]]]],
                           b=[3])
answer = None  # yours: one number
check(exercise_2.at(0, 0, 0), answer)

# %% [markdown]
# **Exercise 3: stride.** The whole map. How large is it?

# %%
exercise_3 = byhand.conv2d([[2, 3, 0, 2],
                            [3, 3, 0, 0],
                            [0, 0, 3, 2],
                            [1, 3, 0, 0]],
                           [[1, -1],
                            [0, 3]], stride=2)
answer = None  # yours: rows of numbers, such as [[1, 2, 3], [4, 5, 6]]
check(exercise_3, answer)

# %% [markdown]
# **Exercise 4: padding.** The whole map, with a border of zeros, one pixel wide.

# %%
exercise_4 = byhand.conv2d([[2, 1],
                            [2, 3]],
                           [[3, -1, -1],
                            [2, 0, 3],
                            [2, 2, -1]], padding=1)
answer = None  # yours: rows of numbers
check(exercise_4, answer)

# %% [markdown]
# **Exercise 5: a gradient.** L has the slopes `dy`. Work out the gradients of all four weights, in the shape of the
# kernel. Do you need to know the weights?

# %%
exercise_5 = byhand.conv2d([[2, 3, 0],
                            [1, 2, 4],
                            [2, 1, 1]],
                           [[1, 2],
                            [3, 4]]).grad("w", dy=[[0, 2],
                                                   [3, -1]])
answer = None  # yours: rows of numbers
check(exercise_5, answer)

# %% [markdown]
# When you have tried and want to see every product: `print(exercise_1.at(1, 0))`, and so on for the others.

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | one output | the sum of weight × pixel over the window | 9 products: 30 |
# | channels | a kernel for each, all added to one number | 30 + 5 = 35 |
# | bias | one number for each filter, added once | 35 + 2 = 37 |
# | feature map | the filter in every place where it fits | 4×4 becomes 2×2 |
# | padding p | zeros around the picture | `padding=1`: 4×4 stays 4×4 |
# | stride s | the distance between windows | `stride=2`, 3×3 kernel: 6×6 becomes 2×2 |
# | dilation d | the distance between cells of the kernel | `dilation=2`: 3 cells cover 5 pixels |
# | size | (n + 2p − d(k − 1) − 1) // s + 1 | (4 + 2 − 2 − 1) // 1 + 1 = 4 |
# | im2col | a window in each column: one matrix product | 18×4 numbers for 2×2 outputs |
# | gradient of a weight | over all outputs, the sum of dy × pixel under the weight | 1·10 − 2·0 + 0·10 + 3·0 = 10 |
#
# ## Change it and see
#
# - In section 6 try the kernel `np.ones((3, 3)) / 9`, and the kernel −1 everywhere with 9 in the centre. What do they
#   do?
# - In section 4 let channel 1 have the kernel of nine ones. Which numbers of the map change, and by how much?
# - Give `im2col` a dilation. It is one more argument and two slices that take steps.
# - Work out `y.grad("x").at(0, 1, 1)`: by how much does the sum of all outputs change when one pixel does? How many
#   windows see that pixel?
# - In section 8 repeat the step of learning a few times, with a step of 0.1 instead of 0.01. Does L ever stop
#   falling? Why?
#
# ## Where to read on
#
# - [`tinyunet/ops/conv.py`](../../tinyunet/ops/conv.py): the convolution and its gradients, derived from one sum.
# - [`tinyunet/ops/loops.py`](../../tinyunet/ops/loops.py): this sum as plain loops.
# - [`tinyunet/ops/im2col.py`](../../tinyunet/ops/im2col.py): the same as matrix products, for every stride, padding
#   and dilation. Change it, and let a U-Net train on it: `tinyunet.using(conv2d=…)`.
# - [`tinyunet/ops/fast/`](../../tinyunet/ops/fast/): what makes it as fast as PyTorch.
# - [`tinyunet/byhand/`](../../tinyunet/byhand/): how every product on this page was found, and how mistakes are
#   named.
