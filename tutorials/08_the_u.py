# %% [markdown]
# # 8. The U
#
# The U-Net of this course has 14,789,059 numbers that it learns. Here you find out where each of them is, with pencil
# and paper, and then build the whole network from its blocks.
#
# **Afterwards you can**
#
# - draw the U, with the shape of every map;
# - work out how many numbers each stage learns, and where memory and time go;
# - say what a concatenation does, forward and backward;
# - write the decoder block and the whole U-Net in a few lines.
#
# **You need** Python, a little NumPy, pencil and paper. **It takes** about 90 minutes, half of them for the exercises.
#
# **Taken for granted** is what the blocks are made of. A 3×3 *convolution* makes each number of a map from a window of
# 3×3 pixels in all channels ([tutorial 2](02_convolution_by_hand.ipynb)). A *ConvBlock* is convolution, BatchNorm and
# ReLU, twice; with padding 1, so that the size stays (tutorial 5). *Pooling* keeps the largest of four pixels and
# halves the size (tutorial 6). An *up-convolution* makes 2×2 places of each pixel and doubles it
# ([tutorial 7](07_going_up.ipynb)). A shape (1, 64, 32, 32) says: 1 picture, 64 channels, 32 rows, 32 columns.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong.

# %%
# %matplotlib inline
import numpy as np
from matplotlib.figure import Figure

import tinyunet
import tinyunet.functional as F
from tinyunet import data, drawing, grade, plot
from tinyunet.unet import DecoderBlock, EncoderBlock, UNet

# %% [markdown]
# ## 1. The drawing
#
# On the way **down** each level has an encoder: a ConvBlock, then pooling. Each halves the size. At the bottom stands
# one more ConvBlock, the **bottleneck**. On the way **up** each level has a decoder, which doubles the size. From every
# encoder a **skip connection** leads straight across to the decoder of the same level. The shape is a U.
#
# Our network has four levels, with 64, 128, 256 and 512 channels, and its bottleneck keeps the 512. A picture of
# 128×128 with three colours goes in. Here is the U, with a few of the maps that it makes of a picture of cells. 64 ×
# 128×128 says: 64 channels of 128×128. The weights are still random, and so the output says nothing yet.
#
# > **Predict.** Which shape has the map in the bottleneck?

# %%
model = UNet(in_channels=3, out_channels=3, channels=(64, 128, 256, 512), rng=0)
grey, _ = data.cells(1, size=128, rng=4)
drawing.u(model, np.repeat(grey[0], 3, axis=0))  # a grey picture in three equal colours

# %% [markdown]
# 512 × 8×8: 64 places, and 512 numbers at each that tell *what* is there. *Where* it is, to the pixel, is lost. The
# skips have kept it.
#
# ## 2. Down: two things from one block
#
# An encoder gives two maps: the **features** that its ConvBlock made, for the skip, and the same after **pooling**, for
# the next level.
#
# > **Predict.** The third encoder is given (1, 128, 32, 32) and has 256 channels. Which shapes have the pooled map and
# > the features?

# %%
pooled, features = EncoderBlock(128, 256, rng=0)(np.zeros((1, 128, 32, 32), np.float32))
print("pooled:  ", pooled.shape)
print("features:", features.shape)

# %% [markdown]
# The skip is twice as high and wide as what is handed down. The two are easily mixed up. In the table below, the second
# column says what each stage hands on, and the note which skip goes across.

# %%
print(model.trace((1, 3, 128, 128)).table())

# %% [markdown]
# On a picture of cells, with weights that are still random: on the left one channel of the features, on the right the
# same after pooling. Both are drawn equally large.

# %%
images, _ = data.cells(1, size=64, rng=4)
pooled, features = EncoderBlock(1, 4, rng=1)(images)
plot.maps({"features, 64×64: for the skip": features.numpy()[0, 0], "pooled, 32×32: goes down": pooled.numpy()[0, 0]})

