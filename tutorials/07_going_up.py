# %% [markdown]
# # 7. Going up
#
# In the middle of a U-Net a picture of 128×128 pixels has become a map of 8×8 places. At the end there is a picture of
# 128×128 again. So maps must grow on the way up. Here you see how one pixel becomes four, by weights that the network
# learns like all others.
#
# **Afterwards you can**
#
# - work out by hand what a transposed convolution makes, and how large it is;
# - say where its squares overlap, why that draws a checkerboard, and what helps;
# - explain its name: it is the gradient of a convolution;
# - write it, and its gradients, in a few lines of NumPy.
#
# **You need** Python, a little NumPy, pencil and paper. **It takes** about 90 minutes, half of them for the exercises.
#
# **Taken for granted** are three things from [tutorial 2](02_convolution_by_hand.ipynb). A *convolution* multiplies
# the weights of a small *kernel* by the pixels of a window, and adds the products up to one number. The *stride* is
# the distance from one window to the next. And the *slopes* `dy` say of each output how much the loss L grows when
# that output grows by 1; training makes L small.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong.

# %%
# %matplotlib inline
import numpy as np

import tinyunet
import tinyunet.functional as F
from tinyunet import byhand, data, grade, nn, optim, plot

# %% [markdown]
# ## 1. A pixel lays down a square
#
# A convolution makes one number of a whole window. Now the other way round: **one pixel makes a whole square.** It is
# multiplied by every weight of a kernel, and the products are laid down in the shape of the kernel.

# %%
kernel = np.array([[5, 1],
                   [2, 3]])

# %% [markdown]
# > **Predict.** The pixel is 3. Which four numbers does it lay down?

# %%
print(byhand.conv_transpose2d([[3]], kernel).result)

# %% [markdown]
# 3·5, 3·1, 3·2 and 3·3. The kernel is a stamp, and the pixel says how hard it is pressed.

# %% [markdown]
# ## 2. Four pixels, four squares
#
# In a larger picture every pixel lays down its square. The **stride** says how far apart two neighbouring squares
# begin. With a kernel of 2×2 and stride 2 they lie side by side, without a gap.
#
# First the plainest kernel: four ones.
#
# > **Predict.** The picture has 2×2 pixels, 1 and 2 above, 3 and 4 below. How large is the result, and what is in it?

# %%
picture = np.array([[1, 2],
                    [3, 4]])
y = byhand.conv_transpose2d(picture, np.ones((2, 2)), stride=2)
print(y.result)

# %% [markdown]
# Each pixel is there four times: 2×2 has become 4×4. Here is where one of the numbers comes from.

# %%
y.at(1, 2).figure()

# %% [markdown]
# This operation is called a **transposed convolution** (section 6 says why), in U-Nets also *up-convolution*. With
# other weights it does more than repeat.
#
# > **Predict.** Now with the kernel 5 1, 2 3 from section 1. Which number is in the last row, and there in column 2?
# > (All counting begins at 0.) Whose square is that, and which of its cells?

# %%
y = byhand.conv_transpose2d(picture, kernel, stride=2)
print(y.result)
y.at(3, 2).figure()

# %% [markdown]
# The place (3, 2) lies in the square of the pixel 4. It is the lower left cell of that square, where the kernel has a
# 2: 4·2 = 8.
#
# **How large is the result?** With stride s, the squares of n pixels in a row begin at 0, s, 2s, … and the last one
# at (n − 1)·s. A kernel of k cells reaches k places from there.

# %%
def size(n, k, s):
    """How many places n pixels make, with a kernel of k cells and stride s."""
    return (n - 1) * s + k


# %% [markdown]
# > **Predict.** How many places come of 2 pixels with a kernel of 3 and stride 2? Of 8 pixels with a kernel of 2 and
# > stride 2? And of 8 pixels with a kernel of 4 and stride 2?

# %%
for n, k, s in [(2, 3, 2), (8, 2, 2), (8, 4, 2)]:
    print(f"{n} pixels, kernel {k}, stride {s}: {size(n, k, s)} places")

# %% [markdown]
# A kernel of 2 with stride 2 doubles the size exactly. That is what the U-Net uses. A kernel of 4 makes two places too
# many; one row or column is then cut off at each side, which is what `padding=1` means in a transposed convolution.

