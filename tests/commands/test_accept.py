import ast
import subprocess
import sys
from pathlib import Path

import pytest

from rejeu.build import records
from rejeu.build.identity import (
    RECORDS,
    fingerprint_of,
    fingerprints,
    hash_of,
    packages_of,
    text_place,
)
from rejeu.build.snakemake_run import recorded_codes
from rejeu.commands.accept import main
from rejeu.errors import RejeuError
from rejeu.job.whole_files import write_note

ROOT = Path(__file__).parents[2]
RUN, LOOP = "rejeu/job/run.py", "rejeu/training/loop.py"
RESULT = "results/smoke/a.txt"


def made_before(file: str, now: str, then: str) -> None:
    """Results in this folder of a run's script as it was when `then` stood for `now` in a file."""
    packages = packages_of(Path.cwd(), ROOT)
    old = (ROOT / file).read_text(encoding="utf-8").replace(now, then)
    mark = fingerprint_of(ast.parse(old))
    files = fingerprints(ROOT / "scripts" / "train_lora.py", packages) | {file: mark}
    write_note(RECORDS / f"{hash_of(files)}.json", files)
    write_note(text_place(mark, Path()), old)
    Path("Snakefile").write_text(
        f"rule a:\n    output: '{RESULT}'\n    params: code='{hash_of(files)}', rows=[1, 2]\n"
        "    shell: 'touch {output}'\n"
    )
    words = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    subprocess.run(words, check=True, capture_output=True)
    records.finish([RESULT])
    assert recorded_codes([RESULT, "results/smoke/none.txt"]) == {hash_of(files): 1}


def test_a_message_reworded_since_snakemake_made_the_results_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made_before(RUN, "as kept of an equal job", "taken from an equal job")
    main([], "", tmp_path)
    listed = capsys.readouterr().out
    assert "\n-            print(f\"taken from an equal job: {', '.join(outputs)}\")\n" in (
        listed.replace(" " * 16, " " * 12)
    )
    assert f"{RUN}, behind 1 results: only words of messages changed: can be accepted" in listed
    main([RUN], "reworded", tmp_path)
    assert f"accepted: {RUN}" in capsys.readouterr().out
    main([], "", tmp_path)
    assert capsys.readouterr().out == "No code changed since the results were made.\n"
    assert "reworded" in Path("report/accepted.yaml").read_text()


def test_a_changed_step_of_training_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made_before(LOOP, "time.monotonic() - start", "time.monotonic() + start")
    with pytest.raises(RejeuError, match=f"{LOOP} computes numbers"):
        main([LOOP], "nothing changed, really", tmp_path)
    assert not Path("report/accepted.yaml").exists()
