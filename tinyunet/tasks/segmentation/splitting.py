"""Which pictures a run learns from and which it is measured on: chosen once, and known again by what they show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tinyunet.data import DataError
from tinyunet.data._checks import some
from tinyunet.tasks.segmentation.dataset import Dataset, survey


def split(dataset: Dataset, validation: int | None) -> tuple[Dataset, Dataset]:
    """The pictures to train on and those to validate on, the last by name: neighbours in a series are alike.

    Equal pictures stay together: see `last_of`.
    """
    kept = last_of([facts.content for facts in survey(dataset)], validation)
    return dataset.only(k for k in range(len(dataset.names)) if k not in kept), dataset.only(kept)


def last_of(contents: Sequence[str], validation: int | None) -> list[int]:
    """The positions of the pictures that are kept for validation, given what each of them is known by.

    From the last on, a picture is kept with all its equals unless that makes them too many. Where nothing can be kept
    in this way, the picture with the fewest equals is.

    Raises:
        DataError: more than there are, or pictures that are all equal.

    >>> last_of(["a", "b", "a", "c", "c", "d", "a"], 2)
    [1, 5]
    """
    n = len(contents)
    left = min(n // 5, 20) if validation is None else validation
    if not 0 <= left < n:
        raise DataError(f"{left} of {n} pictures cannot be kept for validation: at least one must be left to train on")
    if left == 0:
        return []
    equals = Counter(reversed(contents))
    if len(equals) == 1:
        raise DataError(
            f"all {n} pictures are equal, so that none can be kept for validation; --validation 0 keeps none"
        )
    kept = set()
    for each, count in equals.items():
        if count <= left:
            kept.add(each)
            left -= count
    kept = kept or {min(equals, key=equals.__getitem__)}
    return [k for k, each in enumerate(contents) if each in kept]


def found_again(dataset: Dataset, contents: Sequence[str], recorded: Mapping[str, str]) -> list[int]:
    """The positions of the pictures that a run recorded, by name, with what each is known by; whatever they are called.

    Raises:
        DataError: one that is not there, or no longer shows what it did.
    """
    by_name = dict(zip(dataset.names, range(len(contents)), strict=True))
    by_content = defaultdict(list)
    for k, each in enumerate(contents):
        by_content[each].append(k)
    found, missing = [], []
    for name, each in recorded.items():
        same = by_name.get(name)
        if same is not None and contents[same] == each:
            found.append(same)
        elif by_content[each]:
            found.append(by_content[each][0])
        else:
            missing.append(f"{name} ({'is gone' if same is None else 'has other pixels now'})")
    if missing:
        raise DataError(f"the run began with other pictures: {some(missing)}; put them back, or start another run")
    return found
