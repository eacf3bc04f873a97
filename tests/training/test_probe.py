"""The probe, whole, on models of a few thousand parameters."""

import io
import json
from typing import Any

import pytest
import torch

from rejeu.training import probe, probe_parts, random_models
from rejeu.training.hardware import choose
from rejeu.training.probe_parts import compared_gradients, deepened, in_turn, rates, rows_of


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes of which a step takes milliseconds."""
    narrow: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4}
    small = {
        "encoder": {"n_layers": 2, "dim": 32, "hidden_dim": 64, "n_heads": 4},
        "decoder": narrow | {"num_hidden_layers": 5},
        "small_encoder": narrow | {"num_hidden_layers": 2},
        "small_decoder": narrow | {"num_hidden_layers": 2, "num_key_value_heads": 2},
    }
    for role, (config, model, shape) in dict(random_models.SHAPES).items():
        cut = shape | small[role]
        monkeypatch.setitem(random_models.SHAPES, role, (config, model, cut))


@pytest.mark.usefixtures("tiny")
def test_a_probe_says_what_was_measured_and_what_was_scaled() -> None:
    terminal = io.StringIO()
    found = probe.measure(1, terminal)
    assert json.loads(json.dumps(found)) == found
    assert found["machine"]["cores"] >= 1
    assert found["packages"]["torch"]
    assert set(found["speed"]) == {"start", *found["parts"]}
    assert all(value > 0 for value in found["speed"].values())
    assert "probe: 5 of 5 measured" in terminal.getvalue()
    for role in ("encoder", "decoder"):
        part = found["parts"][role]
        assert part["gradients"]["equal"], part["gradients"]
        assert part["gradients"]["norm"] > 0
        assert part["gradients"]["zero"] == []
        both = [part[name]["tokens_per_second"] for name in ("ours", "stock")]
        assert part["times_as_fast"] == pytest.approx(both[0] / both[1])
        assert part["faster"] == ("ours" if both[0] >= both[1] else "stock")
        assert found["speed"][role] == both[0]
    if found["device"] == "cpu":
        assert found["parts"]["encoder"]["rows_per_step"] == 4
        assert found["parts"]["encoder"]["rows_per_true_step"] == 16
        decoder = found["parts"]["decoder"]
        assert (decoder["layers_measured"], decoder["layers"]) == ([1, 2], 5)
        low, high = (decoder["seconds_measured"][f"ours {depth}"][0] for depth in (1, 2))
        assert decoder["ours"]["seconds"][0] == pytest.approx(low + 4 * (high - low))


def test_lengths_are_those_of_a_distribution() -> None:
    lengths = [len(row) for row in rows_of("encoder", 51, 1)]
    assert lengths == sorted(lengths)
    assert lengths[25] == 110  # the median
    assert max(lengths) <= 512
    assert rows_of("encoder", 3, 1) == rows_of("encoder", 3, 1)


def test_layers_are_scaled_by_the_difference_of_two_depths() -> None:
    assert deepened([[3.0, 3.5], [5.0, 4.5]], (1, 2), 26) == [3 + 25 * 2, 3.5 + 25 * 1]
    assert deepened([[3.0], [9.0]], (2, 8), 8) == [9]
    assert deepened([[3.0]], (30,), 30) == [3]


def test_ways_are_measured_in_turn_after_a_round_that_does_not_count() -> None:
    asked: list[str] = []

    def way(name: str) -> Any:
        return lambda: asked.append(name) or float(len(asked))

    assert in_turn({"a": way("a"), "b": way("b")}, seconds=0) == {"a": [3], "b": [4]}
    assert asked == ["a", "b", "a", "b"]
    assert len(in_turn({"a": way("a")}, seconds=0.05)["a"]) > 1


def test_the_share_of_the_peak_counts_operations() -> None:
    # 100 tokens in 2 s of 3 GFLOP each are 150 GFLOP/s, of 600.
    found = rates({"ours": [2.0], "stock": [4.0, 1.0, 1.0]}, 100, 3e9, peak=600)
    assert found["ours"] == {"seconds": [2.0], "tokens_per_second": 50, "share_of_peak": 0.25}
    assert found["times_as_fast"] == 0.5
    assert found["faster"] == "stock"


def test_gradients_that_differ_or_are_zero_are_seen() -> None:
    hardware = choose("fp32", "auto", threads=1)
    some = {"weight": torch.ones(2, 2), "bias": torch.zeros(2)}
    same = compared_gradients(some, some, hardware)
    assert same["equal"]
    assert same["norm"] == 2
    other = compared_gradients(some | {"weight": 1.01 * torch.ones(2, 2)}, some, hardware)
    assert other["difference"] == pytest.approx(0.01)
    assert not other["equal"]
    nothing = compared_gradients(some | {"weight": torch.zeros(2, 2)}, some, hardware)
    assert nothing["zero"] == ["weight"]
    assert not nothing["equal"]


def test_the_large_shapes_are_those_of_full_size() -> None:
    sizes = {"encoder": 66, "decoder": 3426, "small_encoder": 23, "small_decoder": 135}
    for role, millions in sizes.items():
        with torch.device("meta"):
            model = random_models.SHAPES[role][1](random_models.settings_of(role))
        assert sum(each.numel() for each in model.parameters()) / 1e6 == pytest.approx(
            millions, rel=0.02
        )
    assert set(probe_parts.LENGTHS) == set(sizes)
