# %% [markdown]
# # 1. A number that remembers
#
# A network is made of many numbers, its **weights**, and learns by changing each a little, in the direction in which
# it becomes less wrong. So for each weight it needs a slope: by how much does the result change if this weight
# changes? A small U-Net has 58,649 weights. Here you build what finds all their slopes in one go, in some forty
# lines, and then repair three mistakes that many have made in such a program.
#
# **Afterwards you can**
#
# - find the slope of any formula with pencil and paper, one operation at a time;
# - explain what `backward()` does, here and in PyTorch, the library that most networks are written with;
# - say why slopes add up;
# - write an operation with its backward, for numbers and for arrays that are repeated to fit;
# - recognise a wrong gradient by a nudge.
#
# **You need** Python with a little NumPy, and to know what a slope is. Nothing of tutorial 0, which shows a whole
# network at work, is taken for granted. **It takes** about 90 minutes, half of them for the exercises.
#
# **How to use it.** Before each result you are asked for a prediction. Write it down first: you learn most where you
# were wrong. If results are in sight already, choose *Edit → Clear Outputs of All Cells* before you begin.

# %%
# %matplotlib inline
import numpy as np
from matplotlib.figure import Figure

import tinyunet
from tinyunet import drawing, grade
from tinyunet.grade.exercises.tape_square import record
from tinyunet.ops.elementwise import unbroadcast

# %% [markdown]
# ## 1. A slope is a nudge
#
# Take y = a · b + c, at a = 2, b = 3, c = 4. So y is 10.
#
# > **Predict.** Make a larger by 1, and leave b and c as they are. By how much does y grow? And if it is b that grows
# > by 1, or c?

# %%
def y_of(a, b, c):
    return a * b + c


print("a:", y_of(3, 3, 4) - y_of(2, 3, 4))
print("b:", y_of(2, 4, 4) - y_of(2, 3, 4))
print("c:", y_of(2, 3, 5) - y_of(2, 3, 4))

# %% [markdown]
# These are the **slopes** of y: 3 for a, because a is multiplied by 3; 2 for b; and 1 for c, which goes into y as it
# is.
#
# Where a formula is curved, as x · x is, the slope changes on the way, and a nudge must be small.
#
# > **Predict.** What is the slope of x · x at x = 3?

# %%
nudge = 0.001
print(((3 + nudge) * (3 + nudge) - 3 * 3) / nudge)

# %% [markdown]
# Nearly 6, which is 2 · x. (With ever smaller nudges it comes ever nearer.) From here on, "y grows by 6 when x grows
# by 1" is short for: for a tiny nudge y grows 6 times as much as x.
#
# So a nudge finds a slope. But only one: for 58,649 weights we would have to run the network 58,649 times, for every
# single step of learning. We want all of them from one run.

# %% [markdown]
# ## 2. One operation at a time
#
# Split the formula into steps of a single operation: first u = a · b, then u + c. Each step is so small that its
# slopes can be written down once and for all.
#
# What goes into an operation are its **sources**, and what comes out is its **result**, y. What comes out of the last
# operation is the **end** of the whole formula. We write every operation in the same form: it returns its result, and
# a function **backward**. This function is asked: "if your result y grows by 1, the end grows by `dy`. By how much
# does it grow when one of your sources grows by 1?" (`dy` is one name, to be read as *the slope of y*. If you know
# derivatives: it is not the dy of dy/dx, but all of d end/dy.)
#
# In a sum, the end grows just as much if one of the parts grows:

# %%
def add(a, b):
    y = a + b

    def backward(dy):
        return dy, dy  # for a, and for b

    return y, backward


# %% [markdown]
# **Exercise 1: a product.** Write the backward of `multiply`. Two slopes are multiplied in it: by how much the end
# grows with the result, which is dy, and by how much the result grows with the source, which you have found above.

# %% tags=["exercise"]
def multiply(a, b):
    """y = a · b, element by element. Returns y, and backward(dy), which returns da and db."""
    y = a * b

    def backward(dy):
        return dy, dy  # yours

    return y, backward


# %% tags=["solution"]
def multiply(a, b):
    y = a * b

    def backward(dy):
        return dy * b, dy * a

    return y, backward


# %%
grade("multiply", multiply)

# %% [markdown]
# Now we go through a · b + c forwards, and then back. The result of the last operation *is* the end, so the first dy
# is 1.
#
# > **Predict.** Which number does the backward of `multiply` get as its dy? Which slopes come out?

