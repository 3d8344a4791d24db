"""A runner as data: which of its callables matter, and where their values come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation.spec import expressions


class Role(str, Enum):
    """The meaning of a callable for attribution."""

    CALLER_SET = (
        "caller_set"  # work belongs to a caller from here on; one that sets up the tracking of a query is one too
    )
    CALLER_CLEARED = "caller_cleared"
    CALLER = "caller"  # the call is the whole work of one caller, which the runner may not name
    CALLER_ASKED = "caller_asked"  # the runner asks whose the work is, and may get a guess from itself
    CALLER_GUESSED = "caller_guessed"  # the runner looks somewhere for whoever it might be, and finds a guess
    CALLER_PASSED = "caller_passed"  # a call that is handed the caller, or should have been
    SESSION_OPENED = "session_opened"
    SESSION_STATUS = "session_status"
    SESSION_HEARTBEAT = "session_heartbeat"
    SESSION_ENDED = "session_ended"
    CASCADE = "cascade"
    CELL = "cell"
    TOOL = "tool"
    LLM = "llm"
    LOG = "log"
    USAGE = "usage"  # tokens and cost of a call that a log row named before
    DETACHED = "detached"  # a loop that lives on, and works for nobody who happened to start it
    CONNECTION_OPENED = "connection_opened"  # a database connection, and which database it shares with others
    QUERY = "query"  # a connection executes a query in this context; what is left of it is fetched later
    QUERY_PREPARED = "query_prepared"  # a connection makes a relation, or runs a statement and keeps no rows of it
    QUERY_FETCH = "query_fetch"  # rows of a query are fetched: what makes them runs for whom the query runs
    QUERY_FETCHED = "query_fetched"  # the last rows are, or nothing is left for another reason
    RELATION = "relation"  # a relation runs that does not tell its connection
    UDF_REGISTRATION = "udf_registration"  # a function that queries of a connection will call
    EXECUTOR = "executor"  # runs a function later or elsewhere, and would lose the context


@dataclass(frozen=True)
class Fields:
    """The fields that a role has: those it can't do without, and those that it can."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()


def _fields(required: str, optional: str = "") -> Fields:
    return Fields(frozenset(required.split()), frozenset(optional.split()))


_USAGE: Final = "model tokens_in tokens_out tokens_cached tokens_cache_write tokens_reasoning cost response_id"
FIELDS: Final[Mapping[Role, Fields]] = MappingProxyType(
    {
        Role.CALLER_SET: _fields("caller_id", "metadata origin connection_id query"),
        Role.CALLER_CLEARED: _fields("", "connection_id"),
        Role.CALLER: _fields("", "caller_id metadata origin query"),
        Role.CALLER_ASKED: _fields("", "caller_id metadata connection_id"),
        Role.CALLER_GUESSED: _fields("", "connection_id"),
        Role.CALLER_PASSED: _fields("caller_id", "metadata session_id parent_session_id"),
        Role.SESSION_OPENED: _fields("session_id", "parent_session_id caller_id metadata cascade_id"),
        Role.SESSION_STATUS: _fields("session_id status", "error"),
        Role.SESSION_HEARTBEAT: _fields("session_id"),
        Role.SESSION_ENDED: _fields("session_id", "status"),
        Role.CASCADE: _fields(
            "session_id", "cascade_id cascade_file depth input parent_session_id caller_id metadata status"
        ),
        Role.CELL: _fields("name", "session_id take_index input"),
        Role.TOOL: _fields("name", "session_id cell_name input"),
        Role.LLM: _fields("", f"session_id cell_name operation provider input response_model response_id {_USAGE}"),
        Role.LOG: _fields(
            "",
            f"session_id role content node_type cell_name take_index duration_ms metadata provider request_id response_id {_USAGE}",
        ),
        Role.USAGE: _fields("request_id", _USAGE),
        Role.DETACHED: _fields(""),
        Role.CONNECTION_OPENED: _fields("connection", "database parent default"),
        Role.QUERY: _fields("connection", "text default format result"),
        Role.QUERY_PREPARED: _fields("connection", "text default relation"),
        Role.QUERY_FETCH: _fields("connection", "default rows reader"),
        Role.QUERY_FETCHED: _fields("connection", "default"),
        Role.RELATION: _fields("relation", "rows reader"),
        Role.UDF_REGISTRATION: _fields("connection function", "name default"),
        Role.EXECUTOR: _fields("function"),
    }
)
ALONE: Final = "alone"
# Of these the field names the argument that is replaced, so it must be one.
REPLACED_FIELD: Final = "function"
# Who and which: a hook that can't read one of these would credit the work to whoever is around, so it is left out as a whole.
IDENTIFYING: Final = frozenset(
    {"caller_id", "session_id", "connection_id", "connection", "relation", "parent", REPLACED_FIELD}
)

