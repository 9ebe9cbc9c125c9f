"""Editing by instruction: what is learnt from, what is judged, and what is made of somebody's picture."""

import numpy as np
import pytest
from PIL import Image

from tinyunet import checkpoint, cli, metrics, tensor
from tinyunet.data import DataError, write_picture
from tinyunet.data.instructions import FORM as FORM_OF_EDITS
from tinyunet.data.instructions import Change, answers, split_instructions, tokens, understand
from tinyunet.data.sentences import FORM
from tinyunet.data.sentences import understand as scene_of
from tinyunet.data.things import MOST, Drawn, Placed, outlines_of, paint, read
from tinyunet.tasks import editing, sampling
from tinyunet.tasks.edit import (
    CHANGED,
    KEPT,
    MOVED,
    Edit,
    Editor,
    followed,
    in_turn,
    nearest_right,
    over_all,
    pictured,
)
from tinyunet.tasks.painter import as_picture
from tinyunet.tasks.text import Text

SENTENCE = "a small yellow square at the top right, on white"
CIRCLE, CROSS = (
    Placed(outlines_of("small", "circle", "top left")[0], "red"),
    Placed(outlines_of("large", "cross", "bottom right")[3], "green"),
)
BEFORE = Drawn((CIRCLE, CROSS), "white")


@pytest.fixture(scope="module")
def task():
    return Edit()


def change_of(text):
    instruction = understand(text)
    return Change(BEFORE, instruction, answers(BEFORE, instruction))


def shaken(model):
    """The model with other weights: its last layers are 0 at first."""
    for p in model.parameters():
        p.data = p.numpy() + np.random.default_rng(p.numel()).normal(0, 0.1, p.shape).astype(np.float32)
    return model


def test_nothing_is_learnt_from_what_is_held_out(task):
    seen, unseen, pair = ({tuple(row) for row in tokens(part)} for part in split_instructions())
    (before, words), target, _ = task.batch(np.random.default_rng(0), 600)
    assert {tuple(row) for row in words} <= seen
    assert target.shape == (600, 4, 3, 32, 32)
    assert (np.abs(before[:, None] - target).max(axis=(2, 3, 4)) > 0.1).all()  # something changes, always
    asked = {name: {tuple(e.inputs[1]) for e in task.held_out if e.name == name} for name in ("seen", "unseen", "pair")}
    assert asked["seen"] <= seen
    assert asked["unseen"] == unseen
    assert asked["pair"] == pair
    assert all(2 <= len(change.before.placed) <= 3 for _, change in task.asked)


@pytest.mark.parametrize("setting", ["--steps=3", "--seed=1", "--animate=way.gif"])
def test_an_instruction_needs_no_noise(setting, capsys):
    assert cli.main(["edit", "in.png", "make the circle green", setting]) == 2
    assert "--steps, --seed and --animate are for --within" in capsys.readouterr().err


def test_all_that_is_right_may_be_learnt(task):
    changes = task.some(np.random.default_rng(1), 100)
    (before, _), targets, _ = task.batch(np.random.default_rng(1), 100)
    assert {1, 4} < {len(change.after) for change in changes}
    for change, old, target in zip(changes, before, targets, strict=True):
        assert np.array_equal(old, pictured(change.before))
        right = [pictured(each) for each in change.after]
        assert np.array_equal(target, right + right[-1:] * (4 - len(right)))


def test_the_error_is_that_of_the_nearest_that_is_right(task):
    rng = np.random.default_rng(0)
    answers, targets = rng.normal(size=(5, 3, 4, 4)), rng.normal(size=(5, 2, 3, 4, 4))
    targets[:3, 1], targets[3:, 0] = answers[:3] + 0.1, answers[3:] - 0.2
    output = tensor(answers, requires_grad=True)
    loss = task.loss(output, targets, None)
    assert loss.item() == pytest.approx((3 * 0.1**2 + 2 * 0.2**2) / 5)
    loss.backward()
    expected = np.array([-0.1] * 3 + [0.2] * 2)[:, None, None, None] * 2 / answers.size
    np.testing.assert_allclose(output.grad.numpy(), np.broadcast_to(expected, answers.shape), rtol=1e-9)


