"""Instructions: every one has its text, and of every picture it is known what is right, or why nothing is."""

from collections import Counter

import numpy as np
import pytest

from tinyunet.data import DataError
from tinyunet.data.instructions import (
    FORM,
    FORMS,
    INSTRUCTIONS,
    LENGTH,
    NEVER,
    WORDS,
    Instruction,
    answers,
    change,
    grouped,
    some_instruction,
    split_instructions,
    tokens,
    understand,
)
from tinyunet.data.sentences import COLOURS, PLACES, SHAPES
from tinyunet.data.things import MOST, Drawn, Placed, apart, outlines, outlines_of, paint, read


def placed(size, colour, shape, place, which=0):
    return Placed(outlines_of(size, shape, place)[which], colour)


CIRCLE, SQUARE = placed("small", "red", "circle", "top left", 1), placed("large", "green", "square", "bottom right", 2)
BEFORE = Drawn((CIRCLE, SQUARE), "white")


def test_every_instruction_is_understood_from_its_text():
    # for 4 shapes with a short name, or a long one of 6 colours: what each attribute may become, and no change to what
    # the name says; and 4 grounds
    count = 4 * (6 + 6 * 5) + 4 * 7 * 2 + 4 * 7 * 3 + 4 * 7 * 5 + 4 * 7 + 4
    assert len(INSTRUCTIONS) == len(set(INSTRUCTIONS)) == len({str(i) for i in INSTRUCTIONS}) == count
    for instruction in INSTRUCTIONS:
        assert understand(str(instruction)) == instruction


@pytest.mark.parametrize("text", ["Make the RED circle green.", "make  the red, circle green"])
def test_capitals_comma_and_stop_do_not_count(text):
    assert understand(text) == understand(FORM) == Instruction("colour", "circle", "green", "red")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ['"": an instruction begins with make, turn, move or remove', FORM]),
        ("paint the circle green", ['"paint the circle green": an instruction begins with make']),
        ("make circle green", ['"circle" stands where "the" must']),
        ("make the pink circle green", ['"pink" stands where a colour or a shape must', "circle, square, triangle"]),
        ("make the red thing green", ['"thing" stands where a shape must: circle, square, triangle or cross']),
        ("make the circle pink", ['"pink" stands where a colour or a size must', *COLOURS, "small or large"]),
        ("make the ground red", ['"red" stands where a ground must: black, white, grey or blue']),
        ("turn the circle into a star", ['"star" stands where a shape must', *SHAPES]),
        ("move the circle to the left", ['"left" stands where a place must', *PLACES]),
        ("move the circle", ['nothing stands where "to the" must']),
        ("remove the ground", ['"ground" stands where a colour or a shape must']),
        ("remove the circle now", ['goes on with "now" where it should end']),
        ("make the red circle red", ["changes nothing"]),
        ("turn the circle into a circle", ["changes nothing"]),
    ],
)
def test_what_is_no_instruction_is_answered_with_what_would_be_one(text, told):
    with pytest.raises(DataError) as error:
        understand(text)
    assert all(part in str(error.value) for part in told), error.value


def test_words_are_numbered_and_none_is_0():
    numbers = tokens(INSTRUCTIONS)
    assert numbers.shape == (len(INSTRUCTIONS), LENGTH)
    assert len(np.unique(numbers, axis=0)) == len(INSTRUCTIONS)
    assert set(np.unique(numbers)) == set(range(len(WORDS)))
    assert [" ".join(WORDS[k] for k in row if k) for row in numbers] == [str(i) for i in INSTRUCTIONS]


