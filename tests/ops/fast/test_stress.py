"""Many trainings at once, forked, interrupted: none waits for ever, and none computes another number than alone.

Each kind of stress has a process of its own, so that what hangs can be ended, and Ctrl-C does not meet pytest.

    python -m tests.ops.fast.test_stress signals 60       one of them, for a minute
"""

import contextlib
import ctypes
import faulthandler
import hashlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

import tinyunet.functional as F
from tinyunet import nn, optim
from tinyunet.machine import crew
from tinyunet.machine.threads import threads
from tinyunet.unet import UNet

ROOT = Path(__file__).parents[3]
PATIENCE = 60  # seconds after which something that takes a fraction of one is said to hang
HELPED = 3  # threads in our operations, wherever it runs
CASES = [  # channels of a U-Net and its images: from too small to share out, to many tiles
    ((3, 5), (1, 1, 20, 36)),
    ((16, 24), (3, 2, 36, 28)),
    ((32, 40), (2, 1, 44, 52)),
    ((8, 16, 32), (1, 3, 104, 72)),
]


class Interrupt(BaseException):
    """As KeyboardInterrupt, but nobody else raises it."""


def train(case):
    """Two steps of a U-Net with an odd convolution on top → a digest of its loss, weights and running statistics."""
    crew.PIECE, crew.PIECES = 1 << 20, 4  # in every process that gets here: nearly all convolutions are shared
    channels, shape = CASES[case]
    rng = np.random.default_rng(case)
    x = rng.random(shape, np.float32)
    odd = nn.Conv2d(6, 10, (5, 3), stride=(1, 2), padding=(1, 2), dilation=(1, 2), groups=2, rng=rng)
    model = nn.Sequential(UNet(shape[1], 6, channels, rng=rng), odd)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    digest = hashlib.sha256()
    for _ in range(2):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        digest.update(loss.numpy().tobytes())
    for value in model.state_dict().values():
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def blas_threads():
    """What everybody else gets from BLAS."""
    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]


class Stress:
    """What all kinds have in common: what is right, how long it goes on, and what was seen."""

    def __init__(self, seconds, seed=0):
        threads(1)
        self.right = [train(case) for case in range(len(CASES))]
        threads(HELPED)
        self.rng = random.Random(seed)
        self.end = time.monotonic() + seconds
        self.seen = {"trainings": 0, "interrupts": 0, "children": 0}
        self.wrong = []

    def goes_on(self):
        """Whether there is time for more."""
        return time.monotonic() < self.end and not self.wrong

    def check(self, case, digest):
        """Note a training, and whether it came to what it comes to alone."""
        self.seen["trainings"] += 1
        if digest != self.right[case]:
            self.wrong.append(f"case {case} came to {digest[:8]}, alone to {self.right[case][:8]}")

    def some_training(self):
        """One of them, of any size."""
        case = self.rng.randrange(len(CASES))
        self.check(case, train(case))

    def learners(self, count):
        """Threads that train until the end."""

        def learn():
            try:
                while self.goes_on():
                    self.some_training()
            except BaseException as error:
                self.wrong.append(repr(error))
                raise

        learners = [threading.Thread(target=learn) for _ in range(count)]
        for learner in learners:
            learner.start()
        return learners


def at_once(stress):
    """Four threads train at the same time, with more and fewer helpers from one moment to the next."""
    learners = stress.learners(4)
    while any(learner.is_alive() for learner in learners):
        threads(stress.rng.randint(1, 4))
        time.sleep(stress.rng.uniform(0, 0.02))


def forks(stress):
    """A process that trains, in two threads, forks others, which train."""
    learners = stress.learners(1)
    while stress.goes_on():
        case = stress.rng.randrange(len(CASES))
        child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE)  # ends it
            os._exit(train(case) != stress.right[case])
        stress.some_training()
        stress.seen["children"] += 1
        if status := os.waitpid(child, 0)[1]:
            stress.wrong.append(f"a fork ended with {status}" + " (it hung)" * (status == signal.SIGALRM))
    learners[0].join()


def pools(stress):
    """Processes that are forked, and such that begin anew, train for us while we do."""
    with contextlib.ExitStack() as stack:
        contexts = map(multiprocessing.get_context, ("fork", "spawn"))
        workers = [stack.enter_context(context.Pool(2)) for context in contexts]
        while stress.goes_on():
            cases = [stress.rng.randrange(len(CASES)) for _ in range(3)]
            asked = [pool.map_async(train, cases) for pool in workers]
            stress.some_training()
            for answer in asked:
                for case, digest in zip(cases, answer.get(PATIENCE), strict=True):
                    stress.check(case, digest)
                    stress.seen["children"] += 1