def test_true_pictures_are_all_right_and_others_are_not(task):
    truths = [example.truth for example in task.held_out]
    exact = task.metric(truths)
    assert exact["seen"] == exact["unseen"] == exact["pair"] == 1
    assert min(exact[KEPT], exact[CHANGED], exact[MOVED]) > 150  # of rounding
    similar = task.metric(task.answers(task.baselines()["most similar"]))
    assert max(similar["seen"], similar["unseen"], similar["pair"]) < 0.1
    assert similar[KEPT] < 15
    noisy = [truth + np.random.default_rng(0).normal(0, 0.02, truth.shape) for truth in truths]
    found = task.metric(noisy)
    assert found["seen"] == 1
    for name in (KEPT, CHANGED, MOVED):  # some of the noise is clipped, at 0 and 1
        assert -20 * np.log10(0.01) < found[name] < -20 * np.log10(0.01) + 2.5


def test_the_error_where_it_changes_is_that_of_what_is_right_alone(task):
    truths = [example.truth for example in task.held_out]
    half = [
        truth if k % 2 else example.inputs[0]
        for k, (truth, example) in enumerate(zip(truths, task.held_out, strict=True))
    ]
    found = task.metric(half)
    assert found["seen"] == found["unseen"] == found["pair"] == 0.5
    assert found[CHANGED] > 150


def test_an_error_where_something_changes_does_not_count_as_one_where_nothing_does(task):
    pale = []
    for (_, asked), example in zip(task.asked, task.held_out, strict=True):
        _, same = nearest_right(asked, as_picture(example.truth))
        pale.append(np.where(same, example.truth, 0.9 * example.truth))
    found = task.metric(pale)
    assert found[KEPT] > 150
    assert 25 < found[CHANGED] < 35


def test_of_what_is_moved_the_mean_of_all_that_is_right_is_blurred(task):
    means = [np.mean([pictured(each) for each in asked.after], axis=0) for _, asked in task.asked]
    found = task.metric(means)
    assert found["seen"] == found["unseen"] == found["pair"] == 1  # the blur is of a pixel
    assert found[MOVED] < 22.5
    assert found[CHANGED] > 25


def test_a_thing_a_pixel_aside_is_not_right_but_where_it_may_lie():
    asked = change_of("make the circle blue")
    (right,) = asked.after
    aside = Drawn((Placed(outlines_of("small", "circle", "top left")[1], "blue"), CROSS), "white")
    assert followed(asked, paint(*right))
    assert not followed(asked, paint(*aside))
    noisy = paint(*right) + np.random.default_rng(0).normal(0, 0.1, (3, 32, 32)).astype(np.float32)
    assert read(noisy, MOST).drawn.same(right)
    assert not followed(asked, noisy)  # it is not readable
    moved = change_of("move the circle to the top right")
    assert len(moved.after) == 4
    assert all(followed(moved, paint(*each)) for each in moved.after)
    assert followed(change_of("remove the cross"), paint((CIRCLE,), "white"))
    alone, remove = Drawn((CIRCLE,), "white"), understand("remove the circle")
    assert followed(Change(alone, remove, answers(alone, remove)), paint((), "white"))


def test_the_nearest_that_is_right_and_where_it_is_as_before():
    moved = change_of("move the circle to the top right")
    picture = np.clip(paint(*moved.after[2]) + 0.01, 0, 1)
    nearest, same = nearest_right(moved, picture)
    assert np.array_equal(nearest, paint(*moved.after[2]))
    assert same.shape == (32, 32)
    assert np.array_equal(same, (paint(*BEFORE) == nearest).all(axis=0))
    assert same[25, 25]
    assert not same[8, 8]
    _, same = nearest_right(change_of("make the circle purple"), picture)
    assert not same[7, 7]  # though purple and red are as green


