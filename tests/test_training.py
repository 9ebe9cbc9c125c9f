"""The loop learns, saves whole files, and resumes bit for bit."""

import math
import signal
import threading

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import data, nn, optim, training
from tinyunet.checkpoint import load_arrays
from tinyunet.training import Trainer
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


def cross_entropy(model, batch):
    images, masks = batch
    return F.binary_cross_entropy_with_logits(model(images), masks)


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
        cross_entropy,
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


# Another job than segmentation: a batch is one array; everything draws from a generator of its own

KINDS = [np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.MT19937, np.random.SFC64]


class Crops:
    """Batches of pictures alone."""

    def __init__(self, rng):
        self.rng = rng

    def __next__(self):
        top, left = self.rng.integers(17, size=2)
        return self.rng.permutation(IMAGES)[:2, :, top : top + 16, left : left + 16]


class NoiseFound:
    """How well the model tells what noise was added."""

    def __init__(self, rng):
        self.noises = {"gaussian": [rng.standard_normal]}  # a method, deep inside

    def __call__(self, model, images):
        noise = self.noises["gaussian"][0](images.shape, np.float32)
        return F.mse_loss(model(images + noise), noise)


class Guess:
    """A score that is drawn."""

    def __init__(self, rng):
        self.rng = rng

    def __call__(self, model):
        return {"guess": self.rng.random()}


class Average:
    """An exponential moving average of the weights."""

    def __init__(self, model, decay=0.8):
        self.decay, self.weights = decay, model.state_dict()

    def __call__(self, model):
        for name, new in model.state_dict().items():
            self.weights[name] = (self.decay * self.weights[name] + (1 - self.decay) * new).astype(new.dtype)

    def state_dict(self):
        return {"decay": self.decay, "weights": self.weights}

    def load_state_dict(self, state):
        self.decay, self.weights = state["decay"], state["weights"]


def noise_finder(out, kinds, seed=0):
    in_model, in_batches, in_loss, in_validation = (np.random.Generator(kind(seed)) for kind in kinds)
    model = WithDropout(in_model)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    return Trainer(
        model,
        Crops(in_batches),
        NoiseFound(in_loss),
        optimizer,
        validate=Guess(in_validation),
        out=out,
        after_step=Average(model),
    )


@pytest.mark.parametrize("k", range(len(KINDS)), ids=[kind.__name__ for kind in KINDS])
def test_whatever_is_random_or_remembered_is_restored(tmp_path, k):
    kinds = [KINDS[(k + i) % len(KINDS)] for i in range(4)]
    unbroken = noise_finder(tmp_path / "a", kinds)
    unbroken.run(8, validate_every=5)
    noise_finder(tmp_path / "b", kinds).run(5, validate_every=5)
    resumed = noise_finder(tmp_path / "b", kinds, seed=9)  # everything in it is something else until it is loaded
    resumed.after_step.decay = 0.1
    resumed.load()
    resumed.run(8, validate_every=5)
    same_state(unbroken, resumed)
    assert resumed.after_step.weights.keys() == unbroken.model.state_dict().keys()
    for name, average in unbroken.after_step.weights.items():
        np.testing.assert_array_equal(resumed.after_step.weights[name], average)
        assert average.dtype == resumed.after_step.weights[name].dtype
    assert (tmp_path / "a" / "last.safetensors").read_bytes() == (tmp_path / "b" / "last.safetensors").read_bytes()


def averaging(out):
    trainer = make(out)
    trainer.averaged = optim.swa_utils.AveragedModel(
        trainer.model, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.8)
    )
    return trainer


def test_an_average_of_the_weights_is_what_comes_of_it_and_is_resumed_bit_for_bit(tmp_path):
    unbroken, seen = averaging(tmp_path / "a"), []
    unbroken.validate = lambda model: seen.append(model) or {"score": float(len(seen))}
    weights = [unbroken.model.state_dict()["unet.output.weight"]]
    unbroken.after_step = lambda model: weights.append(model.state_dict()["unet.output.weight"])
    unbroken.run(8, validate_every=5)
    expected = weights[1]
    for new in weights[2:]:
        expected = 0.8 * expected + (1 - 0.8) * new
    result = unbroken.result
    assert seen == [result, result]
    assert result is unbroken.averaged.module is not unbroken.model
    np.testing.assert_allclose(result.unet.output.weight, expected, rtol=1e-5)
    best, _ = load_arrays(tmp_path / "a" / "best.safetensors")
    for name, value in result.state_dict().items():
        np.testing.assert_array_equal(best[name], value)

    averaging(tmp_path / "b").run(5, validate_every=5)
    resumed = averaging(tmp_path / "b")
    resumed.load()
    resumed.run(8, validate_every=5)
    assert resumed.averaged.n_averaged.item() == 8
    for one, other in ((unbroken.model, resumed.model), (unbroken.averaged, resumed.averaged)):
        for name, value in one.state_dict().items():
            np.testing.assert_array_equal(other.state_dict()[name], value, err_msg=name)
    assert make().result is not None
    assert (plain := make()).result is plain.model


