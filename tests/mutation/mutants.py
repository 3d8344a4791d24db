"""The mutants of one module: what cosmic-ray's operators make of it, but for those that change nothing that runs."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# `is` for `==` may be a fault, the other way round never is here: what is compared by identity has no `__eq__` of its own, or is None.
_NOISE: Final = frozenset({"ReplaceComparisonOperator_Is_Eq", "ReplaceComparisonOperator_IsNot_NotEq"})

# That something is a property, a record, a cache is form, and no part of the rule.
_FORM: Final = "@"


@dataclass(frozen=True)
class Mutant:
    """One change of one module: what stood there, what stands there now, and the whole text with it.

    lines: those of its statement, one of which a test runs that can notice it. in_function: nothing changes of what runs when the module is imported.
    """

    module: str
    within: str
    line: int
    lines: tuple[int, ...]
    in_function: bool
    operator: str
    before: str
    after: str
    code: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} in {self.within}: {self.before}  ->  {self.after}"

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What it is called in the list of survivors: line numbers move, these don't."""
        return self.module, self.within, self.before, self.after


def mutants_of(module: str, path: Path) -> list[Mutant]:
    """All of them, in the order of their lines."""
    source = path.read_text()
    tree, known, found = get_ast(source), {_what_runs(source)}, []
    on_import = _what_runs(source, with_functions=False)
    for name in sorted(operator_names()):
        kind, operator = name.partition("/")[2], get_operator(name)
        if kind in _NOISE or operator.arguments():
            continue
        places = [(start[0], node) for node in ast_nodes(tree) for start, _ in operator().mutation_positions(node)]
        for occurrence, (line, node) in enumerate(places):
            code = mutate_code(source, operator(), occurrence)
            try:
                runs = _what_runs(code)
            except SyntaxError:
                continue
            before, after = _difference(source, code)
            if runs not in known and not before.lstrip().startswith(_FORM):
                known.add(runs)
                within = ASTQuery(node).get_definition_name() or "the module"
                in_function = on_import == _what_runs(code, with_functions=False)
                lines = _lines_of_statement(source, line)
                found.append(Mutant(module, within, line, lines, in_function, kind, before, after, code))
    # Those outside of functions take longest. The order is stable: by operator and occurrence where lines are equal.
    return sorted(found, key=lambda mutant: (not mutant.in_function, mutant.line))


class _WithoutForm(ast.NodeTransformer):
    """Annotations are text here (`from __future__ import annotations`), and dataclasses read only their names.

    A star in a list of parameters is taken for a product: that an argument is named is form, too.
    """

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
        node.defaults = [*node.defaults, *(each for each in node.kw_defaults if each is not None)]
        node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


class _WithoutBodies(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [ast.Pass()]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.body = [ast.Pass()]
        return node


def _what_runs(source: str, with_functions: bool = True) -> str:
    tree = _WithoutForm().visit(ast.parse(source))
    return ast.dump(tree if with_functions else _WithoutBodies().visit(tree))


def _lines_of_statement(source: str, line: int) -> tuple[int, ...]:
    """The lines of the innermost statement there; of one that has others inside, those before them, or else the line itself."""
    inner: tuple[int, ...] = (line,)
    for node in ast.walk(ast.parse(source)):  # From the outermost inwards.
        if isinstance(node, ast.stmt) and node.end_lineno is not None and node.lineno <= line <= node.end_lineno:
            body: list[ast.stmt] = getattr(node, "body", [])
            lines = tuple(range(node.lineno, body[0].lineno if body else node.end_lineno + 1))
            inner = lines if line in lines else (line,)
    return inner


def _difference(source: str, code: str) -> tuple[str, str]:
    old, new = source.splitlines(), code.splitlines()
    ahead = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    behind = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old[:ahead:-1], new[:ahead:-1], strict=False))
    )
    one, other = old[ahead : len(old) - behind], new[ahead : len(new) - behind]
    return " ".join(line.strip() for line in one), " ".join(line.strip() for line in other)
