"""Runs that are stopped by a signal or an error go on from whole states, with the same numbers."""

import fcntl
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from rejeu.errors import RejeuError
from rejeu.job.signals import END_OF_TIME, reason
from rejeu.job.whole_files import read_json, sha256_of, write_json
from rejeu.training import checkpoint, classifier, loop, lora
from rejeu.training.checkpoint import Checkpoints, held, identity_of
from rejeu.training.hardware import Hardware
from tests.training.sample import ROWS
from tests.training.sample import SETTINGS as LORA
from tests.training.test_classifier import SETTINGS as CLASSIFIER
from tests.training.test_classifier import reviews

Trained = tuple[Any, list[dict[str, float]], dict[str, Any]]
Train = Callable[[Checkpoints | None], Trained]
EPOCHS = 2  # of 6 steps each
STEPS = 12


class Died(Exception):  # noqa: N818  it is no error of ours
    """Stands for a process that ends without a word."""


@pytest.fixture(params=["classifier", "lora"])
def train(request: pytest.FixtureRequest, fp32: Hardware) -> Train:
    """Either kind's training, with dropout, on a small model."""
    if request.param == "classifier":
        encoder = request.getfixturevalue("encoder")
        settings = replace(CLASSIFIER, epochs=EPOCHS, attention_dropout=0.1)
        rows = reviews(22)
        return lambda states: classifier.train(
            encoder, rows, settings, fp32, "run", io.StringIO(), states
        )
    causal = request.getfixturevalue("causal")
    longer = replace(LORA, max_steps=STEPS)
    batches = lora.schedule([len(row) for row in ROWS], longer)

    def run(states: Checkpoints | None) -> Trained:
        base = lora.load(causal, fp32, "none")
        return lora.train(base, ROWS, batches, longer, fp32, "run", io.StringIO(), states)

    return run


@contextmanager
def states(
    folder: Path, identity: str = "a" * 64, steps: int = 2, said: io.StringIO | None = None
) -> Iterator[Checkpoints]:
    with held(folder, identity, 3600, steps, "run", said or io.StringIO()) as found:
        yield found


def ended_at(
    step: int,
    folder: Path,
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    how: Callable[[], None],
    **given: Any,
) -> None:
    """Train until `step`, at whose beginning `how` happens."""
    seen = 0
    take_step = loop.take_step

    def counting(number: int, *rest: Any) -> Any:
        nonlocal seen
        if number == step:
            how()
        return take_step(number, *rest)

    with monkeypatch.context() as patched:
        patched.setattr("rejeu.training.loop.take_step", counting)
        with states(folder, **given) as found:
            train(found)


def die() -> None:
    raise Died


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(one: Trained, other: Trained) -> None:
    assert one[1] == other[1]
    first, second = weights(one[0]), weights(other[0])
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert one[2]["train_loss"] == other[2]["train_loss"]


def died(tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch, step: int = 9) -> Path:
    """A folder with the states of steps 6 and 8 (of 12)."""
    folder = tmp_path / "seed42"
    with pytest.raises(Died):
        ended_at(step, folder, train, monkeypatch, die)
    return folder