def signals(stress):
    """A signal comes in the middle of a step: its handler computes a convolution, or raises, as Ctrl-C does."""
    x, w = (np.random.default_rng(0).random(shape, np.float32) for shape in ((3, 12, 64, 64), (24, 12, 3, 3)))
    right = F.conv2d(x, w).numpy().tobytes()
    interruptible = False

    def handler(*_):
        if not interruptible:
            return
        stress.seen["interrupts"] += 1
        if stress.rng.random() < 0.5:
            raise Interrupt
        if F.conv2d(x, w).numpy().tobytes() != right:
            stress.wrong.append("a convolution in a signal handler")
        signal.setitimer(signal.ITIMER_REAL, stress.rng.uniform(1e-5, 0.01))

    signal.signal(signal.SIGALRM, handler)
    while stress.goes_on():
        signal.setitimer(signal.ITIMER_REAL, stress.rng.uniform(1e-5, 0.05))
        with contextlib.suppress(Interrupt):
            interruptible = True
            stress.some_training()
            interruptible = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        interruptible = False


def exceptions(stress):
    """Exceptions are put into three threads that train, wherever they are."""
    locks = [threading.Lock() for _ in range(3)]
    interruptible = [False] * len(locks)

    def learn(me):
        while stress.goes_on():
            try:
                interruptible[me] = True
                stress.some_training()
                with locks[me]:
                    interruptible[me] = False
                for _ in range(1000):  # one that is under way arrives here
                    pass
            except Interrupt:
                interruptible[me] = False
                stress.seen["interrupts"] += 1

    learners = [threading.Thread(target=learn, args=(me,)) for me in range(len(locks))]
    for learner in learners:
        learner.start()
    while any(learner.is_alive() for learner in learners):
        time.sleep(stress.rng.uniform(0, 0.02))
        me = stress.rng.randrange(len(locks))
        with locks[me]:
            if interruptible[me]:
                interruptible[me] = False
                identity = ctypes.c_ulong(learners[me].ident)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(Interrupt))


def exits(stress):
    """Processes end in the middle of a step that another thread of them computes."""
    code = (
        "import random, sys, threading, time\nfrom tests.ops.fast.test_stress import train\n"
        "threading.Thread(target=lambda: [train(2) for _ in iter(int, 1)], daemon=True).start()\n"
        "train(3)\ntime.sleep(random.Random(int(sys.argv[1])).uniform(0, 0.1))"
    )
    while stress.goes_on():
        subprocess.run([sys.executable, "-c", code, str(stress.rng.random())[2:]], check=True, timeout=PATIENCE)
        stress.some_training()
        stress.seen["children"] += 1


KINDS = {kind.__name__: kind for kind in (at_once, forks, pools, signals, exceptions, exits)}
EXPECTED = {
    "at_once": ["trainings"],
    "forks": ["trainings", "children"],
    "pools": ["trainings", "children"],
    "signals": ["trainings", "interrupts"],
    "exceptions": ["trainings", "interrupts"],
    "exits": ["trainings", "children"],
}


def main(kind, seconds):
    """One kind of stress. It ends this process with 1, and says where everybody is, if nothing moves any more."""
    warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # Python 3.12 and later: with threads beside
    seconds = float(seconds)
    faulthandler.dump_traceback_later(seconds + PATIENCE, exit=True)
    before = blas_threads()
    stress = Stress(seconds)
    KINDS[kind](stress)
    stress.end = float("inf")
    for case in range(len(CASES)):  # nothing has remained
        stress.check(case, train(case))
    if blas_threads() != before:
        stress.wrong.append(f"BLAS had {before} threads and has {blas_threads()}")
    print(*stress.wrong or [stress.seen[what] for what in EXPECTED[kind]])
    sys.exit(bool(stress.wrong))


def run(kind, seconds):
    """The numbers of what was seen, of a stress in a process of its own, which ends with all that it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ops.fast.test_stress", kind, str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds + 2 * PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 0, output
    return list(map(int, output.split()))


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="stress is made of forks and signals")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_hangs_and_no_number_is_wrong(kind):
    assert min(run(kind, 0.5)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_hangs_and_no_number_is_wrong_for_long(kind):
    assert min(run(kind, 20)) > 10


MUTANTS = {
    "machine.crew:share": [
        ("helpers go on when the operation has ended", "in tuple(job.begun)", "in ()"),
    ],
    "ops.fast.scratch:scratch.__exit__": [
        ("two threads have one piece of scratch", "append(self.memory)", "extend([self.memory] * 2)"),
    ],
}

if __name__ == "__main__":
    main(*sys.argv[1:])
