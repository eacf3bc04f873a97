"""A run's settings as the Python that a reader of the assignment expects."""

from typing import Any

TRAINER = {
    "learning_rate": "learning_rate",
    "batch_size": "per_device_train_batch_size",
    "epochs": "num_train_epochs",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "seed": "seed",
}


def trainer_arguments(run: dict[str, Any]) -> str:
    """A classifier's run as arguments of transformers' Trainer, in Python."""
    settings = run["settings"]
    arguments = {TRAINER[key]: value for key, value in settings.items() if key in TRAINER}
    arguments |= {"lr_scheduler_type": "linear", "optim": "adamw_torch_fused"}
    if run["precision"] != "fp32":
        arguments[run["precision"]] = True
    if settings["length_grouping"]:
        arguments["train_sampling_strategy"] = "group_by_length"
    return call("TrainingArguments", arguments)


def lora_arguments(run: dict[str, Any]) -> str:
    """The settings of a LoRA run: its adapter as peft's LoraConfig, and its training."""
    # The layers that were adapted stand beside the settings, where they may be left to peft.
    left_out = ("start_from", "target_modules")
    settings = {key: value for key, value in run["settings"].items() if key not in left_out}
    adapter = {
        "r": settings.pop("rank"),
        "lora_alpha": settings.pop("alpha"),
        "lora_dropout": settings.pop("dropout"),
        "target_modules": run["target_modules"],
    }
    if settings.pop("rank_stabilised"):
        adapter["use_rslora"] = True
    if settings["dose"] is None:
        del settings["dose"]
    return (
        call("LoraConfig", adapter)
        + "\n"
        + call("training", settings | {"precision": run["precision"]})
    )


def call(name: str, arguments: dict[str, Any]) -> str:
    """A call in Python's own words, with one keyword argument a line."""
    lines = "".join(f"    {key}={value!r},\n" for key, value in arguments.items())
    return f"{name}(\n{lines})"


def plain_settings(run: dict[str, Any]) -> str:
    """The settings of a study's own command."""
    return call("settings", run["settings"])
