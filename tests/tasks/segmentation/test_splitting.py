"""Which pictures are held out, and that they are known again by what they show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyunet.data import DataError
from tinyunet.tasks.segmentation import Dataset, split
from tinyunet.tasks.segmentation.splitting import found_again, last_of


def dataset_of(values):
    images = [np.full((1, 2, 2), value, np.float32) for value in values]
    return Dataset([f"p{k:02}" for k in range(len(values))], images, [np.zeros((1, 2, 2))] * len(values))


def test_the_last_are_kept():
    dataset = dataset_of(range(11))
    train, held_out = split(dataset, None)
    assert (train.names[-1], held_out.names) == ("p08", ["p09", "p10"])
    assert split(dataset, 0)[1].names == []
    for wrong in (11, -1):
        with pytest.raises(DataError, match=f"{wrong} of 11 pictures"):
            split(dataset, wrong)
    assert len(split(dataset_of(range(150)), None)[1].names) == 20  # more would only take time


@given(st.lists(st.integers(0, 5), min_size=2, max_size=12), st.data())
def test_equal_pictures_are_never_on_both_sides(values, data):
    n = data.draw(st.integers(1, len(values) - 1))
    if len(set(values)) == 1:
        with pytest.raises(DataError, match=f"all {len(values)} pictures are equal"):
            split(dataset_of(values), n)
        return
    train, held_out = split(dataset_of(values), n)
    sides = [{float(x[0, 0, 0]) for x in part.images} for part in (train, held_out)]
    assert not sides[0] & sides[1]
    assert sides[0]
    assert sides[1]
    assert len(train.names) + len(held_out.names) == len(values)
    smallest = min(map(values.count, values))
    assert len(held_out.names) <= max(n, smallest)


def test_a_copy_of_an_earlier_picture_is_not_held_out():
    assert last_of("abcdc", 1) == [3]  # not the last one, which has an equal, for that would make two
    assert last_of("abcdd", 2) == [3, 4]


def test_pictures_are_found_by_what_they_show():
    dataset = Dataset(["a", "b", "c"], [], [])
    contents = ["1", "2", "2"]
    assert found_again(dataset, contents, {"c": "2", "a": "1"}) == [2, 0]  # in the order of the run
    assert found_again(dataset, contents, {"was renamed": "1"}) == [0]
    with pytest.raises(DataError, match=r"b \(has other pixels now\), d \(is gone\); put them back"):
        found_again(dataset, contents, {"b": "3", "d": "4"})


MUTANTS = {
    "tasks.segmentation.splitting:last_of": [
        ("as many pictures, not as many files", "left -= count", "left -= 1"),
        ("copies may make them too many", "if count <= left:", "if left > 0:"),
        ("the first are kept", "Counter(reversed(contents))", "Counter(contents)"),
    ],
    "tasks.segmentation.splitting:found_again": [
        ("known by place", "if same is not None and contents[same] == each:", "if same is not None:"),
        ("only known by name", "elif by_content[each]:", "elif False:"),
    ],
}
