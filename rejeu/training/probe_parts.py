"""The parts of the probe: steps of an encoder and of a decoder's adapter, ours and stock Trainer's.

On a processor a step of the true shape would take too long. There an encoder's step has fewer rows,
which don't depend on one another; and a decoder has fewer layers: two depths are measured, whose
difference is the time of a layer.
"""

import copy
import io
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification
from transformers.utils.import_utils import is_bitsandbytes_available

from rejeu.data.tokenise import TokenRows
from rejeu.job.machine import peak_memory_mb
from rejeu.job.run import Progress
from rejeu.training import classifier, forward, lora, random_models, stock
from rejeu.training.hardware import Hardware

SEED = 42
# How far our gradient may be from the library's, all tensors as one vector, by the precision in
# which they are compared: in half precision each product is rounded to 8 or 11 bits.
TOLERANCE = {"fp32": 1e-4, "bf16": 0.1, "fp16": 0.03}
# Tokens a row: a log-normal distribution's median and deviation, and the longest.
LENGTHS = {
    "encoder": (110, 0.6, 512),  # reviews without their stop words
    "small_encoder": (180, 0.6, 256),  # whole reviews, cut
    "decoder": (50, 0.5, 512),  # messages with their replies
    "small_decoder": (50, 0.5, 128),
}
ROWS = {"encoder": 16, "small_encoder": 16, "decoder": 2, "small_decoder": 2}  # of a step
CUT_ROWS = 4  # of an encoder's step on a processor
STEPS = {"cpu": 2, "cuda": 12}  # of one measurement
DEPTHS = {"cpu": (1, 2), "cuda": (2, 8)}  # layers of the large decoder
# Hyper-parameters as a study's; what a step takes doesn't depend on most of them.
CLASSIFIER = classifier.Settings(
    start_from=None,
    learning_rate=2e-5,
    batch_size=ROWS["encoder"],
    weight_decay=0.01,
    max_grad_norm=1.0,
    epochs=1,
    attention_dropout=0.0,
    length_grouping=True,
    classes=2,
    seed=SEED,
)
LORA = lora.Settings(
    start_from=None,
    rank=8,
    alpha=8,
    rank_stabilised=False,
    dropout=0.1,
    target_modules=None,
    learning_rate=2e-4,
    warmup_share=0.03,
    max_grad_norm=0.3,
    batch_size=1,
    accumulation=ROWS["decoder"],
    length_grouping=True,
    max_steps=STEPS["cpu"],
    seed=SEED,
    joining="plain",
    dose=None,
)

Rows = list[list[int]]


def rows_of(role: str, steps: int, rows_per_step: int) -> Rows:
    """Rows whose lengths are evenly spaced quantiles of the role's: neighbours are alike."""
    median, deviation, longest = LENGTHS[role]
    normal, count = statistics.NormalDist(), steps * rows_per_step
    lengths = [
        round(median * math.exp(deviation * normal.inv_cdf((place + 0.5) / count)))
        for place in range(count)
    ]
    draw = torch.Generator().manual_seed(SEED)
    return [
        torch.randint(5, random_models.VOCABULARY, (min(length, longest),), generator=draw).tolist()
        for length in lengths
    ]


def probe_encoder(
    role: str, folder: Path, hardware: Hardware, seconds: float, peak: float
) -> dict[str, Any]:
    """Measure the training of all weights of an encoder.

    Returns:
        {layers, rows_per_step, rows_per_true_step, lengths, ours, stock, times_as_fast, faster,
        gradients, peak_memory_mb}; of a small one ours alone. `ours` and `stock` are {seconds: of
        a true step, one value per repeat, tokens_per_second, share_of_peak}.
    """
    steps = STEPS[hardware.device]
    size = CUT_ROWS if hardware.device == "cpu" else ROWS[role]
    rows = rows_of(role, steps, size)
    labels = [place % 2 for place in range(len(rows))]
    table = TokenRows(pa.chunked_array([rows]), [len(row) for row in rows], labels)
    settings = replace(CLASSIFIER, batch_size=size)
    random_models.write(role, folder)

    def ours() -> float:
        quiet = io.StringIO()
        record = classifier.train(folder, table, settings, hardware, "probe", quiet)[2]
        return record["wall_seconds"] * ROWS[role] / len(rows)

    def library() -> Any:
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False, attention_dropout=0.0
        )
        return model.to(hardware.device)

    def theirs() -> float:
        given = [
            {"input_ids": row, "label": label} for row, label in zip(rows, labels, strict=True)
        ]
        taken = stock.seconds(library(), given, size, stock.labelled, hardware, folder / "trainer")
        return taken * ROWS[role] / len(rows)

    compared = role == "encoder"
    start_memory(hardware)
    found = in_turn({"ours": ours} | ({"stock": theirs} if compared else {}), seconds)
    config = random_models.settings_of(role)
    width = config.hidden_size
    inner = getattr(config, "hidden_dim", None) or config.intermediate_size
    layers = config.num_hidden_layers
    products = layers * (4 * width**2 + 2 * width * inner)
    flop = 6 * products * tokens(rows) + 12 * layers * width * squares(rows)
    record: dict[str, Any] = {
        "layers": layers,
        "rows_per_step": size,
        "rows_per_true_step": ROWS[role],
        "lengths": [len(row) for row in rows],
    }
    record |= rates(found, tokens(rows) * ROWS[role] / len(rows), flop / tokens(rows), peak)
    if compared:
        record["gradients"] = encoder_gradients(library(), rows[:size], labels[:size], hardware)
    return record | {"peak_memory_mb": end_memory(hardware)}


