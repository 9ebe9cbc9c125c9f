"""The loop learns, saves whole files, and resumes bit for bit."""

import math
import signal
import threading

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import data, nn, optim, training
from tinyunet.training import Trainer, load_arrays, save_arrays
from tinyunet.unet import UNet

IMAGES, MASKS = data.cells(6, size=32, rng=3)


@pytest.fixture(autouse=True)
def _ctrl_c_interrupts():
    """As in a terminal; a process that a script has put in the background starts with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class WithDropout(nn.Module):
    """A U-Net whose training depends on one more generator."""

    def __init__(self, rng):
        self.unet = UNet(1, 1, channels=(4, 8), rng=rng)
        self.dropout = nn.Dropout(0.2, rng=rng)

    def forward(self, x):
        return self.unet(self.dropout(x))


def make(out=None, steps=12, optimizer=optim.Adam, validate=True, **settings):
    rng = np.random.default_rng(5)
    model = WithDropout(rng)
    opt = optimizer(model.parameters(), lr=0.01, **settings)
    batches = data.Batches(IMAGES, MASKS, 2, 16, rng, elastic=True)

    def score(model):
        return {"minus loss": -F.binary_cross_entropy_with_logits(model(IMAGES), MASKS).item()}

    return Trainer(
        model,
        batches,
        F.binary_cross_entropy_with_logits,
        opt,
        optim.CosineAnnealingLR(opt, steps, warmup=3),
        validate=score if validate else None,
        out=out,
    )


def same_state(a, b):
    assert a.losses == b.losses
    assert a.scores == b.scores
    assert a.optimizer.lr == b.optimizer.lr
    for x, y in ((a.model.state_dict(), b.model.state_dict()), (a.optimizer.state_dict(), b.optimizer.state_dict())):
        assert x.keys() == y.keys()
        for name in x:
            np.testing.assert_array_equal(x[name], y[name], err_msg=name)


def test_the_loss_falls_and_the_network_learns():
    trainer = make(steps=60)
    trainer.batches.elastic, trainer.model.dropout.p = False, 0.0
    trainer.run(60, validate_every=20)
    assert np.mean(trainer.losses[-10:]) < 0.75 * np.mean(trainer.losses[:5])
    assert [step for step, _ in trainer.scores] == [20, 40, 60]
    assert trainer.best == max(numbers["minus loss"] for _, numbers in trainer.scores)


@pytest.mark.parametrize(
    "optimizer", [(optim.Adam, {}), (optim.SGD, {"momentum": 0.9, "nesterov": True}), (optim.AdamW, {})]
)
def test_a_resumed_training_is_bit_for_bit_the_unbroken_one(tmp_path, optimizer):
    kind, settings = optimizer
    unbroken = make(tmp_path / "a", optimizer=kind, **settings)
    unbroken.run(12, validate_every=5)
    broken = make(tmp_path / "b", optimizer=kind, **settings)
    broken.run(7, validate_every=5)
    resumed = make(tmp_path / "b", optimizer=kind, **settings)
    resumed.load()
    assert resumed.step == 7
    resumed.run(12, validate_every=5)
    resumed.scores = [s for s in resumed.scores if s[0] != 7]  # the end of the first part was validated too
    same_state(unbroken, resumed)


def test_ctrl_c_finishes_the_step_saves_and_can_go_on(tmp_path):
    unbroken = make(tmp_path / "a")
    unbroken.run(12, validate_every=5)
    stopped = make(tmp_path / "b")
    forward = stopped.model.forward

    def interrupted(x):
        if stopped.step == 6 and stopped.model.training:
            signal.raise_signal(signal.SIGINT)  # in the middle of the seventh step
        return forward(x)

    stopped.model.forward = interrupted
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        stopped.run(12, validate_every=5)
    assert signal.getsignal(signal.SIGINT) is before
    assert stopped.step == 7
    resumed = make(tmp_path / "b")
    resumed.load()
    resumed.run(12, validate_every=5)
    same_state(unbroken, resumed)


def test_a_second_ctrl_c_stops_at_once():
    trainer = make()

    def twice(x):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    trainer.model.forward = twice
    with pytest.raises(KeyboardInterrupt):
        trainer.run(2)
    assert trainer.step == 0


def test_it_trains_in_another_thread():
    trainer = make()
    thread = threading.Thread(target=trainer.run, args=(2,))
    thread.start()
    thread.join()
    assert trainer.step == 2


def test_a_diverging_loss_is_an_error_and_the_files_keep_the_last_good_state(tmp_path):
    trainer = make(tmp_path)
    trainer.run(3, validate_every=3)
    good = (tmp_path / "last.safetensors").read_bytes()
    trainer.loss = lambda x, y: F.mse_loss(x, y) * float("nan")
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step 4.*smaller learning rate"):
        trainer.run(6, validate_every=1)
    assert (tmp_path / "last.safetensors").read_bytes() == good
    assert trainer.step == 3


def test_best_is_the_best_and_not_the_latest(tmp_path):
    trainer = make(tmp_path)
    scores = iter([0.5, 0.9, 0.7])
    trainer.validate = lambda model: {"score": next(scores)}
    weights = []
    for stop in (1, 2, 3):
        trainer.run(stop, validate_every=1)
        weights.append(trainer.model.state_dict())
    best, about = load_arrays(tmp_path / "best.safetensors")
    assert about == {"step": 2}
    for name, value in best.items():
        np.testing.assert_array_equal(value, weights[1][name])


def test_without_validation_best_is_the_latest(tmp_path):
    trainer = make(tmp_path, validate=False)
    trainer.run(3, validate_every=2)
    assert load_arrays(tmp_path / "best.safetensors")[1] == {"step": 3}


def test_validation_does_not_disturb_training():
    with_it, without = make(), make(validate=False)
    with_it.run(6, validate_every=2)
    without.run(6, validate_every=2)
    assert with_it.losses == without.losses
    assert with_it.model.training


def test_validation_is_in_evaluation_mode_and_records_nothing():
    trainer = make()
    seen = []

    def look(model):
        seen.append((model.training, model.unet.bottleneck.training, model(IMAGES).requires_grad))
        return {"x": 0.0}

    trainer.validate = look
    trainer.run(1)
    assert seen == [(False, False, False)]


def test_arrays_come_back_as_they_went(tmp_path):
    arrays = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "scalar": np.asarray(3),
        "flag": np.asarray(True),
        "empty": np.zeros((0, 2), np.float32),
    }
    save_arrays(tmp_path / "a.safetensors", arrays, {"n": 2**100, "x": [1, None]})
    back, about = load_arrays(tmp_path / "a.safetensors")
    assert about == {"n": 2**100, "x": [1, None]}
    for name, a in arrays.items():
        assert back[name].dtype == a.dtype
        np.testing.assert_array_equal(back[name], a)
        assert back[name].shape == a.shape


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.safetensors: this is not a whole file of tinyunet weights"):
        load_arrays(tmp_path / "a.safetensors")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.safetensors: there is no such file"):
        load_arrays(tmp_path / "a.safetensors")


def test_load_refuses_another_training(tmp_path):
    make(tmp_path).save()
    other = make(tmp_path)
    other.schedule = None
    with pytest.raises(ValueError, match="another kind of training"):
        other.load()
    with pytest.raises(ValueError, match="state does not match"):
        make(tmp_path, optimizer=optim.SGD).load()
    with pytest.raises(ValueError, match="without a folder"):
        make().load()


def test_progress_before_the_first_validation():
    trainer = make()
    assert trainer.best == -math.inf
    trainer.save()  # without a folder: nothing to do, and no error


def test_interrupts_are_not_touched_outside_the_main_thread():
    seen = []

    def look():
        with training._interrupt_after_step() as event:
            seen.append((event.is_set(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=look)
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
