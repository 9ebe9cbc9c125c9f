# %% [markdown]
# # 2. A convolution by hand
#
# A U-Net looks at a picture through thousands of small windows. What happens in one window? A sum of products that
# fits on a sheet of paper. Here you work such sums out with a pencil, and then let the computer agree.
#
# **Afterwards you can**
#
# - work out any number that a convolution makes, with padding, stride, dilation, channels and bias;
# - say how large its result is before you run it;
# - read the formula of a convolution, letter by letter.
#
# **You need** Python, a little NumPy, school mathematics, and pencil and squared paper. Nothing of tutorials 0 and 1
# is taken for granted. **It takes** about 75 minutes, half of them for the exercises.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong. If results are in sight already, choose *Edit → Clear Outputs of All Cells* before you begin.

# %%
# %matplotlib inline
import numpy as np

import tinyunet.functional as F
from tinyunet import byhand, data, plot

# %% [markdown]
# ## 1. One window
#
# Here is a picture of 4×4 **pixels**, bright on the left and dark on the right, and a **kernel** of 3×3 **weights**.

# %%
image = np.array([[10, 10, 0, 0],
                  [10, 10, 0, 0],
                  [10, 10, 0, 0],
                  [10, 10, 0, 0]])
edge = np.array([[1, 0, -1],
                 [1, 0, -1],
                 [1, 0, -1]])
plot.grids({"picture": image, "kernel": edge}, marks={"picture": np.s_[0:3, 0:3]})

# %% [markdown]
# Lay the kernel onto the upper left corner of the picture. The 3×3 pixels that it covers, in the blue frame, are its
# **window**. Multiply each weight by the pixel under it, and add the nine products up. That is all that a convolution
# does in one place.
#
# (`np.s_[0:3, 0:3]` tells the drawing which cells get the frame: rows 0 to 2, columns 0 to 2. In the next cell,
# `byhand` works the convolution out in full, and draws how one number of it comes about.)
#
# > **Predict.** Which number comes out? Write the nine products down, row by row.

# %%
window = image[0:3, 0:3]
byhand.conv2d(window, edge).at(0, 0).figure()

# %% [markdown]
# What lies under the kernel is called x here, the kernel w (for weights), and the result y. `y[0, 0]` is its number
# in row 0, column 0, which we asked for with `at(0, 0)`: all counting begins at 0. (**Σ** is the Greek S. It stands
# for the sum, here of all nine products.)
#
# In each row the kernel subtracts the pixel on the right from the pixel on the left. The sum is large where the
# picture goes from bright to dark: this kernel finds vertical **edges**.
#
# > **Predict.** The same kernel lies on nine pixels that are all 7. Which number comes out?

# %%
byhand.conv2d(np.full((3, 3), 7), edge).result

# %% [markdown]
# Each row gives 7 − 7. Where nothing changes, this kernel says 0. (`.result` is all of y, here a single number,
# without the products.)

# %% [markdown]
# ## 2. From one window to the whole map
#
# Now the kernel moves: one pixel to the right, and at the end of the row back to the left and one pixel down. Each
# window makes one number, and all of them together are a **feature map**.
#
# > **Predict.** In how many places does a 3×3 kernel fit into a 4×4 picture? And one step to the right, where the
# > window holds only one bright column: is the number smaller than 30, the same, or larger?

# %%
y = byhand.conv2d(image, edge)
y.at(0, 1).figure()

# %% [markdown]
# Two places across, two down: the map is 2×2. And this number is 30, too: the kernel compares the left column of its
# window with the right one, and in both places it finds 10 on the left and 0 on the right.
#
# The map is smaller than the picture, and it knows less about it: 30 says that there is an edge in the window, not in
# which of its columns.
#
# Watch the kernel move over a wider picture: a bright bar on a dark ground.
#
# > **Predict.** Which signs do the numbers have at the two sides of the bar? What stands in the middle of it?

# %%
bar = np.array([[0, 0, 9, 9, 9, 0, 0]] * 4)
byhand.conv2d(bar, edge).animation()

