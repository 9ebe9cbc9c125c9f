# %% [markdown]
# # 0. What a U-Net does
#
# A microscope took a picture of living cells. Which of its pixels belong to a cell, and which are glass, dirt and
# stray light? A U-Net answers that for every pixel. Here you train one in half a minute, look inside, and switch
# parts of it off to see what they are for. How each part works is left to the tutorials after this one.
#
# **Afterwards you can**
#
# - say what goes into a U-Net, what comes out, and what it learns from;
# - write down the shape of everything on its way down and up, before you run it;
# - say what its deepest maps know, and what its first maps know;
# - tell which jobs a U-Net can do, and when half of it is enough.
#
# **You need** a little Python and NumPy, and nothing else. **It takes** about 45 minutes.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong. If results are in sight already, choose *Edit → Clear Outputs of All Cells* before you begin. A cell is
# run with Shift+Enter. The first one fetches what is needed: run it, and read on below.

# %%
# %matplotlib inline
import numpy as np

import tinyunet.functional as F
from tinyunet import classical, data, drawing, grade, metrics, optim, plot
from tinyunet.grade import steps  # steps(300) is 300, and fewer when the tutorials are only tested
from tinyunet.unet import UNet

# %% [markdown]
# ## 1. The job: a picture in, a picture out
#
# To a computer a picture is a grid of numbers, one for each **pixel**: here 0 is black and 1 is white. Beside our
# picture you see its **mask**, which is 1 where there is a cell and 0 elsewhere. `tinyunet.data` draws both, as
# microscopes and experts make them: cells with bright rims, light that comes from one side, noise, and specks of
# dirt.

# %%
pictures, truth = data.cells(1, size=128, rng=3)
plot.maps({"the picture": pictures[0, 0], "its mask": truth[0, 0]}, limits=(0, 1))

# %% [markdown]
# To find the mask from the picture is called **segmentation**. Cells are bright, so the obvious way is a
# **threshold**: call each pixel a cell that is brighter than some number.
#
# > **Predict.** What will a threshold get wrong? Look at the picture again: which parts of cells are dark, and what
# > is bright that is no cell?

# %%
# Otsu's method chooses the number that parts dark and bright best
by_threshold = classical.otsu(pictures[0])
plot.maps({"the mask": truth[0, 0], "by a threshold": by_threshold[0]}, limits=(0, 1))

# %% [markdown]
# Cells on the dark side are lost or hollow; glass in bright light and specks are taken for cells. Another number
# hardly helps: one pixel by itself does not say what it belongs to. You saw the cells because you looked at what is
# *around* each pixel.
#
# How good is that? We need a number. **Dice** compares two masks: twice the pixels that are in both, divided by the
# pixels of the one plus those of the other. It is 1 where they are the same, and 0 where they have nothing in common.
#
# > **Predict.** What is the Dice of the threshold: nearer to 0.4, 0.6 or 0.9?

# %%
print(f"Dice of the threshold: {metrics.dice(by_threshold, truth[0]):.2f}")

# %% [markdown]
# ## 2. What goes in, what comes out
#
# Networks work on several pictures at once, and a picture can have several numbers at each pixel, such as red, green
# and blue: its **channels**. So everything in a U-Net is an array with four axes, always in this order:
#
# | axis | says | here |
# |---|---|---|
# | N | how many pictures | 1 |
# | C | how many channels | 1, grey |
# | H | height: how many rows of pixels | 128 |
# | W | width: how many columns of pixels | 128 |
#
# `standardize` brings a picture to a mean of 0 and a spread of 1, so that a dark picture and a bright one look alike
# to the network.

# %%
x = np.stack([data.standardize(picture) for picture in pictures])
print(x.shape)

# %% [markdown]
# Here is the network. It is told how many channels come in and go out, and how many it is to have inside, on each of
# its three levels (section 4 shows them). `rng=0` chooses the random numbers that it begins with: they are its
# **weights**, and all that it will ever learn is stored in them.
#
# > **Predict.** One channel is to come out. What is the shape of the output?

