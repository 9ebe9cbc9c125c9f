"""How many processors this process may use: those it may run on, and no more than its container has time for.

A machine with 64 processors may give a process two of them, in two ways. Its affinity names the processors that it may
run on. And the cgroup that it is in, a container's or a user's, may have a quota: so much time in each period, on all
processors together. Who starts as many threads as the machine has processors then waits for most of them.

Documented in sched_setaffinity(2), and in cgroup-v2 (cpu.max) and sched-bwc (cpu.cfs_quota_us) of the Linux kernel.
Where there is none of it, as on macOS and Windows, all processors count.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def processors() -> int:
    """How many threads of this process can run at the same time, at least 1.

    A quota of 1.5 counts as 2: two threads for three quarters of the time are more than one all the time.
    """
    return max(1, math.ceil(min(allowed(), quota())))


def why() -> str:
    """What `processors` comes from, in words."""
    words = [f"{os.cpu_count() or 1} in the machine"]
    if allowed() < (os.cpu_count() or 1):
        words.append(f"{allowed()} that this process may run on (affinity)")
    if quota() < allowed():
        words.append(f"the time of {quota():.3g} (limit of the container)")
    return ", ".join(words)


def allowed() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quota() -> float:
    """How many processors' time this process is given, by its cgroup and by all around that; or infinity."""
    return min(map(_quota, _cgroups()), default=math.inf)


def _cgroups() -> Iterator[Path]:
    """The folders of the cgroup of this process, and of those around it, where they share out processors.

    One line of /proc/self/cgroup names it for all controllers (version 2: `0::/path`), or several do for some of them
    each (version 1: `4:cpu,cpuacct:/path`). /proc/self/mountinfo tells where either is found, and which part of it: a
    container often sees its own cgroup alone, with the name that it has outside.
    """
    paths: dict[str, PurePosixPath] = {}
    for controllers, path in re.findall(r"^\d+:(.*?):(.*)$", _text(ROOT / "proc/self/cgroup"), re.MULTILINE):
        paths |= dict.fromkeys(controllers.split(","), PurePosixPath(path))  # "" is version 2
    mounts = re.compile(r"^\S+ \S+ \S+ (\S+) /(\S*) .* - (cgroup2?) ", re.MULTILINE)
    for root, point, version in mounts.findall(_text(ROOT / "proc/self/mountinfo")):
        path = paths.get("" if version == "cgroup2" else "cpu")
        if path is not None:  # where other controllers are mounted, `_quota` finds no file
            inside = path.relative_to(root) if path.is_relative_to(root) else PurePosixPath()
            yield from (ROOT / point / part for part in (inside, *inside.parents))


def _quota(folder: Path) -> float:
    """Time in a period, over the length of the period."""
    version_1 = " ".join(_text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    limited = re.fullmatch(r"(\d+)\s+([1-9]\d*)\s*", _text(folder / "cpu.max") or version_1)  # not "max" and not -1
    return int(limited[1]) / int(limited[2]) if limited else math.inf


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
