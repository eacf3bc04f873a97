"""Change one thing of a finished study at random, build, take it back, build: is anything lost?

Usage: python -m tests.workflow.edits [--edits 40] [--seed N]

An edit may be refused, may fail, or may need training. Taken back and built again, every result
must be there, byte for byte, and nothing may have been trained for that.
"""

import argparse
import copy
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rejeu.report.precheck import experiments_named
from rejeu.study.strict_reading import read_yaml
from rejeu.study.yaml_reader import yaml_text
from tests.workflow.project import ROOT, SMOKE, Project, copy_of_the_project

FILES = ("config.yaml", "report/claims.yaml", "report/en/words.yaml", "report/fr/words.yaml")
ELSEWHERE = {"laptop", "paper"}  # tiers that aren't built here
PARTS = ("sentiment", "lora")
# Experiments whose runs the small build has in any case.
NAMED = experiments_named(ROOT / "report", ["en"], PARTS)
ODD = ["", " ", "nonsense", 0, -1, 3, 10**7, 0.5, None, True, [], {}, "{x}", "été", [1, 2], 1e30]


def shrink(raw: dict[str, Any]) -> None:
    """Make the smoke tier so small that training takes a second."""
    tier = raw["tiers"]["smoke"]
    parts = tier["parts"]
    parts["sentiment"] |= {"train_rows": 32, "test_rows": 16, "max_length": 32}
    parts["lora"] |= {"train_rows": 24, "heldout_rows": 4, "max_length": 32, "max_steps": 2}
    tier["groups"] = []
    raw["parts"]["lora"]["generation"]["max_new_tokens"] = 4
    raw["tier"] = "smoke"


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands that this tier's build may read."""
    if not isinstance(data, dict | list):
        return [path]
    items = data.items() if isinstance(data, dict) else enumerate(data)
    inside = [
        place
        for key, inner in items
        if key not in ELSEWHERE
        for place in places(inner, (*path, key))
    ]
    return [path, *inside]


def at(data: Any, path: Iterable[Any]) -> Any:
    """What stands at a place."""
    for key in path:
        data = data[key]
    return data


def is_read(path: tuple[Any, ...]) -> bool:
    """Whether the small build depends on what stands there."""
    match path:
        case ("tiers", "smoke", *_) | ("report" | "renderer", *_) | ("parts", _, "common", *_):
            return True
        case ("parts", part, "experiments", name, *_):
            return name in NAMED[part]
        case ("models", "minilm_l3" | "smollm2_135m", *_) | ("parts", "lora", *_):
            return True
    return False


def edit(raw: Any, chance: random.Random) -> tuple[Any, str]:
    """`raw` with one change, and what it is: another value, a key misspelt, or one left out."""
    changed = copy.deepcopy(raw)
    known = places(raw)[1:]
    read = [path for path in known if is_read(path)]
    kind = chance.choice(["value", "number", "number", "misspelt", "left out"])
    open_to = read if read and chance.random() < 0.7 else known
    numbers = [path for path in open_to if type(at(raw, path)) in (int, float)]
    *parents, last = chance.choice(numbers if numbers and kind == "number" else open_to)
    inner = at(changed, parents)
    name = ".".join(map(str, [*parents, last]))
    old: Any = inner[last]
    if kind == "number" and isinstance(old, int | float) and not isinstance(old, bool):
        inner[last] = chance.choice([old * 2, old + 1, max(old // 2, 1), old / 2])
    elif kind == "misspelt" and isinstance(last, str) and len(last) > 1:
        inner[last[1:] + last[0]] = inner.pop(last)
    elif kind == "left out":
        del inner[last]
    else:
        inner[last] = chance.choice(ODD)
    now = inner.get(last) if isinstance(inner, dict) else inner
    return changed, f"{name}: {kind}: {str(old)[:40]!r} -> {str(now)[:40]!r}"


def build(project: Project) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *SMOKE],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def one(project: Project, before: dict[str, str], chance: random.Random) -> str:
    """One edit, built, taken back and built again; what came of it.

    Raises:
        SystemExit: something is lost, something was trained, or a traceback was shown.
    """
    (file,) = chance.choices(FILES, weights=(6, 2, 1, 1))
    path = project.folder / file
    text = path.read_text(encoding="utf-8")
    changed, said = edit(read_yaml(path), chance)
    path.write_text(yaml_text(changed, short=False))
    since = time.time()
    done = build(project)
    printed = done.stdout + done.stderr
    if "Traceback" in printed:
        raise SystemExit(f"{file}: {said}: a traceback:\n{printed}")
    trained = len(project.trained(since))
    refused = done.returncode != 0 and "Finished jobid" not in printed
    path.write_text(text, encoding="utf-8")
    since = time.time()
    again = build(project)
    if again.returncode:
        raise SystemExit(f"{file}: {said}: taken back:\n{again.stdout}{again.stderr}")
    after = project.results()
    lost = sorted(name for name in before if after.get(name) != before[name])
    anew = project.trained(since)
    if lost or anew:
        raise SystemExit(f"{file}: {said}: lost {lost[:9]}, trained {anew}")
    came = "refused" if refused else "failed" if done.returncode else "built"
    return f"{came}, {trained} trained, {time.time() - since:.0f} s back: {file}: {said}"


def run(project: Project, edits: int, seed: int) -> list[str]:
    """Build the project small, then edit it so often."""
    config = project.folder / "config.yaml"
    raw = read_yaml(config)
    shrink(raw)
    config.write_text(yaml_text(raw, short=False))
    done = build(project)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    before, chance = project.results(), random.Random(seed)
    found = []
    for number in range(edits):
        found.append(one(project, before, chance))
        print(f"{number + 1}: {found[-1]}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Edit a finished study at random")
    parser.add_argument("--edits", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        run(copy_of_the_project(ROOT, Path(folder) / "edited"), given.edits, given.seed)


if __name__ == "__main__":
    main()