def encoder_gradients(
    model: Any, rows: Rows, labels: list[int], hardware: Hardware
) -> dict[str, Any]:
    """Compare gradients of one batch, without dropout, by our forward pass and by the library's.

    On a processor in float32, so that nothing but a difference of the two shows. A GPU's attention
    to rows end to end takes half precision only.

    Returns:
        As `compared_gradients`, and by how much each is rounded in the precision that is trained
        in: {rounding: {ours, library}}, the distance from the library's in float32.
    """
    model.eval()
    targets = torch.tensor(labels, device=hardware.device)
    exact = replace(hardware, precision="fp32")

    def ours(used: Hardware) -> dict[str, torch.Tensor]:
        cross_entropy(forward.logits_of(model, used)(rows), targets).backward()
        return take_gradients(model)

    def library(used: Hardware) -> dict[str, torch.Tensor]:
        with used.autocast():
            logits = model(**forward.padded(rows, 0, used.device)).logits
        cross_entropy(logits.float(), targets).backward()
        return take_gradients(model)

    compared_in = exact if hardware.device == "cpu" else hardware
    rounded, reference = ours(hardware), library(exact)
    found = compared_gradients(
        ours(exact) if compared_in is exact else rounded, reference, compared_in
    )
    rounding = {
        "ours": distance(rounded, reference),
        "library": distance(library(hardware), reference),
    }
    return found | {"rounding": rounding}


def probe_decoder(
    role: str, folder: Path, hardware: Hardware, seconds: float, peak: float
) -> dict[str, Any]:
    """Measure the training of an adapter, r = 8, on a decoder's frozen weights.

    Of a large one in NF4 where bitsandbytes is installed.

    Returns:
        As `probe_encoder`, and {quantisation, layers_measured}; seconds are of all `layers`.
    """
    whole = random_models.settings_of(role)
    compared = role == "decoder"
    depths = DEPTHS[hardware.device] if compared else (whole.num_hidden_layers,)
    quantisation = "nf4" if compared and is_bitsandbytes_available() else "none"
    steps = STEPS[hardware.device]
    rows = rows_of(role, steps, ROWS[role])
    batches = lora.steps(list(range(len(rows))), ROWS[role])
    settings = replace(LORA, accumulation=ROWS[role], max_steps=steps)
    start_memory(hardware)
    base = lora.load(random_models.write(role, folder, depths[-1]), hardware, quantisation)
    base.config.use_cache = False
    model: Any = base
    library: Any = None
    record: dict[str, Any] = {"quantisation": quantisation}
    if compared:
        library = get_peft_model(
            copy.deepcopy(model),  # pyright: ignore[reportArgumentType]
            LoraConfig(r=8, lora_alpha=8, lora_dropout=0.1, task_type="CAUSAL_LM"),
        )
    model = lora.adapt(base, settings, hardware)
    if compared:
        record["gradients"] = decoder_gradients(model, library, rows[: ROWS[role]], hardware)
    all_layers = {id(each): layers_of(each) for each in (model, library) if each is not None}

    def ours(depth: int) -> float:
        set_layers(model, all_layers[id(model)][:depth])
        progress = Progress("probe", steps, io.StringIO())
        return lora.fit_adapter(model, rows, batches, settings, hardware, progress).seconds / steps

    def theirs(depth: int) -> float:
        set_layers(library, all_layers[id(library)][:depth])
        given = [{"input_ids": row} for row in rows]
        trainer = folder / "trainer"
        return stock.seconds(library, given, ROWS[role], stock.continued, hardware, trainer) / steps

    ways: dict[str, Callable[[], float]] = {}
    for depth in depths:
        ways[f"ours {depth}"] = lambda depth=depth: ours(depth)
        if compared:
            ways[f"stock {depth}"] = lambda depth=depth: theirs(depth)
    measured = in_turn(ways, seconds)
    layers = whole.num_hidden_layers
    found = {
        name: deepened([measured[f"{name} {depth}"] for depth in depths], depths, layers)
        for name in (("ours", "stock") if compared else ("ours",))
    }
    width, inner = whole.hidden_size, whole.intermediate_size
    products = layers * (4 * width**2 + 3 * width * inner) + width * whole.vocab_size
    flop = 4 * products * tokens(rows) + 12 * layers * width * squares(rows)
    record |= {
        "layers": layers,
        "layers_measured": list(depths),
        "seconds_measured": measured,
        "rows_per_step": ROWS[role],
        "lengths": [len(row) for row in rows],
    }
    record |= rates(found, tokens(rows) / steps, flop / tokens(rows), peak)
    return record | {"peak_memory_mb": end_memory(hardware)}


