"""Measuring in turns, because the speed of a machine changes from one minute to the next.

What is compared takes turns for many rounds: functions of this process, or libraries in processes of their own. Two
numeric libraries in one process would share out the cores between their threads, and disturb each other.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent.parent
REST = 0.3  # seconds: the threads of whoever was measured before go on spinning for a while
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
        self.facts = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker died; its message is above")
        return json.loads(line)

    def milliseconds(self, what, seconds):
        """As the function `milliseconds`, of the step of this name over there."""
        time.sleep(REST)
        self.process.stdin.write(json.dumps({"what": what, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def serve(steps, **facts):
    """The worker's end: say the facts, then measure the step that is asked for, until nobody asks any more."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(milliseconds(steps[request["what"]], request["seconds"])), flush=True)
