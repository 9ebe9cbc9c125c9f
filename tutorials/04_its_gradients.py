# %% [markdown]
# # 4. Its gradients
#
# Why does the kernel turn around? A network learns by asking of each of its numbers: if you were a little larger,
# would the result become better or worse, and by how much? For a convolution the answers are sums of products again,
# over the same windows. In one of them the kernel stands on its head. Here you see why, and write it yourself.
#
# **Afterwards you can**
#
# - work out the gradient of any weight, bias and pixel with a pencil;
# - say why the kernel turns by 180° on the way back;
# - tell a right gradient from one that only looks right;
# - write the backward of a convolution in NumPy.
#
# **You need** Python, a little NumPy, school mathematics, and pencil and squared paper. Taken for granted from
# [tutorial 2](02_convolution_by_hand.ipynb): window, kernel, padding, stride. Where `backward()` is called, it only
# confirms what was worked out; tutorial 1 is about how it does that. The last exercise is easier after
# [tutorial 3](03_a_convolution_is_one_matrix_product.ipynb). **It takes** about 90 minutes, a third of them for the
# exercises.

# %%
# %matplotlib inline
import numpy as np

import tinyunet
import tinyunet.functional as F
from tinyunet import byhand, data, grade, plot
from tinyunet.grade import steps  # steps(300) is 300, and fewer when the tutorials are only tested

# %% [markdown]
# ## 1. One weight
#
# The picture and the kernel of tutorial 2, without padding. All four numbers of the map are 30.

# %%
x = np.array([[10, 10, 0, 0],
              [10, 10, 0, 0],
              [10, 10, 0, 0],
              [10, 10, 0, 0]])
w = np.array([[1, 0, -1],
              [1, 0, -1],
              [1, 0, -1]])
y = byhand.conv2d(x, w)
plot.grids({"x": x, "w": w, "y": y.result}, marks={"w": np.s_[0, 0]})

# %% [markdown]
# Take the weight in the blue frame, `w[0, 0]`. It is 1.
#
# > **Predict.** Let it be 2. How much larger does each of the four numbers in y become? Look at which pixel lies
# > under this weight in each of the four windows.

# %%
nudged = w.copy()
nudged[0, 0] += 1
print(byhand.conv2d(x, nudged).result - y.result)

# %% [markdown]
# Each grows by the pixel under the weight, here by 10 in all four windows. (A nudge of 0.1 would make it grow by a
# tenth of that: the slope is the same.)
#
# But learning needs a single number that says how bad the outputs are: the **loss** L, which should become smaller.
# Suppose first that L is the sum of all outputs. Then L grows by 10 + 10 + 10 + 10 = 40 when the weight grows by 1.
# This slope, 40, is the **gradient** of the weight.
#
# > **Predict.** What is the gradient of the weight in the upper right corner, `w[0, 2]`, which is −1?

# %%
y.grad("w").at(0, 2).figure()

# %% [markdown]
# The weight on the right only ever lies on dark pixels. Whatever it is, nothing changes: its gradient is 0. (`dw` is
# short for "the gradient of w". The frame shows the four pixels that lie under this weight, one for each window. What
# `dy` is comes now.)
#
# Usually L is not just a sum. Then each output has a slope of its own: how much L grows when that output grows by 1.
# These slopes are called `dy`, and the later layers of the network hand them back. A negative one says that L would
# become smaller if this output were larger.
#
# A pixel under the weight now counts times the slope of its output. So the gradient of a weight is a sum of products:
# **over all outputs, the slope times the pixel under the weight**.

# %%
dy = np.array([[1, -1],
               [2, 3]])  # one slope for each output

# %% [markdown]
# > **Predict.** Work out the gradient of the upper weight in the middle, `w[0, 1]`. Which pixel is under it in each
# > of the four windows? Multiply these by the numbers in `dy`, and add up.

# %%
dw = y.grad("w", dy)
dw.at(0, 1).figure()

# %% [markdown]
# It looks like a convolution, and it is one: `dy` lies on the picture like a kernel, and in each place it makes the
# gradient of one weight.
#
# > **Predict.** A loss with these slopes is L = 1·y[0, 0] − 1·y[0, 1] + 2·y[1, 0] + 3·y[1, 1]. By how much must it
# > grow when `w[0, 1]` grows by 1? And should `backward()`, with which networks are trained here, find the same?