# Fields that mending writes.
_MENDED: Final = frozenset({"caller_id", "metadata"})
_REPLACING: Final = frozenset(
    {Role.CALLER_ASKED, Role.CALLER_GUESSED, Role.CALLER_PASSED, Role.UDF_REGISTRATION, Role.EXECUTOR}
)
_TARGET = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*(\(\))?", re.ASCII)
_RETURNED: Final = "()"
_AROUND_A_CALL: Final = (Role.CASCADE, Role.CELL, Role.TOOL, Role.LLM)
# What a model says of its answer, and may say in the middle of a stream.
_ANSWERED: Final = ("response_model", *(name for name in _USAGE.split() if name != "model"))
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*", re.ASCII)


def _is_answer(parsed: tuple[expressions.Path, ...]) -> bool:
    (first, *others) = parsed
    return (
        not others
        and not first.plus
        and first.root == "result"
        and (not first.steps or (len(first.steps) == 1 and first.steps[0].isdigit()))
    )


def _is_settable(parsed: tuple[expressions.Path, ...]) -> bool:
    return (
        len(parsed) == 1
        and not parsed[0].plus
        and parsed[0].root not in ("result", "yielded", "ambient", expressions.LITERAL, expressions.NEW)
        and expressions.EACH not in parsed[0].steps
        and (parsed[0].root != "self" or bool(parsed[0].steps))
    )


@dataclass(frozen=True)
class Hook:
    """One callable of a runner.

    target: ``module:Qualified.name``. Class methods are the safest: a function that others import by name is replaced in every module that holds it.
    With ``()`` at its end it is the callable that the target returns, and the fields are read from the call that returned it.
    fields: path expressions (see `paths`) by the role's field names.
    accounts: for log and LLM calls: these rows are the ones whose tokens and cost reports add up. Never both of one runner.
        ``alone``: where no runner's session is around them: LLM calls of a client that runners use.
    block: what it returns is entered (`with`, `async with`): the call lasts until that is left, and the block is a part of it; `result` is what was
        entered, read when it is left.
    when: a path; a call for which it is None means nothing (a step that is counted by another hook, say).
    unless: a path; a call for which it is true means nothing (one that a hooked one makes, say).
    optional: a runner without this target is no fault (a version that has it not).
    parameters: argument names in order, for a callable whose signature Python can't read (C code).
    not_errors: exceptions by which a runner steers rather than fails, as ``module:Class``; their subclasses too.
    sees_variables: it is C code that looks for names among the variables of whoever calls it, as DuckDB does for ``SELECT * FROM df``.
    """

    role: Role
    target: str
    fields: Mapping[str, str] = field(default_factory=dict)
    accounts: bool | Literal["alone"] = False
    block: bool = False
    when: str | None = None
    unless: str | None = None
    optional: bool = False
    parameters: tuple[str, ...] | None = None
    not_errors: tuple[str, ...] = ()
    sees_variables: bool = False

    def __post_init__(self) -> None:
        """Raise SpecError, naming the hook and the field, for what does not fit the role."""
        where = f"hook {getattr(self.role, 'value', self.role)} on {self.target!r}"
        if not isinstance(self.role, Role):
            raise SpecError(f"{where}: the role is one of {', '.join(role.value for role in Role)}")
        if not isinstance(self.target, str) or not _TARGET.fullmatch(self.target):
            raise SpecError(f"{where}: a target reads like package.module:Class.method")
        self._check_types(where)
        known = FIELDS[self.role]
        for name in sorted(known.required - self.fields.keys()):
            raise SpecError(f"{where}: field {name} is missing")
        for name, expression in self.fields.items():
            if name not in known.required | known.optional:
                names = ", ".join(sorted(known.required | known.optional)) or "none"
                raise SpecError(f"{where}: there is no field {name}; there are {names}")
            try:
                parsed = expressions.parse(expression)
            except SpecError as error:
                raise SpecError(f"{where}, field {name}: {error}") from None
            roots = {path.root for path in parsed}
            if "yielded" in roots and (
                self.role is not Role.LLM or name not in _ANSWERED or roots - {"yielded", "result"}
            ):
                raise SpecError(
                    f"{where}, field {name}: what is yielded is for {', '.join(_ANSWERED)} of an llm, and has no path beside it but of a result"
                )
            plain = len(parsed) == 1 and not parsed[0].steps and parsed[0].root not in ("self", "result", "yielded")
            if name == REPLACED_FIELD and not plain:
                raise SpecError(f"{where}, field {name}: it is the name of one argument")
            if name in _MENDED and self.role is Role.CALLER_ASKED and not _is_answer(parsed):
                raise SpecError(f"{where}, field {name}: it is the answer or a part of it: result, or result.1")
            if name in _MENDED and self.role is Role.CALLER_PASSED and not _is_settable(parsed):
                raise SpecError(f"{where}, field {name}: it is an argument, or an attribute of one, that can be filled")
        if self.role is Role.CALLER_ASKED and not _MENDED & self.fields.keys():
            raise SpecError(f"{where}: it answers with a caller_id, metadata or both; neither is a field")
        for name in ("when", "unless"):
            condition = getattr(self, name)
            if condition is None:
                continue
            try:
                late = expressions.uses_result(condition)
            except SpecError as error:
                raise SpecError(f"{where}, {name}: {error}") from None
            if late or self.role in _REPLACING:
                raise SpecError(f"{where}: {name} is decided before a call, and not for {self.role.value} hooks")
        if self.of_returned and self.role not in _AROUND_A_CALL:
            raise SpecError(f"{where}: what a callable returns can be a cascade, cell, tool or llm")
        if self.block and (self.of_returned or self.role not in _AROUND_A_CALL):
            raise SpecError(f"{where}: a block can be a cascade, cell, tool or llm")
        if self.accounts == ALONE and self.role is not Role.LLM:
            raise SpecError(f"{where}: only llm hooks can account alone")
        if self.accounts and self.role not in (Role.LOG, Role.LLM):
            raise SpecError(f"{where}: only log and llm hooks can account for tokens and cost")
        if self.not_errors and self.role not in _AROUND_A_CALL:
            raise SpecError(f"{where}: only a cascade, cell, tool or llm can end by an exception that is no error")
        for name in self.not_errors:
            if not _CLASS.fullmatch(name):
                raise SpecError(f"{where}: not_errors has {name!r}; an exception reads like package.module:Class")
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))

    def _check_types(self, where: str) -> None:
        if not isinstance(self.fields, Mapping) or not all(isinstance(name, str) for name in self.fields):
            raise SpecError(f"{where}: fields are paths by field name")
        for name, expression in self.fields.items():
            if not isinstance(expression, str):
                raise SpecError(f"{where}, field {name}: {expression!r} is no path; a path is text")
        for flag in ("accounts", "block", "optional", "sees_variables"):
            if not isinstance(getattr(self, flag), bool) and (flag, getattr(self, flag)) != ("accounts", ALONE):
                raise SpecError(f"{where}: {flag} is {getattr(self, flag)!r}; it is true or false")
        for names in ("parameters", "not_errors"):
            value = getattr(self, names)
            if value is None and names == "parameters":
                continue
            if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
                raise SpecError(f"{where}: {names} is {value!r}; it is a list of names")
            object.__setattr__(self, names, tuple(value))
        for name in ("when", "unless"):
            if not isinstance(getattr(self, name), str | None):
                raise SpecError(f"{where}: {name} is {getattr(self, name)!r}; a path is text")

    @property
    def module(self) -> str:
        """The module that defines the target."""
        return self.target.partition(":")[0]

    @property
    def qualname(self) -> str:
        """The target's name within its module."""
        return self.target.partition(":")[2].removesuffix(_RETURNED)

    @property
    def of_returned(self) -> bool:
        """Return whether the hook is on the function that the target returns."""
        return self.target.endswith(_RETURNED)


