from pathlib import Path

import pytest

from rejeu.build.messages import differ_in_messages_only

ROOT = Path(__file__).parents[2]
BEFORE = '''\
"""Train."""
import logging
import sys
from dataclasses import dataclass
from rejeu.errors import RejeuError
from rejeu.training import optimiser
log = logging.getLogger(__name__)
KEY = "loss"


@dataclass
class Run:
    terminal: object
    rate: float = 0.5

    def say(self, what):
        print(f"  run: {what}", file=self.terminal)


def step(run, rows, terminal, decay=0.1):
    print("training", len(rows))
    print(f"step of {len(rows)} rows:", "begun", file=sys.stderr)
    print(f"rate {run.rate:.3f}", file=terminal)
    log.warning("%s: slow", KEY)
    if not rows:
        raise RejeuError(f"no rows, {KEY} is unknown; " "add some")
    try:
        rows[0].check("deep")
    except ValueError as error:
        raise RejeuError(f"row 0: {error}") from error
    except Exception as error:
        raise RejeuError(f"unforeseen: {error}") from error
    loss = 2 * rows[0].x + decay
    if loss > 1.0:
        print("large", {"loss": loss}[KEY])
    return {KEY: loss, "note": "loss of one row"}
'''


def changed(old: str, new: str, text: str = BEFORE) -> bool:
    """Whether a change is taken for one of messages only."""
    assert text.count(old) == 1, old
    return differ_in_messages_only(text, text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('print("training"', 'print("it trains"'),
        ('print("training"', 'print("")'.removesuffix(")")),
        ("step of {len(rows)} rows:", "{len(rows)} rows: a step"),
        ('"begun"', '"started"'),
        ('f"rate {run.rate:.3f}"', 'f"rate is {run.rate:.3f}."'),
        ('f"  run: {what}"', 'f"{what}"'),
        ('"%s: slow"', '"%s: is slow"'),
        ('f"no rows, {KEY} is unknown; " "add some"', 'f"{KEY} of no rows"'),
        ('f"row 0: {error}"', 'f"first row: {error}"'),
        ("unforeseen: ", "what nobody foresaw: "),
        ('print("large"', 'print("the loss is large"'),
        ('"""Train."""', '"""Train it."""'),
        ("    loss = 2", "    # why\n    loss = 2"),
    ],
)
def test_words_of_messages_are_harmless(old: str, new: str) -> None:
    assert changed(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 * rows", "3 * rows"),
        ("2 * rows", "2 + rows"),
        ("rows[0].x", "rows[1].x"),
        ("loss > 1.0", "loss >= 1.0"),
        ("loss > 1.0", "loss > 1"),
        ("decay=0.1", "decay=0.2"),
        ("rate: float = 0.5", "rate: float = 0.4"),
        ('KEY = "loss"', 'KEY = "gain"'),  # a text that is printed, and a key too
        ('{"loss": loss}', '{"gain": loss}'),  # within a message, and yet a key
        ('check("deep")', 'check("quick")'),
        ('"note": "loss of one row"', '"note": "one row\'s loss"'),
        # What a message computes.
        ('print("training"', "print(optimiser.step()"),
        ('print("training"', 'print(f"training{optimiser.step()}"'),
        ('print("training"', 'print(f"training{(decay := 0.2)}"'),
        (' rows:"', ' rows {optimiser.step()}:"'),
        ("{len(rows)} rows:", "{rows.pop()} rows:"),
        ("{run.rate:.3f}", "{run.rate:.4f}"),
        ("{run.rate:.3f}", "{run.rate!r:.3f}"),
        ('"training", len(rows)', 'len(rows), "training"'),
        ('"training", len(rows)', '"training"'),
        ("file=self.terminal", "file=self.results"),
        ('"%s: slow", KEY', '"%s: slow", optimiser.step()'),
        ("log.warning(", "run.check("),
        ('print("large"', 'x = print("large"'),
        ("from error\n    except Exception", "from None\n    except Exception"),
        ('RejeuError(f"row', 'ValueError(f"row'),
        ('    print("training", len(rows))\n', ""),
        ("import sys", "import rejeu.data.sys as sys"),
    ],
)
def test_whatever_else_changes_is_not_taken_for_words(old: str, new: str) -> None:
    assert not changed(old, new)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("def print(text): optimiser.step(text)", '"training'),
        ("from rejeu.training.optimiser import step as print", '"training'),
        ("from rejeu.training.optimiser import *", '"training'),
        ("print = optimiser.step", '"training'),
        ("for print in [optimiser.step]: pass", '"training'),
        ("(print := optimiser.step)", '"training'),
        ("optimiser.print, x = 1, 2", '"training'),
        ("import builtins as b", '"training'),
        ("from builtins import setattr as put", '"training'),
        ("globals()['pr' 'int'] = optimiser.step", '"training'),
        ("__builtins__['pr' 'int'] = optimiser.step", '"training'),
        ("def f(print): pass", '"training'),
        ("class A:\n    def f(self, print=1): pass", '"training'),
        ("SOURCE = open(__file__).read()", '"training'),
        ("sys.stdout = open('results.json', 'w')", '"training'),
        ("from contextlib import redirect_stdout as to", '"training'),
        ("sys = optimiser", '"begun'),
        ("terminal = open('results.json', 'w')", 'f"rate'),
        ("with open('results.json', 'w') as terminal: pass", 'f"rate'),
        ("log = optimiser.log", '"%s: slow'),
        ("log.warning = optimiser.step", '"%s: slow'),
        ("class RejeuError(Exception):\n    rate = 1", "no rows"),
        ("def __exit__(self, kind, error, tb): return 'add' in str(error)", "no rows"),
        (
            "try:\n    step()\nexcept RejeuError as error:\n    rate = len(str(error))",
            "no rows",
        ),
        (
            "try:\n    step()\nexcept (KeyError, Exception) as error:\n    TABLE[str(error)]",
            "no rows",
        ),
        (
            "try:\n    step()\nexcept Exception as error:\n"
            "    raise RejeuError(f'{optimiser.step(error)}')",
            "no rows",
        ),
        (
            "E = RejeuError\ntry:\n    step()\nexcept E as error:\n    rate = len(str(error))",
            "no rows",
        ),
        (
            "from rejeu.errors import RejeuError as E\ntry:\n    step()\nexcept E as error:\n"
            "    rate = len(str(error))",
            "no rows",
        ),
    ],
)
def test_a_file_that_makes_another_thing_of_a_message_has_none(line: str, words: str) -> None:
    assert changed(words, f"{words} then")
    tricky = f"{BEFORE}\n\n{line}\n"
    assert not changed(words, f"{words} then", tricky)
    assert not differ_in_messages_only(BEFORE, tricky.replace(words, f"{words} then"))


@pytest.mark.parametrize(
    ("file", "old", "new", "harmless"),
    [
        ("rejeu/data/positions.py", "expected at most", "expected no more than", True),
        ("rejeu/training/doses.py", "choose a smaller", "choose a lower", True),
        ("rejeu/data/models.py", "its weights can't be read", "can't read its weights", False),
        ("scripts/train_lora.py", "  {label}: {said}", "  {label} {said}", True),
        ("rejeu/training/loop.py", "{log[-1]['loss']:.3f}", "{log[-1]['loss']:.4f}", False),
        ("rejeu/job/run.py", " of {self.total}{note}", " / {self.total}{note}", False),
    ],
)
def test_this_project_s_messages(file: str, old: str, new: str, harmless: bool) -> None:
    assert changed(old, new, (ROOT / file).read_text(encoding="utf-8")) is harmless