# %% [markdown]
# ## 3. Up: side by side
#
# A decoder makes the map from below twice as large. Then the skip is put beside it: its channels come after those of
# the grown map. That is a **concatenation**. A ConvBlock then reads both together.
#
# > **Predict.** The grown map has 2 channels of 2×2, the skip 1 channel of 2×2. Which shape has the concatenation?

# %%
grown = np.array([[[[1, 2], [3, 4]],
                   [[5, 6], [7, 8]]]])  # (1, 2, 2, 2)
skip = np.array([[[[10, 20], [30, 40]]]])  # (1, 1, 2, 2)
both = np.concatenate([grown, skip], axis=1)
print(both.shape)
plot.grids({"both": both[0]}, {"both": np.s_[2]})

# %% [markdown]
# (1, 3, 2, 2): channels add up, rows and columns stay. Nothing is computed; the numbers only stand together. The frame
# marks the skip.
#
# > **Predict.** On the way back, the three channels have slopes: 0, 0.1, 0.2 and so on up to 1.1. Which of them go to
# > the skip?

# %%
slopes = np.arange(12.0).reshape(1, 3, 2, 2) / 10
a, b = tinyunet.tensor(grown * 1.0, requires_grad=True), tinyunet.tensor(skip * 1.0, requires_grad=True)
F.cat([a, b], dim=1).backward(slopes)
print("to the grown map:", a.grad.numpy().ravel())
print("to the skip:     ", b.grad.numpy().ravel())

# %% [markdown]
# The array of slopes is cut where the maps were joined. So the skip is a short way for slopes, too: from the loss to
# the first encoder without passing the bottleneck.
#
# The deepest decoder of our network: (1, 512, 8, 8) comes from below, the skip is (1, 512, 16, 16), and its ConvBlock
# makes 256 channels.
#
# > **Predict.** Write down the shapes after the up-convolution, after the concatenation, and after the ConvBlock.

# %%
block = DecoderBlock(512, 512, 256, rng=0)
x, skip = np.zeros((1, 512, 8, 8), np.float32), np.zeros((1, 512, 16, 16), np.float32)
with tinyunet.no_grad():
    up = block.up(x)
    joined = F.cat([up, skip], dim=1)
    print("up:           ", up.shape)
    print("concatenation:", joined.shape)
    print("ConvBlock:    ", block.conv(joined).shape)

# %% [markdown]
# ## 4. The ledger
#
# How many numbers does a stage learn? It is all multiplication.
#
# | layer | weights | biases or shifts | together |
# |---|---|---|---|
# | convolution 3×3, a → b channels | a·b·3·3 | b biases | 9ab + b |
# | BatchNorm, b channels | b scales | b shifts | 2b |
# | up-convolution 2×2, a → a channels | a·a·2·2 | a biases | 4a² + a |
# | convolution 1×1, a → b channels | a·b | b biases | ab + b |
#
# ReLU, pooling and concatenation learn nothing. The running mean and variance of a BatchNorm are measured, not learned.
#
# > **Predict.** The first encoder is a ConvBlock from 3 to 64 channels: two convolutions and two BatchNorms. How many
# > numbers? Add up four lines.

# %%
print("convolution 3 → 64:   ", 3 * 64 * 9 + 64)
print("BatchNorm:            ", 2 * 64)
print("convolution 64 → 64:  ", 64 * 64 * 9 + 64)
print("BatchNorm:            ", 2 * 64)
print("together:             ", 3 * 64 * 9 + 64 + 128 + 64 * 64 * 9 + 64 + 128)
print("counted in the model: ", sum(p.numel() for p in model.encoder.levels[0].parameters()))

# %% [markdown]
# In one formula, a ConvBlock from a to b channels has 9ab + 9b² + 6b numbers. The rest is a table. A decoder makes as
# many channels as the level above it has. The topmost has none above it, and keeps its 64.

