from collections import Counter
from pathlib import Path

import pytest
import yaml

from rejeu.build import accepted
from rejeu.build.accepted import Entry, equal_to
from rejeu.build.changed_files import changed_files
from rejeu.build.identity import Packages, code_of, fingerprints, packages_of, remember, remembered
from rejeu.commands.accept import accept, shown
from rejeu.errors import RejeuError

PROJECT = {
    "scripts/train.py": "from rejeu.job.run import run\nfrom rejeu.training.loop import fit\n\n"
    "run(lambda job: fit([1.0], job.terminal))\n",
    "scripts/draw.py": "from findings import FIGURES\n"
    "from rejeu.job.run import run\n\nrun(FIGURES)\n",
    "rejeu/errors.py": "class RejeuError(Exception):\n    pass\n",
    "rejeu/job/run.py": "def run(work, stream=None):\n"
    '    print("it begins", file=stream)\n    return work()\n',
    "rejeu/training/loop.py": '''\
"""Steps."""
from rejeu.errors import RejeuError

KEY = "loss"


def fit(rows, terminal, optimiser=None, rate=0.5):
    if not rows:
        raise RejeuError("no rows; add some")
    print(f"{len(rows)} rows to train on", file=terminal)
    return {KEY: sum(2 * x for x in rows if x > 0) * rate}
''',
    "report/findings/__init__.py": 'def hidden():\n    print("drawing")\n    return 1\n\n\n'
    "FIGURES = {'hidden': hidden}\n",
}
LOOP, RUN, FINDINGS = "rejeu/training/loop.py", "rejeu/job/run.py", "findings/__init__.py"