# %% [markdown]
# ## 3. Where squares overlap, they add up
#
# A kernel of 3×3 with stride 2: each square is three places wide, and the next one begins after two. So neighbours
# share a row or a column. What is laid down in the same place is **added**.
#
# > **Predict.** The picture is 1 2, 3 4 again, the kernel nine ones. In which places do two squares overlap, in which
# > all four? What stands in the middle?

# %%
y = byhand.conv_transpose2d(picture, np.ones((3, 3)), stride=2)
print(y.result)
y.at(2, 2).figure()

# %% [markdown]
# In row 2 and in column 2 two squares overlap, but where these cross, in the middle, all four meet: 1 + 2 + 3 + 4 = 10.
# (The letters in the corners of the cells say which pixel meets which weight.)
#
# To see nothing but the overlaps, let every pixel be 1, too. Then each place counts the squares that lie on it.
#
# > **Predict.** A picture of 3×3 ones, and the kernel of nine ones with stride 2. How often is a place covered?

# %%
covered = byhand.conv_transpose2d(np.ones((3, 3)), np.ones((3, 3)), stride=2)
print(covered.result)

# %% [markdown]
# Once, twice or four times, in turns. Keep this pattern in mind.

# %% [markdown]
# ## 4. Channels and bias
#
# Inside a U-Net a map has many channels. Each **input channel** has a kernel of its own for each **output channel**,
# and what all input channels lay down for the same output channel is added. The weights form an array with the shape
# (input channels, output channels, rows, columns): the input comes first, whereas for a convolution the output does.
#
# Two channels of one pixel each, 10 and 3, and one output channel:

# %%
x = np.array([[[10]],
              [[3]]])  # 2 channels, 1 row, 1 column
w = np.array([[[[1, 0],
                [0, 1]]],
              [[[1, 1],
                [0, 2]]]])  # 2 input channels, 1 output channel, 2 rows, 2 columns

# %% [markdown]
# > **Predict.** Which four numbers come out, when the bias of the output channel is 5?

# %%
y = byhand.conv_transpose2d(x, w, b=[5], stride=2)
print(y.result)
y.at(0, 1, 1).figure()

# %% [markdown]
# The bias is added once to every place of the result, also where squares overlap, and where a weight is 0.
#
# > **Predict.** The lowest up-convolution of the U-Net takes 512 channels to 512, with kernels of 2×2. How many
# > weights and biases has it?

# %%
layer = nn.ConvTranspose2d(512, 512, kernel_size=2, stride=2)
print(f"512·512·2·2 + 512 = {512 * 512 * 2 * 2 + 512:,}")
print(f"counted in the layer: {sum(p.numel() for p in layer.parameters()):,}")

# %% [markdown]
# ## 5. Checkerboards
#
# Take a grey picture, the same everywhere, and let it grow twice, by kernels whose weights are all alike. It should
# stay the same everywhere.
#
# > **Predict.** With kernels of 3×3, 2×2 and 4×4, always with stride 2: which of the three results have a pattern?

# %%
def grow(x, weights, times=2, padding=0):
    """A transposed convolution with stride 2, several times."""
    for _ in range(times):
        x = F.conv_transpose2d(x, weights[None, None], stride=2, padding=padding).numpy()
    return x


def equal(k):
    """k·k equal weights. They add up to 4, because a pixel makes 4 places: so the mean brightness stays."""
    return np.full((k, k), 4 / k**2)


flat = np.ones((1, 6, 6))  # 1 channel, 6 rows, 6 columns
plot.maps({f"kernel {k}×{k}": grow(flat, equal(k))[0] for k in (3, 2, 4)}, limits=(0, 2))

# %% [markdown]
# Only 3×3 draws a **checkerboard** (the usual name, though it looks more like a cloth of threads). It is the pattern of
# section 3: some places lie under one square, some under two, some under four. With 2×2 each place lies under one
# square, and with 4×4 each lies under four, but for the border. So *as long as all weights are alike* there is no
# pattern when the kernel's size is a multiple of the stride.
#
# On a picture of cells it looks like this.