def test_over_all_pixels():
    rng = np.random.default_rng(0)
    pairs = [(rng.random((3, n)), rng.random((3, n))) for n in (2, 5)]
    whole = [np.concatenate(side, axis=1) for side in zip(*pairs, strict=True)]
    assert over_all(pairs) == metrics.psnr(*whole)
    assert over_all([]) == 0


def test_each_is_asked_as_often_as_the_others():
    counts = np.bincount(in_turn(7, 23, np.random.default_rng(0)))
    assert counts.sum() == 23
    assert set(counts) == {3, 4}


def test_the_editor_sees_the_picture_and_hears_the_words():
    model = shaken(Editor((8, 16), 16, 8, rng=0))
    before = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    a, b = (tokens([understand(text)]) for text in ("remove the circle", "remove the square"))
    y = model(before, a).numpy()
    assert y.shape == before.shape
    assert np.abs(model(before, b).numpy() - y).max() > 1e-2
    # the same colours under the same masks would make it affine
    assert np.abs(y + model(-before, a).numpy() - 2 * model(0 * before, a).numpy()).max() > 1e-2


def test_the_editor_lays_two_colours_over_the_picture_one_after_the_other():
    model = Editor((8, 16), 16, 8, rng=0)  # its last layer answers its bias
    rng = np.random.default_rng(0)
    before = rng.normal(size=(1, 3, 32, 32)).astype(np.float32)
    inputs = before, tokens([understand(FORM_OF_EDITS)])
    masks, colours = rng.normal(size=(2, 4)).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)

    def answer(masks):
        model.unet.output.bias.data = np.concatenate([*masks, *colours])
        return model(*inputs).numpy()

    expected = before
    for mask, colour in zip(masks, colours, strict=True):
        share = np.tile(1 / (1 + np.exp(-mask.reshape(2, 2))), (16, 16))
        expected = expected + share * (colour[:, None, None] - expected)
    np.testing.assert_allclose(answer(masks), expected, atol=1e-5)
    np.testing.assert_array_equal(answer(np.full((2, 4), -200, np.float32)), before)  # where nothing is to change
    over = answer(np.full((2, 4), 200, np.float32))
    np.testing.assert_allclose(over, np.broadcast_to(colours[1][:, None, None], over.shape), atol=1e-5)


def test_the_colour_of_a_mask_is_the_mean_of_what_is_said_under_it():
    model = Editor((8, 16), 16, 8, rng=0)
    model.unet.forward = lambda *_: tensor(y)
    y = np.full((1, 14, 16, 16), -200, np.float32)
    y[:, :4, 2, 3:5] = 200  # the first mask covers two positions
    y[:, 8:11] = 7
    y[:, 8:11, 2, 3], y[:, 8:11, 2, 4] = 0.2, 0.6
    before = np.zeros((1, 3, 32, 32), np.float32)
    made = model(before, np.zeros((1, 8), int)).numpy()
    assert made[0, :, 4:6, 6:10] == pytest.approx(np.full((3, 2, 4), 0.4))
    assert np.count_nonzero(made) == 3 * 2 * 4


@pytest.mark.parametrize("factor", [1, 5])
def test_a_drawn_picture_is_opened_whatever_its_size(tmp_path, factor):
    file = tmp_path / "picture.png"
    blurred = np.clip(paint(*BEFORE) + np.random.default_rng(0).normal(0, 0.03, (3, 32, 32)), 0, 1)
    write_picture(file, blurred.repeat(factor, axis=1).repeat(factor, axis=2))
    picture, reading = editing.opened(file)
    assert np.array_equal(picture, paint(*BEFORE))
    assert reading.drawn.same(BEFORE)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (np.zeros((3, 40, 40)), "has 3 channels of 40×40 pixels"),
        (np.zeros((3, 32, 64)), "has 3 channels of 32×64 pixels"),
        (np.random.default_rng(0).random((3, 64, 64)), "is no picture as  tinyunet sample  draws them"),
        (np.full((3, 32, 32), 0.3), "is no picture as"),
    ],
)
def test_another_picture_is_refused(tmp_path, picture, told):
    file = tmp_path / "picture.png"
    write_picture(file, picture)
    with pytest.raises(DataError, match=told):
        editing.opened(file)


