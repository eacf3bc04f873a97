from pathlib import Path

import pytest

from rejeu.build.changes import code_change, params_change
from rejeu.build.identity import fingerprints, hash_of, remember


def test_changed_new_and_dropped_files_are_named() -> None:
    old = {"scripts/a.py": "1", "rejeu/b.py": "2", "rejeu/c.py": "3"}
    new = {"scripts/a.py": "1", "rejeu/b.py": "4", "rejeu/d.py": "5"}
    assert code_change(old, new) == (
        "code changed: rejeu/b.py, rejeu/c.py (no longer used), rejeu/d.py (new)"
    )
    many = {f"rejeu/{letter}.py": "6" for letter in "defgh"}
    assert code_change({}, many).endswith("rejeu/f.py (new) and 2 more")
    assert "no build on record" in code_change(None, new)


OLD = {
    "code": "0123456789abcdef",
    "settings": {"learning_rate": 2e-5, "epochs": 1, "precision": "auto"},
    "sizes": {"train_rows": 320, "test_rows": 160},
    "claims": [{"id": "first", "margin": 0.1}, {"id": "second", "margin": 0.1}],
    "seeds": [42, 43],
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        (
            {"settings": OLD["settings"] | {"learning_rate": 2e-3, "warmup": 0.1}},
            ["settings.learning_rate: 2e-05 -> 0.002, settings.warmup: absent -> 0.1"],
        ),
        ({"sizes": {"train_rows": 320}}, ["sizes.test_rows: 160 -> absent"]),
        (
            {"claims": [{"id": "first", "margin": 0.1}, {"id": "second", "margin": 0.2}]},
            ["claims[second].margin: 0.1 -> 0.2"],
        ),
        ({"seeds": [42]}, ["seeds: [42, 43] -> [42]"]),
        ({"seeds": None}, ["[42, 43] no longer used, seeds: absent -> None"]),
        ({"prompt": "Hello"}, ["prompt: absent -> 'Hello'"]),
        (
            {"settings": {"epochs": 2}, "sizes": {"test_rows": 1}, "seeds": []},
            [
                "seeds: [42, 43] -> [], settings.epochs: 1 -> 2, "
                "settings.learning_rate: 2e-05 -> absent and 3 more"
            ],
        ),
    ],
)
def test_changed_settings_are_named_with_both_values(
    tmp_path: Path, changes: dict[str, object], said: list[str]
) -> None:
    """Snakemake keeps values without names, sorted as text."""
    recorded = sorted(map(repr, OLD.values()))
    found = params_change(recorded, OLD | changes, {}, tmp_path)
    assert found == [f"setting changed: {text}" for text in said]


def test_changed_code_is_looked_up_by_the_old_hash(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "run.py"
    script.parent.mkdir()
    script.write_text("x = 1\n")
    old = fingerprints(script, {"rejeu": tmp_path})
    new = old | {"rejeu/b.py": "1"}
    recorded, params = [repr(hash_of(old)), "[1]"], {"code": hash_of(new), "seeds": [1]}
    assert "no build on record" in params_change(recorded, params, new, tmp_path)[0]
    remember(script, {"rejeu": tmp_path}, tmp_path)
    assert params_change(recorded, params, new, tmp_path) == ["code changed: rejeu/b.py (new)"]


def test_a_dropped_setting_is_a_change(tmp_path: Path) -> None:
    recorded = ["'a prompt'", "[1]"]
    said = "setting changed: 'a prompt' no longer used"
    assert params_change(recorded, {"seeds": [1]}, {}, tmp_path) == [said]