# %%
model = UNet(in_channels=1, out_channels=1, channels=(8, 16, 32), rng=0)
y = model(x)
print("shape: ", y.shape)
print("weights:", sum(weights.numel() for weights in model.parameters()))  # numel: how many numbers

# %% [markdown]
# The same height and width: one number for each pixel. It is called a **logit**. Above 0 it says "cell", below 0 "no
# cell", and the further from 0, the surer. The function *sigmoid* turns a logit into a **probability** between 0 and
# 1, and 0 into one half.

# %%
def probability(model, x):
    """The probability of "cell" for every pixel, (N, 1, H, W)."""
    with model.evaluating():  # it is asked, and does not learn
        return model(x).sigmoid().numpy()


# %% [markdown]
# ## 3. It learns
#
# Nobody tells the network what a cell looks like. It is shown pictures together with their masks, here 64 small ones,
# and does the following again and again:
#
# 1. It looks at 8 of them and says what it thinks.
# 2. The **loss** says how wrong that is, in one number. (Ours is called *binary cross-entropy*. Tutorial 10 works it
#    out.)
# 3. `backward()` finds for each weight whether the loss would fall if it were a little larger or a little smaller.
#    (How, is the subject of tutorial 1.)
# 4. The **optimizer** moves every weight a little in that direction.
#
# One round is a **step**. Meanwhile we keep what the network thinks of *our* picture, which it is not shown.
#
# > **Predict.** Before the first step the weights are random: what will the probabilities look like? After how many
# > steps will it beat the threshold: 20, 200 or 2000?

# %%
small_pictures, small_masks = data.cells(64, size=64, rng=0)
batches = data.Batches(
    [data.standardize(picture) for picture in small_pictures], list(small_masks), 8, crop=64, rng=0
)  # 8 at a time, in random order, turned and mirrored
optimizer = optim.Adam(model.parameters(), lr=0.002)  # Adam is one way to move weights, and lr says how far
moments, losses = {}, []
for step in range(steps(300) + 1):
    if step in (0, 20, 50, steps(300)):
        moments[f"after {step} steps"] = probability(model, x)[0, 0]
    images, masks = next(batches)
    loss = F.binary_cross_entropy_with_logits(model(images), masks)  # 0 if every logit is right and sure
    optimizer.zero_grad()  # forget the directions of the step before
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

for moment, p in moments.items():
    print(f"{moment:15}  Dice {metrics.dice(p > 0.5, truth[0, 0]):.2f}")
plot.maps(moments, limits=(0, 1))

# %% [markdown]
# At first it knows nothing: nearly one half everywhere, a grey picture. (Dice is 0.00 because every probability happens
# to lie just below one half, and so no pixel is called cell.) After 20 steps it has beaten the threshold: most cells
# are there, but blurred; some faint ones are hardly seen, and specks show a little. After 300 steps the outlines are
# sharp, the faint cells are filled, and the specks are gone.

# %% [markdown]
# > **Predict.** What does the curve of the loss look like: a straight line down, first steep and then flat, or first
# > flat and then steep?

# %%
plot.training_curve(losses, [])

# %% [markdown]
# First steep and then flat: what is easy is learned first.

# %% [markdown]
# ## 4. The U
#
# What happens between the picture and the answer? Here is the network with what it computes for our picture. Every
# small picture is a **feature map**: a grid of numbers that says how strongly one **feature** is present in each
# place, such as an edge on the left, or the inside of a cell. Bright means strong.

# %%
drawing.u(model, x[0])

