import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rejeu.build.identity import (
    Packages,
    closure,
    code_of,
    fingerprints,
    hash_of,
    note_begun,
    remember,
    remembered,
    remembered_text,
    text_place,
)
from rejeu.errors import RejeuError

ROOT = Path(__file__).parents[2]
HERE = {"rejeu": ROOT, "findings": ROOT / "report"}
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
AFTER_PREDICT = [
    path
    for path in SCRIPTS
    if path.stem.startswith(("measure_", "draw_"))
    or path.stem in ("write_report", "render_report", "join_report")
]
HEAVY = {"torch", "transformers", "peft", "datasets", "accelerate"}
PROJECT = {
    "scripts/train.py": (
        '"""Train."""\n'
        "from rejeu.direct import run\n"
        "\n"
        "\n"
        "def main(rate: float = 0.5) -> float:\n"
        '    """Do it."""\n'
        "    from rejeu.inside import late\n"
        "    return run(rate) + late()  # both\n"
    ),
    "rejeu/__init__.py": "",
    "rejeu/direct.py": "import rejeu.deep.constants\n\n\ndef run(x):\n    return x * 2\n",
    "rejeu/inside.py": "from rejeu import attribute\n\n\ndef late():\n    return attribute.VALUE\n",
    "rejeu/attribute.py": "VALUE = 1\n",
    "rejeu/deep/__init__.py": "",
    "rejeu/deep/constants.py": "from .sibling import A\nfrom ..uncle import B\nTOTAL = A + B\n",
    "rejeu/deep/sibling.py": "A = 1\n",
    "rejeu/uncle.py": "B = 2\n",
    "rejeu/unrelated.py": "C = 3\n",
}