# %%
def conv_block(a, b):
    """How many numbers a ConvBlock from a to b channels learns."""
    return 9 * a * b + 9 * b * b + 6 * b


def up_conv(a):
    """How many an up-convolution that keeps a channels learns."""
    return 4 * a * a + a


by_hand = {
    "enc1": conv_block(3, 64),
    "enc2": conv_block(64, 128),
    "enc3": conv_block(128, 256),
    "enc4": conv_block(256, 512),
    "bottleneck": conv_block(512, 512),
    "dec4": up_conv(512) + conv_block(512 + 512, 256),
    "dec3": up_conv(256) + conv_block(256 + 256, 128),
    "dec2": up_conv(128) + conv_block(128 + 128, 64),
    "dec1": up_conv(64) + conv_block(64 + 64, 64),
    "output": 64 * 3 + 3,
}

# %% [markdown]
# > **Predict.** Which of the ten stages has the most numbers? Which share of all do the three lowest have: enc4,
# > bottleneck and dec4?

# %%
stages = [*model.encoder.levels, model.bottleneck, *model.decoder, model.output]
for (name, numbers), stage in zip(by_hand.items(), stages, strict=True):
    counted = sum(p.numel() for p in stage.parameters())
    print(f"{name:10} {numbers:>10,}   counted: {counted:>10,}   {'the same' if numbers == counted else 'different'}")
total = sum(by_hand.values())
lowest = sum(by_hand[name] for name in ("enc4", "bottleneck", "dec4"))
print(f"{'all':10} {total:>10,}   the lowest three: {lowest / total:.0%}")

# %% [markdown]
# 14,789,059, to the last one. More than three quarters of them sit where the map is smallest: twice as many channels on
# both sides of a convolution are four times as many weights.
#
# ## 5. Memory and time are elsewhere
#
# Numbers that are learned are one thing. Another is how many numbers the maps have, which training must keep for the
# way back. A third is how many multiplications are made. Each number of a map is a sum of products, one for each weight
# of its kernel: 9 · (input channels). Over a whole map that makes weights × places.
#
# From one level to the next, height and width are halved, and channels are doubled. So a map has half as many numbers,
# and a convolution four times as many weights.
#
# > **Predict.** What happens to the multiplications of a convolution?

# %%
print("numbers in a map:", 64 * 128 * 128, "→", 128 * 64 * 64)
print("weights:         ", 64 * 64 * 9, "→", 128 * 128 * 9)
print("multiplications: ", 64 * 64 * 9 * 128 * 128, "→", 128 * 128 * 9 * 64 * 64)

# %% [markdown]
# They stay the same: four times the weights at a quarter of the places. So the levels cost about the same time (but for
# three stages, as we shall see), the top has the memory, and the bottom the numbers that are learned.
#
# Here is the whole sum for all stages, with the two convolutions of every block. (In the maps we count what
# convolutions and concatenations make. BatchNorm and ReLU keep some more.)

# %%
def cost(a, b, size, up=0):
    """(numbers in maps, multiplications) of a ConvBlock a → b on size × size; `up` channels were grown before."""
    places = size * size
    maps = 2 * b * places + (a * places if up else 0)  # what the convolutions make, and the concatenation
    # of an up-convolution, each new place of each output channel meets one weight for every input channel
    return maps, (9 * a * b + 9 * b * b) * places + up * up * places


costs = {
    "enc1": cost(3, 64, 128),
    "enc2": cost(64, 128, 64),
    "enc3": cost(128, 256, 32),
    "enc4": cost(256, 512, 16),
    "bottleneck": cost(512, 512, 8),
    "dec4": cost(1024, 256, 16, up=512),
    "dec3": cost(512, 128, 32, up=256),
    "dec2": cost(256, 64, 64, up=128),
    "dec1": cost(128, 64, 128, up=64),
}
names = [*costs]
panels = {
    "numbers learned": [by_hand[name] / 1e6 for name in names],
    "numbers in maps": [costs[name][0] / 1e6 for name in names],
    "multiplications": [costs[name][1] / 1e6 for name in names],
}
figure = Figure(figsize=(12, 4.2), layout="constrained")
for axes, (title, values) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
    axes.barh(names, values, color=[plot.ORANGE if name == "bottleneck" else plot.BLUE for name in names])
    axes.set_title(f"{title}, in millions", fontsize=15)
    axes.tick_params(labelsize=13)
    axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