# %%
u, multiply_backward = multiply(2.0, 3.0)
end, add_backward = add(u, 4.0)

du, dc = add_backward(1.0)
da, db = multiply_backward(du)
print(f"end = {end:g}, slopes: u {du:g}, a {da:g}, b {db:g}, c {dc:g}")

# %% [markdown]
# The same as by nudging, all three from one run. What we used is the **chain rule**: if u grows twice as fast as a,
# and the end five times as fast as u, then the end grows ten times as fast as a. Along a chain, slopes are multiplied.
#
# > **Predict.** With a = 2, b = 3, c = 4 once more, but (a · b) · c, where u is a · b: what are the slopes of u, a, b
# > and c?

# %%
u, first_backward = multiply(2.0, 3.0)
end, second_backward = multiply(u, 4.0)

du, dc = second_backward(1.0)
da, db = first_backward(du)
print(f"end = {end:g}, slopes: u {du:g}, a {da:g}, b {db:g}, c {dc:g}")

# %% [markdown]
# u has the slope 4, because it is multiplied by 4. So a has 4 · 3 = 12 and b has 4 · 2 = 8. And c has 6, which is u.
#
# **Exercise 2: ReLU.** An operation that a U-Net uses nearly as often as convolution: y is x where x is above 0, and 0
# elsewhere. Write it for a single number, with its backward. (At exactly 0 there is a kink. Take the slope 0 there, as
# everybody does.)

# %% tags=["exercise"]
def relu_scalar(x):
    """y = x if x > 0, else 0, for a single number. Returns y, and backward(dy), which returns dx."""
    y = x  # yours

    def backward(dy):
        return dy  # yours

    return y, backward


# %% tags=["solution"]
def relu_scalar(x):
    y = x if x > 0 else 0.0

    def backward(dy):
        return dy if x > 0 else 0.0

    return y, backward


# %%
grade("relu_scalar", relu_scalar)

# %% [markdown]
# ## 3. The tape
#
# Going back by hand, we had to remember which steps we had taken, and in which order. Let the numbers remember it. We
# write down every step when it is done: what came out, what it was made of, and its backward. This list is the
# **tape**.
#
# Here is all of it. `Number` holds a value and the name of what made it. `recorded` turns an operation on plain
# numbers into one on Numbers that also writes on the tape. And `slopes` walks the tape back, from the newest step to
# the oldest.

# %%
tape = []


class Number:
    """A value, and the name of what made it."""

    def __init__(self, value, name="number"):
        self.value, self.name = value, name

    def __repr__(self):
        return f"{self.name}: {self.value:g}" if np.ndim(self.value) == 0 else f"{self.name}: {self.value}"

    def __add__(self, other):
        return add(self, other)

    def __mul__(self, other):
        return multiply(self, other)


def recorded(operation):
    """The same operation on Numbers; each use of it is written on the tape."""

    def on_numbers(*sources):
        y, backward = operation(*[source.value for source in sources])
        result = Number(y, operation.__name__)
        tape.append((result, sources, backward))
        return result

    return on_numbers


@recorded
def add(a, b):
    return a + b, lambda dy: (dy, dy)


@recorded
def multiply(a, b):
    return a * b, lambda dy: (dy * b, dy * a)


def slopes(tape, last):
    """{Number: by how much `last` grows when it grows by 1}."""
    found = {last: 1.0}
    for result, sources, backward in reversed(tape):
        if result in found:  # else `last` does not depend on it
            for source, d in zip(sources, backward(found[result])):
                found[source] = found.get(source, 0.0) + d
    return found


# %% [markdown]
# (`add` and `multiply` are those of section 2, once more, on a line each, to be recorded.) Four pieces of Python that
# you may not have met:
#
# - `lambda dy: (dy, dy)` is a function without a name, and says the same as `backward` of `add` in section 2.
# - `*sources` takes all arguments, however many, into one tuple.
# - `@recorded` above a function means `add = recorded(add)`: from then on `add` is what `recorded` has made of it.
# - When Python meets `a * b`, it calls `a.__mul__(b)`, and for `a + b` it calls `a.__add__(b)`. So two Numbers are
#   multiplied by our `multiply`, and the step is on the tape.
#
# > **Predict.** We compute a · b + c with these Numbers. How many steps will be on the tape, and which one is the
# > last?