@pytest.mark.parametrize("place", ["top left", "top right", "bottom left", "bottom right", "centre"])
def test_around_a_place_is_where_each_of_its_things_lies(place):
    mask = editing.around(place)
    assert mask.sum() == 256
    for shape in ("circle", "square", "triangle", "cross"):
        for k in outlines_of("large", shape, place):
            assert not (paint([Placed(k, "red")], "white") != 1).any(axis=0)[~mask].any()


def test_there_is_no_other_place():
    with pytest.raises(DataError, match='no place "left"; there are top left'):
        editing.around("left")


def test_what_is_painted_within_a_place_is_all_that_changes():
    task, model = sampling.trained(None, Text)
    picture, mask = paint(*BEFORE), editing.around("top right")
    reading = read(picture, MOST)
    scene = scene_of(SENTENCE)
    states = editing.within(task, model, picture, reading, mask, scene, seed=0)
    last = states[-1][0]
    assert len(states) == 21
    assert last[:, ~mask] == pytest.approx(picture[:, ~mask], abs=1e-6)
    found = read(last, MOST, least=0)
    assert found.readable
    assert {p.thing for p in found.drawn.placed} == {CIRCLE.thing, CROSS.thing, scene.things[0]}
    again = editing.within(task, model, picture, reading, mask, scene, seed=0)
    assert np.array_equal(last, again[-1][0])
    other = editing.within(task, model, picture, reading, mask, scene, seed=1)
    assert np.abs(last - other[-1][0]).max() > 0.01