# %%
def loss(x, w):
    """L for any picture and any weights."""
    return (byhand.conv2d(x, w).result * dy).sum()


nudged = w.copy()
nudged[0, 1] += 1
print("by a nudge:    ", loss(x, nudged) - loss(x, w))

weights = tinyunet.tensor(w[None, None], dtype=float, requires_grad=True)  # 1 filter, 1 channel, 3 rows, 3 columns
L = (F.conv2d(x[None].astype(float), weights) * dy).sum()
L.backward()
print("by backward(): ", weights.grad[0, 0, 0, 1].item())
print("all 9 the same:", np.array_equal(weights.grad[0, 0], dw.result))

# %% [markdown]
# ## 2. The bias
#
# The bias b is one number that is added to every output.
#
# > **Predict.** It grows by 1. By how much does each output grow? By how much does L grow, with the slopes 1, −1, 2
# > and 3?

# %%
biased = byhand.conv2d(x[None], w[None, None], b=[0])
biased.grad("b", dy[None]).at(0).figure()

# %% [markdown]
# Every output grows by 1, whatever is in the picture. So the gradient of a bias is **the sum of all slopes** of its
# map.

# %% [markdown]
# ## 3. One pixel
#
# In a network the picture of one layer is the result of the layer before. So that the weights *there* can learn, too,
# each pixel needs a gradient: how much does L grow when this pixel grows by 1?
#
# A pixel is in several windows, and in each it lies under another weight. To see which, here is a kernel whose
# weights are numbered from 1 to 9, and the pixel in row 1, column 1. The first window is blue, the second orange.

# %%
w = np.arange(1, 10).reshape(3, 3)
pixel = np.zeros((4, 4))
pixel[1, 1] = 1
plot.grids({"the pixel, in two windows": pixel, "w": w},
           marks={"the pixel, in two windows": [np.s_[0:3, 0:3], np.s_[0:3, 1:4]], "w": [np.s_[1, 1], np.s_[1, 0]]})

# %% [markdown]
# In the blue window the pixel lies under the weight in the middle, 5. Then the window moves one to the *right*. The
# pixel stays where it is, so in the orange window it lies one further to the *left*: under 4.
#
# > **Predict.** The third window lies one row below the first one, the fourth one row below the second. Under which
# > weights does the pixel lie there? (Write the four weights down as a square, each where its window is.)

# %%
byhand.conv2d(pixel, w).result

# %% [markdown]
# 5 and 4, below them 2 and 1. In a picture that is 0 but for one pixel, each window shows the weight under this
# pixel. Compare with the kernel: there the same four stand as 1 2 above 4 5. The order is **turned around**, left and
# right, above and below. That is the whole reason: as the window moves one way, the pixel in it moves the other way.
#
# If the pixel grows by 1, each of the four outputs grows by its weight, and L by the slope of the output times that:
# **over all windows that see the pixel, the slope times the weight above it**.
#
# > **Predict.** What is the gradient of this pixel, `dx[1, 1]`, with the slopes 1, −1, 2 and 3? And that of the pixel
# > in the corner, `dx[0, 0]`? In how many windows is that one?

# %%
y = byhand.conv2d(x, w)
dx = y.grad("x", dy)
dx.at(1, 1).figure()

# %% [markdown]
# The small letters tell which number meets which: they run a b, c d in `dy` and d c, b a in `w`. Turned around,
# again.
#
# 5 − 4 + 4 + 3 = 8. The corner is in one window only, under the weight 1, so its gradient is 1·1 = 1:

# %%
plot.grids({"dy": dy, "w": w, "dx": dx.result}, marks={"dx": [np.s_[0, 0], np.s_[1, 1]]})

# %% [markdown]
# ## 4. A convolution with the kernel turned around
#
# So to find `dx[1, 1]` we laid four weights of the turned kernel onto the four slopes. For a pixel further to the
# right it is the same, with the kernel one further to the right. And where the kernel stands over the edge of `dy`,
# there is no window, and nothing to add: zeros. That is a convolution, with padding:
#
# 1. put zeros around `dy`, so many that the map becomes as large as the picture;
# 2. turn the kernel by 180°;
# 3. slide it, multiply, and add up.
#
# > **Predict.** `dy` is 2×2, the kernel 3×3, the picture 4×4. How many zeros are needed on each side? In the first
# > window only one cell of the turned kernel then lies on a slope. In which row and column of the kernel is it, and
# > which weight stands there?