# %%
a, b, c = Number(2.0, "a"), Number(3.0, "b"), Number(4.0, "c")
y = a * b + c
for result, sources, _ in tape:
    print(result, " made of ", *sources, sep="   ")

# %% [markdown]
# A tape can be drawn as a **graph**: a box for each number, and an arrow from each source to what it was used for. On
# an arrow stands the slope of this one use: by how much the result grows with the source. Below a box stands the
# slope that we are after: by how much the end grows with this number. These are found from the right to the left,
# against the arrows.

# %%
def picture(tape, last):
    """The graph of a tape, with the slope of each use, and the slopes of the last number."""
    numbers = {number for result, sources, _ in tape for number in (result, *sources)}
    made_of = {result: sources for result, sources, _ in tape}
    notes = {number: f"slope {d:g}" for number, d in slopes(tape, last).items()}
    along = {result: [f"{d:g}" for d in backward(1.0)] for result, _, backward in tape}
    return drawing.graph(made_of, {number: str(number) for number in numbers}, notes, along)


picture(tape, y)

# %% [markdown]
# ## 4. Why slopes add up
#
# Now a number is used twice: y = x · x + x, at x = 3.
#
# > **Predict.** How many arrows leave x, what is the slope along each of them, and what is the slope of x?

# %%
tape.clear()
x = Number(3.0, "x")
y = x * x + x
print("slope of x:", slopes(tape, y)[x])
print("by a nudge:", round(((3 + nudge) * (3 + nudge) + (3 + nudge) - (3 * 3 + 3)) / nudge, 2))
picture(tape, y)

# %% [markdown]
# Three arrows. If x grows, each of its uses makes y grow: 3 by the first factor, 3 by the second, 1 by the sum. That
# makes 7. **Along a path slopes are multiplied; where paths meet, they are added.** This is what
# `found.get(source, 0.0) + d` does.
#
# And why from the newest step to the oldest? A step can hand on the slope of its result only when this slope is
# complete: when every use of the result has added its part. A result is used later than it is made, so with the newest
# step first all of its uses have had their turn.
#
# > **Predict.** u = x · a, and y = u · b + u · c, with x = 2, a = 3, b = 4, c = 5. Two paths lead from y back to u.
# > What is the slope of u, and of x?

# %%
tape.clear()
x, a, b, c = Number(2.0, "x"), Number(3.0, "a"), Number(4.0, "b"), Number(5.0, "c")
u = x * a
y = u * b + u * c
picture(tape, y)

# %% [markdown]
# u has 4 + 5 = 9, and x gets 9 · 3 = 27. In a U-Net this happens again and again: its *skips* are results that are used
# twice, once in the next step and once more much later.

# %% [markdown]
# ## 5. From numbers to arrays
#
# Nothing in the tape says that a value must be a single number. With NumPy arrays, `a * b` multiplies element by
# element, and so does its backward. Each element has a slope of its own: the slopes of an array are an array of the
# same shape, and are called its **gradient**.
#
# A slope needs one number at the end: what is to become smaller when a network learns, the **loss**. Often it is a
# sum.
#
# > **Predict.** The loss is the sum of all elements of x. If one element grows by 1, by how much does the loss grow?
# > So what is the gradient of x?

# %%
@recorded
def total(x):
    return x.sum(), lambda dy: (np.full(x.shape, dy),)


tape.clear()
x = Number(np.array([1.0, 2.0, 3.0]), "x")
loss = total(x)
print("loss:    ", loss)
print("gradient:", slopes(tape, loss)[x])

# %% [markdown]
# A 1 for each element: `total` hands its dy to all of them.
#
# > **Predict.** And if the loss is the sum of x · x, for x = 1, 2, 3?

# %%
tape.clear()
loss = total(x * x)
print("loss:    ", loss)
print("gradient:", slopes(tape, loss)[x])

# %% [markdown]
# `total` hands a 1 to each element, and x · x makes 2 · x of it: 2, 4 and 6.
#
# One thing is new with arrays. NumPy repeats an array that is too short, which is called **broadcasting**:

# %%
table = np.array([[10.0, 20.0, 30.0],
                  [40.0, 50.0, 60.0]])
row = np.array([1.0, 2.0, 3.0])
print(table + row)

# %% [markdown]
# > **Predict.** The loss is the sum of all six numbers. By how much does it grow if the 2 in `row` becomes a 3? What
# > is the gradient of `row`, and what is its shape?