def decoder_gradients(model: Any, library: Any, rows: Rows, hardware: Hardware) -> dict[str, Any]:
    """Compare gradients of one batch, without dropout, of the same adapter; both sides get B != 0.

    With B = 0, as training begins, the gradient of A is zero.
    """
    torch.manual_seed(SEED)
    theirs = dict(library.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.02)
                theirs[name].copy_(parameter)
    model.eval()
    library.eval()
    total, count = forward.loss(model, rows, hardware)
    (total / count).backward()
    batch = stock.continued([{"input_ids": row} for row in rows])
    with hardware.autocast():
        library(
            **{name: values.to(hardware.device) for name, values in batch.items()}
        ).loss.backward()
    found = compared_gradients(take_gradients(model), take_gradients(library), hardware)
    model.train()
    library.train()
    return found


def layers_of(model: Any) -> Any:
    """The blocks of a Llama with an adapter."""
    return model.get_base_model().model.layers


def set_layers(model: Any, layers: Any) -> None:
    """Let a Llama with an adapter have these blocks alone, for the library too."""
    base = model.get_base_model()
    base.model.layers, base.config.num_hidden_layers = layers, len(layers)


def deepened(by_depth: list[list[float]], depths: tuple[int, ...], layers: int) -> list[float]:
    """Seconds of a step through so many layers, repeat by repeat, from those of two depths."""
    if len(depths) == 1:
        return by_depth[0]
    few, many = depths
    return [
        low + (high - low) / (many - few) * (layers - few)
        for low, high in zip(*by_depth, strict=True)
    ]


def in_turn(ways: dict[str, Callable[[], float]], seconds: float) -> dict[str, list[float]]:
    """What each way measures, in turn: once to warm up, once, then again while there is time."""
    began = time.monotonic()
    for measured in ways.values():
        measured()
    values: dict[str, list[float]] = {name: [] for name in ways}
    while True:
        round_began = time.monotonic()
        for name, measured in ways.items():
            values[name].append(measured())
        now = time.monotonic()
        if now + (now - round_began) > began + seconds:
            return values


def rates(
    found: dict[str, list[float]], per_step: float, flop_per_token: float, peak: float
) -> dict[str, Any]:
    """What steps of so many tokens come to, and how often ours is as fast as the other.

    Floating-point operations are those of the products and of attention, forwards and backwards,
    without padding; `peak` is in GFLOP/s.
    """
    record: dict[str, Any] = {}
    for name, values in found.items():
        rate = per_step / statistics.median(values)
        share = rate * flop_per_token / (peak * 1e9)
        record[name] = {"seconds": values, "tokens_per_second": rate, "share_of_peak": share}
    if "stock" in found:
        ratio = record["ours"]["tokens_per_second"] / record["stock"]["tokens_per_second"]
        record |= {"times_as_fast": ratio, "faster": "ours" if ratio >= 1 else "stock"}
    return record


def take_gradients(model: Any) -> dict[str, torch.Tensor]:
    """The gradients of all that is trained, by name; the model's are cleared."""
    found = {
        name: parameter.grad.detach().float().cpu()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    model.zero_grad()
    return found


def compared_gradients(
    ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], hardware: Hardware
) -> dict[str, Any]:
    """How far our gradients are from the library's.

    Returns:
        {precision, norm: of ours, difference: relative, tolerance, zero: matrices of ours that have
        no gradient, equal: whether they are within the tolerance and none is zero}.
    """
    zero = without_gradient(ours)
    tolerance, difference = TOLERANCE[hardware.precision], distance(ours, theirs)
    return {
        "precision": hardware.precision,
        "norm": length(ours.values()),
        "difference": difference,
        "tolerance": tolerance,
        "zero": zero,
        "equal": not zero and difference <= tolerance,
    }


def without_gradient(gradients: dict[str, torch.Tensor]) -> list[str]:
    """The matrices whose gradient is zero: they aren't trained."""
    return [name for name, value in gradients.items() if value.ndim > 1 and not value.any()]


def distance(some: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> float:
    """Length of the difference of tensors by name, as a share of the second's; of none infinite."""
    apart = length(some[name] - value for name, value in others.items())
    whole = length(others.values())
    return apart / whole if whole else math.inf


def length(gradients: Iterable[torch.Tensor]) -> float:
    """Of all tensors as one vector."""
    return math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))


def tokens(rows: Iterable[list[int]]) -> int:
    """Tokens of all rows."""
    return sum(map(len, rows))


def squares(rows: Iterable[list[int]]) -> int:
    """Pairs of tokens that see one another: a row's length squared, of all rows."""
    return sum(len(row) ** 2 for row in rows)


def start_memory(hardware: Hardware) -> None:
    """Begin to note the largest memory of a GPU; a process's can't be begun anew."""
    if hardware.device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def end_memory(hardware: Hardware) -> float:
    """The largest memory since, in MB: a GPU's, or else the process's so far."""
    if hardware.device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return peak_memory_mb()