# %%
images, _ = data.cells(20, size=128, rng=1)
images = images.astype(float)
cell = images[0, :, 40:64, 40:76]  # 1 channel, 24 rows, 36 columns
plot.maps(
    {
        "kernel 3×3: a checkerboard": grow(cell, equal(3))[0, 8:-8, 8:-8],
        "kernel 4×4: no checkerboard": grow(cell, equal(4))[0, 8:-8, 8:-8],
    }
)

# %% [markdown]
# Equal weights are a special case. A network has others, and at its beginning they are random.
#
# > **Predict.** The flat picture again, with *random* weights. Once with a 2×2 kernel and stride 2. Once by writing
# > each pixel down four times, and then an ordinary 3×3 convolution with random weights. Which result is flat?

# %%
rng = np.random.default_rng(3)
random2, random3 = rng.uniform(0, 1, (2, 2)), rng.uniform(0, 1, (1, 1, 3, 3))
random2, random3 = random2 / random2.mean(), random3 / random3.sum()  # both keep the mean brightness
up = grow(flat, random2, times=1)
repeated = F.interpolate(flat[None], scale_factor=2)
smooth = F.conv2d(repeated, random3).numpy()[0]  # without padding: no border
plot.maps({"transposed, 2×2": up[0], "repeat, then convolve": smooth[0]}, limits=(0, 2))

# %% [markdown]
# What the convolution sees is the same in every window, so its result is flat whatever its weights are. In the 2×2
# squares the four weights show. But they can *learn* to be alike where that is better. The squares of a 3×3 kernel are
# harder to balance, since they also overlap unevenly.
#
# So three things help:
#
# - a kernel whose size is a multiple of the stride: it covers all places equally often, and its weights can learn to
#   balance;
# - growing without weights, and then a convolution: that is even from the beginning;
# - convolutions afterwards, which can learn to clean up.
#
# The U-Net has the first and the last: kernels of 2×2 with stride 2, and two convolutions after each.

# %% [markdown]
# ## 6. Why "transposed"
#
# A convolution with stride 2 goes down, from 4×4 to 2×2. Its outputs have slopes `dy`. What are the slopes of the
# pixels? An output takes each pixel of its window times a weight. So it hands its slope back to each of them, times
# that weight: **it lays the kernel down, times dy.** That is what this tutorial began with.
#
# > **Predict.** The kernel is 5 1, 2 3, the stride 2, and dy is 1 2, 3 4. You have seen the slopes of the 16 pixels
# > before. Where?

# %%
going_down = byhand.conv2d(np.zeros((4, 4)), kernel, stride=2)
dy = np.array([[1, 2],
               [3, 4]])
print(going_down.grad("x", dy).result)
print(byhand.conv_transpose2d(dy, kernel, stride=2).result)

# %% [markdown]
# They are the same numbers, and those of section 2: **a transposed convolution is the gradient of a convolution**, with
# respect to its pixels. Whatever the pixels are; here they were 0.
#
# The name comes from matrices. To see it take a single row: five pixels, a kernel of three weights 1 2 3, and stride
# 2. There are two windows, so the convolution is a matrix with two rows, one for each output. (The larger a number, the
# brighter its cell.)

# %%
M = np.array([[1, 2, 3, 0, 0],
              [0, 0, 1, 2, 3]])
plot.grids({"M goes down": M, "M transposed goes up": M.T})

# %% [markdown]
# To transpose a matrix is to make rows of its columns. `M @ x` makes two numbers of five, and `M.T @ y` makes five of
# two.
#
# > **Predict.** Work out `M.T @ [10, 1]` with a pencil. In which place do the two squares overlap?

# %%
print(M.T @ [10, 1])
print(byhand.conv_transpose1d([[10, 1]], [[[1, 2, 3]]], stride=2).result[0])

# %% [markdown]
# 10·1, 10·2, then 10·3 + 1·1 = 31, then 1·2 and 1·3. Each column of `M.T` is one square, laid down in its place.
#
# > **Predict.** Going down and up again, `M.T @ (M @ x)`, gives five numbers again. Are they the old ones?

# %%
x = np.array([1, 0, 0, 0, 0])
print(M.T @ (M @ x))

# %% [markdown]
# No. It gives the *size* back, not the values: nobody can say what five numbers were when two are left. (The old name
# *deconvolution* promises too much.)

