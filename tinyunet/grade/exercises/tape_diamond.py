"""A tape that goes on before everything has arrived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property
from tinyunet.grade.exercises.tape_square import add, average, of, over_all_paths, overwrite, record, walk

STARTER = '''\
def tape_diamond(tape, last):
    """{name: by how much `last` grows when that number grows by 1}."""
    made = {step.result: step for step in tape}
    gradients = {}

    def arrive(name, dy):
        gradients[name] = gradients.get(name, 0.0) + dy
        if name in made:  # else it was there from the beginning
            step = made[name]
            for source, d in zip(step.sources, step.backward(gradients[name])):
                arrive(source, d)

    arrive(last, 1.0)
    return gradients
'''


def solution(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """Newest first: all that uses a result is newer than the result, so everything has arrived at its turn."""
    gradients = {last: 1.0}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result]), strict=True):
                gradients[source] = gradients.get(source, 0.0) + d
    return gradients


def other_solution(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """Count the uses first; a step's turn comes when as many slopes have arrived."""
    made = {step.result: step for step in tape}
    uses, queue = {last: 0}, [last]
    while queue:
        name = queue.pop()
        for source in made[name].sources if name in made else ():
            if source not in uses:
                queue.append(source)
            uses[source] = uses.get(source, 0) + 1
    gradients, ready = {last: 1.0}, [last]
    while ready:
        name = ready.pop()
        if name in made:
            for source, d in zip(made[name].sources, made[name].backward(gradients[name]), strict=True):
                gradients[source] = gradients.get(source, 0.0) + d
                uses[source] -= 1
                if uses[source] == 0:
                    ready.append(source)
    return gradients


def doublings(rng: np.random.Generator, size: int) -> Inputs:
    """x1 = x0 + x0, x2 = x1 + x1, …"""
    count = (2, 3, 5, 8)[size]
    return {"tape": record(*(f"x{k + 1} = x{k} + x{k}" for k in range(count)), x0=1.0), "last": f"x{count}"}


def long(rng: np.random.Generator, size: int) -> Inputs:
    """A chain of so many sums."""
    count = (3, 10, 1000, 3000)[size]
    return {"tape": record(*(f"x{k + 1} = x{k} + a" for k in range(count)), x0=1.0, a=1.0), "last": f"x{count}"}


def calls(answer: Callable[..., Any], tape: Sequence[Any], last: str) -> tuple[Any, Any]:
    """How often the backward of each step is called, and that it must be once."""
    counts = {f"walks of {step.result}": 0 for step in tape}

    def counting(step: Any) -> Any:
        def backward(dy: Any) -> Any:
            counts[f"walks of {step.result}"] += 1
            return step.backward(dy)

        return step._replace(backward=backward)

    answer([counting(step) for step in tape], last)
    return counts, dict.fromkeys(counts, 1)


