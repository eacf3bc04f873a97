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
    """A run of Part 1 as arguments of transformers' Trainer, in Python."""
    settings = run["settings"]
    given = {TRAINER[key]: value for key, value in settings.items() if key in TRAINER}
    given |= {"lr_scheduler_type": "linear", "optim": "adamw_torch_fused"}
    if run["precision"] != "fp32":
        given[run["precision"]] = True
    if settings["length_grouping"]:
        given["train_sampling_strategy"] = "group_by_length"
    return call("TrainingArguments", given)


def lora_arguments(run: dict[str, Any]) -> str:
    """The settings of a run of Part 2: its adapter as peft's LoraConfig, and its training."""
    settings = {key: value for key, value in run["settings"].items() if key != "start_from"}
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
    lines = "".join(f"    {key}={value!r},\n" for key, value in arguments.items())
    return f"{name}(\n{lines})"