# %%
for k in range(3):
    larger = row.copy()
    larger[k] += 1
    print(f"with element {k} larger by 1, the loss grows by", (table + larger).sum() - (table + row).sum())

# %% [markdown]
# By 2, because each number of `row` is used in both rows of the table. Slopes of several uses add up. So the gradient
# of what was repeated is the sum over the repetitions, here [2, 2, 2]. It has the shape of `row`, (3,), and not that
# of the result.
#
# **Exercise 3: broadcasting.** Write a + b with a backward that gives da in the shape of a, and db in the shape of b,
# whichever of them was repeated. NumPy lines shapes up at their right ends: (2, 3) and (3,), or (2, 3) and (2, 1), or
# (2, 1) and (1, 3), or (2, 3) and (), a single number. (All of them are NumPy arrays with a `.shape`, also the single
# number.) `dy.sum(axis, keepdims=True)` adds up over an axis and keeps it, with length 1.

# %% tags=["exercise"]
def broadcast_add(a, b):
    """a + b; NumPy repeats an operand where it is too short. Returns y, and backward(dy), which returns da and db."""
    y = a + b

    def backward(dy):
        return dy, dy  # yours: da in the shape of a, db in the shape of b

    return y, backward


# %% tags=["solution"]
def broadcast_add(a, b):
    y = a + b

    def summed(dy, shape):
        while dy.ndim > len(shape):  # axes that it did not have
            dy = dy.sum(0)
        for axis, n in enumerate(shape):
            if n == 1:  # axes along which it was repeated
                dy = dy.sum(axis, keepdims=True)
        return dy

    return y, lambda dy: (summed(dy, a.shape), summed(dy, b.shape))


# %%
grade("broadcast_add", broadcast_add)

# %% [markdown]
# ## 6. It learns
#
# This is all that learning needs. Here are twenty points near a line, and a line w · x + b that knows nothing yet: w
# and b are 0. The loss is the mean of the squared distances between the line and the points, measured straight up and
# down. Each step moves w and b against their slopes.
#
# From here on `add` and `multiply` allow broadcasting, with `unbroadcast` of tinyunet, which does what you have just
# written: w and b are used for all twenty points.

# %%
@recorded
def add(a, b):
    return a + b, lambda dy: (unbroadcast(dy, a.shape), unbroadcast(dy, b.shape))


@recorded
def multiply(a, b):
    return a * b, lambda dy: (unbroadcast(dy * b, a.shape), unbroadcast(dy * a, b.shape))


rng = np.random.default_rng(0)
x = Number(np.linspace(-1, 1, 20), "x")
points = 2 * x.value + 1 + rng.normal(0, 0.2, 20)  # near the line with w = 2 and b = 1
minus_points, one_in_20 = Number(-points, "−points"), Number(np.array(1 / 20), "1/20")  # there is no − and no / yet

# %% [markdown]
# > **Predict.** Which numbers should w and b come to? And if the step were along the slopes instead of against them?

# %%
w, b = Number(np.zeros(1), "w"), Number(np.zeros(1), "b")
lines = {}
for step in range(101):
    tape.clear()
    line = w * x + b
    distance = line + minus_points
    loss = total(distance * distance) * one_in_20
    gradient = slopes(tape, loss)
    if step in (0, 3, 10, 100):
        print(f"step {step:3}: loss {loss.value:.3f}, w {w.value[0]:.2f}, b {b.value[0]:.2f}")
        lines[step] = line.value
    w.value = w.value - 0.1 * gradient[w]
    b.value = b.value - 0.1 * gradient[b]

figure = Figure(figsize=(7, 4.2), layout="constrained")
axes = figure.subplots()
axes.plot(x.value, points, "o", color="black", markersize=8)
for step, y in lines.items():
    axes.plot(x.value, y, linewidth=3, color="#0072B2", alpha=0.25 + 0.75 * (step / 100) ** 0.5)
    axes.text(1.03, y[-1], f"step {step}", fontsize=14, va="center")
axes.set_title("The line comes to the points, step by step", fontsize=16)
axes.set_xlabel("x", fontsize=15)
axes.set_ylabel("y", fontsize=15)
axes.tick_params(labelsize=13)
axes.spines[["top", "right"]].set_visible(False)
figure

# %% [markdown]
# Near 2 and 1: the noise moves them a little. (Along the slopes the loss would grow: see *Change it*.) With
# 58,649 weights in place of two, and convolutions in place of the line, this is how a U-Net learns.