# %% [markdown]
# On its left side the bar begins: dark on the left, bright on the right, so the sums are negative. On its right side
# it ends, and they are positive. In the middle, where all three columns are bright, nothing changes: 0. (What you see
# is an animation. It ends with this map:)

# %%
plot.grids({"picture": bar, "kernel": edge, "map": byhand.conv2d(bar, edge).result})

# %% [markdown]
# ## 3. Padding
#
# From 4×4 to 2×2: a 3×3 kernel eats a border, one pixel on each side. With `padding=1` the picture first gets a
# border of zeros, one pixel wide. Then the map is as large as the picture was.
#
# > **Predict.** The first window now begins in the border, and its centre is the corner pixel of the picture. How
# > many of its nine pixels are zeros of the border? Which number comes out? And at the end of the row, where the
# > kernel meets zeros on the right: which number comes out there?

# %%
padded = byhand.conv2d(image, edge, padding=1)
padded.at(0, 0).figure()

# %% [markdown]
# Five of the nine are zeros of the border. On the left the border is dark and the picture bright. To the kernel this
# is an edge, the other way round: −20. On the right the border is as dark as the picture: 0.
#
# So the border is not nothing: a network sees it. And a place in a map means something only together with the
# padding. Our first window makes `y[0, 0]` without padding, and `y[1, 1]` with `padding=1`, where everything has
# moved by one. Both are 30.

# %% [markdown]
# ## 4. Stride and dilation
#
# Two settings say how far apart things are. The **stride** is the distance from one window to the next, the
# **dilation** the distance from one cell of the kernel to the next. Both are 1 unless you say otherwise.
#
# To see what they do, here is a picture in which every pixel holds its own address: 23 is row 2, column 3, and 5 is
# row 0, column 5. With stride 2 the window moves two pixels at a time. These are the first two windows in blue and
# orange, and where their numbers will stand in the map:

# %%
address = np.array([[10 * row + column for column in range(6)] for row in range(6)])
plot.grids({"addresses": address, "map": np.full((2, 2), np.nan)},
           marks={"addresses": [np.s_[0:3, 0:3], np.s_[0:3, 2:5]], "map": [np.s_[0, 0], np.s_[0, 1]]})

# %% [markdown]
# A kernel with a single 1 takes what lies under this 1, and nothing else. So its map tells where its numbers come
# from. Here the 1 is in the upper left corner.
#
# > **Predict.** Which four numbers are in the map?

# %%
first = np.array([[1, 0, 0],
                  [0, 0, 0],
                  [0, 0, 0]])
strided = byhand.conv2d(address, first, stride=2).result
plot.grids({"addresses": address, "kernel": first, "map, stride 2": strided},
           marks={"addresses": [np.s_[0, 0], np.s_[0, 2], np.s_[2, 0], np.s_[2, 2]]})

# %% [markdown]
# The windows begin in rows 0 and 2 and in columns 0 and 2. From 4 on there is no room for three pixels: row 5 and
# column 5 are never looked at. A stride of 2 keeps every other row and column of the map, and makes it half as high
# and wide.
#
# Now the dilation. With dilation 2 the cells of the kernel lie on every other pixel. The 1 moves to the last cell of
# the kernel.
#
# > **Predict.** Which pixel is under the last cell of the first window? How many pixels wide is that window? How
# > large is the map?

# %%
last = np.array([[0, 0, 0],
                 [0, 0, 0],
                 [0, 0, 1]])
dilated = byhand.conv2d(address, last, dilation=2).result
plot.grids({"addresses": address, "kernel": last, "map, dilation 2": dilated},
           marks={"addresses": np.s_[0:5:2, 0:5:2], "map, dilation 2": np.s_[0, 0]})

# %% [markdown]
# The nine weights of the first window, in the blue frames, now reach over 5×5 pixels, and skip those in between.
# Under the last one lies 44. From there the window can take one step to the right and one down: the map is 2×2.