class Study:
    """A project of a few lines; each state of it is a copy, since a process reads a file once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.texts, self.states = folder, dict(PROJECT), 0
        self.made: Counter[str] = Counter()
        self.root = folder / "study"
        self.packages: Packages = {}
        self.edit()

    def edit(self, file: str = RUN, old: str = "", new: str = "") -> None:
        file = f"report/{file}" if file.startswith("findings/") else file
        assert old in self.texts[file], old
        self.texts[file] = self.texts[file].replace(old, new) if old else self.texts[file]
        self.states += 1
        place = self.folder / str(self.states)
        self.packages = packages_of(place, place)
        for name, text in self.texts.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)

    def code(self, script: str = "train") -> str:
        equal = equal_to(accepted.read(self.root))
        return code_of(self.packages["rejeu"] / "scripts" / f"{script}.py", self.packages, equal)

    def build(self, results: int = 1) -> None:
        """What a build does: remember the code, and make results with it."""
        for script in ("train", "draw"):
            path = self.packages["rejeu"] / "scripts" / f"{script}.py"
            remember(path, self.packages, self.root, equal_to(accepted.read(self.root)))
            self.made[self.code(script)] += results

    def accept(self, *files: str, reason: str = "a message") -> str:
        return accept(list(files), reason, self.packages, self.made, self.root, "c0ffee")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    found = Study(tmp_path)
    found.build()
    return found


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (LOOP, "rows to train on", "rows"),
        (LOOP, "no rows; add some", "there are no rows"),
        (FINDINGS, '"drawing"', '"it is drawn"'),
    ],
)
def test_reworded_messages_are_accepted_and_nothing_reruns(
    study: Study, file: str, old: str, new: str
) -> None:
    script = "draw" if file == FINDINGS else "train"
    before = study.code(script)
    study.edit(file, old, new)
    assert study.code(script) != before
    assert "can be accepted" in shown(changed_files(study.packages, study.made, study.root))
    assert f"accepted: {file} (only words of messages changed); 1 results" in study.accept(file)
    assert study.code(script) == before
    assert [entry["proved"] for entry in accepted.accepted(study.root)] == [True]
    assert shown(changed_files(study.packages, study.made, study.root)).startswith("No code chang")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (LOOP, "2 * x", "3 * x"),
        (LOOP, "x > 0", "x >= 0"),
        (LOOP, "rate=0.5", "rate=0.4"),
        (LOOP, 'KEY = "loss"', 'KEY = "gain"'),
        (LOOP, "{len(rows)}", "{optimiser.step()}"),
        (LOOP, "{len(rows)}", "{(rate := 0.4)}"),
        (LOOP, "file=terminal", "file=optimiser"),
        ("scripts/train.py", "[1.0]", "[2.0]"),
        (FINDINGS, "return 1", "return 2"),
    ],
)
def test_what_may_alter_a_number_is_refused_and_reruns(
    study: Study, file: str, old: str, new: str
) -> None:
    script = "draw" if file == FINDINGS else "train"
    before = study.code(script)
    study.edit(file, old, new)
    with pytest.raises(RejeuError, match=f"{file} computes numbers") as refused:
        study.accept(file)
    changed = [line for line in str(refused.value).splitlines() if line[:1] in "+-"]
    assert len(changed) == 4  # both files' names, the line before and after
    assert study.code(script) != before
    assert accepted.read(study.root) == []
    listed = shown(changed_files(study.packages, study.made, study.root))
    assert "is made again" in listed
    assert "can be accepted" not in listed


def test_plumbing_is_accepted_by_a_reason_with_the_commit(study: Study) -> None:
    before = study.code()
    study.edit(RUN, 'print("it begins"', 'print("begun", 1, end="")\n    print("it begins"')
    with pytest.raises(RejeuError, match="--reason: is blank"):
        study.accept(RUN, reason=" ")
    assert "(it prints)" in study.accept(RUN, reason="it prints")
    assert study.code() == before
    [entry] = accepted.accepted(study.root)
    assert entry | {"before": "", "after": "", "time": ""} == {
        **{"file": RUN, "before": "", "after": "", "proved": False},
        **{"reason": "it prints", "time": "", "commit": "c0ffee"},
    }
    assert list(yaml.safe_load((study.root / accepted.FILE).read_text())) == [entry]


def test_a_later_edit_of_an_accepted_file_counts_again(study: Study) -> None:
    before = study.code()
    study.edit(LOOP, "rows to train on", "rows")
    study.accept(LOOP)
    study.build()
    study.edit(LOOP, "2 * x", "3 * x")
    changed = study.code()
    assert changed != before
    with pytest.raises(RejeuError, match="computes numbers"):
        study.accept(LOOP)
    study.edit(LOOP, "3 * x", "2 * x")
    assert study.code() == before
    study.edit(LOOP, "rows", "lines")
    with pytest.raises(RejeuError, match="computes numbers"):
        study.accept(LOOP)


def test_a_second_rewording_is_accepted_beside_the_first(study: Study) -> None:
    before = study.code()
    for old, new in (("to train on", "for it"), ("for it", "for training"), ("no rows", "none")):
        study.edit(LOOP, old, new)
        assert study.code() != before
        study.accept(LOOP)
        study.build()
        assert study.code() == before
    assert len(accepted.read(study.root)) == 3
    study.edit(LOOP, "none; add some", "no rows; add some")
    assert study.code() == before  # as it was accepted a moment ago


def test_results_made_after_a_real_change_have_their_own_rewordings(study: Study) -> None:
    study.edit(LOOP, "2 * x", "3 * x")
    study.build(results=1)  # of another tier; the first one's stay as they were
    changed = study.code()
    study.edit(LOOP, "rows to train on", "rows")
    study.accept(LOOP)
    assert study.code() == changed


def test_a_rewording_that_some_results_were_made_with_is_counted(study: Study) -> None:
    study.build(results=5)
    before = study.code()
    study.edit(LOOP, "rows to train on", "rows")
    study.build(results=2)
    assert "6 results stay, 2 made with it as it is now are made again" in study.accept(LOOP)
    assert study.code() == before


def test_acceptance_that_is_turned_round_holds_as_last_said(study: Study) -> None:
    first = fingerprints_of(study, LOOP)
    study.edit(LOOP, "rows to train on", "rows")
    study.accept(LOOP)
    second = fingerprints_of(study, LOOP)
    entry = accepted.read(study.root)[0]
    assert (entry.before, entry.after) == (first, second)
    turned = Entry(LOOP, second, first, True, "", "", None)
    assert equal_to([entry, turned]) == {(LOOP, first): second}


def fingerprints_of(study: Study, file: str) -> str:
    script = study.packages["rejeu"] / "scripts" / "train.py"
    return fingerprints(script, study.packages)[file]


def test_all_files_are_accepted_or_none(study: Study) -> None:
    before = study.code()
    study.edit(RUN, "it begins", "begun")
    study.edit(LOOP, "2 * x", "3 * x")
    with pytest.raises(RejeuError, match=f"{LOOP} computes"):
        study.accept(RUN, LOOP)
    assert accepted.read(study.root) == []
    assert f"still changed, so what depends on it is made again: {LOOP}" in study.accept(RUN)
    assert study.code() != before
    study.edit(LOOP, "3 * x", "2 * x")
    assert study.code() == before


@pytest.mark.parametrize("file", ["scripts/train.py", "rejeu/nothing.py", "loop.py"])
def test_only_what_changed_can_be_accepted(study: Study, file: str) -> None:
    study.edit(RUN, "it begins", "begun")
    with pytest.raises(RejeuError, match=f"{file}: no result .*; files that changed: {RUN}$"):
        study.accept(file)


def test_what_nobody_can_see_is_not_accepted(study: Study) -> None:
    study.edit(RUN, "it begins", "begun")
    for text in (study.root / ".cache" / "rejeu" / "code" / "texts").iterdir():
        text.unlink()
    with pytest.raises(RejeuError, match="its text as it was is not on record"):
        study.accept(RUN)


def test_elsewhere_the_reworded_text_stands_for_the_first(study: Study) -> None:
    """A copy of the study with its accepted changes never saw the text before these."""
    study.edit(LOOP, "rows to train on", "rows")
    study.accept(LOOP)
    original = accepted.read(study.root)[0].before
    for text in (study.root / ".cache" / "rejeu" / "code" / "texts").iterdir():
        text.unlink()
    study.build()
    study.edit(LOOP, "no rows", "none")
    before = study.accept(LOOP)
    assert "only words" in before
    assert accepted.read(study.root)[1].before == original


def test_a_file_that_nothing_depended_on_before_is_no_change(study: Study) -> None:
    study.texts["rejeu/job/more.py"] = "MORE = 1\n"
    study.edit(RUN, "def run", "from rejeu.job.more import MORE\n\n\ndef run")
    before = study.code()
    assert changed_files(study.packages, study.made, study.root).keys() == {RUN}
    study.accept(RUN)
    assert study.code() not in (before, *study.made)  # its new part is new code


def test_what_a_build_remembers_has_accepted_changes_undone(study: Study) -> None:
    first = remembered(study.code(), study.root)
    study.edit(LOOP, "rows to train on", "rows")
    study.accept(LOOP)
    study.build()
    assert remembered(study.code(), study.root) == first


ENTRY = {
    **{"file": RUN, "before": "a", "after": "b", "proved": False},
    **{"reason": "it prints", "time": "2025-01-01T00:00:00+00:00", "commit": None},
}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 1}, "accepted.yaml: expected a list"),
        ([ENTRY, "text"], "accepted.yaml, entry 2: expected the keys file, before, after"),
        ([{**ENTRY, "more": 1}], "entry 1: expected the keys"),
        ([{**ENTRY, "proved": "yes"}], "entry 1: proved: 'yes'; expected a bool"),
        ([{**ENTRY, "reason": None}], "entry 1: reason: None; expected a str"),
        ([{**ENTRY, "file": LOOP}], f"entry 1: {LOOP} computes numbers, and it isn't proved"),
        ([{**ENTRY, "file": "findings/a.py"}], "entry 1: findings/a.py computes"),
        ([{**ENTRY, "file": "rejeu/new/a.py"}], "entry 1: rejeu/new/a.py computes"),
    ],
)
def test_a_ledger_that_was_not_written_by_accept_is_refused(
    tmp_path: Path, content: object, said: str
) -> None:
    place = tmp_path / accepted.FILE
    place.parent.mkdir()
    place.write_text(yaml.safe_dump(content))
    with pytest.raises(RejeuError, match=said):
        accepted.read(tmp_path)


def test_a_study_without_accepted_changes_has_none(tmp_path: Path) -> None:
    assert accepted.accepted(tmp_path) == []