# %% [markdown]
# Follow it from the upper left, down, and up to the upper right. The way down is called the **encoder**, the way up
# the **decoder**.
#
# - On a **level**, a *ConvBlock* looks at each place together with its neighbours. It keeps height and width, and
#   makes as many channels as the level has.
# - From level to level going down, **pooling** keeps the strongest of each 2×2 numbers: height and width are halved.
# - At the bottom, the **bottleneck**: a ConvBlock on the smallest maps. It keeps the number of channels.
# - From level to level going up, an **up-convolution** doubles height and width. It keeps the number of channels.
# - Then comes the **skip**: the maps of the same level from the way down, from before pooling, are laid beside the
#   maps from below. Another ConvBlock combines both, into as many channels as the level above has. (The topmost
#   has none above it, and makes as many as it has itself.)
# - At the end each pixel's 8 channels are combined to its logit.
#
# Only some of the maps are drawn; the numbers tell how many there are: 8 × 128×128 is 8 channels of 128 rows and 128
# columns.

# %% [markdown]
# The same as a table, for a picture of any size. `enc` are the levels of the encoder, `dec` those of the decoder.
# What `enc1` hands down is *pooled*; its skip is from before pooling, and twice as high and wide. These two are
# easily confused.
#
# > **Predict.** The picture is now 64×96. Write down the shapes of `enc1`, `enc2`, `enc3` and `bottleneck`, then
# > those of `dec3`, `dec2`, `dec1`, before you look. (N, C, H, W)

# %%
print(model.trace((1, 1, 64, 96)).table())

# %% [markdown]
# > **Predict.** With three levels, which pictures does this network refuse: 72×64, 100×100, 128×120?

# %%
for height, width in [(72, 64), (100, 100), (128, 120)]:
    try:
        model.trace((1, 1, height, width))
        print(f"{height}×{width}: fits")
    except ValueError as error:
        print(f"{height}×{width}: {error}")

# %% [markdown]
# Three levels halve it three times, so height and width must be multiples of 2·2·2 = 8.

# %% [markdown]
# ## 5. What and where
#
# Why go down and up again? A place on the lowest maps has seen a large piece of the picture: it can know **what** is
# there. But it stands for 8×8 pixels, so it cannot say exactly **where**. The maps of the first level know exactly
# where an edge is, but not whether it is the edge of a cell or of a speck. The skips bring what they know across, and
# so both come together.
#
# Is that true? We can switch parts off and look. This is the whole way through the network, in five lines, with a
# switch for each skip and one for the bottleneck: 1 is on, 0 replaces all its numbers by 0.

# %%
def through(x, skip1=1, skip2=1, skip3=1, bottleneck=1):
    """The probability of every pixel, with some parts switched off."""
    on = [skip1, skip2, skip3]
    with model.evaluating():
        x, skips = model.encoder(x)  # the way down, which returns two things
        x = model.bottleneck(x) * bottleneck
        for level in model.decoder:  # the way up, from the deepest level
            x = level(x, skips.pop() * on.pop())
        return model.output(x).sigmoid().numpy()[0, 0]


# %% [markdown]
# > **Predict.** First without `skip1`, the one that carries the fine detail. What will be wrong with the cells: will
# > some be missing, will specks appear, or will their outlines change?

# %%
detail_off = through(x, skip1=0)
part = np.s_[40:104, 20:84]  # rows 40 to 103 and columns 20 to 83, enlarged
plot.maps(
    {"picture": pictures[0, 0][part], "all on": through(x)[part], "skip1 off": detail_off[part]},
    limits=(0, 1),
)

# %% [markdown]
# All cells are there, but soft and round, as if cut out with a blunt knife: the network still knows what there is,
# and no longer exactly where it ends.
#
# Now the other way round: without the deepest maps, those of level 3 and of the bottleneck. The maps of level 3 come
# through a skip, `skip3`; but each of their places has seen 32×32 pixels, a whole cell and more. So what counts is not
# whether a map comes through a skip, but how deep it was made.
#
# > **Predict.** The outlines, which come through `skip1`, are there. What will be missing?

# %%
depth_off = through(x, skip3=0, bottleneck=0)
plot.maps(
    {"picture": pictures[0, 0][part], "all on": through(x)[part], "deepest maps off": depth_off[part]},
    limits=(0, 1),
)

# %% [markdown]
# Sharp, but with holes. Some are in the dark inside of a cell, which looks like glass to somebody who sees only a few
# pixels around. Some are at a bright spot in a cell, which looks like a speck. That there is a rim on all sides is
# visible from afar only.

