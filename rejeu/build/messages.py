"""Whether two versions of a Python file differ in the words of their messages only.

That is proved on the syntax trees, and what isn't proved is denied. Messages are the texts that
stand directly in
- `print(...)` as a statement, without `file=`, or to `sys.stdout`, `sys.stderr` or a `terminal`;
- `log.warning(...)` and the like, as a statement, of `log = logging.getLogger(__name__)`;
- `raise RejeuError(...)`, in a file that never looks into the text of a caught one.
Of f-strings only the words count as such: expressions, formats, the number and order of arguments
and everything else of the file must be the same. A file that rebinds one of these names, or that
could do so unseen (`setattr`, `exec`, `import *`), has no messages. By the project's convention
`terminal` is what a person reads, and no other file decides by a `RejeuError`'s text.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator

from rejeu.build.identity import canonical

LOG_CALLS = (".debug", ".info", ".warning", ".error")
# How each name may come about in a file without being something else than it seems.
TRUSTED = {
    **dict.fromkeys(("print", "stdout", "stderr", *LOG_CALLS), ()),
    "sys": ("import sys",),
    "logging": ("import logging",),
    "log": ("log = logging.getLogger(__name__)",),
    "RejeuError": ("from rejeu.errors import RejeuError",),
    "terminal": ("parameter", "field"),
}
# With these a file can rebind names, read its own words, or send what is printed elsewhere.
REFLECTION = {
    *("setattr", "__setattr__", "exec", "eval", "globals", "vars", "builtins", "__builtins__"),
    *("__dict__", "__globals__", "f_globals", "__import__", "importlib", "inspect", "__file__"),
    *("redirect_stdout", "redirect_stderr"),
}
# With these it can look into the text of an error that it catches.
ERRORS = {"exc_info", "exception", "traceback", "__exit__", "__aexit__"}
Bindings = dict[str, set[str]]


def differ_in_messages_only(before: str, after: str) -> bool:
    """Whether it is proved that two texts of Python differ in words of messages only.

    Raises:
        SyntaxError: one of them isn't Python.
    """
    return without_messages(before) == without_messages(after)


def without_messages(text: str) -> str:
    """The canonical tree of a file, in which messages have no words."""
    tree = ast.parse(text)
    bound = bindings(tree)
    if bound.keys() & {*REFLECTION, "*"}:
        return canonical(tree)
    reads = any(reads_error(node, bound) for node in ast.walk(tree))
    raises = not reads and not bound.keys() & ERRORS
    for node in ast.walk(tree):
        if (call := message(node, bound, raises=raises)) is not None:
            call.args = [wordless(argument) for argument in call.args]
    return canonical(tree)


def bindings(tree: ast.AST) -> Bindings:
    """How each name is bound, in words; one of REFLECTION or ERRORS counts where it is used."""
    bound: Bindings = defaultdict(set)
    done: set[ast.AST] = set()
    for node in ast.walk(tree):  # a statement before what is in it
        match node:
            case ast.Import() | ast.ImportFrom():
                for name, way in imported(node):
                    bound[name].add(way)
            case ast.Assign(targets=[ast.Name(id=name) as target]):
                bound[name].add(ast.unparse(node))
                done.add(target)
            case ast.AnnAssign(target=ast.Name(id=name) as target, value=None):
                bound[name].add("field")
                done.add(target)
            case ast.arg(arg=name):
                bound[name].add("parameter")
            case ast.Name(id=name) | ast.Attribute(attr=name) if isinstance(node.ctx, ast.Load):
                if name in REFLECTION | ERRORS and (name != "eval" or isinstance(node, ast.Name)):
                    bound[name].add("used")  # but for `model.eval()`, which is PyTorch's
            case ast.Name(id=name) if node not in done:
                bound[name].add("assigned")
            case ast.Attribute(attr=name):
                bound[name].add("assigned")
                bound[f".{name}"].add("assigned")
            case _:
                for name in names_in(node):
                    bound[name].add(type(node).__name__)
    return bound


def names_in(node: ast.AST) -> list[str]:
    """What functions, classes, handlers, patterns and `global` bind."""
    if isinstance(node, ast.alias):
        return []
    fields = [getattr(node, field, None) for field in ("name", "rest")]
    return [name for name in (*fields, *getattr(node, "names", ())) if isinstance(name, str)]


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Each name that a statement imports, with the statement for it alone."""
    for each in node.names:
        if isinstance(node, ast.Import):
            yield each.asname or each.name.split(".")[0], ast.unparse(ast.Import([each]))
        else:
            one = ast.ImportFrom(node.module, [each], node.level)
            yield each.asname or each.name, ast.unparse(one)
        origin = (getattr(node, "module", None) or "").split(".") + each.name.split(".")
        yield from ((name, "imported") for name in origin if name in REFLECTION | ERRORS)