def code_with(folder: Path, changes: dict[str, tuple[str, str]] | None = None) -> str:
    """The hash of PROJECT's script, with texts of some files replaced."""
    for name, text in PROJECT.items():
        old, new = (changes or {}).get(name, ("", ""))
        assert old in text
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
    return code_of(folder / "scripts" / "train.py", {"rejeu": folder})


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "scripts/train.py",
            "run(rate) + late()",
            "(\n        run( rate )\n        + late()\n    )",
        ),
        ("scripts/train.py", "  # both", ""),
        ("scripts/train.py", '"""Train."""', '"""Train it\n\nin other words."""'),
        ("scripts/train.py", '    """Do it."""\n', ""),
        ("rejeu/deep/sibling.py", "A = 1", "# why\nA = 1  # because"),
        ("rejeu/direct.py", "    return x * 2", '    """Twice x."""\n    return x * 2'),
        ("rejeu/attribute.py", "VALUE = 1", "VALUE = (1)"),
        ("rejeu/unrelated.py", "C = 3", "C = 4"),
    ],
)
def test_what_computes_nothing_else_keeps_the_hash(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    assert code_with(tmp_path / "b", {file: (old, new)}) == code_with(tmp_path / "a")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("scripts/train.py", "0.5", "0.6"),
        ("rejeu/direct.py", "x * 2", "x * 3"),
        ("rejeu/direct.py", "run(x)", "run(x, y=0)"),
        ("rejeu/direct.py", "    return x * 2", '    "text"\n    "more"\n    return x * 2'),
        ("rejeu/inside.py", "attribute.VALUE", "-attribute.VALUE"),  # imported inside a function
        ("rejeu/attribute.py", "VALUE = 1", "VALUE = 2"),  # from package import module
        ("rejeu/deep/__init__.py", "", "import warnings\n"),  # run on the way
        ("rejeu/deep/constants.py", "A + B", "A - B"),
        ("rejeu/deep/sibling.py", "A = 1", "A = 2"),  # from .module import
        ("rejeu/uncle.py", "B = 2", "B = '2'"),  # from ..module import
    ],
)
def test_what_may_compute_differently_changes_the_hash(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    assert code_with(tmp_path / "b", {file: (old, new)}) != code_with(tmp_path / "a")


def test_closure_is_what_can_be_reached(tmp_path: Path) -> None:
    code_with(tmp_path)
    found = closure(tmp_path / "scripts" / "train.py", {"rejeu": tmp_path})
    names = {path.relative_to(tmp_path).as_posix() for path in found}
    assert names == PROJECT.keys() - {"rejeu/unrelated.py"}


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "rejeu").mkdir()
    (tmp_path / "rejeu" / "a.py").write_text("import rejeu.b\n")
    (tmp_path / "rejeu" / "b.py").write_text("import rejeu.a\n")
    assert len(closure(tmp_path / "rejeu" / "a.py", {"rejeu": tmp_path})) == 2


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("import rejeu.deep.sibling as s", ["rejeu/deep/__init__.py", "rejeu/deep/sibling.py"]),
        ("from rejeu import uncle", ["rejeu/uncle.py"]),
        ("from rejeu import uncle as u, attribute", ["rejeu/attribute.py", "rejeu/uncle.py"]),
        ("from rejeu.attribute import VALUE", ["rejeu/attribute.py"]),
        ("from rejeu.attribute import *", ["rejeu/attribute.py"]),
        # A star takes what `__all__` lists, which may be modules.
        (
            "from rejeu.deep import *",
            [f"rejeu/deep/{name}.py" for name in ("__init__", "constants", "sibling")]
            + ["rejeu/uncle.py"],
        ),
        ("def f():\n    import rejeu.uncle", ["rejeu/uncle.py"]),
        ("class A:\n    def f(self):\n        from rejeu import uncle", ["rejeu/uncle.py"]),
        ("if False:\n    from rejeu import uncle", ["rejeu/uncle.py"]),
        ("import json, rejeu.uncle", ["rejeu/uncle.py"]),
        ("import rejeux, torch.rejeu", []),
        ("x = 'import rejeu.uncle'", []),
    ],
)
def test_ways_to_import(tmp_path: Path, statement: str, found: list[str]) -> None:
    code_with(tmp_path)
    script = tmp_path / "scripts" / "other.py"
    script.write_text(statement + "\n")
    names = {path.relative_to(tmp_path).as_posix() for path in closure(script, {"rejeu": tmp_path})}
    reached = names - {"scripts/other.py", "rejeu/__init__.py"}
    assert sorted(reached) == found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("from . import sibling", ["rejeu/deep/sibling.py"]),
        ("from .sibling import A as B", ["rejeu/deep/sibling.py"]),
        ("from .. import uncle", ["rejeu/uncle.py"]),
        ("def f():\n    from ..uncle import B", ["rejeu/uncle.py"]),
    ],
)
def test_relative_ways_to_import(tmp_path: Path, statement: str, found: list[str]) -> None:
    code_with(tmp_path)
    module = tmp_path / "rejeu" / "deep" / "other.py"
    module.write_text(statement + "\n")
    names = {path.relative_to(tmp_path).as_posix() for path in closure(module, {"rejeu": tmp_path})}
    assert names >= set(found)
    assert "rejeu/attribute.py" not in names


@pytest.mark.parametrize(
    "statement",
    [
        "import rejeu.gone",
        "from rejeu.gone import a",
        "def f():\n    from rejeu.gone.more import a",
    ],
)
def test_a_deleted_module_is_named_with_its_reader(tmp_path: Path, statement: str) -> None:
    code_with(tmp_path)
    script = tmp_path / "scripts" / "other.py"
    script.write_text(f"import json\n{statement}\n")
    line = 2 + statement.count("\n")
    with pytest.raises(RejeuError, match=rf"other.py, line {line}: imports 'rejeu.gone.*no such"):
        code_of(script, {"rejeu": tmp_path})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"def f(:\n    pass\n", r"invalid syntax \(inside.py, line 1\)"),
        (b"x = 1\nx = (\n", r"never closed \(inside.py, line 2\)"),
        (b"x = '\xff'\n", "can't decode byte 0xff"),
        (b"x = 1\0\n", "null bytes"),
    ],
)
def test_a_file_that_is_not_python_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    module = tmp_path / "inside.py"
    module.write_bytes(content)
    with pytest.raises(RejeuError, match=rf"{module}: .*{said}.*Nothing was run"):
        code_of(module, {"rejeu": tmp_path})