@dataclass(frozen=True)
class RunnerSpec:
    """A runner: its name, the module and the distribution it is found by, the versions that the hooks are right for, and the hooks.

    module: its package, as far as that is its own (`google.adk`); the runner is there if that can be imported.
    distribution: the name of the installed package, None for one that is not installed from a package.
    versions: a version specifier such as ``>=3.2,<4``, empty for any.
    """

    name: str
    module: str
    hooks: tuple[Hook, ...]
    distribution: str | None = None
    versions: str = ""

    def __post_init__(self) -> None:
        """Raise SpecError for a spec that can't work."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise SpecError(f"runner {self.name!r}: a name is 1 to 64 of a-z 0-9 _ -")
        if not isinstance(self.module, str) or not _MODULE.fullmatch(self.module):
            raise SpecError(f"runner {self.name}: {self.module!r} is no module")
        if not self.hooks or not all(isinstance(hook, Hook) for hook in self.hooks):
            raise SpecError(
                f"runner {self.name}: it has no hooks" if not self.hooks else f"runner {self.name}: a hook is a Hook"
            )
        if not isinstance(self.distribution, str | None) or self.distribution == "":
            raise SpecError(f"runner {self.name}: distribution is {self.distribution!r}; it is the name of a package")
        if self.versions and self.distribution is None:
            raise SpecError(f"runner {self.name}: versions {self.versions!r} need a distribution to ask")
        try:
            SpecifierSet(self.versions)
        except (InvalidSpecifier, TypeError, AttributeError):
            raise SpecError(f"runner {self.name}: versions is {self.versions!r}; it reads like >=3.2,<4") from None
        accounting = {hook.role for hook in self.hooks if hook.accounts}
        if len(accounting) > 1:
            raise SpecError(f"runner {self.name}: log and llm hooks both account; the same tokens would count twice")
        object.__setattr__(self, "hooks", tuple(self.hooks))

    def owns(self, module: str) -> bool:
        """Return whether a module is a part of the runner."""
        return f"{module}.".startswith(f"{self.module}.")