# %%
turned = w[::-1, ::-1]
plot.grids({"dy with padding 2": np.pad(dy, 2), "w turned by 180°": turned},
           marks={"dy with padding 2": np.s_[0:3, 0:3], "w turned by 180°": np.s_[2, 2]})

# %%
as_convolution = byhand.conv2d(dy, turned, padding=2).result
print(as_convolution)
print("the same as dx:", np.array_equal(as_convolution, dx.result))

# %% [markdown]
# Two zeros on each side, k − 1 for a kernel of k cells: then the kernel just touches the first slope with its last
# cell, in row 2, column 2. Because it is turned, the weight there is the 1.
#
# **The other way to see it.** Instead of asking each pixel where its gradient comes from, ask each output where its
# slope goes. An output was made of nine pixels, each times its weight. So it lays the kernel, times its slope, back
# onto these nine pixels. Here the kernel stands upright. Where windows overlap, what they lay down adds up.
#
# > **Predict.** What does the output with the slope −1 lay down, and where?

# %%
laid = {}
for i, j in np.ndindex(2, 2):
    part = np.zeros((4, 4))
    part[i:i + 3, j:j + 3] = dy[i, j] * w
    laid[f"{dy[i, j]} · w".replace("-", "−")] = part
places = [np.s_[i:i + 3, j:j + 3] for i, j in np.ndindex(2, 2)]
plot.grids({**laid, "sum": sum(laid.values())}, marks=dict(zip(laid, places, strict=True)))

# %% [markdown]
# The sum is `dx`. **Collecting** with the kernel turned, or **laying down** with the kernel upright: the same
# products, added up in another order. (Laying down is an operation of its own, with which a U-Net makes its maps
# larger again: the transposed convolution of tutorial 7.)

# %% [markdown]
# ## 5. One sum, three gradients
#
# There is a way to remember all of this at once. As long as nudges are tiny, every loss grows like the one of section
# 1, which is the sum of all outputs, each times its slope. Put the convolution into it:
#
# $$L = \sum_{i,j} dy_{i,j} \; y_{i,j} = \sum_{i,j,u,v} dy_{i,j} \cdot w_{u,v} \cdot x_{i+u,\,j+v}$$
#
# Each product has three factors: a slope, a weight and a pixel, those that meet in one cell of one window. Which
# factor do you ask about? Take the products in which it occurs, leave it out, and add up what remains:
#
# - of an output: weight times pixel, which is y itself;
# - of a weight: slope times pixel, which is dw;
# - of a pixel: slope times weight, which is dx.
#
# So one loop finds all three. With a stride only the pixel is another one.

# %%
def one_sum(x, w, dy, stride=1):
    """y, dw and dx, from the same products."""
    y, dw, dx = (np.zeros(a.shape) for a in (dy, w, x))
    for i, j in np.ndindex(dy.shape):
        for u, v in np.ndindex(w.shape):
            row, col = stride * i + u, stride * j + v  # of the pixel under cell (u, v) in window (i, j)
            y[i, j] += w[u, v] * x[row, col]
            dw[u, v] += dy[i, j] * x[row, col]
            dx[row, col] += dy[i, j] * w[u, v]
    return y, dw, dx


for ours, theirs in zip(one_sum(x, w, dy), [y, y.grad("w", dy), dx], strict=True):
    print(np.array_equal(ours, theirs.result))

# %% [markdown]
# > **Predict.** A picture of 6×6, stride 2, all slopes 1. Which pixels have the gradient 0? Which has the largest: a
# > pixel in one window, in two, or in four?

# %%
large = np.zeros((6, 6))
plot.grids({"w": w, "dx, stride 2": one_sum(large, w, np.ones((2, 2)), stride=2)[2]},
           marks={"dx, stride 2": np.s_[2, 2]})

