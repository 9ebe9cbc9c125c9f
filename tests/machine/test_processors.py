"""A process is given processors by its affinity and by the quotas of all cgroups around it, and the scarcest counts."""

import os
import subprocess
import sys

import pytest

from tinyunet.machine import processors as room
from tinyunet.machine.processors import processors, quota, why

V1 = "33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:16 - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
INSIDE_V1 = V1.replace(" / /", " /docker/abc /")  # a container that sees its own cgroup, under its name outside
OTHERS = (
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "34 32 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "35 32 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)
CPU, FOLDER = "4:cpu,cpuacct:", "sys/fs/cgroup"


def v1(folder, limit, period=100000):
    """The files of a cgroup of version 1."""
    name = f"{FOLDER}/cpu,cpuacct/{folder}/cpu.cfs"
    return {f"{name}_quota_us": f"{limit}\n", f"{name}_period_us": f"{period}\n"}


MACHINES = {  # /proc/self/cgroup, /proc/self/mountinfo, other files, the quota
    "version 2": ("0::/user/me\n", V2, {f"{FOLDER}/user/me/cpu.max": "150000 100000\n"}, 1.5),
    "version 2, another period": ("0::/user/me\n", V2, {f"{FOLDER}/user/me/cpu.max": "25000 50000\n"}, 0.5),
    "version 2, no limit": ("0::/user/me\n", V2, {f"{FOLDER}/user/me/cpu.max": "max 100000\n"}, None),
    "version 2, a parent's": (
        "0::/user/me\n",
        V2,
        {f"{FOLDER}/user/me/cpu.max": "400000 100000\n", f"{FOLDER}/user/cpu.max": "200000 100000\n"},
        2,
    ),
    "version 2, its own": (
        "0::/user/me\n",
        V2,
        {f"{FOLDER}/user/me/cpu.max": "200000 100000\n", f"{FOLDER}/user/cpu.max": "400000 100000\n"},
        2,
    ),
    "version 2, in a container": ("0::/\n", V2, {f"{FOLDER}/cpu.max": "300000 100000\n"}, 3),
    "version 2, another's": ("0::/user/me\n", V2, {f"{FOLDER}/user/you/cpu.max": "100000 100000\n"}, None),
    "version 2, mounted under a name with a colon": ("0::/a:b\n", V2, {f"{FOLDER}/a:b/cpu.max": "100000 50000\n"}, 2),
    "version 1": (f"7:cpuset:/else\n{CPU}/me\n", OTHERS + V1, v1("me", 250000), 2.5),
    "version 1, no limit": (f"{CPU}/me\n", V1, v1("me", -1), None),
    "version 1, a parent's": (f"{CPU}/user/me\n", V1, v1("user/me", -1) | v1("user", 50000), 0.5),
    "version 1, of the whole": (f"{CPU}/user/me\n", V1, v1("", 100000), 1),
    "version 1, in a container": (f"{CPU}/docker/abc\n", INSIDE_V1, v1("", 100000), 1),
    "version 1, below that of a container": (f"{CPU}/docker/abc/me\n", INSIDE_V1, v1("me", 100000), 1),
    "version 1, above that of a container": (f"{CPU}/../other\n", INSIDE_V1, v1("", 100000), 1),
    "both, version 1 has the limit": (f"{CPU}/me\n0::/\n", OTHERS + V1, v1("me", 100000), 1),
    "both, no limit": (f"{CPU}/me\n0::/\n", OTHERS + V1, {}, None),
    "nothing to read": ("", "", {}, None),
    "a file that is empty": ("0::/\n", V2, {f"{FOLDER}/cpu.max": ""}, None),
    "a file with something else": ("0::/\n", V2, {f"{FOLDER}/cpu.max": "many 0\n"}, None),
    "a period of 0": ("0::/\n", V2, {f"{FOLDER}/cpu.max": "1 0\n"}, None),
    "lines with something else": ("nonsense\n\n0:\n", "nonsense\n - cgroup2 cgroup2 rw\n", {}, None),
}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8 processors, 6 of which a process may run on, with these files."""
    monkeypatch.setattr(room, "ROOT", tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(2, 8)), raising=False)

    def with_files(cgroup="", mounts="", others=()):
        for name, text in ({"proc/self/cgroup": cgroup, "proc/self/mountinfo": mounts} | dict(others)).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")

    return with_files


@pytest.mark.parametrize(("cgroup", "mounts", "files", "limit"), MACHINES.values(), ids=MACHINES)
def test_the_quota_is_the_least_of_all_cgroups_around(machine, cgroup, mounts, files, limit):
    machine(cgroup, mounts, files)
    assert quota() == (float("inf") if limit is None else limit)


@pytest.mark.parametrize(
    ("limit", "count"), [("max", 6), (900000, 6), (600000, 6), (210000, 3), (200000, 2), (100000, 1), (1000, 1)]
)
def test_processors_are_those_that_affinity_and_quota_allow(machine, limit, count):
    machine("0::/\n", V2, {f"{FOLDER}/cpu.max": f"{limit} 100000\n"})
    assert processors() == count


def test_without_affinity_all_processors_count(machine, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert processors() == 8
    assert why() == "8 in the machine"
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors() == 1
    assert why() == "1 in the machine"


def test_words_name_what_limits_and_nothing_else(machine, monkeypatch):
    machine("0::/\n", V2, {f"{FOLDER}/cpu.max": "700000 100000\n"})
    assert why() == "8 in the machine, 6 that this process may run on (affinity)"
    machine("0::/\n", V2, {f"{FOLDER}/cpu.max": "150000 100000\n"})
    assert why().endswith(", 6 that this process may run on (affinity), the time of 1.5 (limit of the container)")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert why() == "8 in the machine, the time of 1.5 (limit of the container)"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is set on Linux")
def test_a_process_that_was_given_one_processor_counts_one():
    code = (
        "import os; from tinyunet.machine.processors import processors, why\n"
        "os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1]); print(processors(), why(), sep='\\n')"
    )
    count, words = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert count == "1"
    assert words.startswith(f"{os.cpu_count()} in the machine")
    assert os.cpu_count() == 1 or "1 that this process may run on (affinity)" in words


MUTANTS = {
    "machine.processors:processors": [
        ("part of a processor counts for nothing", "math.ceil", "math.floor"),
        ("affinity is not asked", "min(allowed(), quota())", "min(os.cpu_count() or 1, quota())"),
    ],
    "machine.processors:allowed": [
        ("an error without affinity", ' if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1', ""),
    ],
    "machine.processors:quota": [
        ("the cgroup next to it counts alone", "min(map(_quota, _cgroups())", "max(map(_quota, _cgroups())"),
    ],
    "machine.processors:why": [
        ("a limit that limits nothing is named", "quota() < allowed()", "quota() < math.inf"),
    ],
    "machine.processors:_cgroups": [
        ("parents are not asked", "(inside, *inside.parents)", "(inside,)"),
        ("one controller in a line", 'controllers.split(",")', "[controllers]"),
        (
            "a container looks for its name outside",
            "path.relative_to(root) if path.is_relative_to(root) else PurePosixPath()",
            'path.relative_to("/")',
        ),
    ],
    "machine.processors:_quota": [
        ("the quota without its period", "int(limited[1]) / int(limited[2])", "int(limited[1]) / 100000"),
        ("version 1 is not read", "or version_1", 'or ""'),
        ("a period of 0 divides", "([1-9]\\d*)", "(\\d+)"),
    ],
    "machine.processors:_text": [
        ("an error where there is no such file", "except OSError", "except PermissionError"),
    ],
}
