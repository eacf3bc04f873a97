"""What is read from outside is data: no pickle, no code of a model, no YAML that makes objects."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "rejeu").rglob("*.py"), *(ROOT / "scripts").glob("*.py")])
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
RESTRICTED = "torch.load that makes nothing but tensors"
LOADERS = {"torch.load", "np.load", "numpy.load", "pd.read_pickle", "yaml.load", "eval", "exec"}


def unsafe(code: str) -> Iterator[str]:
    """Each unsafe way of reading in Python source."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [getattr(node, "module", None) or "", *(name.name for name in node.names)]
            yield from {module.split(".")[0] for module in modules} & PICKLES
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {word.arg: word.value for word in node.keywords}
            restricted = given.get("weights_only")
            if called == "torch.load" and restricted and ast.unparse(restricted) == "True":
                yield RESTRICTED
            elif called in LOADERS:
                yield called
            elif (
                called.split(".")[-1] == "YAML" and ast.unparse(given.get("typ", node)) != "'safe'"
            ):
                yield f"{called} without typ='safe'"
            # A dictionary of options may say it; a keyword that says it must say no.
            elif called.startswith("Auto") and called.endswith(".from_pretrained"):
                trusted = given.get("trust_remote_code")
                if not (trusted and ast.unparse(trusted) == "False") and None not in given:
                    yield f"{called} without trust_remote_code=False"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_reads_code_as_data(path: Path) -> None:
    # In the one place that is for it, and that checks first whose file it is.
    known = [RESTRICTED] if path.name == "torch_bin.py" else []
    assert list(unsafe(path.read_text(encoding="utf-8"))) == known


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load('x')",
        "torch.load('x', weights_only=False)",
        "torch.load('x', weights_only=True)",
        "eval('1')",
        "YAML().load('x')",
        "ruamel.yaml.YAML(typ='unsafe')",
        "AutoModel.from_pretrained('x')",
        "AutoModel.from_pretrained('x', trust_remote_code=True)",
    ],
)
def test_an_unsafe_way_is_found(code: str) -> None:
    assert list(unsafe(code))
