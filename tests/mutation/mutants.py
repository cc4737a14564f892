"""Every small change to a module's source that its tests should notice.

A change replaces a few characters of the source, so that all else stays as it is: line numbers, comments, formatting.
Messages of errors and log records are left alone, and so are annotations, docstrings and what only type checkers see.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

COMPARISONS = {
    ast.Eq: ("==", ["!="]),
    ast.NotEq: ("!=", ["=="]),
    ast.Lt: ("<", ["<=", ">="]),
    ast.LtE: ("<=", ["<", ">"]),
    ast.Gt: (">", [">=", "<="]),
    ast.GtE: (">=", [">", "<"]),
    ast.Is: ("is", ["is not"]),
    ast.IsNot: ("is not", ["is"]),
    ast.In: ("in", ["not in"]),
    ast.NotIn: ("not in", ["in"]),
}
OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.RShift: (">>", "<<"),
}
LOG_METHODS = ("debug", "info", "warning", "error", "exception")


class Mutant(NamedTuple):
    """One changed module.

    - ``module`` (str): its path below the package; ``function`` (str): where in it, ``""`` outside of any.
    - ``lines`` (range): of the statement that is changed, or of its head; ``scope`` (range): of its function.
    - ``before`` and ``after`` (str): the changed lines, with single spaces.
    - ``source`` (str): the whole module with the change.
    """

    module: str
    function: str
    lines: range
    scope: range
    before: str
    after: str
    source: str

    @property
    def key(self):
        """What the mutant is known by, wherever in its function it is."""
        return self.module, self.function, self.before, self.after


def deployed_modules(package):
    """The modules that a deployed function may import, as paths below ``package``."""
    local = (
        "cli",
        "config",
        "inspector",
        "probe",
        "project",
        "runner",
        "terminal.py",
        "testing",
    )  # for the developer's machine
    paths = (path.relative_to(package) for path in sorted(Path(package).rglob("*.py")))
    return [path.as_posix() for path in paths if path.parts[0] not in local and path.name != "__main__.py"]


def find_mutants(package):
    """All mutants of the deployed modules of ``package``, in the order of their places."""
    mutants = []
    for module in deployed_modules(package):
        mutants += mutate_source(module, (Path(package) / module).read_text(encoding="utf-8"))
    return mutants


def mutate_source(module, source):
    """All mutants of one module, each once."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    mutants, seen = [], {source}
    for function, lines, scope, start, end, text in sorted(finder.changes, key=lambda change: change[3:]):
        changed = source[:start] + text + source[end:]
        if changed not in seen and _is_python(changed):
            seen.add(changed)
            first = source.rfind("\n", 0, start) + 1
            last = source.find("\n", end)
            before, after = source[first:last], source[first:start] + text + source[end:last]
            mutants.append(Mutant(module, function, lines, scope, _plain(before), _plain(after), changed))
    return mutants


