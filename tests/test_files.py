"""A file appears whole or not at all."""

import os
import threading

import pytest

from tinyunet.files import atomic


def test_the_file_appears_and_nothing_else(tmp_path):
    with atomic(tmp_path / "new" / "a.txt") as part:
        part.write_text("all")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text() == "all"


def test_threads_that_write_the_same_file_do_not_meet(tmp_path):
    errors = []

    def write(k):
        for _ in range(20):
            try:
                with atomic(tmp_path / "a.bin") as part:
                    part.write_bytes(bytes([k]) * 999)
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    content = (tmp_path / "a.bin").read_bytes()
    assert content == content[:1] * 999
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("moment", ["while writing", "while moving"])
def test_after_a_failure_the_old_file_is_as_it_was(tmp_path, monkeypatch, moment):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    def write():
        with atomic(target) as part:
            part.write_text("ha")
            if moment == "while writing":
                fail()

    if moment == "while moving":
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


MUTANTS = {
    "files:atomic": [
        ("two threads share a temporary file", "-{next(_written)}", ""),
        ("a failure leaves its part behind", "part.unlink(missing_ok=True)", "pass"),
    ],
}