# %% [markdown]
# No window reaches the last row and column, so nothing depends on them. The pixel in the blue frame is in all four
# windows, once under each corner of the kernel: 9 + 7 + 3 + 1 = 20.
#
# **As matrix products.** In tutorial 3, y = W @ columns, where the rows of W are the filters, and each column holds
# the pixels of one window. The same sum again: so dW, the gradient of W, is made of slopes and pixels, and
# dcolumns, the gradient of the columns, of slopes and weights.
#
# | | product | shapes |
# |---|---|---|
# | y | W @ columns | (O, K) @ (K, windows) = (O, windows) |
# | dW | dy @ columnsᵀ | (O, windows) @ (windows, K) = (O, K) |
# | dcolumns | Wᵀ @ dy | (K, O) @ (O, windows) = (K, windows) |
#
# (O filters, K = C·k·k weights in each, and ᵀ exchanges rows and columns: `.T` in NumPy.) Only one order of the two
# factors fits together in shape, and it is the right one. From the columns everything goes back to the pixel that was
# copied there, with `+=`, since a pixel stands in several columns. This way back is called **col2im**.

# %% [markdown]
# ## 6. A gradient that only looks right
#
# Gradients go wrong in silence. Nothing stops, all shapes fit, often even the loss falls, only not as far as it
# could. So they are checked against their definition: nudge, and see.
#
# Here is a convolution as one writes it for this package: a function that returns its result and its backward. In its
# `dw` is a mistake. Somebody has turned `dy` by 180°, perhaps since something is always turned in these formulas.

# %%
@tinyunet.differentiable
def mistaken(x, w):
    """A convolution of one picture (H, W) with one kernel; its dw is wrong."""
    places = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y, _, _ = one_sum(x, w, np.zeros(places))  # no slope matters for y

    def backward(dy):
        _, _, dx = one_sum(x, w, dy)
        _, dw, _ = one_sum(x, w, dy[::-1, ::-1])  # the mistake
        return dx, dw

    return y, backward


rng = np.random.default_rng(0)
some_x = tinyunet.tensor(rng.normal(size=(5, 5)), requires_grad=True)
some_w = tinyunet.tensor(rng.normal(size=(3, 3)), requires_grad=True)

# %% [markdown]
# The first check: let L be the sum of all outputs. Nudge each weight a little up and a little down, by ε = 0.000001,
# and divide the change of L by 2ε.
#
# > **Predict.** Is the mistake found?

# %%
mistaken(some_x, some_w).sum().backward()
by_nudges = np.zeros((3, 3))
for u, v in np.ndindex(3, 3):
    nudge = np.zeros((3, 3))
    nudge[u, v] = 1e-6
    up, down = (mistaken(some_x, some_w.numpy() + sign * nudge).sum().item() for sign in (1, -1))
    by_nudges[u, v] = (up - down) / 2e-6
print("all weights the same:", np.allclose(some_w.grad, by_nudges))

# %% [markdown]
# It is not. If L is the sum, all slopes are 1, and who turns a square of ones has changed nothing. A check with
# slopes that are all the same cannot see which slope meets which pixel.
#
# So `tinyunet.gradcheck` multiplies each output by a random number first, adds up, and then nudges every element of
# every input.
#
# > **Predict.** The same function, the same nudges, random slopes. Is the mistake found? And in which input, 0 (x) or
# > 1 (w)?

# %%
def verdict(function, *inputs):
    """What gradcheck says."""
    try:
        tinyunet.gradcheck(function, inputs)
        return "no mistake found"
    except AssertionError as error:
        return str(error)


print(verdict(mistaken, some_x, some_w))

# %% [markdown]
# It is found, in the weights, with both numbers: the one that is wrong, and the one that it should be.
#
# The kernel of `dx` can hide a mistake, too. A kernel that blurs is the same from all sides: turned or not, `dx` is
# right. Check gradients with numbers that have no pattern, random ones, in more than one channel, and with pictures
# and kernels that are not square.

# %% [markdown]
# ## 7. A kernel that is learned
#
# In tutorial 2 somebody wrote the edge kernel down. Now the computer finds it, from an example: a picture of cells,
# and the map that should come out. It begins with random weights. L is the mean of all (y − wanted)².
#
# The slope of (y − wanted)² is 2·(y − wanted), and a mean over n outputs divides it by n. That is `dy`, and `dw`
# follows from it as above. In a **step of learning** every weight moves a little against its gradient:
# `w - rate * dw`.
#
# > **Predict.** After one step, is L smaller? Are all nine weights closer to those of the edge kernel?

