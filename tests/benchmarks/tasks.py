"""What the tasks reach, beside what they must beat, and how long they train: tables and pictures for docs/tasks.md.

Every task is run as `tinyunet run` does it, at every seed, in a folder of its own, which is not run again while it is
there. What was measured is kept in docs/tasks.json, so that tasks can be measured one by one.
"""

import argparse
import json
import re
import time
from pathlib import Path

from PIL import Image

from tests import torch_unet
from tests.benchmarks.turns import ROOT, restart_unlimited
from tinyunet.tasks import program
from tinyunet.tasks.registry import TASKS, find
from tinyunet.tasks.task import UNET

DOCS = ROOT / "docs"
BOTH = "denoising", "superresolution"  # what PyTorch can be asked for, too


def measured(name, seed, runs):
    """The numbers of every method and the seconds of the training, by tinyunet."""
    out = runs / f"{name}-{seed}"
    program.run(name, out, seed=seed)
    found = json.loads((out / "measured.json").read_text(encoding="utf-8"))
    return {"numbers": found["numbers"], "seconds": found["seconds"]}


def measured_in_pytorch(name, seed):
    """The same by PyTorch: the same weights to begin with, the same batches, Adam with the same schedule."""
    import torch

    task = find(name)()
    ours = program.trainer(task, program.Settings(name, task.steps, seed))
    unet = getattr(ours.model, "unet", ours.model)  # of super-resolution, what is inside
    model = torch_unet.make(unet.in_channels, unet.out_channels, unet.channels)
    model.load_state_dict({key: torch.tensor(value) for key, value in unet.state_dict().items()})
    optimizer = torch.optim.Adam(model.parameters(), task.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, task.steps)
    began = time.perf_counter()
    for _ in range(task.steps):
        inputs, target, _ = next(ours.batches)
        output = model(torch.cat([torch.tensor(x) for x in inputs], dim=1))
        if unet is not ours.model:
            output = torch.pixel_shuffle(output, 2)
        loss = torch.nn.functional.mse_loss(output, torch.tensor(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    seconds = time.perf_counter() - began
    unet.load_state_dict({key: value.numpy() for key, value in model.state_dict().items()})
    answers = [task.predict(ours.model, *example.inputs) for example in task.held_out]
    return {"numbers": {UNET: task.metric(answers)}, "seconds": seconds}


def table(results):
    """A row for each number of each task: the U-Net, the others, and by how much it is ahead at its worst seed."""
    lines = ["| task | on | in | U-Net | what it must beat | ahead by | training |", "|---|---|---|---|---|---|---|"]
    for name in (name for name in TASKS if name in results):
        seeds = list(results[name].values())
        first = f"[{name}](#{name})", seconds(seeds)
        for on in seeds[0]["numbers"][UNET]:
            unit, write = written(TASKS[name], on)
            values = {method: [seed["numbers"][method][on] for seed in seeds] for method in seeds[0]["numbers"]}
            others = {method: values[method] for method in values if not method.startswith(UNET)}
            ours = {method.removeprefix(f"{UNET}, "): values[method] for method in values if method not in others}
            lead = ahead(values[UNET], list(others.values()), less_is_better=on in TASKS[name].errors)
            texts = [", ".join(f"{method} {several(of, write)}" for method, of in x.items()) for x in (ours, others)]
            texts = [texts[0].removeprefix(f"{UNET} "), texts[1], f"{'+' * (lead > 0)}{write(lead)}"]
            lines.append(f"| {' | '.join([first[0], on, unit, *texts, first[1]])} |")
            first = "", ""
    return "\n".join(lines)


def ahead(ours, others, less_is_better):
    """The difference to the best of the others, at the seed where it is smallest."""
    sign = -1 if less_is_better else 1
    return min(sign * y - max(sign * of[seed] for of in others) for seed, y in enumerate(ours))


def comparison(ours, theirs):
    """A row for each number of the tasks that PyTorch was asked for, too."""
    lines = ["| task | on | in | tinyunet | PyTorch | training, tinyunet | PyTorch |", "|---|---|---|---|---|---|---|"]
    for name in (name for name in BOTH if name in ours and name in theirs):
        sides = [[side[seed] for seed in ours[name] if seed in theirs[name]] for side in (ours[name], theirs[name])]
        for k, on in enumerate(sides[0][0]["numbers"][UNET]):
            unit, write = written(TASKS[name], on)
            values = [several([seed["numbers"][UNET][on] for seed in side], write) for side in sides]
            times = [seconds(side) if k == 0 else "" for side in sides]
            lines.append(f"| {' | '.join([name if k == 0 else '', on, unit, *values, *times])} |")
    return "\n".join(lines)


def written(task, on):
    """The unit of a number of a task, as its name or `reads` says, and how it is written."""
    if on in task.errors or ", in " in on:
        return on.partition(", in ")[2], "{:.2f}".format
    spec = re.search(r"\{.*?\}", task.reads).group()
    return task.reads.replace(spec, "").strip(), spec.format


def several(values, write):
    """Numbers of several seeds, once where all are the same."""
    texts = [write(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else " / ".join(texts)


def seconds(seeds):
    return " / ".join(f"{seed['seconds']:.0f}" for seed in seeds) + " s"


def parts(results):
    """What docs/tasks.md shows of the results, by the name of the place: two tables, and a picture for each task."""
    ours, theirs = results.get("tinyunet", {}), results.get("PyTorch", {})
    pictures = {name: f"![{TASKS[name].shows}](tasks/{name}.jpg)" if name in ours else "" for name in TASKS}
    return {"measured": table(ours), "pytorch": comparison(ours, theirs), **pictures}


def put_into(page, results):
    """The text of docs/tasks.md, with tables and pictures as the results are."""
    for name, text in parts(results).items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        page = page[: page.index(begin) + len(begin)] + (text and f"{text}\n") + page[page.index(end) :]
    return page


def main():
    """Parse, measure what is asked for, write everything anew that depends on it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tasks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)} (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], metavar="N")
    parser.add_argument("--pytorch", action="store_true", help=f"by PyTorch instead: {' and '.join(BOTH)}")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs", "docs"), metavar="DIR", help="where the runs are kept"
    )
    args = parser.parse_args()
    possible = BOTH if args.pytorch else tuple(TASKS)
    unknown = set(args.names) - set(possible)
    if unknown:
        parser.error(f"there is no task {', '.join(sorted(unknown))}; there are {', '.join(possible)}")
    restart_unlimited()
    file, page = DOCS / "tasks.json", DOCS / "tasks.md"
    for name in args.names or possible:
        found = {
            str(seed): measured_in_pytorch(name, seed) if args.pytorch else measured(name, seed, args.runs)
            for seed in args.seeds
        }
        results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        results.setdefault("PyTorch" if args.pytorch else "tinyunet", {})[name] = found
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        page.write_text(put_into(page.read_text(encoding="utf-8"), results), encoding="utf-8")
        if not args.pytorch:
            (DOCS / "tasks").mkdir(exist_ok=True)
            with Image.open(args.runs / f"{name}-{args.seeds[0]}" / "picture.png") as picture:
                picture.convert("RGB").save(DOCS / "tasks" / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
