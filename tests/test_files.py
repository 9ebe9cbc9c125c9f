"""A file appears whole or not at all."""

import errno
import os
import threading

import pytest

from tinyunet.files import atomic, remove_parts


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


def test_an_error_names_the_file_and_not_its_part(tmp_path):
    for filename in (None, "part", "another"):
        with pytest.raises(PermissionError, match="no room") as caught, atomic(tmp_path / "a.txt") as part:
            raise OSError(errno.EACCES, "no room", str(part) if filename == "part" else filename)
        assert caught.value.filename == ("another" if filename == "another" else str(tmp_path / "a.txt"))


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    others = [tmp_path / name for name in (".notes.part", ".a.1-2.txt", "a.1-2.part", "a.txt")]
    for file in others:
        file.write_text("mine")
    with atomic(tmp_path / "a.txt") as part:
        part.write_text("half")
        os.link(part, part.with_name(".a.txt.99-0.part"))  # as if the process ended here
        os.utime(part, (0, 0))
        part.with_name(".b.txt.99-1.part").write_text("being written")
        remove_parts(tmp_path, idle=60)
        assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / ".b.txt.99-1.part"])
        remove_parts(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted(others)
        part.write_text("all")
    remove_parts(tmp_path / "there is none")


MUTANTS = {
    "files:remove_parts": [
        ("what is being written is removed", ">= idle", ">= 0"),
        ("files of others are removed", 're.search(r"\\.\\d+-\\d+\\.part$", part.name)', "True"),
    ],
    "files:atomic": [
        ("an error names the part", "in (None, str(part))", "in (None,)"),
        ("an error names no file", "in (None, str(part))", "in (str(part),)"),
        ("an error names another file", "and error.filename in (None, str(part))", ""),
        ("two threads share a temporary file", "-{next(_written)}", ""),
        ("a failure leaves its part behind", "part.unlink(missing_ok=True)", "pass"),
    ],
}