figure.axes[0].set_ylim(len(names) - 0.5, -0.5)
figure

# %% [markdown]
# Numbers learned are at the bottom, numbers in maps at the top. On the right three bars differ from the others:
#
# - enc1 has only 3 channels to read in its first convolution;
# - the bottleneck has a quarter of the places of enc4, but no more channels;
# - dec1 would have to make 32 channels to be like the other decoders, and makes 64.
#
# > **Predict.** A picture twice as high and twice as wide, 256×256. What becomes of the numbers learned, the numbers in
# > the maps, and the multiplications?

# %%
for size in (128, 256):
    maps, products = cost(3, 64, size)
    print(f"enc1 at {size}×{size}: learned {by_hand['enc1']:,}, in maps {maps:,}, multiplications {products:,}")

# %% [markdown]
# What is learned does not know how large pictures are. The others grow fourfold. So the same network takes pictures of
# any size that can be halved four times without a rest: multiples of 16.
#
# > **Predict.** Our network is given a picture of 64×96. How large is the map in the bottleneck, and how large is the
# > output?

# %%
print(model.trace((1, 3, 64, 96)).table())

# %% [markdown]
# ## 6. Exercises
#
# `grade` says whether an answer is right, and if it is not, on which small input, and which mistake leads to it.
# `grade.hint("ledger")` tells a little more each time.
#
# **Exercise 1: the ledger.** For any U-Net: how many numbers does each stage learn? Give a dictionary with the keys
# enc1, enc2, …, bottleneck, …, dec2, dec1, output. The decoder of level k makes as many channels as level k − 1 has;
# that of level 1 as many as level 1 has. You may use `conv_block` and `up_conv` from above.

# %% tags=["exercise"]
def ledger(in_channels, out_channels, channels):
    """How many numbers each stage learns: {"enc1": …, "bottleneck": …, "dec1": …, "output": …}."""
    lines = {}
    return lines  # yours


# %% tags=["solution"]
def ledger(in_channels, out_channels, channels):
    """How many numbers each stage learns: {"enc1": …, "bottleneck": …, "dec1": …, "output": …}."""
    lines, before = {}, in_channels
    for level, c in enumerate(channels, 1):
        lines[f"enc{level}"] = conv_block(before, c)
        before = c
    lines["bottleneck"] = conv_block(before, before)
    for level in range(len(channels), 0, -1):
        c, above = channels[level - 1], channels[max(level - 2, 0)]
        lines[f"dec{level}"] = up_conv(c) + conv_block(2 * c, above)
    lines["output"] = channels[0] * out_channels + out_channels
    return lines


# %%
grade("ledger", ledger)
print("of our network:", sum(ledger(3, 3, (64, 128, 256, 512)).values()))

# %% [markdown]
# **Exercise 2: the decoder block.** `up` and `conv_block` are given as functions: call them. (`up(x)` is twice as high
# and wide as x.) Here only the way forward is asked for: both functions return just their result, and so does yours.

# %% tags=["exercise"]
def decoder_block(x, skip, up, conv_block):
    """x: (N, C, H, W), skip: (N, S, 2H, 2W). up and conv_block are functions. Returns y: (N, O, 2H, 2W)."""
    return None  # yours


# %% tags=["solution"]
def decoder_block(x, skip, up, conv_block):
    """x: (N, C, H, W), skip: (N, S, 2H, 2W). up and conv_block are functions. Returns y: (N, O, 2H, 2W)."""
    return conv_block(np.concatenate([up(x), skip], axis=1))


