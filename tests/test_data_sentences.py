"""The grammar: every scene has its sentence, every sentence its scene, and what is not a sentence is answered."""

import numpy as np
import pytest

from tinyunet.data import DataError
from tinyunet.data.sentences import (
    COLOURS,
    FORM,
    LENGTH,
    NEVER,
    PLACES,
    SCENES,
    WORDS,
    Scene,
    numbered,
    sentence,
    split_scenes,
    tokens,
    understand,
)


def test_every_scene_is_understood_from_its_sentence():
    assert len(SCENES) == len(set(SCENES)) == 2 * 4 * 5 * (6 * 4 - 1)
    for scene in SCENES:
        assert understand(sentence(scene)) == scene


def test_the_form_that_is_shown_is_a_sentence():
    assert sentence(understand(FORM)) == FORM


@pytest.mark.parametrize(
    "text", ["A Small RED circle at the top left, on blue.", "a small red circle at the top left on blue"]
)
def test_capitals_comma_and_stop_do_not_count(text):
    assert understand(text) == understand(FORM)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a small pink circle at the centre, on blue", ['"pink" stands where a colour must', *COLOURS]),
        ("a small red circle at the left, on blue", ['"left" stands where a place must', *PLACES]),
        ("a small red circle at the top, on blue", ['"top" stands where a place must', *PLACES]),
        ("a red circle at the centre, on blue", ['"red" stands where a size must: small or large']),
        ("a small red circle", ['nothing stands where "at the" must', FORM]),
        ("", ['nothing stands where "a" must']),
        ("a small red circle at the centre, on blue and black", ['goes on with "and black" where it should end', FORM]),
        ("a small blue circle at the centre, on blue", ["what is blue cannot be seen on blue"]),
    ],
)
def test_what_is_no_sentence_is_answered_with_what_would_be_one(text, told):
    with pytest.raises(DataError) as error:
        understand(text)
    assert all(part in str(error.value) for part in told), error.value


def test_words_are_numbered_and_none_is_0():
    numbers = tokens(SCENES)
    assert numbers.shape == (920, LENGTH)
    assert numbers.dtype == np.int64
    assert len(np.unique(numbers, axis=0)) == len(SCENES)
    assert set(np.unique(numbers)) == set(range(len(WORDS)))
    words = [" ".join(WORDS[k] for k in row if k) for row in numbers]
    assert words == [sentence(scene).replace(",", "") for scene in SCENES]


def test_words_of_one_place_stay_there_where_one_is_lacking():
    assert numbered(["a b", "a  b", "b"], ["", "a", "b"], 3).tolist() == [[1, 2, 0], [1, 0, 2], [2, 0, 0]]


def test_a_scene_of_several_things_or_none_has_a_sentence_too():
    (a,), (b,) = SCENES[0].things, SCENES[-1].things
    assert sentence(Scene((), "white")) == "nothing, on white"
    one, two = (sentence(Scene((thing,), "grey")).removesuffix(", on grey") for thing in (a, b))
    assert sentence(Scene((a, b), "grey")) == f"{one} and {two}, on grey"
    assert sentence(Scene((a, b, a), "grey")) == f"{one}, {two} and {one}, on grey"


def test_what_is_not_seen_is_new_in_its_company_alone():
    seen, unseen, pair = split_scenes()
    assert set(seen) | set(unseen) | set(pair) == set(SCENES)
    assert len(seen) + len(unseen) + len(pair) == len(SCENES)
    assert all((s.things[0].colour, s.things[0].shape) == NEVER for s in pair)
    assert not any((s.things[0].colour, s.things[0].shape) == NEVER for s in seen + unseen)
    assert set(np.unique(tokens(seen))) == set(range(len(WORDS)))
    assert split_scenes() == (seen, unseen, pair)


MUTANTS = {
    "data.sentences:split_scenes": [
        ("the pair is held out no more", "if scene not in pair", "if scene"),
        ("another split each time", "np.random.default_rng(0)", "np.random.default_rng()"),
    ],
    "data.sentences:understand": [
        ("colours on themselves", "colour == ground", "colour is None"),
    ],
    "data.sentences:words_of": [
        ("capitals count", "text.lower()", "text"),
        ("the comma is a part of a word", '.replace(",", " ")', ""),
        ("a stop is a part of a word", '.rstrip(". ")', ""),
    ],
    "data.sentences:matched": [
        ("what follows the ground is not read", "if words:", "if False:"),
        ("a place of one word", "words[: len(word.split())] == word.split()", "words[:1] == word.split()[:1]"),
    ],
    "data.sentences:numbered": [
        ("no word between two spaces is none", 'text.split(" ")', "text.split()"),
    ],
    "data.sentences:tokens": [
        ("the comma is a part of a word", '.replace(",", "")', ""),
    ],
    "data.sentences:sentence": [
        ("every place is the first", "at the {thing.place}", "at the top left"),
    ],
}