# %% [markdown]
# ## 7. Its own gradients
#
# The kernel of a transposed convolution is learned, so we need the slopes of its weights, and those of its pixels to
# hand on. Nothing new is needed. A pixel of value x and a weight w meet in one place, and lay x·w down there. So
#
# - the slope of a **pixel** is the sum of dy × weight over its square,
# - the slope of a **weight** is the sum of pixel × dy over all places where it was laid down, one for each pixel,
# - the slope of the **bias** is the sum of dy over all places.

# %%
picture = np.array([[1, 2],
                    [3, 4]])
y = byhand.conv_transpose2d(picture, kernel, stride=2)
dy = np.array([[1, 0, 0, 2],
               [0, 1, 1, 0],
               [0, 3, 0, 0],
               [1, 0, 0, 1]])

# %% [markdown]
# > **Predict.** The pixel in row 0, column 1 lays its square onto the last two columns of the first two rows. What is
# > its slope? The kernel is 5 1, 2 3.

# %%
y.grad("x", dy).at(0, 1).figure()

# %% [markdown]
# 2·1 + 1·2 = 4. A window of dy, multiplied by the kernel and added up: going back down is a **convolution** of dy, with
# the same kernel and the same stride.
#
# > **Predict.** What is the slope of the weight in the upper right corner? It was laid down four times, in the places
# > (0, 1), (0, 3), (2, 1) and (2, 3).

# %%
y.grad("w", dy).at(0, 1).figure()

# %% [markdown]
# 2·2 + 3·3 = 13: in the other two places dy is 0. And `backward()`, with which networks are trained here, finds the
# same?

# %%
pixels, weights = (tinyunet.tensor(a[None, None].astype(float), requires_grad=True) for a in (picture, kernel))
F.conv_transpose2d(pixels, weights, stride=2).backward(dy[None, None].astype(float))
print("pixels: ", np.array_equal(pixels.grad.numpy()[0, 0], y.grad("x", dy).result))
print("weights:", np.array_equal(weights.grad.numpy()[0, 0], y.grad("w", dy).result))

# %% [markdown]
# ## 8. Learned, or fixed?
#
# There are ways to grow that learn nothing. **Nearest** writes every pixel down four times. **Bilinear** mixes: along a
# row each new pixel is ¾ of the nearest old one and ¼ of the second nearest. Seen from an old pixel: it gives ¼, ¾, ¾
# and ¼ of itself to four new ones in a row. The same holds for columns, and for both together the shares are
# multiplied. Both ways are transposed convolutions with fixed kernels.
#
# > **Predict.** Nearest is section 2: which kernel? And bilinear has a kernel of 4×4: which number is in its corners,
# > and which in the four cells in the middle?

# %%
share = np.array([1 / 4, 3 / 4, 3 / 4, 1 / 4])
bilinear = np.outer(share, share)
plot.grids({"nearest": np.ones((2, 2)), "16 times bilinear": 16 * bilinear})

# %% [markdown]
# ¼·¼ is a sixteenth, and ¾·¾ are nine of them. Is it what others call bilinear?

# %%
inner = np.s_[..., 4:-4, 4:-4]  # at the border there is a neighbour less
fixed = F.interpolate(cell[None], scale_factor=2, mode="bilinear").numpy()
print("the same:", np.allclose(grow(cell, bilinear, times=1, padding=1)[inner], fixed[inner]))

# %% [markdown]
# Now let a kernel learn. The task: pictures of cells were made small, each pixel the mean of four. Make them large
# again, as near to the originals as possible. The loss is the mean squared error.
#
# > **Predict.** Which 2×2 kernel will be found? And will a 4×4 kernel find bilinear?

# %%
large = F.avg_pool2d(images, 2).numpy()  # 20 pictures of 64×64
small = F.avg_pool2d(large, 2).numpy()  # the same, 32×32
known, new = slice(0, 16), slice(16, 20)


def learn(k, padding):
    """A kernel of k×k that makes the small pictures large."""
    weights = nn.Parameter(np.random.default_rng(0).normal(0, 0.1, (1, 1, k, k)))
    optimizer = optim.Adam([weights], lr=0.05)
    for _ in range(grade.steps(400)):
        optimizer.zero_grad()
        F.mse_loss(F.conv_transpose2d(small[known], weights, stride=2, padding=padding), large[known]).backward()
        optimizer.step()
    return weights.numpy()[0, 0].copy()


