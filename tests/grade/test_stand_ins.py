"""What stands in for batch normalisation, ReLU and max-pooling does the same: values, gradients, running statistics."""

import numpy as np
import pytest

import tinyunet
from tinyunet import functional
from tinyunet.grade import exercises
from tinyunet.unet import EncoderBlock


def stand_in(name, which=0, so_far=None):
    """The operation that an exercise's right answer makes of ours."""
    exercise = exercises.load(name)
    return exercise.stand_in(exercise.solutions[which], so_far or getattr(functional, exercise.operation).__wrapped__)


def operations(which):
    normalised = stand_in("batch_norm_backward", which, stand_in("batch_norm", which))
    return {"relu": stand_in("relu", which), "batch_norm": normalised, "max_pool2d": stand_in("max_pool2d", which)}


def worked(training):
    """Results, gradients and running statistics of a level of the encoder."""
    level = EncoderBlock(2, 3, rng=0).to(np.float64).train(training)
    x = tinyunet.tensor(np.random.default_rng(1).normal(size=(2, 2, 6, 7)), requires_grad=True)
    pooled, features = level(x)
    (pooled.sum() + (features * features).sum()).backward()
    gradients = [p.grad.numpy() for p in (x, *level.parameters())]
    return [pooled.numpy(), features.numpy(), *gradients, *(level.state_dict()[key] for key in level.state_dict())]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("training", [True, False])
def test_a_level_of_the_encoder_is_the_same(which, training):
    ours = worked(training)
    with tinyunet.using(**operations(which)):
        theirs = worked(training)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


def test_settings_that_the_exercise_does_not_ask_for_are_left_to_ours():
    x = np.random.default_rng(0).normal(size=(1, 2, 6, 6))
    with tinyunet.using(**operations(0)):
        pooled = functional.max_pool2d(x, 3, 2, padding=1)
        overlapping = functional.max_pool2d(x, 3, 2)
        indices = functional.max_pool2d(x, 2, return_indices=True)[1]
        rows = functional.batch_norm(x[:, :, 0], None, None, training=True)
        plain = functional.batch_norm(x, None, None, training=True)
    np.testing.assert_array_equal(pooled, functional.max_pool2d(x, 3, 2, padding=1))
    np.testing.assert_array_equal(overlapping, functional.max_pool2d(x, 3, 2))
    np.testing.assert_array_equal(indices, functional.max_pool2d(x, 2, return_indices=True)[1])
    np.testing.assert_array_equal(rows, functional.batch_norm(x[:, :, 0], None, None, training=True))
    np.testing.assert_allclose(plain, functional.batch_norm(x, None, None, training=True))


MUTANTS = {
    "grade.exercises.batch_norm:forward": [
        ("moved twice", "v.copy() for v in (running_mean", "v for v in (running_mean"),
    ],
    "grade.exercises.batch_norm_backward:backward": [
        ("evaluation as training", "not training or input.ndim != 4", "input.ndim != 4"),
    ],
    "grade.exercises.max_pool2d:pooled": [
        ("padding ignored", "if not asked or DEFAULTS", "if not asked and DEFAULTS"),
        ("stride ignored", "mine(input, kernel_size, stride)", "mine(input, kernel_size)"),
    ],
}
