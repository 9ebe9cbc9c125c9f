"""The crew does every piece once, helps where it can, and is waited for only where it has begun."""

import os
import signal
import threading
import weakref

import numpy as np
import pytest

from tinyunet.machine import crew
from tinyunet.machine.crew import share, split, worth
from tinyunet.machine.threads import threads

PATIENCE = 20  # seconds, for what takes a moment


@pytest.fixture(autouse=True)
def as_many_as_before():
    before = threads()
    yield
    threads(before)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("pieces", [0, 1, 2, 7])
def test_every_piece_is_done_once(n, pieces):
    threads(n)
    done = []
    for _ in range(20):
        share(done.append, pieces)
    assert sorted(done) == sorted([*range(pieces)] * 20)


def test_pieces_are_done_at_the_same_time():
    threads(3)
    together = threading.Barrier(3)
    share(lambda k: together.wait(PATIENCE), 3)


def test_one_thread_does_all_by_itself():
    threads(1)
    who = set()
    share(lambda k: who.add(threading.get_ident()), 5)
    assert who == {threading.get_ident()}


def test_a_helper_that_is_busy_elsewhere_is_not_waited_for():
    threads(2)
    begun, go_on, done = threading.Event(), threading.Event(), []

    def hold(k):
        if threading.current_thread() is not caller:
            begun.set()
            go_on.wait(PATIENCE)
        else:
            begun.wait(PATIENCE)

    def elsewhere():
        nonlocal caller
        caller = threading.current_thread()
        share(hold, 2)

    caller = None
    other = threading.Thread(target=elsewhere)
    other.start()
    assert begun.wait(PATIENCE)
    share(done.append, 3)
    assert sorted(done) == [0, 1, 2]
    assert other.is_alive()
    go_on.set()
    other.join(PATIENCE)
    assert not other.is_alive()


def test_what_a_helper_has_begun_is_waited_for():
    threads(2)
    together, slow = threading.Barrier(2), []

    def work(k):
        me = threading.current_thread()
        together.wait(PATIENCE)
        if me is not threading.main_thread():
            threading.Event().wait(0.1)
            slow.append(k)

    share(work, 2)
    assert len(slow) == 1


def test_one_who_comes_too_late_does_not_stand_for_one_who_is_waited_for():
    threads(2)
    begun, go_on, returned, jobs = threading.Event(), threading.Event(), threading.Event(), []

    def work(k):
        if threading.current_thread() is caller:
            begun.wait(PATIENCE)
        else:
            jobs.extend(job for job in [ref() for ref in tuple(crew._jobs)] if job and job.work is work)
            begun.set()
            go_on.wait(PATIENCE)

    def call():
        share(work, 2)
        returned.set()

    caller = threading.Thread(target=call)
    caller.start()
    assert begun.wait(PATIENCE)
    threading.Event().wait(0.1)  # the caller has counted whom it waits for
    jobs[0].help()
    assert not returned.wait(0.3)
    go_on.set()
    assert returned.wait(PATIENCE)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("error", [ZeroDivisionError, IndexError, KeyboardInterrupt])
def test_an_error_is_raised_and_what_has_not_begun_is_left(n, error):
    threads(n)
    begun = []

    def work(k):
        begun.append(k)
        raise error

    with pytest.raises(error):
        share(work, 50)
    assert len(begun) <= n
    share(begun.append, 3)  # the next one is done as ever


def test_an_error_of_a_helper_is_raised_too():
    threads(2)
    together = threading.Barrier(2)

    def work(k):
        together.wait(PATIENCE)
        if threading.current_thread() is not threading.main_thread():
            raise IndexError("of the helper")

    with pytest.raises(IndexError, match="of the helper"):
        share(work, 2)


@pytest.mark.parametrize("helper_fails", [False, True])
def test_after_an_error_of_one_the_other_begins_nothing_more(helper_fails):
    threads(2)
    begun, together, failed = [], threading.Barrier(2), threading.Event()

    def work(k):
        begun.append(k)
        if not failed.is_set():
            together.wait(PATIENCE)
        if (threading.current_thread() is not threading.main_thread()) == helper_fails:
            failed.set()
            raise IndexError
        failed.wait(PATIENCE)
        threading.Event().wait(0.1)  # until the error has arrived

    with pytest.raises(IndexError):
        share(work, 50)
    assert len(begun) <= 2


def test_a_helper_holds_on_to_nothing(monkeypatch):
    threads(2)
    monkeypatch.setattr(crew, "_jobs", set())  # not that it leaves this job for another one
    together = threading.Barrier(2)

    class Work:
        def __call__(self, k):
            together.wait(PATIENCE)

    work = Work()
    gone = threading.Event()
    weakref.finalize(work, gone.set)
    share(work, 2)
    del work
    assert gone.wait(PATIENCE)