learned = {k: learn(k, padding=(k - 2) // 2) for k in (2, 4, 6)}
plot.grids({f"learned, {k}×{k}": learned[k].round(2) + 0.0 for k in (2, 4, 6)})

# %% [markdown]
# The 2×2 kernel has found *nearest*: if all that is known is the mean of four pixels, it is the best guess for each.
# The larger ones have found a hill with its top in the middle, like bilinear, but steeper, and with something negative
# at the corners, in the largest nearly all around: they keep edges sharper. Was it worth it, on pictures that they had
# not seen?

# %%
def error(y):
    """The root of the mean squared error on the new pictures, away from the border."""
    return np.sqrt(((y[inner] - large[new][inner]) ** 2).mean())


errors = {
    "nearest": error(F.interpolate(small[new], scale_factor=2).numpy()),
    "bilinear": error(F.interpolate(small[new], scale_factor=2, mode="bilinear").numpy()),
    **{
        f"learned {k}×{k}": error(grow(small[new], learned[k], times=1, padding=(k - 2) // 2))
        for k in (2, 4, 6)
    },
}
for name, value in errors.items():
    print(f"{name:12} {value:.3f}")

# %% [markdown]
# The gain is small, because here one channel grows from one channel. In a U-Net 512 maps, of which each knows something
# else, lay down their squares together. There 2×2 weights for each pair of channels are enough to draw fine detail.

# %% [markdown]
# ## 9. Exercises
#
# Three: the first for a pencil, the others for the keyboard. `grade` says whether an answer is right, and if it is
# not, on which small input, and which mistake leads to it. `grade.hint("overlaps")` tells a little more each time.
#
# **Exercise 1: overlaps.** The picture is 2 1, 3 4, the kernel 1 2 0, 0 1 3, 2 0 1, and the stride is 2. Work out the
# whole result.

# %% tags=["exercise"]
overlaps = None  # yours: 5 rows of numbers, such as [[1, 2, 3, 4, 5], …]

# %% tags=["solution"]
overlaps = [[2, 4, 1, 2, 0],
            [0, 2, 6, 1, 3],
            [7, 6, 8, 8, 1],
            [0, 3, 9, 4, 12],
            [6, 0, 11, 0, 4]]

# %%
grade("overlaps", overlaps)

# %% [markdown]
# **Exercise 2: conv_transpose2d.** Write it, for several pictures, with channels, a bias and any stride; the result is
# float32 if x is. Begin with one picture and one channel.

# %% tags=["exercise"]
def conv_transpose2d(x, w, b, stride=2):
    """x: (N, C, H, W), w: (C, O, kh, kw), b: (O,). Returns y: (N, O, Ho, Wo)."""
    return None  # yours


# %% tags=["solution"]
def conv_transpose2d(x, w, b, stride=2):
    """x: (N, C, H, W), w: (C, O, kh, kw), b: (O,). Returns y: (N, O, Ho, Wo)."""
    (N, _, H, W), (_, O, kh, kw) = x.shape, w.shape
    y = np.zeros((N, O, (H - 1) * stride + kh, (W - 1) * stride + kw), x.dtype)
    for i in range(H):
        for j in range(W):
            square = np.tensordot(x[:, :, i, j], w, axes=1)  # (N, O, kh, kw)
            y[:, :, stride * i:stride * i + kh, stride * j:stride * j + kw] += square
    return y + b[:, None, None]


# %%
grade("conv_transpose2d", conv_transpose2d)

# %% [markdown]
# **Exercise 3: its gradients.** Section 7 in NumPy: dx, dw and db from dy. (`grade` counts which of the nine operations
# of a U-Net you have passed in all tutorials. Where these results were stored, only this one was run.)

# %% tags=["exercise"]
def conv_transpose2d_backward(dy, x, w, stride=2):
    """dy has the shape of y. Returns dx, dw, db, in the shapes of x, w and b."""
    dx = np.zeros_like(x)  # yours
    dw = np.zeros_like(w)  # yours
    db = np.zeros(w.shape[1], x.dtype)  # yours
    return dx, dw, db


# %% tags=["solution"]
def conv_transpose2d_backward(dy, x, w, stride=2):
    """dy has the shape of y. Returns dx, dw, db, in the shapes of x, w and b."""
    kh, kw = w.shape[2:]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            square = dy[:, :, stride * i:stride * i + kh, stride * j:stride * j + kw]  # (N, O, kh, kw)
            dx[:, :, i, j] = np.tensordot(square, w, axes=([1, 2, 3], [1, 2, 3]))  # (N, C)
            dw += np.tensordot(x[:, :, i, j], square, axes=(0, 0))  # (C, O, kh, kw)
    return dx, dw, dy.sum((0, 2, 3))


# %%
grade("conv_transpose2d_backward", conv_transpose2d_backward)

# %% [markdown]
# Inside `with grade.mine():` what you have passed stands in for ours. Here a layer grows a picture by your code.
#
# > **Predict.** Does the layer give the same as with ours?

# %%
layer = nn.ConvTranspose2d(1, 3, kernel_size=2, stride=2, rng=0)
x = small[:1].astype(np.float32)
ours = layer(x).numpy()
with grade.mine():
    yours = layer(x).numpy()
print("the same to five digits:", np.allclose(ours, yours, rtol=1e-5, atol=1e-5))

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | transposed convolution | every pixel lays the kernel down, times its value | 3 makes 15 3, 6 9 |
# | stride s | squares begin s places apart | 2×2 becomes 4×4 |
# | size | (n − 1)·s + k | (8 − 1)·2 + 2 = 16 |
# | overlaps | are added | 1 + 2 + 3 + 4 = 10 |
# | checkerboard | places lie under different numbers of squares, or weights differ | kernel 3, stride 2 |
# | weights | (input channels, output channels, rows, columns) | 512·512·2·2 + 512 |
# | its name | the gradient of a convolution: the matrix transposed | M.T @ y |
# | its gradient | dx is a convolution of dy | 2·1 + 1·2 = 4 |
# | nearest, bilinear | the same with fixed kernels | 1 1, 1 1 |
#
# ## Change it and see
#
# 1. In section 5 let the flat picture grow once, twice and three times by the equal 3×3 kernel. How many times as
#    bright as the darkest places are the brightest, away from the border?
# 2. In section 5 try a kernel of 5×5 with equal weights. Is there a pattern? Is it stronger or weaker than that of 3×3?
# 3. In section 6 draw a random x of five and a random y of two numbers. Compare `(M @ x) @ y` with `x @ (M.T @ y)`.
# 4. In section 8 make the small pictures from every other pixel, `large[..., ::2, ::2]`, instead of means. Which 2×2
#    kernel is found now, and which 4×4 kernel?
#
# **What you should have seen.** 1: 4 times after one growth, 9 after two, 25 after three. 2: there is one, since 2 does
# not divide 5, but a weaker one: places lie under 4, 6 or 9 squares. 3: they are equal, for all x and y. That is what
# "transposed" means when there is no matrix to look at. 4: the weight in the upper left corner of the 2×2 kernel is 1,
# since that pixel is known exactly, and the others are a little less. In the 4×4 kernel the hill has moved to where the
# pixel came from.
#
# ## Where to read on
#
# - [`tinyunet/ops/conv.py`](../../tinyunet/ops/conv.py): `scatter` is what lays kernels down; both operations are one
#   sum, read in different ways.
# - [`tinyunet/ops/loops.py`](../../tinyunet/ops/loops.py) and [`im2col.py`](../../tinyunet/ops/im2col.py): `scatter`
#   as loops, and as a matrix product followed by `col2im`.
# - [`tinyunet/ops/pool.py`](../../tinyunet/ops/pool.py): `interpolate`, nearest and bilinear.
# - Worked examples: `tinyunet byhand transposed2x2`, `tinyunet byhand transposed-overlap`, `tinyunet byhand bilinear`.
#   Problems for a pencil: `tinyunet worksheet conv_transpose2d`. Numbers of your own: `tinyunet lab`.
# - Odena, Dumoulin and Olah (2016), *Deconvolution and Checkerboard Artifacts*, distill.pub/2016/deconv-checkerboard.
# - Next: [8. The U](08_the_u.ipynb). Where are its 14,789,059 numbers?