def test_what_is_not_seen_is_new_in_its_company_alone():
    seen, unseen, pair = split_instructions()
    assert Counter((*seen, *unseen, *pair)) == Counter(INSTRUCTIONS)
    assert {str(i) for i in pair} == {
        f"make the {name} purple"
        for name in ("triangle", *(f"{colour} triangle" for colour in COLOURS if colour != "purple"))
    }
    assert not any((i.shape, i.to) == NEVER for i in (*seen, *unseen))
    assert set(np.unique(tokens(seen))) == set(range(len(WORDS)))
    assert {i.what for i in unseen} >= set(FORMS) - {"ground"}
    assert split_instructions() == (seen, unseen, pair)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("make the circle yellow", ((CIRCLE._replace(colour="yellow"), SQUARE), "white")),
        ("make the red circle blue", ((CIRCLE._replace(colour="blue"), SQUARE), "white")),
        ("make the circle large", ((placed("large", "red", "circle", "top left", 1), SQUARE), "white")),
        (
            "turn the green square into a cross",
            ((CIRCLE, placed("large", "green", "cross", "bottom right", 2)), "white"),
        ),
        ("remove the square", ((CIRCLE,), "white")),
        ("make the ground black", ((CIRCLE, SQUARE), "black")),
    ],
)
def test_what_is_right_is_the_picture_with_that_changed_and_nothing_else(text, after):
    (right,) = answers(BEFORE, understand(text))
    assert right.same(Drawn(*after))


def test_pictures_are_the_same_in_any_order_of_things_but_not_on_another_ground():
    assert BEFORE.same(Drawn((SQUARE, CIRCLE), "white"))
    assert not BEFORE.same(Drawn((SQUARE, CIRCLE), "black"))
    assert not BEFORE.same(Drawn((CIRCLE,), "white"))


def test_where_nothing_is_nothing_is_read_unless_something_must_be():
    empty = paint((), "grey")
    assert read(empty, MOST, least=0).drawn.same(Drawn((), "grey"))
    assert len(read(empty).drawn.placed) == 1


def test_a_thing_may_be_moved_to_each_of_four_positions_where_there_is_room():
    right = answers(BEFORE, understand("move the circle to the top right"))
    assert {frozenset(r.placed) for r in right} == {
        frozenset([placed("small", "red", "circle", "top right", k), SQUARE]) for k in range(4)
    }
    crowded = answers(
        Drawn((CIRCLE, placed("small", "green", "square", "bottom right")), "white"),
        understand("move the circle to the centre"),
    )
    assert 0 < len(crowded) < 4
    assert all(apart(r.placed) for r in crowded)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("make the cross red", "there is no cross in the picture, but a red circle and a green square"),
        ("make the blue circle green", "there is no blue circle in the picture, but"),
        ("make the circle red", "the circle is red already"),
        ("make the circle small", "the circle is small already"),
        ("move the circle to the top left", "the circle is there already"),
        ("make the ground white", "the ground is white already"),
        ("make the ground blue", None),
        ("turn the circle into a square", "there is a square already, and things are told apart by their shapes"),
        ("move the circle to the bottom right", "there is no room for a small circle at the bottom right"),
    ],
)
def test_an_instruction_that_means_nothing_in_a_picture_is_answered_with_the_reason(text, told):
    if told is None:
        assert answers(BEFORE, understand(text))
        return
    with pytest.raises(DataError) as error:
        answers(BEFORE, understand(text))
    assert told in str(error.value)


def test_nothing_becomes_what_nobody_would_see():
    blue = Drawn((CIRCLE,), "blue")
    with pytest.raises(DataError, match="what is blue cannot be seen on blue"):
        answers(blue, understand("make the circle blue"))
    with pytest.raises(DataError, match="on blue nobody would see the circle, which is blue"):
        answers(Drawn((CIRCLE._replace(colour="blue"),), "white"), understand("make the ground blue"))


def test_a_name_that_means_two_things_is_refused_and_the_longer_one_is_not():
    two = Drawn((CIRCLE, placed("small", "green", "circle", "bottom left")), "white")
    with pytest.raises(DataError, match="there is more than one circle in the picture, but a red circle and a green"):
        answers(two, understand("remove the circle"))
    (right,) = answers(two, understand("remove the green circle"))
    assert right.same(Drawn((CIRCLE,), "white"))
    with pytest.raises(DataError, match="no circle in the picture, but nothing"):
        answers(Drawn((), "white"), understand("remove the circle"))


def test_changes_are_of_things_apart_and_all_that_is_right_is_read_back():
    rng = np.random.default_rng(0)
    for instruction in INSTRUCTIONS:
        before, same, after = change(rng, instruction, (2, 3))
        assert same == instruction
        shapes = [p.thing.shape for p in before.placed]
        assert len(shapes) == len(set(shapes)) in (2, 3)
        assert after == answers(before, instruction)
        for drawn in (before, *after):
            assert apart(drawn.placed)
            reading = read(paint(*drawn), MOST, least=0)
            assert reading.readable
            assert reading.drawn.same(drawn)
            assert not any(p.colour == drawn.ground for p in drawn.placed)


