"""All tasks by name. A new one is named here, and the command, the tests and the table of results know it."""

from __future__ import annotations

from tinyunet.byhand.examples.reading import hint
from tinyunet.data import DataError
from tinyunet.tasks.cells import Cells
from tinyunet.tasks.classifier import Digits
from tinyunet.tasks.denoising import Denoising
from tinyunet.tasks.diffusion import DigitDiffusion
from tinyunet.tasks.edit import Edit
from tinyunet.tasks.inpainting import DigitInpainting, Retouching
from tinyunet.tasks.latent import Latent
from tinyunet.tasks.points import Points
from tinyunet.tasks.scenes import Scenes
from tinyunet.tasks.skips import Skips
from tinyunet.tasks.style import Pen, Poster
from tinyunet.tasks.superresolution import SuperResolution
from tinyunet.tasks.task import Task
from tinyunet.tasks.text import Text

_ALL: tuple[type[Task], ...] = (
    Cells, Scenes, Denoising, SuperResolution, DigitInpainting, Retouching, Pen, Poster, Digits, Skips,
    Points, DigitDiffusion, Text, Latent, Edit,
)  # fmt: skip
TASKS: dict[str, type[Task]] = {task.name: task for task in _ALL}


def find(name: str) -> type[Task]:
    """The task of this name. Raises DataError with the nearest one for a name that there is not.

    >>> find("cells").shows
    'medical segmentation: which pixels belong to a cell'
    """
    if name not in TASKS:
        raise DataError(f"there is no task {name!r}; {hint(name, TASKS)}")
    return TASKS[name]


def listing() -> str:
    """What each task shows, needs, and how long it takes."""
    lines = []
    for task in TASKS.values():
        lines += [task.name, f"    {task.shows}", f"    needs {task.needs}; takes {task.takes}"]
    return "\n".join(lines)
