"""What a template names, read off its syntax tree, and whether somebody gives it that."""

import ast
import difflib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from rejeu.errors import RejeuError
from rejeu.study.names import suggest
from rejeu.study.strict_reading import read_utf8

# What templates name of the judged: under which name, each one's arms by its id.
Judged = Mapping[str, Mapping[str, Collection[str]]]


def parsed(templates: Environment, path: Path) -> nodes.Template:
    """A template's syntax tree, which several checks read and none changes.

    Raises:
        RejeuError: with the file, the line and what is wrong there.
    """
    return _shared(templates, read_utf8(path), path)


def parse(templates: Environment, text: str, path: Path) -> nodes.Template:
    """As `parsed`, but of one's own."""
    try:
        return templates.parse(text, path.name)
    except TemplateSyntaxError as error:
        raise refused(path, error) from None


_shared = lru_cache(maxsize=64)(parse)


def refused(path: Path, error: TemplateSyntaxError) -> RejeuError:
    """The one message for a template that can't be read."""
    return RejeuError(f"{path}, line {error.lineno}: {error.message}; nothing was run")


def check_template(
    templates: Environment,
    path: Path,
    known_names: set[str],
    judged: Judged,
    facts: set[str] | None,
    words: Collection[str],
) -> set[str]:
    """Refuse a template that can't be read or that names what nobody gives it.

    Args:
        known_names: all that a template may name by itself.
        judged: what the claims file has.
        facts: the keys of the study's deductions; None: any.
        words: the names of the words in the template's language.

    Returns:
        The names that it defines for a chapter: macros, and values that it sets or imports.
    """
    tree = parse(templates, read_utf8(path), path)  # Jinja folds constants in what it looks through
    check_filters(templates, tree, path)
    try:
        undeclared = meta.find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        raise refused(path, error) from None
    set_anywhere = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
    for name in sorted(undeclared - known_names - set_anywhere):
        line = next(node.lineno for node in tree.find_all(nodes.Name) if node.name == name)
        near = difflib.get_close_matches(name, known_names | set_anywhere, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known_names))}"
        raise RejeuError(f"{path}, line {line}: no value is called '{name}'; {hint}")
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport)):
        if isinstance(node.template, nodes.Const) and not is_there(templates, node.template.value):
            raise RejeuError(
                f"{path}, line {node.lineno}: {node.template.value}: no such template "
                "beside it, in the folder above, or among the engine's"
            )
    check_judged(tree, path, judged)
    for node in tree.find_all(nodes.Getattr):
        match node.node:
            case nodes.Name(name="facts") if facts is not None and node.attr not in facts:
                lacks = "`facts` of report/findings doesn't give it"
                raise missing_key(path, node, "facts", lacks, facts)
            case nodes.Name(name="words") if node.attr not in words and not hasattr(
                dict, node.attr
            ):
                raise missing_key(path, node, "words", "no words.yaml has it", words)
    targets = [
        name for statement in tree.find_all(nodes.Assign) for name in statement.find_all(nodes.Name)
    ]
    imported = [name for statement in tree.find_all(nodes.FromImport) for name in statement.names]
    return {
        *(macro.name for macro in tree.find_all(nodes.Macro)),
        *(node.name for node in targets if node.ctx == "store"),
        *(name if isinstance(name, str) else name[1] for name in imported),
    }


def check_filters(templates: Environment, tree: nodes.Template, path: Path) -> None:
    """Refuse a filter or a test that Jinja doesn't know; it waits for a run where an `if` is."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        kind, known = (
            ("filter", templates.filters)
            if isinstance(node, nodes.Filter)
            else ("test", templates.tests)
        )
        if node.name not in known:
            raise RejeuError(
                f"{path}, line {node.lineno}: no {kind} is called '{node.name}'; "
                f"{suggest(node.name, known)}"
            )


def is_there(templates: Environment, name: str) -> bool:
    """Whether a template of this name lies where those that include it look for it."""
    return name in templates.list_templates()


def check_judged(tree: nodes.Template, path: Path, judged: Judged) -> None:
    """Refuse a template that names a claim, an arm or a comparison that the claims file lacks."""
    for node in tree.find_all(nodes.Getattr):
        match node.node:
            case nodes.Name(name=name) if name in judged:
                known, what = judged[name], name
            case nodes.Getattr(node=nodes.Name(name="compared"), attr=claim) if claim in judged.get(
                "compared", {}
            ):
                known, what = judged["compared"][claim], f"compared.{claim}"
            case _:
                continue
        if node.attr not in known and not hasattr(dict, node.attr):
            raise missing_key(path, node, what, "the claims file doesn't have it", known)


def missing_key(
    path: Path, node: nodes.Getattr, what: str, lacks: str, known: Collection[str]
) -> RejeuError:
    """The error for a template's `what.KEY` of which `lacks` says who doesn't have it."""
    return RejeuError(
        f"{path}, line {node.lineno}: {what}.{node.attr}: the template names it, and {lacks}; "
        f"{suggest(node.attr, known)}"
    )


def facts_given(folder: Path) -> set[str] | None:
    """The keys that `facts` of report/findings returns; None where that can't be read off it."""
    path = folder / "findings" / "facts.py"
    if not path.is_file():
        return set()
    for node in ast.walk(ast.parse(read_utf8(path), str(path))):
        if isinstance(node, ast.FunctionDef) and node.name == "facts":
            returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
            return literal_keys(returned[0]) if len(returned) == 1 else None
    return set()


def figures_given(folder: Path) -> set[str] | None:
    """The names in `FIGURES` of report/findings; None where they can't be read off it."""
    path = folder / "findings" / "figures.py"
    if not path.is_file():
        return set()
    for node in ast.parse(read_utf8(path), str(path)).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id="FIGURES"), value=value):
                return literal_keys(value)
            case ast.Assign(targets=[ast.Name(id="FIGURES")], value=value):
                return literal_keys(value)
    return set()


def literal_keys(value: ast.expr | None) -> set[str] | None:
    """The keys of a dictionary as it is written; None where they are computed."""
    if isinstance(value, ast.Dict) and all(isinstance(key, ast.Constant) for key in value.keys):
        return {str(key.value) for key in value.keys if isinstance(key, ast.Constant)}
    return None


def refuse_missing_figures(folder: Path, figures: Iterable[str]) -> None:
    """Refuse figures of report/comparisons.yaml that no function of report/findings draws.

    Raises:
        RejeuError: with the figure, and those that are drawn.
    """
    drawn = figures_given(folder)
    for name in figures:
        if drawn is not None and name not in drawn:
            raise RejeuError(
                f"{folder / 'comparisons.yaml'}: figures.{name}: no function draws it; expected it "
                f"in FIGURES of {folder / 'findings' / 'figures.py'}; {suggest(name, drawn)}"
            )
