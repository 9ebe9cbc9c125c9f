"""Text to picture: what is learnt from, what is judged, and what is written of it."""

import numpy as np
import pytest
from PIL import Image

from tinyunet import checkpoint, cli
from tinyunet.data import DataError
from tinyunet.data.sentences import FORM, SCENES, split_scenes, tokens, understand
from tinyunet.data.things import read
from tinyunet.tasks import program, sampling
from tinyunet.tasks.latent import Latent
from tinyunet.tasks.painter import DIFFUSION, MOST, Painter, as_picture, importance
from tinyunet.tasks.text import WORST, Text, attributes_right


@pytest.fixture(scope="module")
def task():
    return Text()


def test_nothing_is_learnt_from_what_is_held_out(task):
    _, unseen, pair = split_scenes()
    learnt = {tuple(row) for row in tokens(task.seen)}
    assert not learnt & {tuple(row) for row in tokens([*unseen, *pair])}
    (_, t, words), _, weight = task.batch(np.random.default_rng(0), 400)
    assert np.array_equal(weight, importance(t))
    assert {tuple(row) for row in words if row.any()} <= learnt
    assert 20 < sum(not row.any() for row in words) < 60  # a tenth comes without words


def test_the_baselines_reach_what_they_must(task):
    numbers = {name: task.metric(task.answers(method)) for name, method in task.baselines().items()}
    similar = numbers["most similar"]
    assert similar.pop(WORST) < 1
    assert similar == {"seen": 1.0, "unseen": 0.0, "pair": 0.0}
    assert max(numbers["any"].values()) < 0.4


def test_true_pictures_are_all_right_and_one_wrong_attribute_is_enough(task):
    truths = [example.truth for example in task.held_out]
    assert set(task.metric(truths).values()) == {1.0}
    mirrored = [truth[..., ::-1] for truth in truths]
    assert max(task.metric(mirrored).values()) < 0.4
    noisy = [truth + np.random.default_rng(0).normal(0, 0.4, truth.shape) for truth in truths]
    assert task.metric(noisy)["seen"] == 0  # not readable
    found = [read(as_picture(truth)) for truth in mirrored]
    rates = attributes_right([scene for _, scene in task.asked], found)
    assert rates["colour"] == rates["size"] == rates["shape"] == rates["ground"] == 1


def test_the_weight_makes_an_error_of_x0_one_of_v():
    t = np.arange(1, 1001)
    sigma = DIFFUSION.schedule.sigma[t]
    assert importance(t)[sigma > MOST**-0.5] == pytest.approx(sigma[sigma > MOST**-0.5] ** -2, rel=1e-4)
    assert importance(t).max() == MOST


def shaken(model):
    """The model with other weights: its last layers are 0 at first, and it answers 0."""
    for p in model.parameters():
        p.data = p.numpy() + np.random.default_rng(p.numel()).normal(0, 0.1, p.shape).astype(np.float32)
    return model


def test_the_painter_hears_words_and_knows_places():
    model = shaken(Painter((8, 16), 16, 8, rng=0))
    x, t = np.zeros((1, 3, 32, 32), np.float32), np.array([500])
    a, b = (model(x, t, tokens([scene])).numpy() for scene in (SCENES[0], SCENES[1]))
    assert np.abs(a - b).max() > 1e-3
    assert np.abs(a[..., 16, 16] - a[..., 8, 20]).max() > 1e-3


def test_a_sentence_is_drawn_by_the_network_of_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program.trainer(Text(True), program.Settings("text", 1, fast=True))
    assert cli.main(["run", "text", "--fast", "--steps=2"]) == 0
    capsys.readouterr()
    picture = ["sample", FORM, "--run=runs/text", "--count=3", "--steps=3", "--seed=1", "-o", "out.png"]
    assert cli.main([*picture, "--animate", "way.gif"]) == 0
    assert "wrote out.png\nwrote way.gif\nread as: " in capsys.readouterr().out
    with Image.open("out.png") as image, Image.open("way.gif") as film:
        assert image.size == film.size == (520, 520)
        assert film.n_frames > 1
        first = np.asarray(image)
    assert cli.main(picture) == 0
    with Image.open("out.png") as image:
        assert np.array_equal(first, np.asarray(image))
    assert cli.main(["sample", "a small pink circle at the centre, on blue"]) == 2
    assert "red, green, blue, yellow, purple or orange" in capsys.readouterr().err