# %%
edge = np.array([[1., 0, -1]] * 3)
images, _ = data.cells(1, size=(80, 110), rng=4)
picture = images.astype(float) - images.mean()  # (1, 1, 80, 110); around 0, or steps of rate 2 would go too far
wanted = F.conv2d(picture, edge[None, None]).numpy()


def step(w, rate=2.0):
    """Weights after a step, and L before it."""
    w = tinyunet.tensor(w, requires_grad=True)
    y = F.conv2d(picture, w)
    dy = 2 * (y.numpy() - wanted) / wanted.size
    y.backward(dy)  # from these slopes back to those of w
    return w.numpy() - rate * w.grad.numpy(), ((y.numpy() - wanted) ** 2).mean()


weights = np.random.default_rng(0).normal(size=(1, 1, 3, 3))
history, losses = [weights], []
for _ in range(steps(300)):
    weights, L = step(weights)
    history.append(weights)
    losses.append(L)
print(f"L before the first step: {losses[0]:.4f}, before the second: {losses[1]:.4f}")

# %%
shown = {f"{k} step{'s' * (k != 1)}": history[k][0, 0].round(1) for k in (0, 1, 10, 100, 300) if k < len(history)}
plot.grids({**shown, "edge kernel": edge})

# %% [markdown]
# L falls with the first step. Not every weight has come closer: they move together, and first do what helps most,
# which is to make their sum 0. Where a picture is smooth, the map is the pixel times the sum of the weights, and 0 is
# wanted. Differences between neighbours come later. At the end it is the edge kernel, to within a tenth, although
# nobody has told the computer what that is.
#
# A U-Net learns in this way, with thousands or millions of weights in place of nine, and with slopes that come from
# the layers after: from their `dx`.

# %%
first, last = (F.conv2d(picture, w).numpy()[0, 0] for w in (history[0], history[-1]))
plot.maps({"random weights": first, "wanted": wanted[0, 0], "learned": last}, limits=(-1, 1))

# %% [markdown]
# ## 8. Exercises
#
# **Exercise 1: `dx_by_hand`.** A picture of 3×3, a kernel of 2×2, four outputs, and their slopes. Work out all nine
# elements of `dx`. Do you need to know the picture?
#
# `grade` says whether they are right. If not, it says which is the first wrong one, and looks for the mistake that
# leads to just your numbers. `grade.hint("dx_by_hand")` helps one step at a time.

# %%
w_1 = np.array([[2, -1],
                [1, 3]])
dy_1 = np.array([[1, 2],
                 [-2, 4]])
plot.grids({"w": w_1, "dy": dy_1, "dx": np.full((3, 3), np.nan)})

# %% tags=["exercise"]
dx_by_hand = [[0, 0, 0],
              [0, 0, 0],
              [0, 0, 0]]  # yours

# %% tags=["solution"]
dx_by_hand = [[1 * 2, 1 * -1 + 2 * 2, 2 * -1],
              [1 * 1 + -2 * 2, 1 * 3 + 2 * 1 + -2 * -1 + 4 * 2, 2 * 3 + 4 * -1],
              [-2 * 1, -2 * 3 + 4 * 1, 4 * 3]]

# %%
grade("dx_by_hand", dx_by_hand)

# %% [markdown]
# **Exercise 2: `conv2d_backward`.** Now for batches, channels and filters, with stride and padding: from dy (N, O,
# Ho, Wo), x (N, C, H, W) and w (O, C, kh, kw) to dx, dw and db, in the shapes of x, w and the bias (O,). Loops as in
# section 5 are right; matrix products as in tutorial 3 are fast. Choose.
#
# Padding: compute with the padded picture, and cut its border off `dx` at the end. Nobody asks for the gradient of a
# zero.

# %% tags=["exercise"]
def conv2d_backward(dy, x, w, stride=1, padding=0):
    """dy has the shape of y. Returns dx, dw, db, in the shapes of x, w and b."""
    dx = np.zeros_like(x)  # yours
    dw = np.zeros_like(w)  # yours
    db = np.zeros(len(w), x.dtype)  # yours
    return dx, dw, db