# %% [markdown]
# ## 5. How large is the map?
#
# Count the places where the first pixel of a window can be. With dilation d, a kernel of k cells covers d·(k − 1) + 1
# pixels. With stride s, windows begin at pixel 0, s, 2s and so on, as long as they fit into the n pixels with p more
# on either side. (`//` divides and drops the remainder: the pixels left over are too few for another window. The + 1
# counts the window that begins at pixel 0.)

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
# ## 6. Channels and bias
#
# A colour picture has three numbers at each pixel, for red, green and blue: three **channels**. Inside a U-Net there
# are dozens or hundreds. A **filter** has one kernel for each channel, and the sums of all channels are added up to
# one number.
#
# Our picture gets a second channel, which is 5 everywhere. The filter gets a second kernel, which takes the pixel in
# the centre and nothing else.

# %%
centre = np.array([[0, 0, 0],
                   [0, 1, 0],
                   [0, 0, 0]])
x = np.stack([image, np.full((4, 4), 5)])  # 2 channels, 4 rows, 4 columns
w = np.stack([edge, centre])[None]  # 1 filter, 2 channels, 3 rows, 3 columns; [None] makes the first axis
plot.grids({"x": x, "w": w})

# %% [markdown]
# The picture now has three indices: `x[channel, row, column]`. The weights have four:
# `w[filter, channel, row, column]`. And since each filter makes a map of its own, the result has three:
# `y[filter, row, column]`.
#
# > **Predict.** What does channel 1 contribute to `y[0, 0, 0]`, and what is the sum of both channels?

# %%
y = byhand.conv2d(x, w)
y.at(0, 0, 0).figure()

# %% [markdown]
# A filter also has a **bias**: one number of its own that is added, whatever is in the picture.
#
# > **Predict.** The bias is 2. How often is it added: once for each of the 18 products, once for each channel, or
# > once?

# %%
byhand.conv2d(x, w, b=[2]).result

# %% [markdown]
# Once: 30 + 5 + 2 = 37, in all four places.
#
# A layer of a network has many filters. Each of them reads all channels, and makes one channel of the result.
#
# > **Predict.** Three filters of 3×3 on a picture with two channels, each with a bias: how many numbers does the
# > layer learn? And how many channels does its result have?

# %%
three = np.zeros((3, 2, 3, 3))  # 3 filters, 2 channels, 3 rows, 3 columns
biases = np.zeros(3)
print("numbers that are learned:", three.size + biases.size)
print("shape of the result:     ", byhand.conv2d(x, three, biases).result.shape)

# %% [markdown]
# 3·2·3·3 weights and 3 biases: 57. The size of the picture does not matter: the same weights are used in every
# window.

# %% [markdown]
# ## 7. The formula
#
# Now you can read what a textbook says. It is the sum that you have worked out, with a letter for each thing that you
# have met:
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
# | Σ | add up, over all c, u and v |
#
# Only one thing in it is new to write down: **which row of the picture?** Window i begins at row s·i, cell u of the
# kernel lies d·u further on, and the padding has moved everything by p. So it is row s·i + d·u − p. A row or column
# that is not in the picture counts as 0.
#
# > **Predict.** With stride 2, dilation 1 and padding 1: which pixel of channel 0 does the middle weight, u = v = 1,
# > meet in window i = 1, j = 1?

# %%
one = byhand.conv2d(address, centre, stride=2, padding=1).at(1, 1)
print(one)

# %% [markdown]
# Row 2·1 + 1·1 − 1 = 2, column 2: address 22. Whenever you `print` a number that was worked out by hand, its formula
# is in the first line, and all its products follow.
#
# All the numbers of a map can be explored, too. Run the next cell, point at a number of y, or go there with the arrow
# keys, and see what it is made of. (It is a small page inside the notebook. Where notebooks are only displayed, as on
# GitHub, it does not appear.)

# %%
byhand.conv2d(x, w, padding=1)

# %% [markdown]
# ## 8. On a picture of cells
#
# The same nine weights on a larger picture: cells as a microscope shows them, drawn by `tinyunet.data`. `F.conv2d` is
# the convolution that networks use: it gives the same numbers as `byhand.conv2d`, fast, and without a word.
#
# > **Predict.** What will you see of a cell in the map of the edge kernel? And in the map of the same kernel on its
# > side, with the rows 1 1 1, 0 0 0 and −1 −1 −1?