def _is_python(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _plain(text):
    return " ".join(text.split())


class _Finder(ast.NodeVisitor):
    """Collects ``changes``: (function, lines, scope, start, end, text), each for a piece of the source to replace."""

    def __init__(self, source):
        self.changes = []
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = source.splitlines()
        self._names = []  # of the classes and functions around
        self._bound = set()  # names that have a value in this function
        self._range = range(1, 2)
        self._scope = range(0)
        self._in_message = False

    # ---- places ----

    def _offset(self, line, column):
        """Where in the source: columns of syntax trees count bytes of UTF-8."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def _start(self, node):
        return self._offset(node.lineno, node.col_offset)

    def _end(self, node):
        return self._offset(node.end_lineno, node.end_col_offset)

    def _replace(self, start, end, text):
        self.changes.append((".".join(self._names), self._range, self._scope, start, end, text))

    def _replace_node(self, node, text):
        self._replace(self._start(node), self._end(node), text)

    def _replace_between(self, left, right, old, new):
        """Replace the operator ``old`` between two operands."""
        start, end = self._end(left), self._start(right)
        gap = self._source[start:end]
        self._replace(start, end, gap.replace(old, new, 1))

    def _drop(self, nodes, index):
        """Leave out one of several nodes that are separated by commas or operators."""
        if index:
            self._replace(self._end(nodes[index - 1]), self._end(nodes[index]), "")
        elif len(nodes) > 1:
            self._replace(self._start(nodes[0]), self._start(nodes[1]), "")

    # ---- statements ----

    def visit(self, node):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno
            self._range = range(node.lineno, max(last, node.lineno) + 1)
        super().visit(node)

    def _visit_body(self, node, names):
        bound = self._bound
        self._names.append(node.name)
        self._bound = names
        for default in node.args.defaults + node.args.kw_defaults if hasattr(node, "args") else []:
            if default is not None:
                self.visit(default)
        for statement in node.body:
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):  # a docstring
                self.visit(statement)
        self._names.pop()
        self._bound = bound

    def visit_Module(self, node):
        for statement in node.body[1:] if ast.get_docstring(node) else node.body:
            self.visit(statement)

    def visit_ClassDef(self, node):
        self._visit_body(node, set())

    def visit_FunctionDef(self, node):
        every = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        scope, self._scope = self._scope, range(node.lineno + 1, node.end_lineno + 1)
        self._visit_body(node, {argument.arg for argument in every})
        self._scope = scope

    def visit_AsyncFunctionDef(self, node):
        self.visit_FunctionDef(node)

    def visit_If(self, node):
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.orelse:
                self.visit(statement)
            return
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node):
        self._negate(node.test)
        self.generic_visit(node)

    def visit_Expr(self, node):
        if isinstance(node.value, (ast.Call, ast.Await)):
            self._replace_node(node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        if names & {"TYPE_CHECKING", "__slots__", "__all__", "__version__"}:
            return
        if not names or names & self._bound:  # a first value that is missing shows at once
            self._replace_node(node, "pass")
        self._bound |= names
        self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is not None:
            if not isinstance(node.target, ast.Name):
                self._replace_node(node, "pass")
            self.visit(node.value)

    def visit_AugAssign(self, node):
        self._replace_node(node, "pass")
        self.generic_visit(node)

    def visit_Assert(self, node):
        """Left alone: it is for type checkers and readers."""

    def visit_Return(self, node):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._replace_node(node, "return None")
            self.visit(node.value)

    def visit_Raise(self, node):
        self._replace_node(node, "pass")
        self._visit_message(node)

    def visit_Continue(self, node):
        self._replace_node(node, "pass")

    def visit_Break(self, node):
        self._replace_node(node, "pass")

    def visit_Delete(self, node):
        self._replace_node(node, "pass")

    def visit_ExceptHandler(self, node):
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else []
        self._range = range(node.lineno, node.lineno + 1)
        for index in range(len(kinds)):
            self._drop(kinds, index)
        if node.type is not None:
            self._replace_node(node.type, "()")
        for statement in node.body:
            self.visit(statement)

    # ---- expressions ----

    def _visit_message(self, node):
        """Visit what is in an error or a log record, but for its texts."""
        before, self._in_message = self._in_message, True
        self.generic_visit(node)
        self._in_message = before

    def _negate(self, test):
        is_comparison = isinstance(test, ast.Compare) and len(test.ops) == 1
        if not (is_comparison or isinstance(test, ast.UnaryOp)):
            self._replace(self._start(test), self._end(test), f"not ({ast.get_source_segment(self._source, test)})")

    def visit_IfExp(self, node):
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node):
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def visit_Compare(self, node):
        operands = [node.left, *node.comparators]
        for left, right, operator in zip(operands, operands[1:], node.ops):
            old, others = COMPARISONS[type(operator)]
            for new in others:
                self._replace_between(left, right, old, new)
        self.generic_visit(node)

    def visit_BoolOp(self, node):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        edges = [self._start(node)]  # where an operand's place begins, and the last one's ends
        for left, right in zip(node.values, node.values[1:]):
            self._replace_between(left, right, old, new)
            edges.append(self._end(left) + self._source[self._end(left) : self._start(right)].index(old))
        edges.append(self._end(node))
        self._replace(edges[0], edges[1] + len(old) + 1, "")
        for start, end in zip(edges[1:], edges[2:]):
            self._replace(start, end, "")
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        start, end = self._start(node), self._start(node.operand)
        if isinstance(node.op, ast.Not):
            self._replace(start, end, self._source[start:end].replace("not ", "", 1))
        elif isinstance(node.op, ast.USub):
            self._replace(start, end, "")
        self.generic_visit(node)

    def visit_BinOp(self, node):
        if type(node.op) in OPERATORS:
            self._replace_between(node.left, node.right, *OPERATORS[type(node.op)])
        self.generic_visit(node)

    def visit_Call(self, node):
        arguments = [*node.args, *node.keywords]
        is_check = isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "hasattr")
        for index, argument in enumerate(arguments):
            # Keywords and last arguments often have a default; without any other the call fails.
            if isinstance(argument, ast.keyword) or (0 < index == len(node.args) - 1 and not is_check):
                self._drop(arguments, index)
                if len(arguments) == 1:
                    self._replace_node(argument, "")
        is_log = isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS
        (self._visit_message if is_log else self.generic_visit)(node)

    def visit_Subscript(self, node):
        if isinstance(node.slice, ast.Slice) and not self._in_message:
            for bound in (node.slice.lower, node.slice.upper):
                if bound is not None:
                    self._replace_node(bound, "")
        self.generic_visit(node)

    def visit_Dict(self, node):
        if all(isinstance(key, ast.Constant) for key in node.keys if key is not None):
            for before, value in zip(node.values, node.values[1:]):
                self._replace(self._end(before), self._end(value), "")
        self.generic_visit(node)

    def visit_Tuple(self, node):
        if all(isinstance(each, ast.Constant) for each in node.elts):
            for index in range(len(node.elts)):
                self._drop(node.elts, index)
        self.generic_visit(node)

    def visit_List(self, node):
        self.visit_Tuple(node)

    def visit_Set(self, node):
        self.visit_Tuple(node)

    def visit_JoinedStr(self, node):
        """Left alone: nearly all are messages, and before Python 3.12 their parts have no place in the source."""

    def visit_Constant(self, node):
        value = node.value
        if self._in_message:
            return
        if isinstance(value, bool):
            self._replace_node(node, str(not value))
        elif isinstance(value, (int, float)):
            self._replace_node(node, repr(value + 1))
        elif isinstance(value, (str, bytes)):
            self._replace_node(node, repr(type(value)() if value else ("x" if isinstance(value, str) else b"x")))