def trusted(bound: Bindings, *names: str) -> bool:
    """Whether each of these names is bound in the ways that TRUSTED allows it, and in no other."""
    return all(bound.get(name, set()) <= set(TRUSTED[name]) for name in names)


def message(node: ast.AST, bound: Bindings, *, raises: bool) -> ast.Call | None:
    """The call of a statement that only tells something; None of any other.

    Args:
        raises: whether the text of a RejeuError counts as a message.
    """
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), keywords=options) as call):
            tells = trusted(bound, "print") and is_for_people(options, bound)
        case ast.Expr(value=ast.Call(func=ast.Attribute(ast.Name(id="log"), kind)) as call):
            tells = f".{kind}" in LOG_CALLS and trusted(bound, "log", "logging", *LOG_CALLS)
        case ast.Raise(exc=ast.Call(func=ast.Name(id="RejeuError"), keywords=[]) as call):
            tells = raises and trusted(bound, "RejeuError")
        case _:
            return None
    return call if tells else None


def is_for_people(options: list[ast.keyword], bound: Bindings) -> bool:
    """Whether what is printed with these options goes to the terminal or the job's log."""
    match options:
        case []:
            return trusted(bound, "sys", "stdout", "stderr")
        case [ast.keyword("file", ast.Attribute(ast.Name(id="sys"), "stdout" | "stderr"))]:
            return trusted(bound, "sys", "stdout", "stderr")
        case [ast.keyword("file", ast.Name(id="terminal") | ast.Attribute(ast.Name(), "terminal"))]:
            return trusted(bound, "terminal")
    return False


def reads_error(node: ast.AST, bound: Bindings) -> bool:
    """Whether a handler may catch a RejeuError and does more with it than tell its text on."""
    if not isinstance(node, ast.ExceptHandler) or node.name is None or node.type is None:
        return False
    kinds = [each for each in ast.walk(node.type) if isinstance(each, ast.Name | ast.Attribute)]
    names = {each.id if isinstance(each, ast.Name) else each.attr for each in kinds}
    ways = {way for name in names for way in bound.get(name, ())}
    names |= {way.split()[3] for way in ways if way.startswith("from ")}
    known = all(way == "ClassDef" or way.startswith(("import ", "from ")) for way in ways)
    if known and not names & {"RejeuError", "Exception", "BaseException"}:
        return False
    told: set[ast.AST | None] = set()
    for inner in ast.walk(node):
        if (call := message(inner, bound, raises=True)) is not None:
            parts = [part for text in call.args for part in getattr(text, "values", [])]
            told |= {part.value for part in parts if isinstance(part, ast.FormattedValue)}
            told.add(getattr(inner, "cause", None))
    uses = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == node.name]
    return any(use not in told for use in uses)


def wordless(argument: ast.expr) -> ast.expr:
    """A text without its words, or what isn't a text as it is."""
    match argument:
        case ast.Constant(value=str()):
            return ast.JoinedStr(values=[])
        case ast.JoinedStr(values=values):
            return ast.JoinedStr([part for part in values if not isinstance(part, ast.Constant)])
    return argument