def test_the_network_that_comes_with_tinyunet_draws_what_was_never_learnt(tmp_path, monkeypatch, capsys):
    task, model = sampling.trained(None, Text)
    chosen = [k for k, (name, _) in enumerate(task.asked) if name != "seen"][::10]
    inputs = (np.stack(each) for each in zip(*(task.held_out[k].inputs for k in chosen), strict=True))
    found = [read(as_picture(picture)) for picture in task.predict(model, *inputs)]
    right = [reading.readable and reading.scene == task.asked[k][1] for reading, k in zip(found, chosen, strict=True)]
    assert np.mean(right) >= 0.8
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sample", FORM]) == 0
    assert capsys.readouterr().out == f"wrote sample.png\nread as: {FORM}\n"


def test_its_weights_say_what_they_reach_and_are_small():
    told = checkpoint.about(sampling.weights_of("text"))
    assert told["made by"] == "tinyunet run text --seed 0"
    assert told["measured"]["unseen"] > 0.8
    assert sampling.weights_of("text").stat().st_size < 3e6


def test_more_pictures_begin_with_the_same_ones():
    task, scene = Text(True), understand(FORM)
    model = shaken(task.model(np.random.default_rng(0)))
    one, three = (
        sampling.way(task, model, tokens([scene] * count), count=count, seed=4, steps=2)[-1] for count in (1, 3)
    )
    assert one[0] == pytest.approx(three[0], abs=1e-4)
    assert np.abs(three[0] - three[1]).max() > 0.01
    noise = np.random.default_rng([4, 0]).standard_normal((1, 3, 32, 32), np.float32)
    way = sampling.way(task, model, tokens([scene]), seed=4, steps=task.sampling)
    assert way[-1] == pytest.approx(as_picture(task.predict(model, noise, tokens([scene]))), abs=1e-5)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        sampling.way(task, model, tokens([]), count=0)


def test_a_run_of_another_task_is_refused(tmp_path):
    (tmp_path / "settings.json").write_text('{"task": "cells", "steps": 3}')
    with pytest.raises(DataError, match="a run of cells; what is needed is one of text or latent"):
        sampling.trained(tmp_path, Text, Latent)


MUTANTS = {
    "tasks.sampling:shipped": [
        ("it was never trained", "model.load_state_dict(", "dict("),
    ],
    "tasks.text:Text.batch": [
        ("no picture comes without its words", "dropped(words, rng)", "words"),
        ("all times count alike", "importance(t)", "np.ones_like(t)"),
    ],
    "tasks.text:Text.metric": [
        ("what is not readable is right", "reading.readable and reading.scene == scene", "reading.scene == scene"),
        ("values from −1 to 1 for a picture", "read(as_picture(output))", "read(output)"),
    ],
    "tasks.text:attributes_right": [
        ("over all attributes", "axis=0", "axis=0, keepdims=True"),
    ],
    "tasks.painter:importance": [
        (
            "as much as they like",
            "np.minimum(diffusion.schedule.sigma[t] ** -2.0, MOST)",
            "diffusion.schedule.sigma[t] ** -2.0",
        ),
        ("σ for σ²", "** -2.0", "** -1.0"),
    ],
    "tasks.painter:Painter.forward": [
        ("nobody tells where", "waves(H, W)", "0 * waves(H, W)"),
    ],
    "tasks.sampling:way": [
        ("values beyond those of pictures are gone on with", "clip=task.clip", "clip=None"),
        ("one seed for all", "np.random.default_rng([seed, k])", "np.random.default_rng([seed, count])"),
    ],
}