def test_the_files_behind_a_hash_are_remembered_with_their_texts(tmp_path: Path) -> None:
    code = code_with(tmp_path)
    script, packages = tmp_path / "scripts" / "train.py", {"rejeu": tmp_path}
    files = fingerprints(script, packages)
    mark = files["rejeu/direct.py"]
    assert hash_of(files) == code
    assert remembered(code, tmp_path) is None
    assert remembered_text(mark, tmp_path) is None
    remember(script, packages, tmp_path)
    assert remembered(code, tmp_path) == files
    assert remembered_text(mark, tmp_path) == PROJECT["rejeu/direct.py"]


@pytest.mark.parametrize("damage", ['"x = 2\\n"', '"x = ("', "{}", "[", "12"])
def test_a_text_that_was_damaged_is_not_taken_for_another(tmp_path: Path, damage: str) -> None:
    code_with(tmp_path)
    script, packages = tmp_path / "scripts" / "train.py", {"rejeu": tmp_path}
    mark = fingerprints(script, packages)["rejeu/direct.py"]
    remember(script, packages, tmp_path)
    text_place(mark, tmp_path).write_text(damage)
    assert remembered_text(mark, tmp_path) is None


STUDY = {
    "findings/__init__.py": "from .grids import steps\n\nFIGURES = {'grid': steps}\n",
    "findings/grids.py": "from ..findings import sizes\nfrom rejeu.attribute import VALUE\n"
    "\n\ndef steps():\n    return sizes.SIZES[VALUE]\n",
    "findings/sizes.py": "SIZES = [8, 16]\n",
}


def engine_and_study(engine: Path, study: Path, findings: dict[str, str]) -> Packages:
    """An engine whose script draws what the study's findings say, and a study, in two folders."""
    code_with(engine)
    draw = "def main():\n    from findings import FIGURES\n    return FIGURES\n"
    (engine / "scripts" / "draw.py").write_text(draw)
    for name, text in findings.items():
        path = study / "report" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"rejeu": engine, "findings": study / "report"}


@pytest.mark.parametrize(
    ("engine", "study"),
    [("one", "one"), ("engine", "studies/mine"), ("mine/engine", "mine"), ("a", "a/examples/b")],
)
def test_a_study_s_own_python_counts_wherever_it_lies(
    tmp_path: Path, engine: str, study: str
) -> None:
    packages = engine_and_study(tmp_path / engine, tmp_path / study, STUDY)
    files = fingerprints(tmp_path / engine / "scripts" / "draw.py", packages)
    assert files.keys() == {
        *("scripts/draw.py", "rejeu/__init__.py", "rejeu/attribute.py"),
        *STUDY,
    }
    elsewhere = engine_and_study(tmp_path / "x" / "engine", tmp_path / "x" / "study", STUDY)
    assert files == fingerprints(tmp_path / "x" / "engine" / "scripts" / "draw.py", elsewhere)
    assert code_of(tmp_path / engine / "scripts" / "draw.py", packages) == hash_of(files)


def test_a_change_in_a_study_s_python_changes_the_hash(tmp_path: Path) -> None:
    changed = STUDY | {"findings/sizes.py": "SIZES = [8, 32]\n"}
    codes = {
        code_of(tmp_path / name / "scripts" / "draw.py", engine_and_study(place, place, study))
        for name, study in (("a", STUDY), ("b", changed))
        for place in [tmp_path / name]
    }
    assert len(codes) == 2


def test_a_study_may_have_no_python(tmp_path: Path) -> None:
    packages = engine_and_study(tmp_path, tmp_path / "study", {})
    assert fingerprints(tmp_path / "scripts" / "draw.py", packages).keys() == {"scripts/draw.py"}


@pytest.mark.parametrize(
    ("statement", "beside", "found"),
    [
        ("import helpers", "helpers.py", "imports 'helpers', which lies in .*report; expected"),
        ("from tools.deep import x", "tools/deep.py", "imports 'tools.deep', which .*findings and"),
        ("import findings.gone", "findings/__init__.py", "imports 'findings.gone', .*no such mod"),
    ],
)
def test_a_study_s_python_outside_its_package_is_refused(
    tmp_path: Path, statement: str, beside: str, found: str
) -> None:
    findings = {beside: "", **STUDY, "findings/grids.py": f"import json\n{statement}\n"}
    packages = engine_and_study(tmp_path / "engine", tmp_path / "study", findings)
    with pytest.raises(RejeuError, match=f"grids.py, line 2: .*{found}"):
        code_of(tmp_path / "engine" / "scripts" / "draw.py", packages)