# %%
for name, p in {"all on": through(x), "skip1 off": detail_off, "deepest maps off": depth_off}.items():
    print(f"{name:17} Dice {metrics.dice(p > 0.5, truth[0, 0]):.2f}")

# %% [markdown]
# (This network was trained with all its parts, and then lost some. Tutorial 9 trains one that never had skips.)

# %% [markdown]
# ## 6. When only a label is needed
#
# Some questions have one answer for the whole picture: "is this a cat?" Then nothing has to be put back in its
# place, and the decoder can go.
#
# We take the encoder that is trained already and show it small squares of 16×16 pixels: is there a cell in it? What it
# hands down at its end, after its last pooling, are 32 maps of each square. Each map is averaged to one number. These
# 32 numbers are multiplied by 32 weights and added up, and one more number, a *bias*, is added: the result is above 0
# for yes. The 32 weights and the bias are fitted to the right answers for half of the squares (by NumPy's `lstsq`).
#
# > **Predict.** For n squares of 16×16, what is the shape of what the encoder hands down?

# %%
pictures_6, masks_6 = data.cells(60, size=64, rng=1)


def squares(a):
    """Pictures (N, 1, 64, 64), each cut into 16 squares: (16·N, 1, 16, 16)."""
    return a.reshape(-1, 4, 16, 4, 16).swapaxes(2, 3).reshape(-1, 1, 16, 16)


covered = squares(masks_6).mean(axis=(1, 2, 3))  # how much of a square is cell
clear = (covered == 0) | (covered > 0.3)  # not those with just a bit of one
label = np.where(covered[clear] > 0, 1, -1)
inputs = squares(np.stack([data.standardize(picture) for picture in pictures_6]))[clear]
with model.evaluating():
    handed_down, _ = model.encoder(inputs)  # and the skips, which nobody needs here
print(handed_down.shape)

# %% [markdown]
# > **Predict.** Somebody who always says "there is a cell" is right in 84 of 100 cases. How often is the encoder
# > right, on the half of the squares that nothing was fitted to?

# %%
averages = np.column_stack([handed_down.numpy().mean(axis=(2, 3)), np.ones(len(label))])  # and a 1 for the bias
half = len(label) // 2
weights, *_ = np.linalg.lstsq(averages[:half], label[:half], rcond=None)
answers = np.where(averages @ weights > 0, 1, -1)
print(f"always yes:  {np.mean(label[half:] == 1):.0%} right")
print(f"the encoder: {np.mean(answers[half:] == label[half:]):.0%} right")

# %% [markdown]
# The features that it has learned for the outlines of cells also tell whether there is a cell. With more classes, and
# trained for it, this half of a U-Net says "this is a cat".

# %% [markdown]
# ## 7. One network, many jobs
#
# A picture goes in, a picture of the same size comes out. What the pictures *mean* is decided by the examples alone:
#
# | job | what goes in | what comes out |
# |---|---|---|
# | medical segmentation | a microscope picture or a scan | for each pixel: cell, tumour, organ or not |
# | semantic segmentation | a photo of a street | for each pixel: road, car, person, … |
# | denoising | a noisy picture | the picture without noise |
# | inpainting | a picture with a hole | the picture with the hole filled |
# | super-resolution | a picture, enlarged and blurred | the same, sharp |
# | style transfer | a photo | the photo as a painting |
# | diffusion models, such as Stable Diffusion | noise with a picture in it | the noise, to be taken away step by step |
# | editing by text | a picture, noise and a sentence | the noise of the edited picture |
# | a label (encoder alone) | a picture | "this is a cat" |

# %% [markdown]
# ## 8. Exercises
#
# With pencil and paper: `print(model.trace(…))` knows the answers, but you will need them yourself in every tutorial
# from here on. `grade` tells whether yours is right, and if it is not, which mistake leads to it. With
# `grade.hint("shapes_down")` you get help, a little at a time.