def test_a_picture_is_edited_by_the_network_of_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_picture("in.png", paint(*BEFORE))
    assert cli.main(["run", "edit", "--fast", "--steps=2"]) == 0
    capsys.readouterr()
    assert cli.main(["edit", "in.png", "make the ground black", "--run=runs/edit", "-o", "out.png"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("wrote out.png\nread as: ")
    assert told.endswith("which is not what was asked for\n")
    with Image.open("out.png") as image:
        assert image.size == (256, 256)
    assert cli.main(["edit", "in.png", "make the square yellow", "--run=runs/edit"]) == 2
    assert "no square in the picture, but a green cross and a red circle" in capsys.readouterr().err
    assert cli.main(["edit", "in.png", SENTENCE, "--within=top right", "--run=runs/edit"]) == 2
    assert "this is a run of edit; what is needed is one of text" in capsys.readouterr().err
    assert cli.main(["edit", "in.png", FORM, "--within=top left"]) == 2
    assert "the ground of the picture is white, not blue" in capsys.readouterr().err
    white = "a large yellow cross at the bottom right, on white"
    within = ["edit", "in.png", white, "--within=bottom right", "--steps=2"]
    assert cli.main([*within, "--animate=way.gif"]) == 0
    assert cli.main([*within, "--seed=1", "-o", "other.png"]) == 0
    with Image.open("edited.png") as image, Image.open("way.gif") as film, Image.open("other.png") as other:
        assert film.n_frames == 3
        assert np.abs(np.asarray(image, float) - np.asarray(other, float)).max() > 10


def test_the_network_that_comes_with_tinyunet_follows_what_was_never_learnt(tmp_path, monkeypatch, capsys):
    task, model = sampling.trained(None, Edit)
    chosen = [k for k, (name, _) in enumerate(task.asked) if name != "seen"][::8]
    made = [task.predict(model, *task.held_out[k].inputs) for k in chosen]
    right = [followed(task.asked[k][1], as_picture(x)) for k, x in zip(chosen, made, strict=True)]
    assert np.mean(right) >= 0.9
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sample", FORM, "-o", "in.png"]) == 0
    capsys.readouterr()
    assert cli.main(["edit", "in.png", "make the circle green"]) == 0
    expected = "a small green circle at the top left, on blue"
    assert capsys.readouterr().out == f"wrote edited.png\nread as: {expected}\n"


def test_its_weights_say_what_they_reach_and_all_that_come_along_are_small():
    told = checkpoint.about(sampling.weights_of("edit"))
    assert told["made by"] == "tinyunet run edit --seed 0"
    assert told["measured"]["unseen"] > 0.9
    assert sum(file.stat().st_size for file in sampling.WEIGHTS.iterdir()) < 6e6


MUTANTS = {
    "tasks.edit:Editor.forward": [
        ("it does not see the old picture", "[before, figure(before)]", "[0 * before, figure(0 * before)]"),
        ("the words are not heard", "np.zeros(N), words)", "np.zeros(N), 0 * words)"),
        ("both colours are laid over the old picture", "mask * (flat - x)", "mask * (flat - before)"),
        ("a colour for each position", "mask * (flat - x)", "mask * (colour - x)"),
        ("0/0 where there is nothing to change", ".clamp(min=NO_AREA)", ""),
    ],
    "tasks.edit:figure": [
        ("the mean is the ground", "np.median(pictures", "np.mean(pictures"),
    ],
    "tasks.edit:Edit.__init__": [
        ("what is held out is learnt", 'grouped(parts["seen"])', "grouped(sum(parts.values(), ()))"),
        ("with one thing, too", "change(rng, instruction, (2, 3))", "change(rng, instruction)"),
    ],
    "tasks.edit:Edit.batch": [
        ("the first place always", "each.after[min(k, len(each.after) - 1)]", "each.after[0]"),
        ("what is to be learnt is what was", "pictured(each.before) for", "pictured(each.after[0]) for"),
    ],
    "tasks.edit:Edit.loss": [
        ("the one that is farthest", "distance.argmin(axis=1)", "distance.argmax(axis=1)"),
        ("the first that is right", "distance.argmin(axis=1)", "0"),
        ("one for all examples", "distance.argmin(axis=1)", "distance.sum(axis=0).argmin()"),
    ],
    "tasks.edit:Edit.metric": [
        ("the error of what is wrong, too", "if right[name][-1]:", "if True:"),
        ("what is moved is all that changes", ' and asked.instruction.what == "place"', ""),
        ("everywhere", "picture[:, same], nearest[:, same]", "picture.reshape(3, -1), nearest.reshape(3, -1)"),
    ],
    "tasks.edit:followed": [
        ("readable or not", "reading.readable and any(", "any("),
        ("one of the places alone", "in asked.after", "in asked.after[:1]"),
        ("a thing must be there", "least=0", "least=1"),
    ],
    "tasks.edit:nearest_right": [
        ("the first that is right", "min(rights, key=", "min(rights[:1], key="),
        ("a pixel is as before if a colour is", ".all(axis=0)", ".any(axis=0)"),
    ],
    "tasks.edit:in_turn": [
        ("drawn, each as luck has it", "rng.permutation(n) for", "rng.integers(n, size=n) for"),
    ],
    "tasks.editing:opened": [
        ("as blurred as it is", "return paint(*reading.drawn), reading", "return picture, reading"),
        ("enlarged pictures are cut", ".mean(axis=(2, 4))", "[:, :, 0, :, 0] * 0"),
        ("any picture", "if not reading.readable:", "if False:"),
        ("of any shape", "H != W or H % SIDE", "H % SIDE"),
    ],
    "tasks.editing:within": [
        ("all of it is new", "np.where(mask, state, picture)", "state"),
        ("the network sees what is kept", "2 * paint((), reading.drawn.ground)[None] - 1", "2 * picture[None] - 1"),
    ],
    "tasks.editing:around": [
        ("the place is at its edge", "at - SIDE // 4", "at"),
    ],
    "tasks.sampling:trained": [
        ("a run of anything", "settings.task not in known", "not known"),
    ],
}