def test_a_thing_that_changes_stays_where_it_is():
    rng = np.random.default_rng(1)
    for text in ("make the cross large", "make the cross small", "turn the cross into a circle"):
        (before, _, (after,)) = change(rng, understand(text))
        positions = [sorted(outlines()[p.outline][-2:] for p in drawn.placed) for drawn in (before, after)]
        assert positions[0] == positions[1]


def test_every_attribute_is_as_likely_to_change_and_every_length_of_a_name():
    rng, groups = np.random.default_rng(2), grouped(INSTRUCTIONS)
    drawn = [some_instruction(rng, groups) for _ in range(6000)]
    for count in Counter(each.what for each in drawn).values():
        assert 850 < count < 1150
    assert 2250 < sum(bool(each.colour) for each in drawn) < 2750  # half of those that are of a thing
    assert {each.what for each in (some_instruction(rng, grouped(INSTRUCTIONS[:9])) for _ in range(99))} == {"colour"}


def test_pictures_have_one_to_three_things_of_all_kinds():
    rng = np.random.default_rng(3)
    made = [change(rng, understand("make the ground black")).before for _ in range(900)]
    counts = Counter(len(drawn.placed) for drawn in made)
    assert sorted(counts) == [1, 2, 3]
    assert min(counts.values()) > 120
    assert any(len({p.thing.size for p in drawn.placed}) == 2 for drawn in made)
    things = [p.thing for drawn in made for p in drawn.placed]
    for k, expected in ((0, 2), (1, 6), (2, 4), (3, 5)):
        counts = Counter(thing[k] for thing in things)
        assert len(counts) == expected
        assert min(counts.values()) > 0.6 * len(things) / expected


MUTANTS = {
    "data.instructions:split_instructions": [
        ("the change is held out no more", "if each not in pair", "if each"),
        ("another split each time", "np.random.default_rng(0)", "np.random.default_rng()"),
    ],
    "data.instructions:understand": [
        ("capitals count", "words_of(text)", "text.split()"),
        ("every name is a long one", "named = any(", "named = bool("),
        ("what changes nothing is an instruction", "if instruction is None:", "if False:"),
    ],
    "data.instructions:answers": [
        ("what is right is what was", "return [Drawn(placed, to)]", "return [before]"),
        ("the ground hides things", "if p.colour == to]", "if p.colour == ground]"),
        ("the thing is removed and all others, too", "return [Drawn(others, ground)]", "return [Drawn((), ground)]"),
        ("no change is a change", "if new == it.thing:", "if False:"),
        ("a thing becomes what nobody sees", "if new.colour == ground:", "if False:"),
        ("two things of one shape", 'if what == "shape" and any(', "if False and any("),
        ("a thing that grows moves", 'if what == "place" or', "if True or"),
        ("a thing is moved by no pixel aside", 'if what == "place" or', "if"),
        ("things may touch", "if apart((*others, p))", "if True"),
        ("the colour is as before", "Placed(k, new.colour)", "Placed(k, it.colour)"),
    ],
    "data.instructions:meant": [
        ("a name says nothing of the colour", 'instruction.colour in ("", p.colour)', "True"),
        ("the first of several", "if len(found) == 1:", "if found:"),
    ],
    "data.instructions:_picture_with": [
        ("three things always", "[: _one(rng, counts)]", "[:3]"),
        ("all have one size", "rng.choice(SIZES, 4).tolist()", "[_one(rng, SIZES)] * 4"),
    ],
    "data.instructions:some_instruction": [
        (
            "each instruction is as likely",
            "_one(rng, _one(rng, _one(rng, groups)))",
            "_one(rng, [i for g in groups for part in g for i in part])",
        ),
    ],
    "data.instructions:grouped": [
        ("a group with nothing in it", "if any(pair)", ""),
    ],
    "data.things:Drawn.same": [
        ("the order counts", "set(self.placed) == set(other.placed)", "self.placed == other.placed"),
        ("the ground does not count", "and self.ground == other.ground", ""),
    ],
    "data.things:_read_on": [
        ("at least one thing always", "len(placed) >= least", "len(placed) >= 1"),
    ],
}