# %% [markdown]
# **Exercise 1: down.** Two colour pictures of 96 rows and 160 columns go into
# `UNet(in_channels=3, out_channels=4, channels=(16, 32, 64))`. Write the shapes of what `enc1`, `enc2` and `enc3` hand
# down, after pooling, and of the bottleneck.

# %% tags=["exercise"]
shapes_down = [
    (2, 3, 96, 160),  # enc1
    (2, 3, 96, 160),  # enc2
    (2, 3, 96, 160),  # enc3
    (2, 3, 96, 160),  # bottleneck
]

# %% tags=["solution"]
shapes_down = [(2, 16, 48, 80), (2, 32, 24, 40), (2, 64, 12, 20), (2, 64, 12, 20)]

# %%
grade("shapes_down", shapes_down)

# %% [markdown]
# **Exercise 2: up.** The same network and pictures, on the way up: the shapes of `dec3`, `dec2` and `dec1`, and of
# the output. The table in section 4 shows how channels go.

# %% tags=["exercise"]
shapes_up = [
    (2, 64, 12, 20),  # dec3
    (2, 64, 12, 20),  # dec2
    (2, 64, 12, 20),  # dec1
    (2, 64, 12, 20),  # output
]

# %% tags=["solution"]
shapes_up = [(2, 32, 24, 40), (2, 16, 48, 80), (2, 16, 96, 160), (2, 4, 96, 160)]

# %%
grade("shapes_up", shapes_up)

# %% [markdown]
# ## Summary
#
# | | what it is | what it does to (N, C, H, W) |
# |---|---|---|
# | ConvBlock | looks at each place with its neighbours | C becomes what the level has, H and W stay |
# | pooling | the strongest of each 2×2 | H and W are halved |
# | bottleneck | the ConvBlock on the smallest maps | nothing: C, H and W stay |
# | up-convolution | back to a larger map | H and W are doubled |
# | skip | the maps from before pooling, beside those from below | C is the sum of both |
# | output | a logit for each pixel | C becomes what is asked for |
# | encoder | the way down: *what* | C grows, H and W shrink |
# | decoder | the way up, with the skips: *where* | C shrinks, H and W grow |
#
# A network learns by steps: predict, measure the loss, find the direction for each weight, move.
#
# ## Change it and see
#
# 1. In section 5, switch off `skip2` alone, and then the bottleneck alone.
# 2. In section 5, switch off all three skips.
# 3. Give the network the picture as it is, not standardized: `probability(model, pictures)`.
# 4. Train with `lr=0.0002`, and with `lr=0.2`: how far every step goes.
# 5. Give it only 4 pictures to learn from: `data.cells(4, size=64, rng=0)`, and 4 at a time.
#
# **What you should have seen.** 1: without `skip2` Dice falls to 0.90. Without the bottleneck nothing changes: on
# these small cells the other levels see far enough. Tutorial 6 draws how far each level sees. 2: 0.03, almost nothing
# is left: this network has not learned to do without them. 3: 0. It has learned from standardized pictures, and finds
# nothing in others. A step that is forgotten here is a common reason why a good network fails. 4: 0.93 and 0.94
# instead of 0.99: the small steps have not arrived yet, and the large ones jump over the goal. 5: 0.97. Few pictures
# teach much here, because every one has thousands of pixels.
#
# ## Where to read on
#
# - Tutorial 1, [a number that remembers](01_a_number_that_remembers.ipynb): how `backward()` finds its directions.
# - [`tinyunet/unet.py`](../../tinyunet/unet.py): the network; `forward` is eight lines that read like the drawing.
# - [`tinyunet/trace.py`](../../tinyunet/trace.py): how the shapes and the maps of section 4 are found.
# - [`tinyunet/data/synthetic.py`](../../tinyunet/data/synthetic.py): how cells are drawn.
# - On the command line, `tinyunet size conv:8,3 conv:8,3 pool:2 --input 1x128x128` works out sizes with all their
#   arithmetic; on your own pictures, `tinyunet train` does what section 3 did. Both are in the
#   [README](../../README.md).
