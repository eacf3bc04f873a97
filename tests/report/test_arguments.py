from dataclasses import asdict, replace
from typing import Any

import pytest

from rejeu.report.arguments import lora_arguments
from tests.training.sample import SETTINGS


@pytest.mark.parametrize("chosen", [None, ["c_attn"]])
def test_adapted_layers_are_printed_once(chosen: list[str] | None) -> None:
    """As they were adapted, whether the experiment chose them or left them to peft."""
    run: dict[str, Any] = {
        "settings": asdict(replace(SETTINGS, target_modules=chosen)),
        "target_modules": ["c_attn"],
        "precision": "bf16",
    }
    text = lora_arguments(run)
    assert text.count("target_modules") == 1
    assert "target_modules=['c_attn']" in text.split("\ntraining")[0]