def test_after_step_sees_the_weights_that_the_step_made():
    trainer, seen = make(), []
    trainer.after_step = lambda model: seen.append(model.state_dict()["unet.output.weight"])
    trainer.run(3)
    assert len(seen) == 3
    assert (seen[0] != seen[1]).any()
    np.testing.assert_array_equal(seen[-1], trainer.model.state_dict()["unet.output.weight"])


# Stopping


STOPS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def survivor():
    """A SIGTERM that nobody notes is an error, and not the end of all tests."""

    def fail(number, frame):
        raise AssertionError("nobody noted the signal")

    before = signal.signal(signal.SIGTERM, fail)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("survivor")
@pytest.mark.parametrize("number", STOPS)
def test_ctrl_c_and_sigterm_finish_the_step_save_and_it_can_go_on(tmp_path, number):
    unbroken = make(tmp_path / "a")
    unbroken.run(12, validate_every=5)
    stopped = make(tmp_path / "b")
    forward = stopped.model.forward

    def interrupted(x):
        if stopped.step == 6 and stopped.model.training:
            signal.raise_signal(number)  # in the middle of the seventh step
        return forward(x)

    stopped.model.forward = interrupted
    before = [signal.getsignal(each) for each in STOPS]
    with pytest.raises(KeyboardInterrupt) as caught:
        stopped.run(12, validate_every=5)
    assert caught.value.args == (number,)
    assert [signal.getsignal(each) for each in STOPS] == before
    assert stopped.saved() == 7
    assert stopped.step == 7
    resumed = make(tmp_path / "b")
    resumed.load()
    resumed.run(12, validate_every=5)
    same_state(unbroken, resumed)


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    trainer = make(tmp_path)
    trainer.save()

    def twice(x):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    trainer.model.forward = twice
    with pytest.raises(KeyboardInterrupt) as caught:
        trainer.run(2)
    assert caught.value.args == ()
    assert (trainer.step, trainer.saved()) == (0, 0)


def test_what_is_saved_is_what_the_file_holds(tmp_path):
    trainer = make(tmp_path)
    assert (trainer.saved(), make().saved()) == (None, None)
    trainer.run(3, validate_every=2)
    trainer._step()
    assert (trainer.step, trainer.saved()) == (4, 3)


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
    trainer.loss = lambda model, batch: cross_entropy(model, batch) * float("nan")
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


def test_of_equally_good_weights_the_later_are_the_best(tmp_path):
    trainer = make(tmp_path)
    scores = iter([0.5, 1.0, 0.9, 1.0, 0.8])
    trainer.validate = lambda model: {"score": next(scores)}
    trainer.run(5, validate_every=1)
    assert load_arrays(tmp_path / "best.safetensors")[1] == {"step": 4}
    assert (trainer.best_step, trainer.waited()) == (4, 3)  # that a score is reached again is no better score


def test_patience_ends_and_stays_so(tmp_path):
    trainer = make(tmp_path)
    scores = iter([0.5, 0.7, 0.6, 0.7, 0.1, 0.9])
    trainer.validate = lambda model: {"score": next(scores)}
    trainer.run(12, validate_every=2, patience=2)
    assert (trainer.step, trainer.best_step) == (8, 8)
    resumed = make(tmp_path)
    resumed.load()
    resumed.run(12, validate_every=2, patience=2)
    assert resumed.step == 8
    trainer.run(12, validate_every=2, patience=3)
    assert trainer.step == 10


def test_history_has_a_row_for_every_step(tmp_path):
    trainer = make(tmp_path)
    scores = iter([{"dice": 0.5}, {"dice": 0.7, "recall": 1.0}])
    trainer.validate = lambda model: next(scores)
    trainer.run(4, validate_every=2)
    rows = [line.split(",") for line in (tmp_path / "history.csv").read_text().splitlines()]
    assert rows[0] == ["step", "loss", "dice", "recall"]
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4"]
    assert [float(row[1]) for row in rows[1:]] == trainer.losses
    assert [row[2:] for row in rows[1:]] == [["", ""], ["0.5", ""], ["", ""], ["0.7", "1.0"]]


def test_the_bar_ends_with_the_last_score(monkeypatch):
    shown = []

    class Bar(training.tqdm):
        def set_postfix_str(self, text="", refresh=True):
            shown.append(text)

    monkeypatch.setattr(training, "tqdm", Bar)
    trainer = make()
    trainer.run(3, validate_every=2)
    assert f"minus loss {trainer.scores[-1][1]['minus loss']:.4f}" in shown[-1]