def test_a_run_that_died_goes_on_bit_for_bit(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = train(None)
    folder = died(tmp_path, train, monkeypatch)
    said = io.StringIO()
    with states(folder, said=said) as found:
        again = train(found)
    assert "goes on after step 8" in said.getvalue()
    assert_same(again, undisturbed)
    assert again[2]["resumed"] is True
    assert again[2]["resumes"] == 1
    assert (undisturbed[2]["resumed"], undisturbed[2]["resumes"]) == (False, 0)
    assert not folder.exists()


def test_a_parameter_without_a_gradient_comes_back_too(tmp_path: Path) -> None:
    def begin() -> loop.OptimisationState:
        parameters = [torch.nn.Parameter(torch.ones(size)) for size in (3, 2)]
        optimiser = torch.optim.AdamW(parameters, lr=0.1, fused=True)
        rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
        return loop.OptimisationState(optimiser, rate, torch.amp.GradScaler("cpu", enabled=False))

    def step(state: loop.OptimisationState) -> list[torch.Tensor]:
        state.parameters[0].sum().backward()
        state.optimiser.step()
        state.rate.step()
        state.optimiser.zero_grad()
        return [parameter.detach().clone() for parameter in state.parameters]

    first, again = begin(), begin()
    step(first)
    with states(tmp_path / "seed42") as found:
        checkpoint.save(found, loop.state_of(first, [{"step": 1}], 2.5, 0))
        assert loop.resume(again, found) == ([{"step": 1}], 2.5, 1)
    assert all(map(torch.equal, step(first), step(again)))


def test_every_step_can_be_the_last_one(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies at each step in turn, again and again in one run, and in between states too."""
    undisturbed = train(None)
    folder = tmp_path / "seed42"
    for step in range(3, STEPS + 1, 2):  # each attempt has a state two steps back
        with pytest.raises(Died):
            ended_at(step, folder, train, monkeypatch, die)
    with states(folder) as found:
        again = train(found)
    assert_same(again, undisturbed)
    assert again[2]["resumes"] == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, END_OF_TIME])
def test_a_signal_saves_at_once_and_ends_the_run(
    tmp_path: Path,
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    number: signal.Signals,
) -> None:
    undisturbed = train(None)
    folder = tmp_path / "seed42"
    # A shell's background job ignores SIGINT, and what is ignored stays so.
    before = signal.signal(number, signal.SIG_DFL)
    request.addfinalizer(lambda: signal.signal(number, before))
    with pytest.raises(RejeuError, match=f"stopped by {reason(number)} after step 5 of 12; its st"):
        ended_at(5, folder, train, monkeypatch, lambda: os.kill(os.getpid(), number), steps=0)
    assert [path.name for path in folder.rglob("*.json")] == ["step000000005.json"]
    with states(folder) as found:
        assert_same(train(found), undisturbed)


def test_a_signal_that_is_ignored_stays_ignored(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended_at(5, tmp_path / "seed42", train, monkeypatch, lambda: os.kill(os.getpid(), 2))
    finally:
        signal.signal(signal.SIGINT, before)


def test_signals_are_obeyed_again_afterwards(train: Train) -> None:
    before = signal.getsignal(signal.SIGTERM)
    train(None)
    assert signal.getsignal(signal.SIGTERM) is before


def test_two_states_are_kept_and_no_half_file(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = died(tmp_path, train, monkeypatch)
    names = sorted(path.name for path in folder.rglob("*") if path.is_file())
    assert names == [
        *("step000000006.json", "step000000006.safetensors"),
        *("step000000008.json", "step000000008.safetensors"),
    ]


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [empty, cut, flip, remove])
@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_damage_is_named_and_an_older_state_serves(
    tmp_path: Path,
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], None],
    suffix: str,
) -> None:
    undisturbed = train(None)
    folder = died(tmp_path, train, monkeypatch)
    (hit,) = folder.rglob(f"step000000008{suffix}")
    damage(hit)
    said = io.StringIO()
    with states(folder, said=said) as found:
        assert_same(train(found), undisturbed)
    assert "goes on after step 6" in said.getvalue()
    named = "step000000008 is not used" in said.getvalue()
    assert named is not (hit.suffix == ".json" and damage is remove)  # which leaves nothing to name


def test_with_all_states_damaged_the_run_begins_anew(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = train(None)
    folder = died(tmp_path, train, monkeypatch)
    for path in folder.rglob("*.safetensors"):
        flip(path)
    with states(folder) as found:
        again = train(found)
    assert_same(again, undisturbed)
    assert again[2]["resumes"] == 0


def test_another_runs_state_is_never_used(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States of another experiment, put in place of this one's, whole as they are."""
    undisturbed = train(None)
    folder = died(tmp_path, train, monkeypatch)
    place = next(folder.rglob("*.json")).parent
    with states(tmp_path / "other", identity="b" * 64) as found:
        train(found)
        for path in found.folder.iterdir():
            (place / path.name).write_bytes(path.read_bytes())
    said = io.StringIO()
    with states(folder, said=said) as found:
        assert_same(train(found), undisturbed)
    assert "step000000012 is not used: it was saved by another run" in said.getvalue()
    assert "goes on after step 8" in said.getvalue()


def test_states_of_other_settings_are_not_used(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = died(tmp_path, train, monkeypatch)
    said = io.StringIO()
    with states(folder, identity="b" * 64, said=said) as found:
        assert train(found)[2]["resumes"] == 0
    assert "1 saved by other settings, data or code: not used" in said.getvalue()


def test_identity_covers_the_job_and_how_the_machine_computes(fp32: Hardware) -> None:
    first = identity_of("a job's identity", fp32)
    assert identity_of("a job's identity", fp32) == first
    assert identity_of("another's", fp32) != first
    assert identity_of("a job's identity", replace(fp32, threads=fp32.threads + 1)) != first
    assert identity_of("a job's identity", replace(fp32, precision="bf16")) != first


def test_states_are_saved_by_time_too(tmp_path: Path) -> None:
    with held(tmp_path / "run", "a" * 64, 0.0, 0, "run", io.StringIO()) as found:
        assert found.due(1)
    with held(tmp_path / "run", "a" * 64, 3600, 3, "run", io.StringIO()) as found:
        assert [step for step in range(1, 10) if found.due(step)] == [3, 6, 9]


def test_a_full_disk_costs_the_state_not_the_run(tmp_path: Path, train: Train) -> None:
    undisturbed = train(None)
    said = io.StringIO()
    with states(tmp_path / "seed42", said=said) as found:
        found.folder.rmdir()
        found.folder.symlink_to("/dev/full")  # as a folder nothing can be written to
        assert_same(train(found), undisturbed)
        found.folder.unlink()
    assert "state of step 2 was not saved" in said.getvalue()


def test_a_twin_is_waited_for_and_named(tmp_path: Path) -> None:
    """A process of its own holds the folder; this one says which, and goes on when it is gone."""
    lock = tmp_path / "seed42.lock"
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with lock.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.write(str(os.getpid()))
            stream.flush()
            os.write(ready[1], b"x")
            os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)

    class Releases(io.StringIO):
        def write(self, text: str) -> int:
            os.write(go[1], b"x")
            return super().write(text)

    said = Releases()
    with states(tmp_path / "seed42", said=said):
        pass
    os.waitpid(child, 0)
    assert f"waiting for process {child}" in said.getvalue()


def test_training_that_diverges_ends_early_with_whole_weights(
    encoder: Path, fp32: Hardware
) -> None:
    settings = replace(CLASSIFIER, learning_rate=1e30, epochs=EPOCHS)
    model, log, record = classifier.train(
        encoder, reviews(22), settings, fp32, "run", io.StringIO()
    )
    assert record["diverged_at"] == record["steps"] + 1 == len(log) + 1 < STEPS
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_a_loss_that_is_no_number_at_once_is_refused(
    encoder: Path, tmp_path: Path, fp32: Hardware
) -> None:
    model = classifier.load(encoder, fp32, 0.0)
    model.get_parameter("bert.encoder.layer.0.output.dense.weight").data.fill_(float("nan"))
    model.save_pretrained(tmp_path)
    with pytest.raises(
        RejeuError, match=r"the loss of the first step, on rows .*, is not a number"
    ):
        classifier.train(tmp_path, reviews(22), CLASSIFIER, fp32, "run", io.StringIO())


def test_no_pickle_is_read(tmp_path: Path) -> None:
    """What torch.load would run does not run: states are safetensors and JSON."""
    with states(tmp_path / "run") as found:
        save_file({"parameter.0": torch.zeros(1)}, found.folder / "step000000001.safetensors")
        evil = found.folder / "step000000002.safetensors"
        evil.write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "ran") + b"'\ntR.")
        told = {"identity": found.identity, "step": 2, "sha256": sha256_of(evil), "facts": {}}
        write_json(evil.with_suffix(".json"), told)
        with pytest.raises(Exception, match="header"):
            checkpoint.read(evil.with_suffix(".json"), found.identity)
        assert read_json(evil.with_suffix(".json"))["step"] == 2
    assert not (tmp_path / "ran").exists()
