import pytest

from rejeu.build.stale import Stale, describe, differing, stale

NOW = {"torch": "2.13.0+cpu", "peft": "0.21.2"}


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ({}, []),  # made before versions were recorded
        ({"packages": dict(NOW)}, []),
        ({"packages": {"torch": "2.13.0+cu130"}}, []),  # the same version, built for a GPU
        ({"packages": {"torch": "2.12.1+cpu"}}, [("torch", "2.12.1+cpu", "2.13.0+cpu")]),
        ({"packages": {"peft": "0.22.0"}}, [("peft", "0.22.0", "0.21.2")]),  # older is other too
        ({"packages": {"datasets": "5.2.0"}}, []),  # not installed here
    ],
)
def test_versions_that_differ(run: dict[str, object], found: list[tuple[str, str, str]]) -> None:
    assert differing(run, NOW) == found


def test_runs_are_counted_by_package_and_version() -> None:
    old, older = {"packages": NOW | {"peft": "0.21.0"}}, {"packages": {"peft": "0.20.0"}}
    found = stale([old, {}, old, older, {"packages": NOW}], NOW)
    assert found == [
        Stale("peft", "0.20.0", "0.21.2", runs=1),
        Stale("peft", "0.21.0", "0.21.2", runs=2),
    ]
    assert describe(found, "smoke") == (
        "Stale results: 1 run was made with peft 0.20.0, and 0.21.2 is installed; "
        "2 runs were made with peft 0.21.0, and 0.21.2 is installed. "
        "They are kept; `rejeu retrain --tier smoke` makes them again."
    )
    assert stale([{}, {"packages": NOW}], NOW) == []