# %% [markdown]
# ## 7. The same in tinyunet
#
# `tinyunet.tensor` is your Number: it holds a `node`, a step of the tape, that knows its backward and its sources.
# `tinyunet.differentiable` is `recorded`, and `backward()` is `slopes`. It puts what it finds into `.grad` of the
# numbers that were there from the beginning, if they were made with `requires_grad=True`. (`tensor`, `backward`,
# `.grad` and `requires_grad` are PyTorch's names, too.)
#
# > **Predict.** y = a · b + c with a = 2, b = 3, c = 4. What will the three gradients be?

# %%
a, b, c = (tinyunet.tensor(value, requires_grad=True) for value in (2.0, 3.0, 4.0))
y = a * b + c
print(y)
y.backward()
print(a.grad.item(), b.grad.item(), c.grad.item())

# %% [markdown]
# An operation of your own, in the same form as above, is an operation of tinyunet. Here is your `broadcast_add`, and
# one that takes the mean over the repetitions in place of the sum. `gradcheck` nudges every element and compares:
# that is how one finds out whether a gradient is right.
#
# > **Predict.** Which of the two does it accept? Of the other: in which input does it find the wrong slope, 0 (the
# > table) or 1 (the row), and how many times too large or too small is it?

# %%
def mean_add(a, b):
    return a + b, lambda dy: (dy, dy.mean(0))


table = tinyunet.tensor(np.ones((2, 3)), requires_grad=True)
row = tinyunet.tensor(np.arange(3.0), requires_grad=True)
for operation in (broadcast_add, mean_add):
    try:
        tinyunet.gradcheck(tinyunet.differentiable(operation), [table, row])
        print(f"{operation.__name__}: accepted")
    except (AssertionError, RuntimeError) as error:
        print(f"{operation.__name__}: {error}")

# %% [markdown]
# Element 0 of input 1, which is `row`: half of what it should be, the mean of two rows instead of their sum. (The
# *central difference* is the slope by a nudge up and a nudge down. The two numbers are not 1 and 2, because
# `gradcheck` first multiplies each element of the result by a random number. Tutorial 4 says why.)

# %% [markdown]
# ## 8. Three wrong tapes
#
# Each of these was in a program that people used. All three are right on a · b + c, and wrong on something that every
# network does. In them a step is `(result, sources, backward)` as above, and results and sources are names, such as
# `"x"`. If yours is not right, `grade` shows a tape on which it fails. `record` makes such a tape, so that you can
# read one: every step as it was done, and the numbers that a product multiplied.

# %%
print(record("u = x * a", "y = u + x", x=3.0, a=2.0))

# %% [markdown]
# **Exercise 4: x · x.** This tape gives x · x the slope x. Find out why, and repair it. (You have met the right one in
# section 3. Do not look back.)

# %% tags=["exercise"]
def tape_square(tape, last):
    """{name: by how much `last` grows when that number grows by 1}. A step is (result, sources, backward)."""
    gradients = {last: 1.0}
    for result, sources, backward in reversed(tape):
        if result in gradients:  # else `last` does not depend on it
            for source, d in zip(sources, backward(gradients[result])):
                gradients[source] = d
    return gradients


# %% tags=["solution"]
def tape_square(tape, last):
    gradients = {last: 1.0}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result])):
                gradients[source] = gradients.get(source, 0.0) + d
    return gradients


# %%
grade("tape_square", tape_square)

# %% [markdown]
# The second one adds up, and is right for numbers. For arrays it is wrong, because of something in Python that is
# easily overlooked: `d = dy` does not copy an array. Both names mean the same one.
#
# > **Predict.** The backward of a sum returns `dy, dy`: the same array twice. Read the next cell, which adds 10 to
# > one of them, before you run it. What will it print?

# %%
dy = np.ones(3)
d_a, d_b = dy, dy
d_a += 10
print(dy, d_b)

# %% [markdown]
# `+=` writes into the array itself, so that all three names have changed. `d_a = d_a + 10` would have made a new
# array, and left `dy` and `d_b` as they were.
#
# **Exercise 5: a shared array.** Repair this tape. It takes the shape of the arrays, because `last` is now an array,
# and the loss is the sum of its elements: each of them has the slope 1.

# %% tags=["exercise"]
def tape_buffer(tape, last, shape):
    """{name: the slopes of the sum of `last`, an array of this shape}. All arrays have the same shape."""
    gradients = {last: np.ones(shape)}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result])):
                if source in gradients:
                    gradients[source] += d
                else:
                    gradients[source] = d
    return gradients