# %% tags=["solution"]
def conv2d_backward(dy, x, w, stride=1, padding=0):
    """dy has the shape of y. Returns dx, dw, db, in the shapes of x, w and b."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    (Ho, Wo), (kh, kw) = dy.shape[2:], w.shape[2:]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for u, v in np.ndindex(kh, kw):
        rows = slice(u, u + stride * (Ho - 1) + 1, stride)
        cols = slice(v, v + stride * (Wo - 1) + 1, stride)
        seen = x[:, :, rows, cols]  # what cell (u, v) sees in all windows: (N, C, Ho, Wo)
        dw[:, :, u, v] = np.einsum("noij,ncij->oc", dy, seen)  # what is left of the arrow is multiplied and added up
        dx[:, :, rows, cols] += np.einsum("noij,oc->ncij", dy, w[:, :, u, v])
    H, W = x.shape[2:]
    return dx[:, :, padding:H - padding, padding:W - padding], dw, dy.sum(axis=(0, 2, 3))


# %%
grade("conv2d_backward", conv2d_backward)

# %% [markdown]
# When both are passed, `tinyunet.solution("conv2d_backward")` shows ours.
#
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | dy | for each output, how much L grows when it grows by 1 | 1, −1, 2, 3 |
# | gradient of a weight | over all outputs, slope × pixel under the weight | 1·10 − 1·0 + 2·10 + 3·0 = 30 |
# | gradient of a bias | the sum of all slopes of its map | 1 − 1 + 2 + 3 = 5 |
# | gradient of a pixel | over all windows that see it, slope × weight above it | 1·5 − 1·4 + 2·2 + 3·1 = 8 |
# | dx, collected | dy with k − 1 zeros around it, convolved with the turned kernel | as in section 4 |
# | dx, laid down | every output lays the kernel × its slope onto its window | overlaps add up |
# | matrix products | dW = dy @ columnsᵀ, dcolumns = Wᵀ @ dy | col2im adds back |
# | gradcheck | nudge each element, with random slopes | slopes of 1 hide mistakes |
#
# ## Change it and see
#
# 1. In section 7 let the rate be 5 instead of 2, and 0.1. What becomes of L?
# 2. In section 7 let the example be the map of another kernel of yours. Is it found, too?
# 3. In section 7 turn `dy` around, as in section 6. Does L fall?
# 4. In section 6 put the mistake into `dx` instead: the kernel turned where it should stand upright. Which check
#    finds it? And if `some_w` is nine times 1/9?
# 5. How do you have to spread `dy` so that the recipe of section 4 holds for stride 2?
#
# **What you should have seen.** 1: with 5 each step goes too far, and L grows without end; with 0.1 it falls, but
# after 300 steps the kernel is far from done. 2: yes; what can be made by one kernel can be learned by one kernel. 3:
# it rises from the first step on. 4: both checks find it, since L as a sum also sees the border, where it matters
# which weight meets the pixel; with nine times 1/9 neither does. 5: one zero between each two neighbours, as many as
# the window skipped; then convolve as before. That gives 5×5: the sixth row and column, which no window reached, are
# zeros to be added at the end.
#
# ## Where to read on
#
# - [`tinyunet/ops/conv.py`](../../tinyunet/ops/conv.py): the one sum S, and why three operations follow from it.
# - [`tinyunet/ops/im2col.py`](../../tinyunet/ops/im2col.py): `scatter` and `weight_gradient` are `conv2d_backward`,
#   `col2im` the way back.
# - [`tinyunet/ops/fast/`](../../tinyunet/ops/fast/): `turned_axes` uses the turned kernel, since collecting is faster
#   than laying down.
# - [`tinyunet/gradcheck.py`](../../tinyunet/gradcheck.py): the check, in thirty lines.
# - A worked example: `tinyunet byhand input-gradient` and `tinyunet byhand weight-gradient`. To type numbers of your
#   own: `tinyunet lab`. On paper: `tinyunet worksheet conv2d --level 6`.
# - Next: [5. The ConvBlock](05_the_conv_block.ipynb). What do BatchNorm and ReLU do?