def test_what_has_another_package_s_name_is_no_module_beside(tmp_path: Path) -> None:
    """A study's folder of HTML is no module `html`."""
    findings = STUDY | {"findings/grids.py": "import html\nsteps = html.escape\n"}
    packages = engine_and_study(tmp_path, tmp_path, findings | {"html/style.css": "a {}"})
    assert "findings/grids.py" in fingerprints(tmp_path / "scripts" / "draw.py", packages)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_script_depends_on_the_configuration_s_models(script: Path) -> None:
    found = {path.relative_to(ROOT).as_posix() for path in closure(script, HERE)}
    assert "rejeu/study/configuration.py" not in found
    assert "rejeu/build/plan.py" not in found
    assert "rejeu/job/run.py" in found


def test_this_folder_does_not_count(tmp_path: Path) -> None:
    assert code_with(tmp_path / "a") == code_with(tmp_path / "elsewhere" / "b")


def imported(path: Path) -> list[str]:
    """Every import statement of a file, as text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def test_rules_after_predict_are_found() -> None:
    assert len(AFTER_PREDICT) >= 7
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    assert all(f"scripts/{path.name}" in rules for path in SCRIPTS)


@pytest.mark.parametrize("script", AFTER_PREDICT, ids=lambda path: path.stem)
def test_rules_after_predict_name_no_torch(script: Path) -> None:
    statements = [text for path in closure(script, HERE) for text in imported(path)]
    roots = {text.split()[1].split(".")[0].rstrip(",") for text in statements}
    assert not roots & HEAVY


def test_rules_after_predict_load_no_torch() -> None:
    statements = sorted({text for script in AFTER_PREDICT for text in imported(script)})
    inside = sorted(
        {
            ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for script in AFTER_PREDICT
            for path in closure(script, HERE)
            if path.parts[-2] != "scripts" and path.stem != "__init__"
        }
    )
    lines = [*statements, *(f"import {name}" for name in inside)]
    code = "\n".join(["import json, sys", *lines, "print(json.dumps(sorted(sys.modules)))"])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "report")},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout))
    assert "rejeu.report.figures" in loaded
    assert not loaded & HEAVY


STEPS = """
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from rejeu.job.run import run

__file__ = "/anywhere/draw_figure.py"  # as Snakemake sets it
sys.path.insert(0, "report")


def edit(new):
    Path("report/findings/figures.py").write_text(new)


def work(job):
    {work}
    import findings.figures
    {after}
    print(findings.figures.FIGURES)
    Path("figure.svg").touch()


{before}
asked = SimpleNamespace(
    **{{name: {{}} for name in ("input", "params", "resources", "config", "wildcards")}},
    output=["figure.svg"],
    log=["job.log"],
    rule="draw_figure",
    threads=1,
)
run(asked, work)
"""
SAME, OTHER = "edit('FIGURES = {}  # the same')", "edit('FIGURES = {1: 1}')"


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ({}, False),
        ({"before": SAME}, False),
        ({"before": OTHER}, True),
        ({"work": SAME}, False),
        ({"work": OTHER}, True),
        ({"after": OTHER}, False),  # what computes was imported before
        ({"work": "Path('report/findings/figures.py').unlink()"}, True),
    ],
)
def test_a_job_refuses_code_that_was_edited_since_its_build_began(
    tmp_path: Path, steps: dict[str, str], refused: bool
) -> None:
    own = tmp_path / "report" / "findings" / "figures.py"
    own.parent.mkdir(parents=True)
    (own.parent / "__init__.py").touch()
    own.write_text("FIGURES = {}\n")
    note_begun(SCRIPTS, {"rejeu": ROOT, "findings": tmp_path / "report"}, tmp_path)
    code = STEPS.format(**{"before": "", "work": "", "after": ""} | steps)
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert done.returncode == refused, done.stderr + log
    assert (tmp_path / "figure.svg").exists() != refused
    said = f"error: {own}: code was edited since this build began; run the same command again"
    assert log.splitlines()[-1] == (said if refused else "{}")