# %% tags=["solution"]
def tape_buffer(tape, last, shape):
    gradients = {last: np.ones(shape)}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result])):
                gradients[source] = gradients[source] + d if source in gradients else d
    return gradients


# %%
grade("tape_buffer", tape_buffer)

# %% [markdown]
# **Exercise 6: the diamond.** The third one does not walk the tape from its end: it follows the arrows back, and goes
# on as soon as a slope arrives. Where two paths meet, as in section 4, it goes on twice. Repair it, so that all
# slopes are right and each step is walked only once. You may begin anew: nothing of `arrive` need remain.
# (`step.result` is the same as `step[0]`, and so on.)

# %% tags=["exercise"]
def tape_diamond(tape, last):
    """{name: by how much `last` grows when that number grows by 1}."""
    made = {step.result: step for step in tape}
    gradients = {}

    def arrive(name, dy):
        gradients[name] = gradients.get(name, 0.0) + dy
        if name in made:  # else it was there from the beginning
            step = made[name]
            for source, d in zip(step.sources, step.backward(gradients[name])):
                arrive(source, d)

    arrive(last, 1.0)
    return gradients


# %% tags=["solution"]
def tape_diamond(tape, last):
    gradients = {last: 1.0}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result])):
                gradients[source] = gradients.get(source, 0.0) + d
    return gradients


# %%
grade("tape_diamond", tape_diamond)

# %% [markdown]
# ## Summary
#
# | | in words | example |
# |---|---|---|
# | slope | how many times as much the end grows as this number, for a tiny nudge | y = a·b + c: b for a |
# | backward | turns dy, the slope of a result, into the slopes of its sources | a·b: dy·b and dy·a |
# | chain rule | along a path slopes are multiplied | 3 · 9 = 27 |
# | several uses | where paths meet slopes are added | x·x: x + x |
# | broadcasting | what was repeated gets the sum over the repetitions | a row in two rows: 2 |
# | tape | all steps in the order in which they were done | multiply, add |
# | order | newest first: then all uses have had their turn | the diamond |
# | gradient | the slopes of all elements of an array, in its shape | sum of x·x: 2·x |
# | gradcheck | compares with a nudge of every element | finds a mean that should be a sum |
#
# ## Change it and see
#
# 1. In section 3, let `slopes` go through `tape` instead of `reversed(tape)`. Which Numbers besides y still get a
#    slope?
# 2. In section 6, step along the slopes: `+ 0.1` instead of `- 0.1`.
# 3. In section 6, take steps of 1.5 instead of 0.1.
# 4. In section 7, call `y.backward()` a second time.
# 5. Write `subtract` and `exponential` as recorded operations. What do their backwards return?
# 6. Record 24 doublings, `"x1 = x0 + x0"`, `"x2 = x1 + x1"` and so on, and try your repaired tape on them and the one
#    that exercise 6 began with.
#
# **What you should have seen.** 1: for a · b + c only c and the product: a and b get none. When the product had its
# turn, nothing had arrived there yet. 2: the loss grows without end, and the line runs away. 3: the same, although
# the direction is right: each step jumps over the goal and lands further away. 4: an error that says that the graph
# was walked before: what the steps had saved is freed, as in PyTorch. 5: dy and −dy; and dy · eˣ, because eˣ is its
# own slope. 6: yours is ready at once. The other one walks 2²⁴ paths, 16 million, which takes about half a minute;
# with each further doubling it takes twice as long.
#
# ## Where to read on
#
# - [`tinyunet/tensor.py`](../../tinyunet/tensor.py): the tape of tinyunet, from the class `Node` on. `_walk` is your
#   `slopes`.
# - [`tinyunet/ops/elementwise.py`](../../tinyunet/ops/elementwise.py): `add`, `mul`, `relu` and many more, each with
#   its backward.
# - [`tinyunet/gradcheck.py`](../../tinyunet/gradcheck.py): the nudge, for every element.
# - A worked example: `tinyunet byhand two-layers`, all the way forwards and back through a small network. To
#   practise: `tinyunet worksheet relu --level 2`. With numbers of your own: `tinyunet lab`.
# - Next: [2. A convolution by hand](02_convolution_by_hand.ipynb), the operation that a U-Net is made of, and the
#   gradient of one of its weights.