def of_a_chain(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """The slopes of x0, x1, … are 1, and a is in every sum."""
    return {"x0": 1.0, "a": float(len(tape)), **{step.result: 1.0 for step in tape}}


def starter(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """The tape to repair."""
    made = {step.result: step for step in tape}
    gradients: dict[str, Any] = {}

    def arrive(name: str, dy: Any) -> None:
        gradients[name] = gradients.get(name, 0.0) + dy
        if name in made:
            for source, d in zip(made[name].sources, made[name].backward(gradients[name]), strict=True):
                arrive(source, d)

    arrive(last, 1.0)
    return gradients


def _by_visits(tape: Sequence[Any], last: str, take: int) -> dict[str, Any]:
    """Each step once, when it is first reached: the last one reached first (take=-1), or the first one (take=0)."""
    made = {step.result: step for step in tape}
    gradients, waiting, seen = {last: 1.0}, [last], {last}
    while waiting:
        name = waiting.pop(take)
        if name not in made:
            continue
        step = made[name]
        for source, d in zip(step.sources, step.backward(gradients[name]), strict=True):
            add(gradients, source, d)
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return gradients


EXERCISE = Exercise(
    name="tape_diamond",
    number="01.6",
    asks="This tape goes on as soon as a slope arrives. Where two paths meet, it goes on twice, the second time with "
    "the sum of both. Repair it, so that each step is walked once.",
    starter=STARTER,
    properties=(
        Property(
            "a chain", "On a single path all goes well.", of("abc", "y", "u = a * b", "y = u * c"), over_all_paths
        ),
        Property(
            "a leaf used twice",
            "Slopes that meet at a number from the beginning are added.",
            of("xab", "y", "u = x * a", "v = x * b", "y = u + v"),
            over_all_paths,
        ),
        Property(
            "the diamond",
            "Two paths meet at u, which was made itself: everything must have arrived there before it is handed on.",
            of("xabc", "y", "u = x * a", "v = u * b", "w = u * c", "y = v + w"),
            over_all_paths,
        ),
        Property(
            "a skip",
            "One path is shorter than the other, as in a U-Net: u must wait for the slope that takes the long way.",
            of("xabc", "y", "u = x * a", "v = u * b", "w = v * c", "y = w + u"),
            over_all_paths,
        ),
        Property(
            "a skip, in the other order",
            "The same, with the short path first.",
            of("xabc", "y", "u = x * a", "v = u * b", "w = v * c", "y = u + w"),
            over_all_paths,
        ),
        Property(
            "each step once",
            "Each of n doublings has two paths: whoever walks every path walks 2ⁿ of them.",
            doublings,
            law=calls,
            returns=("calls",),
        ),
        Property(
            "a long chain",
            "A network has thousands of steps: a function that calls itself cannot go so deep.",
            long,
            of_a_chain,
        ),
    ),
    mistakes=(
        Mistake(
            "the sum is handed on again",
            "When the second slope arrives, the first one has been handed on already, and now goes along once more.",
            starter,
        ),
        Mistake(
            "every path walked",
            "The slopes are right, but a step is walked as often as paths lead to it. Wait until all has arrived.",
            over_all_paths,
        ),
        Mistake(
            "goes on at the first arrival, deep first",
            "Each step is walked once, but too early: other slopes have not arrived there yet.",
            lambda tape, last: _by_visits(tape, last, -1),
        ),
        Mistake(
            "goes on at the first arrival, near first",
            "The nearest step is not always ready: a slope may still be on its way along a longer path.",
            lambda tape, last: _by_visits(tape, last, 0),
        ),
        Mistake(
            "the last use overwrites the others",
            "gradients[source] = d forgets what was there: add to it, as before.",
            lambda tape, last: walk(tape, last, put=overwrite),
        ),
        Mistake(
            "mean of the uses",
            "All uses grow together: their slopes are added, not averaged.",
            lambda tape, last: walk(tape, last, put=average),
        ),
        Mistake(
            "from the oldest step to the newest",
            "Slopes travel against the order in which the steps were done: reversed(tape).",
            lambda tape, last: walk(tape, last, order=iter),
        ),
        Mistake(
            "dy not handed on",
            "backward is given the slope that arrived at the result, not 1.",
            lambda tape, last: walk(tape, last, hand_on=lambda step, dy: step.backward(1.0)),
        ),
    ),
    solutions=(solution, other_solution),
    differs="Ours keeps a queue in which the newest step is always first, so that it need not look at steps that the "
    "result does not depend on.",
    read_on=("tensor.py",),
    returns=("gradients",),
    hints=(
        "Draw the diamond: x → u, then u → v and u → w, then both → y. How often is `arrive('u', …)` called, "
        "and what does it hand on each time?",
        "What uses u was done after u was made. In which order must you walk, so that u comes after all of these?",
        "reversed(tape) is such an order. No function needs to call itself.",
    ),
    float32=False,
)