# %%
grade("decoder_block", decoder_block)

# %% [markdown]
# **Exercise 3: the whole U-Net.** All blocks are given as functions: an encoder gives `(pooled, features)`, a decoder
# is called with `(x, skip)`, bottleneck and output with one map. The list of encoders begins at the top, that of
# decoders at the bottom.

# %% tags=["exercise"]
def unet(image, encoders, bottleneck, decoders, output):
    """encoders, from the top down, give (pooled, features); decoders, from the bottom up, take (x, skip)."""
    return None  # yours


# %% tags=["solution"]
def unet(image, encoders, bottleneck, decoders, output):
    """encoders, from the top down, give (pooled, features); decoders, from the bottom up, take (x, skip)."""
    x, skips = image, []
    for encoder in encoders:
        x, features = encoder(x)
        skips.append(features)
    x = bottleneck(x)
    for decoder in decoders:
        x = decoder(x, skips.pop())
    return output(x)


# %%
grade("unet", unet)

# %% [markdown]
# > **Predict.** Your `unet` with the blocks of our network, on a picture of cells: does it give what our network gives?

# %%
small = UNet(in_channels=1, out_channels=1, channels=(8, 16), rng=0).eval()
with tinyunet.no_grad():
    ours = small(images).numpy()
    yours = unet(images, small.encoder.levels, small.bottleneck, small.decoder, small.output)
print("the same:", yours is not None and np.array_equal(ours, yours))

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | encoder | ConvBlock, then pooling; gives both maps | (1, 256, 32, 32) and (1, 256, 16, 16) |
# | bottleneck | the smallest map; as many channels as the deepest level | (1, 512, 8, 8) |
# | decoder | up, concatenate with the skip, ConvBlock | 512 + 512 → 256 channels |
# | concatenation | channels add up; slopes are cut apart | 2 + 1 = 3 |
# | a ConvBlock learns | 9ab + 9b² + 6b numbers | 3 → 64: 38,976 |
# | the whole network | most of it at the bottom | 14,789,059 |
# | memory | most of it at the top | a map halves from level to level |
# | multiplications | about the same on the levels between both ends | four times the weights, a quarter of the places |
#
# ## Change it and see
#
# 1. Without skips (`UNet(3, 3, skips=False)`), how many numbers are learned? Work it out first.
# 2. In the paper of 2015 the bottleneck makes 1024 channels, each up-convolution halves the channels that it is given,
#    and the decoders make 512, 256, 128 and 64. Change `by_hand`. How many numbers are learned?
# 3. Double all channels: `ledger(3, 3, (128, 256, 512, 1024))`. By which factor does the sum grow?
# 4. A fifth level with 1024 channels: how many numbers more? How large is the bottleneck's map for 128×128?
#
# **What you should have seen.** 1: each decoder's first convolution has 9·c·b weights fewer, 1,585,152 in all, and
# 13,203,907 numbers are left. 2: 31 million; the bottleneck alone has 14 million. 3: nearly 4. 4: 44 million more, four
# times as many in all, and 4×4.
#
# ## Where to read on
#
# - [`tinyunet/unet.py`](../../tinyunet/unet.py): the network; its `forward` is your `unet`.
# - [`tinyunet/drawing.py`](../../tinyunet/drawing.py): how the U is drawn.
# - [`tinyunet/ops/shape.py`](../../tinyunet/ops/shape.py): `cat`, forward and backward.
# - Layer by layer, with the arithmetic: `tinyunet size conv:64,3,padding=1 bn relu conv:64,3,padding=1 bn relu pool:2
#   --input 3x128x128`.
# - Ronneberger, Fischer and Brox (2015), *U-Net: Convolutional Networks for Biomedical Image Segmentation*.
# - Next: [9. What skips are for](09_what_skips_are_for.ipynb). Sharp and in place, or blurred?