# %%
images, _ = data.cells(1, size=(80, 110), rng=4)
picture = images[0].astype(float)  # 1 channel, 80 rows, 110 columns
kernels = np.stack([edge, edge.T])[:, None].astype(float)  # 2 filters, 1 channel; .T exchanges rows and columns
upright, sideways = F.conv2d(picture, kernels).numpy()
shown = 2 * picture[0] - 1  # from 0 … 1 to −1 … 1: black is −1 in all three, white is 1
plot.maps({"picture": shown, "edge kernel": upright, "on its side": sideways}, limits=(-1, 1))

# %% [markdown]
# Grey is 0: nothing changes there. From bright to dark, going right, the first map is bright; from dark to bright it
# is dark. So each cell has a dark side and a bright one, as if it stood out of the paper and a lamp shone from the
# right; in the second map the lamp is below.
#
# Nobody writes such kernels into a U-Net. It finds its own, thousands of them: how, is what tutorial 4 is about.

# %% [markdown]
# ## 9. Exercises
#
# Five, from easy to hard, all for a pencil. Draw the grids on squared paper. Then put your answer in place of `None`
# and run the cell. `byhand` says whether it is right. If it is not, `byhand` looks for the mistake that leads to just
# this answer. The right one stays yours to find.
#
# This is what it says to somebody who turned the kernel of section 1 by 180° before multiplying. (Convolution in
# mathematics does that, convolution in networks does not. Mathematics calls ours a cross-correlation.)

# %%
def check(asked, answer):
    """Print what there is to say about an answer; None is no answer yet."""
    print("not answered yet" if answer is None else asked.check(answer))


check(byhand.conv2d(image, edge).at(0, 0), -30)

# %% [markdown]
# And this to somebody who forgot the padding of section 3:

# %%
check(padded, [[30, 30],
               [30, 30]])

# %% [markdown]
# **Exercise 1: one window.** What is `y[1, 0]`, the empty cell in the blue frame?

# %%
x_1, w_1 = [[2, 5, 5], [1, 5, 1], [4, 2, 4]], [[3, 1], [-1, 0]]
exercise_1 = byhand.conv2d(x_1, w_1)
plot.grids({"x": x_1, "w": w_1, "y": np.full((2, 2), np.nan)}, marks={"y": np.s_[1, 0]})

# %%
answer = None  # yours: one number
check(exercise_1.at(1, 0), answer)

# %% [markdown]
# **Exercise 2: stride.** With stride 2, the whole map. How large is it?

# %%
x_2, w_2 = [[2, 3, 0, 2], [3, 3, 0, 0], [0, 0, 3, 2], [1, 3, 0, 0]], [[1, -1], [0, 3]]
exercise_2 = byhand.conv2d(x_2, w_2, stride=2)
plot.grids({"x, stride 2": x_2, "w": w_2})

# %%
answer = None  # yours: rows of numbers, such as [[1, 2, 3], [4, 5, 6]]
check(exercise_2, answer)

# %% [markdown]
# **Exercise 3: padding.** The whole map, with a border of zeros, one pixel wide.

# %%
x_3, w_3 = [[2, 1], [2, 3]], [[3, -1, -1], [2, 0, 3], [2, 2, -1]]
exercise_3 = byhand.conv2d(x_3, w_3, padding=1)
plot.grids({"x, padding 1": x_3, "w": w_3})

# %%
answer = None  # yours: rows of numbers
check(exercise_3, answer)

# %% [markdown]
# **Exercise 4: channels and bias.** Two channels, one filter with the bias 3. What is `y[0, 0, 0]`, the only output?

# %%
x_4 = [[[2, 3], [1, 5]], [[4, 1], [2, 4]]]
w_4 = [[[[-1, -1], [-1, 0]], [[3, 3], [2, -1]]]]
exercise_4 = byhand.conv2d(x_4, w_4, b=[3])
plot.grids({"x": x_4, "w": w_4})