def test_a_score_that_is_no_number_does_not_keep_the_best_from_being_written(tmp_path):
    trainer = make(tmp_path)
    scores = iter([math.nan, math.nan, 0.5, math.nan, 0.9, 0.7])
    trainer.validate = lambda model: {"auc": next(scores)}
    bests = []
    for stop in range(1, 7):
        trainer.run(stop, validate_every=1)
        bests.append((load_arrays(tmp_path / "best.safetensors")[1]["step"], trainer.best))
    assert bests == [(1, -math.inf), (2, -math.inf), (3, 0.5), (3, 0.5), (5, 0.9), (5, 0.9)]
    resumed = make(tmp_path)
    resumed.load()
    assert resumed.best == 0.9


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


def without_schedule(out):
    trainer = make(out)
    trainer.schedule = None
    return trainer


def of_another_kind(out):
    trainer = make(out)
    trainer.batches.rng = np.random.Generator(np.random.SFC64(0))
    return trainer


def of_another_model(out):
    trainer = make(out)
    trainer.model.more = nn.Linear(1, 1)
    return trainer


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (without_schedule, ValueError, "another kind of training; missing: none; unexpected: schedule"),
        (lambda out: make(out, optimizer=optim.SGD), ValueError, "SGD: the state does not match"),
        (of_another_kind, ValueError, r"missing: batches\.rng; unexpected: none"),
        (of_another_model, KeyError, r"missing: more\.weight, more\.bias"),
    ],
)
def test_load_refuses_another_training_and_leaves_everything_alone(tmp_path, other, error, message):
    make(tmp_path).run(2)
    trainer = other(tmp_path)
    trainer.out = None
    trainer.run(1)
    trainer.out = tmp_path

    def everything():
        yield from trainer.model.state_dict().items()
        yield from trainer.optimizer.state_dict().items()
        yield "rngs", [trainer.batches.rng.bit_generator.state, trainer.model.dropout.rng.bit_generator.state]
        yield "progress", [trainer.step, trainer.losses, trainer.scores, trainer.optimizer.lr]

    before = dict(everything())
    with pytest.raises(error, match=message):
        trainer.load()
    for name, value in everything():
        np.testing.assert_equal(value, before[name], err_msg=name)


def test_load_needs_a_folder():
    with pytest.raises(ValueError, match="without a folder"):
        make().load()


def test_batches_that_could_not_be_resumed_are_refused(tmp_path):
    def drawn():
        rng = np.random.default_rng(0)
        while True:
            yield rng.random((1, 1, 16, 16), np.float32), np.zeros((1, 1, 16, 16))

    model = UNet(1, 1, channels=(4,), rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    Trainer(model, drawn(), cross_entropy, optimizer).run(1)
    with pytest.raises(TypeError, match="batches from a generator function cannot be resumed"):
        Trainer(model, drawn(), cross_entropy, optimizer, out=tmp_path)


def test_progress_before_the_first_validation():
    trainer = make()
    assert trainer.best == -math.inf
    trainer.save()  # without a folder: nothing to do, and no error


def test_interrupts_are_not_touched_outside_the_main_thread():
    seen = []

    def look():
        with training._interrupt_after_step() as event:
            seen.append((bool(event), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=look)
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


MUTANTS = {
    "training:Trainer.result": [
        ("the last weights for their average", "self.averaged.module if self.averaged else self.model", "self.model"),
    ],
    "training:Trainer._save_best": [
        ("the last weights are kept", "self.result.state_dict()", "self.model.state_dict()"),
    ],
    "checkpoint:remembered": [
        ("resume forgets the generators", "isinstance(thing, np.random.Generator) or (", "("),
    ],
    "training:Trainer._things": [
        ("the average begins anew", ', "averaged")', ")"),
        ("resume forgets the schedule", '"schedule", ', ""),
    ],
    "training:Trainer._validate": [
        ("best is the worst", ">= self.best:", "<= self.best:"),
        ("of equals the first", ">= self.best:", "> self.best:"),
    ],
    "training:_interrupt_after_step": [
        ("Ctrl-C is lost", "noted.append(number)", "pass"),
        ("SIGTERM kills", "(signal.SIGINT, signal.SIGTERM)", "(signal.SIGINT,)"),
        ("a second one waits, too", "noted.append(number)\n        put_back()", "noted.append(number)"),
    ],
    "training:Trainer.waited": [
        (
            "counted from where it was reached again",
            "scores.index(self.best)",
            "(len(scores) - 1 - scores[::-1].index(self.best))",
        ),
    ],
    "training:Trainer.saved": [
        ("everything is said to be saved", 'checkpoint.about(file)["step"]', "self.step"),
    ],
}
