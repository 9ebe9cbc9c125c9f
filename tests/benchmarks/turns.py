"""Measuring in turns, because the speed of a machine changes from one minute to the next.

What is compared takes turns for many rounds: functions of this process, or libraries in processes of their own. Two
numeric libraries in one process would share out the cores between their threads, and disturb each other.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent.parent
REST = 0.3  # seconds: the threads of whoever was measured before go on spinning for a while
PATIENCE = 5  # times as long as a step was to be counted, it may take: then it is broken off
LIMITS = ("OPENBLAS_", "OMP_", "MKL_", "GOTO_", "BLIS_", "XLA_", "JAX_")


def unlimited():
    """The environment without what may limit threads or choose slow kernels for one library and not for the other."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LIMITS)}


def restart_unlimited():
    """Start this program again if its environment limits NumPy, for that is read when NumPy is imported."""
    if unlimited() != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], unlimited())


def milliseconds(step, seconds):
    """The median time of a call, of as many as fit into `seconds`.

    The first finds the caches full of the other side's data, and counts only if there is no time for a second.
    """
    times, began = [], time.perf_counter()
    while not times or time.perf_counter() - began < seconds:
        t = time.perf_counter()
        step()
        times.append(time.perf_counter() - t)
    return float(np.median(times[1:] or times)) * 1e3


def per_second(step, seconds):
    """Calls per second, and the milliseconds of processor time that one takes.

    The call that is going on when the time is over counts by the part of it that lies within. One that takes PATIENCE
    times as long is broken off, and counts as if it had ended then.
    """

    def break_off(*_):
        raise TimeoutError

    calls, whole, used, end = 0, 0, time.process_time(), time.perf_counter() + seconds
    signal.signal(signal.SIGALRM, break_off)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    while (t := time.perf_counter()) < end:
        with contextlib.suppress(TimeoutError):
            step()
        whole += 1
        calls += min(1, (end - t) / (time.perf_counter() - t))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return calls / seconds, (time.process_time() - used) / whole * 1e3


def alternate(measures, rounds):
    """Call every measure once in a round, every other round from the last to the first → results (rounds, measures).

    Args:
        rounds: for all of them, or one number for each; those that sit a round out leave a nan.
    """
    rounds = np.broadcast_to(rounds, len(measures))
    results = np.full((max(rounds), len(measures)), np.nan)
    for k in range(len(results)):
        for i in range(len(measures))[:: 1 if k % 2 else -1]:
            if k < rounds[i]:
                results[k, i] = measures[i]()
    return results


class Worker:
    """A process that measures when it is asked, and sleeps otherwise: a module of this folder that calls `serve`."""

    def __init__(self, module, *args):
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.{module}", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=unlimited(),
        )
        self.facts = self.answer()

    def answer(self):
        """What was asked for: waits until it is there."""
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker died; its message is above")
        return json.loads(line)

    def ask(self, **request):
        """Let it measure: `how` (a function of this file), `what` (the step), `seconds`."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def milliseconds(self, what, seconds):
        """As the function `milliseconds`, of the step of this name over there."""
        time.sleep(REST)
        self.ask(how="milliseconds", what=what, seconds=seconds)
        return self.answer()

    def stop(self):
        """End it at once, whatever it does."""
        with self.process:
            self.process.kill()


MEASURES = {"milliseconds": milliseconds, "per_second": per_second}


def serve(steps, **facts):
    """The worker's end: say the facts, then measure the step that is asked for, until nobody asks any more."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        measure, step = MEASURES[request["how"]], steps[request["what"]]
        print(json.dumps(measure(step, request["seconds"])), flush=True)
