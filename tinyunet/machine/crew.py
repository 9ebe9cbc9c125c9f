"""A crew: threads that help the one that called an operation.

Work comes in pieces that do not depend on each other. The caller takes one after the other, and whoever of the crew is
awake does, too. Nobody waits in between; at the end the caller waits for the pieces that others have begun. So a helper
that loses its processor to another program, for as long as it may be, costs the time of one piece. One that has not
even begun is not waited for.

The pieces are the same for any number of helpers, and none adds to what another one made. So the results are the same,
too, bit for bit, whoever did which piece.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue

from tinyunet.machine.blas import with_one_thread
from tinyunet.machine.threads import threads

PIECE = 1 << 25  # products and sums of one piece, at least: half a millisecond. To wake a helper takes a tenth of that
PIECES = min(8, 1 << ((os.cpu_count() or 1) - 1).bit_length())


def worth(flops: int) -> int:
    """In how many pieces so much work is shared: 1, if it is done before a helper is awake; 2, 4, 8.

    It does not depend on who is there to help, so that the results do not, either.

    >>> worth(10**6)
    1
    """
    return min(PIECES, 1 << max(0, (flops // PIECE).bit_length() - 1))


@functools.lru_cache(maxsize=1024)
def split(count: int, parts: int) -> list[slice]:
    """`count` things in so many parts, as alike as possible; some are empty if there are too few things.

    >>> split(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    return [slice(count * k // parts, count * (k + 1) // parts) for k in range(parts)]


def share(work: Callable[[int], None], pieces: int) -> None:
    """work(0), …, work(pieces − 1), in any order, some of them at the same time.

    An error in a piece is raised when those are done that had begun; the others are not begun.

    >>> squares = [0] * 4
    >>> def work(k):
    ...     squares[k] = k * k
    >>> share(work, 4)
    >>> squares
    [0, 1, 4, 9]
    """
    helpers = min(threads(), pieces) - 1 if pieces > 1 else 0
    if helpers < 1:
        for k in range(pieces):
            work(k)
        return
    job = _Job(work, pieces)
    try:
        _jobs.add(weakref.ref(job, _jobs.discard))
        _call(helpers)
        job.take()
    finally:
        job.left.clear()
        errors = [error for error in (ended.get() for ended in tuple(job.begun)) if error]
    if errors:
        raise errors[0]


class _Job:
    """The pieces of one call of `share`."""

    __slots__ = ("work", "left", "context", "begun", "__weakref__")

    def __init__(self, work: Callable[[int], None], pieces: int) -> None:
        self.work = work
        self.left = list(reversed(range(pieces)))
        self.context = copy_context()  # of the caller, which says what 1/0 gives
        # Of each helper that came: what it will say when it goes, its error or None. It says so by itself, for another
        # one, who came too late to be waited for, may go before.
        self.begun: list[SimpleQueue[BaseException | None]] = []

    def take(self) -> None:
        """Piece after piece, until none is left."""
        while True:
            try:
                k = self.left.pop()  # in one step, which no thread comes between
            except IndexError:
                return
            self.work(k)

    @with_one_thread  # of a BLAS that has a setting for each thread; else the caller has set it for all
    def help(self) -> None:
        """`take`, as one who is waited for.

        Who comes after the last piece was taken may not be waited for; there is nothing left to do then, either.
        """
        ended: SimpleQueue[BaseException | None] = SimpleQueue()
        self.begun.append(ended)
        error = None
        try:
            self.take()
        except BaseException as raised:
            self.left.clear()
            error = raised
        ended.put(error)


_jobs: set[weakref.ref[_Job]] = set()  # under way; a job leaves by itself, also one that was broken off
_crew: list[threading.Thread] = []
_calls: SimpleQueue[None] = SimpleQueue()  # who hears one looks for a job
_hiring = threading.RLock()  # reentrant, for a signal handler may convolve, too


def _call(helpers: int) -> None:
    """Wake so many of the crew, unless they have been called and are about to come."""
    if len(_crew) < helpers:
        _hire(helpers)
    for _ in range(min(helpers, len(_crew) - _calls.qsize())):
        _calls.put(None)


def _hire(helpers: int) -> None:
    with _hiring:
        while len(_crew) < helpers:
            helper = threading.Thread(target=_help, args=(_calls,), name=f"tinyunet-{len(_crew) + 1}", daemon=True)
            try:
                helper.start()
            except RuntimeError:  # no more threads: there are too many, or the interpreter is about to end
                return
            _crew.append(helper)


def _help(calls: SimpleQueue[None]) -> None:
    while True:
        calls.get()
        for job in (ref() for ref in tuple(_jobs)):
            if job and job.left:
                job.context.copy().run(job.help)
            del job  # and the arrays that it holds


def _in_child() -> None:
    """The threads of the crew are not in a forked process."""
    global _calls, _crew, _hiring
    _calls, _crew, _hiring = SimpleQueue(), [], threading.RLock()
    _jobs.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