def test_helpers_go_by_the_settings_of_the_caller():
    threads(3)
    together, found = threading.Barrier(3), []

    def work(k):
        together.wait(PATIENCE)
        found.append(np.geterr()["divide"])

    with np.errstate(divide="raise"):
        share(work, 3)
    assert found == ["raise"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_a_crew_of_its_own():
    threads(2)
    share(lambda k: None, 2)
    child = os.fork()
    if child == 0:
        together = threading.Barrier(2)
        share(lambda k: together.wait(PATIENCE), 2)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_signal_handler_can_share_work_while_work_is_shared():
    threads(2)
    done, handled = [], []

    def handler(*_):
        share(handled.append, 4)

    def work(k):
        done.append(k)
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, handler)
    try:
        for _ in range(50):
            share(work, 4)
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(done) == sorted([*range(4)] * 50)
    assert len(handled) % 4 == 0
    assert len(handled) >= 4


def test_calls_that_nobody_heard_hold_nothing_and_do_not_pile_up():
    threads(2)
    begun, go_on = threading.Event(), threading.Event()

    def hold(k):
        begun.set()
        go_on.wait(PATIENCE)

    class Work:
        def __call__(self, k):
            pass

    other = threading.Thread(target=share, args=(hold, 2))
    other.start()
    assert begun.wait(PATIENCE)
    works = [Work() for _ in range(100)]
    kept = [weakref.ref(work) for work in works]
    while works:
        share(works.pop(), 3)
    assert crew._calls.qsize() <= len(crew._crew)
    assert [ref() for ref in kept] == [None] * 100
    go_on.set()
    other.join(PATIENCE)
    assert not other.is_alive()


def test_without_threads_the_caller_does_it(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(crew, "_crew", [])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    threads(3)
    done = []
    share(done.append, 4)
    assert sorted(done) == [0, 1, 2, 3]


def test_work_is_shared_by_what_there_is_to_do(monkeypatch):
    monkeypatch.setattr(crew, "PIECES", 8)
    counts = [worth(int(x * crew.PIECE)) for x in (0, 0.9, 1, 1.9, 2, 3.9, 4, 8, 1000)]
    assert counts == [1, 1, 1, 1, 2, 2, 4, 8, 8]


@pytest.mark.parametrize(("count", "parts"), [(7, 3), (2, 4), (0, 2), (5, 1)])
def test_a_split_is_even_and_complete(count, parts):
    found = split(count, parts)
    assert [i for part in found for i in range(count)[part]] == [*range(count)]
    sizes = [part.stop - part.start for part in found]
    assert len(found) == parts
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, "threads: n must be at least 1, not 0"),
        (-2, ValueError, "not -2"),
        (1.5, TypeError, "threads: n must be an integer, not 1.5"),
        (True, TypeError, "not True"),
        ("2", TypeError, "not '2'"),
    ],
)
def test_a_wrong_number_of_threads_is_refused(n, error, message):
    before = threads()
    with pytest.raises(error, match=message):
        threads(n)
    assert threads() == before


def test_threads_sets_and_tells():
    assert (threads(3), threads(), threads(np.int64(2)), threads()) == (3, 3, 2, 2)


MUTANTS = {
    "machine.crew:share": [
        ("nobody waits for what helpers have begun", "in tuple(job.begun)", "in ()"),
        ("after an error all others are begun", "job.left.clear()", "pass"),
        ("the caller does all", "_call(helpers)", "pass"),
        ("errors of helpers are lost", "raise errors[0]", "pass"),
    ],
    "machine.crew:_Job.help": [
        ("a helper that came is counted when it has begun", "self.begun.append(ended)", "pass"),
        (
            "whoever goes stands for whoever came",
            "ended: SimpleQueue[BaseException | None] = SimpleQueue()",
            "ended = self.begun[0] if self.begun else SimpleQueue()",
        ),
        ("others go on after an error of a helper", "self.left.clear()", "pass"),
    ],
    "machine.crew:_call": [
        ("fewer help than could", "min(helpers, len(_crew) - _calls.qsize())", "1"),
        ("calls pile up", "min(helpers, len(_crew) - _calls.qsize())", "helpers"),
    ],
    "machine.crew:_help": [
        ("helpers have settings of their own", "job.context.copy().run(job.help)", "job.help()"),
        ("a helper keeps the arrays of its last job", "del job", "pass"),
    ],
    "machine.crew:_hire": [
        ("no more threads is an error", "except RuntimeError", "except ValueError"),
    ],
    "machine.crew:_in_child": [
        (
            "a forked process waits for threads that it has not",
            "_calls, _crew, _hiring = SimpleQueue(), [], threading.RLock()",
            "pass",
        ),
    ],
    "machine.crew:worth": [
        ("small work is shared", "max(0, (flops // PIECE)", "max(1, (flops // PIECE)"),
    ],
    "machine.threads:threads": [
        ("True is a number", "isinstance(n, bool) or ", ""),
    ],
}