# %%
answer = None  # yours: one number
check(exercise_4.at(0, 0, 0), answer)

# %% [markdown]
# **Exercise 5: stride and padding and dilation.** With stride 2, padding 1 and dilation 2, the whole map. First say
# how large it is. Then, for each window, mark the four cells that it reads (some are zeros of the border).

# %%
x_5, w_5 = [[2, 1, 0, 3], [4, 2, 1, 1], [0, 3, 5, 2], [1, 0, 2, 1]], [[1, 2], [3, -1]]
exercise_5 = byhand.conv2d(x_5, w_5, stride=2, padding=1, dilation=2)
plot.grids({"x, stride 2, padding 1, dilation 2": x_5, "w": w_5})

# %%
answer = None  # yours: rows of numbers
check(exercise_5, answer)

# %% [markdown]
# When you have tried and want to see every product: `print(exercise_1.at(1, 0))` or `exercise_1.at(1, 0).figure()`,
# and so on for the others.

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | one output | the sum of weight × pixel over the window | 9 products: 30 |
# | feature map | the kernel in every place where it fits | 4×4 becomes 2×2 |
# | padding p | zeros around the picture | `padding=1`: 4×4 stays 4×4 |
# | stride s | the distance between windows | `stride=2`, 3×3 kernel: 6×6 becomes 2×2 |
# | dilation d | the distance between cells of the kernel | `dilation=2`: 3 cells cover 5 pixels |
# | size | (n + 2p − d(k − 1) − 1) // s + 1 | (4 + 2 − 2 − 1) // 1 + 1 = 4 |
# | channels | a kernel for each, all added to one number | 30 + 5 = 35 |
# | bias | one number for each filter, added once | 35 + 2 = 37 |
# | filters | each makes one channel of the result | 3 filters on 2 channels: 57 numbers to learn |
#
# ## Change it and see
#
# 1. In section 8 try the kernel `np.ones((3, 3)) / 9`, and the kernel −1 everywhere with 9 in the centre.
# 2. In section 6 let channel 1 have the kernel of nine ones. Which numbers of the map change, and by how much?
# 3. In section 2 lay a diagonal edge under the kernel: `np.triu(np.full((5, 5), 9))`.
# 4. Which 3×3 kernel moves a picture by one pixel to the right, with `padding=1`? Try it on `address`.
# 5. In section 5: with which padding does a 5×5 kernel keep the size? And a 2×2 kernel?
#
# **What you should have seen.** 1: the first blurs, since it takes the mean of nine pixels; the second sharpens. 2:
# all four, from 35 to 75, since nine fives take the place of one. 3: −18 at the strongest, where a vertical edge
# gives −27: not all three rows of the window meet the edge in the same column. 4: the one with its 1 in the middle
# row on the left: it takes the left neighbour of each pixel. Column 0 becomes 0. 5: 2 for 5×5; for 2×2 none does,
# since the map is one pixel smaller or one larger.
#
# ## Where to read on
#
# - [`tinyunet/ops/loops.py`](../../tinyunet/ops/loops.py): the formula as plain loops: `cells` is the row s·i + d·u −
#   p, and `correlate` the sum.
# - [`tinyunet/ops/window.py`](../../tinyunet/ops/window.py): where a window lies; `fit` is the size of the map.
# - [`tinyunet/byhand/`](../../tinyunet/byhand/): how every product on this page was found, and how mistakes are
#   named.
# - A worked example: `tinyunet byhand conv3x3` prints that of section 6, `tinyunet byhand --list` shows the others.
#   (Where its sum is said to stand in row 1, column 1, there is padding, as at the end of section 3.)
# - A worksheet: `tinyunet worksheet conv2d --level 2 --out sheet.pdf --key key.pdf`; there are levels 1 to 5, one for
#   each section of this tutorial.
# - The lab: `tinyunet lab` opens a page to type numbers of your own into.
# - Next: [3. A convolution is one matrix product](03_a_convolution_is_one_matrix_product.ipynb). Why is it fast?
