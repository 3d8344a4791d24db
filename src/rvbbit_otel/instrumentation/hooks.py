"""Walks the table of a runner's hooks: wraps what is there, waits for what is not imported yet, and keeps a report."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, Final, Literal

import wrapt
from packaging.specifiers import SpecifierSet

from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import ConfigurationError, SpecError
from rvbbit_otel.instrumentation.handlers.caller_answers import Mending
from rvbbit_otel.instrumentation.spec.expressions import Arguments
from rvbbit_otel.instrumentation.spec.impact import lost_with, lost_without
from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec
from rvbbit_otel.instrumentation.wrapping.patches import Patches, TargetMissingError
from rvbbit_otel.instrumentation.wrapping.running import Enter
from rvbbit_otel.instrumentation.wrapping.variables import with_variables
from rvbbit_otel.instrumentation.wrapping.wrappers import (
    Carry,
    Interception,
    Wrapper,
    entering_wrapper,
    replacing_wrapper,
    returning_wrapper,
    wrapper_for,
)

_logger = logging.getLogger("rvbbit_otel")

# Runners and modules of which the log has been told what they lack.
_told: set[tuple[str, str]] = set()
# Hooks named in one line; a runner that is quite another one lacks dozens.
_MOST_SAID: Final = 8
State = Literal["matched", "partial", "missing", "waiting", "unsupported"]


@dataclass(frozen=True)
class HookReport:
    """The state of one hook after its runner was looked at.

    state: matched; partial (some fields name arguments that the callable has not); missing (the runner has no such callable, or not the
    arguments that say whose a call is); waiting (its module is not imported yet); unsupported (the installed version is not one of the spec's).
    detail: what was looked for and not found. lost: what that costs, in plain words. version: of the runner's distribution, None where it has none.
    """

    runner: str
    version: str | None
    role: str
    target: str
    state: State
    detail: str = ""
    lost: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Makers:
    """Functions that make the wrapper of a hook: `enter` around or beside a call, `carry` where a function is
    replaced, `mending` for those by
    which the runner learns of its caller."""

    enter: Callable[[Hook], Enter]
    carry: Callable[[Hook], Carry]
    mending: Mending


class Hooks:
    """The hooks of all runners that are switched on."""

    def __init__(self, makers: Makers, patches: Patches, counters: Counters) -> None:
        """Nothing wrapped yet."""
        self._makers = makers
        self._patches = patches
        self._counters = counters
        self._reports: dict[tuple[str, int], HookReport] = {}
        self._interceptions: list[Interception] = []
        self._taken: dict[tuple[str, Role], str] = {}
        self._on = True

    def apply(self, spec: RunnerSpec, by_name: bool) -> None:
        """Wrap a runner's callables as they are imported; `by_name`: the user asked for it, so what is missing is an error."""
        version = installed_version(spec)
        if by_name and spec.module not in sys.modules and not is_installed(spec):
            raise ConfigurationError(f"runners names {spec.name}, but its module {spec.module} can't be imported")
        supported = _is_supported(spec, version)
        if by_name and not supported:
            raise ConfigurationError(
                f"runners names {spec.name}, whose hooks are for {spec.distribution} {spec.versions}; {version} is installed"
            )
        by_module: dict[str, list[int]] = {}
        for number, hook in enumerate(spec.hooks):
            state: State = "waiting" if supported else "unsupported"
            self._reports[spec.name, number] = HookReport(
                spec.name, version, hook.role.value, hook.target, state, optional=hook.optional
            )
            by_module.setdefault(hook.module, []).append(number)
        if not supported:
            self._when_there(spec, lambda: self._tell_unsupported(spec, version))
            return
        foreign = {name: numbers for name, numbers in by_module.items() if not spec.owns(name)}
        own = {name: numbers for name, numbers in by_module.items() if name not in foreign}
        for module, numbers in own.items():
            self._when_imported(module, partial(self._wrap_all, spec, numbers, by_name))

        def there() -> None:
            # What belongs to others (a database, a client) is wrapped only in a process that has the runner.
            for module, numbers in foreign.items():
                self._when_imported(module, partial(self._wrap_all, spec, numbers, by_name))
            for module, numbers in own.items():
                if not can_be_imported(module):
                    self._all_gone(spec, numbers, module, by_name)

        self._when_there(spec, there)

    def report(self) -> list[HookReport]:
        """Return the state of each hook, in the order of the specs."""
        return list(self._reports.values())

    def remove(self) -> None:
        """Take every wrapper out; those that somebody else holds do nothing any more."""
        self._on = False
        for interception in self._interceptions:
            interception.on = False
        self._patches.undo()

    def _when_imported(self, module: str, action: Callable[[ModuleType], None]) -> None:
        def wrap(loaded: ModuleType) -> None:
            if not self._on:
                return  # wrapt keeps a hook until its module is imported.
            try:
                action(loaded)
            except Exception as error:  # noqa: BLE001 - the host imports its module whatever we find
                self._counters.error("hooks.import", error)

        if module in sys.modules:
            wrap(sys.modules[module])
        else:
            wrapt.register_post_import_hook(wrap, module)

    def _when_there(self, spec: RunnerSpec, action: Callable[[], None]) -> None:
        """Once the first of the runner's modules is imported: a namespace package is never imported by itself."""
        left = [action]

        def once(_: ModuleType) -> None:
            while left:
                left.pop()()

        for module in dict.fromkeys([spec.module, *(hook.module for hook in spec.hooks)]):
            if spec.owns(module):
                self._when_imported(module, once)

    def _all_gone(self, spec: RunnerSpec, numbers: list[int], module: str, by_name: bool) -> None:
        for number in numbers:
            self._reports[spec.name, number] = replace(
                self._reports[spec.name, number],
                state="missing",
                detail=f"there is no module {module}",
                lost=lost_with(spec.hooks[number]),
            )
        self._tell(spec, [self._reports[spec.name, number] for number in numbers], module, by_name)

    def _wrap_all(self, spec: RunnerSpec, numbers: list[int], by_name: bool, module: ModuleType) -> None:
        for number in numbers:
            self._reports[spec.name, number] = self._wrapped(
                spec.hooks[number], self._reports[spec.name, number], module
            )
        self._tell(spec, [self._reports[spec.name, number] for number in numbers], module.__name__, by_name)

    def _wrapped(self, hook: Hook, before: HookReport, module: ModuleType) -> HookReport:
        taken_by = self._taken.get((hook.target, hook.role), before.runner)
        if taken_by != before.runner:
            # One call is one row, however many specs know of it; the first of them says what it means.
            return replace(before, state="matched", detail=f"as the spec of {taken_by} says")
        made: list[Interception] = []

        def make(plain: Callable[..., Any], bound: bool) -> Wrapper:
            arguments = Arguments(plain, bound, hook.parameters)
            if hook.role in (Role.UDF_REGISTRATION, Role.EXECUTOR):
                wrapper, ours = replacing_wrapper(hook, arguments, self._makers.carry(hook), self._counters)
            elif hook.role is Role.CALLER_ASKED:
                wrapper, ours = self._makers.mending.asked(hook, arguments)
            elif hook.role is Role.CALLER_PASSED:
                wrapper, ours = self._makers.mending.passed(hook, arguments)
            elif hook.role is Role.CALLER_GUESSED:
                wrapper, ours = self._makers.mending.guessed(hook, arguments)
            else:
                ours = Interception(hook, arguments, self._makers.enter(hook), self._counters)
                wrapper = entering_wrapper(ours) if hook.block else wrapper_for(plain, ours)
                wrapper = returning_wrapper(ours) if hook.of_returned else wrapper
            made.append(ours)
            return with_variables(wrapper, hook.module.partition(".")[0]) if hook.sees_variables else wrapper

        try:
            self._patches.put(module, hook.qualname, make)
        except (TargetMissingError, SpecError, AttributeError, TypeError) as error:
            return replace(before, state="missing", detail=str(error), lost=lost_with(hook))
        self._taken[hook.target, hook.role] = before.runner
        self._interceptions += made
        (ours,) = made
        if ours.lost:
            detail = "; ".join(f"field {name}: {why}" for name, why in ours.lost.items())
            return replace(before, state="partial", detail=detail, lost=lost_without(ours.lost))
        return replace(before, state="matched")

    def _tell(self, spec: RunnerSpec, lines: list[HookReport], module: str, by_name: bool) -> None:
        """One line in the log for what a module of the runner lacks, once a process however often we are switched on."""
        lost = [line for line in lines if line.state in ("missing", "partial") and not line.optional]
        # A package of that name that is not the runner's distribution is likely to be somebody else's.
        stranger = spec.distribution is not None and not lines[0].version and not by_name
        if not lost or stranger or (spec.name, module) in _told:
            return
        _told.add((spec.name, module))
        version = f" {lost[0].version}" if lost[0].version else ""
        said = [f"{line.role} on {line.target.partition(':')[2]} ({line.detail}): {line.lost}" for line in lost]
        more = f"; and {len(said) - _MOST_SAID} more" if len(said) > _MOST_SAID else ""
        _logger.log(
            logging.ERROR if by_name else logging.WARNING,
            "rvbbit-otel: runner %s: %s%s is not what the spec knows, and the rest works; lost: %s%s; "
            "`rvbbit-otel doctor --runner %s` shows each hook",
            spec.name,
            module,
            version,
            "; ".join(said[:_MOST_SAID]),
            more,
            spec.name,
        )

    @staticmethod
    def _tell_unsupported(spec: RunnerSpec, version: str | None) -> None:
        if (spec.name, "") not in _told:
            _told.add((spec.name, ""))
            _logger.warning(
                "rvbbit-otel: runner %s: %s %s is installed, and the hooks are for %s; lost: nothing of it is instrumented",
                spec.name,
                spec.distribution,
                version,
                spec.versions,
            )


def is_installed(spec: RunnerSpec) -> bool:
    """Return whether a runner is installed. A namespace package, such as `google`, may be there for others: then its distribution tells."""
    try:
        found = importlib.util.find_spec(spec.module)
    except ModuleNotFoundError:
        return False
    return found is not None and (
        found.origin is not None or spec.distribution is None or installed_version(spec) is not None
    )


def can_be_imported(module: str) -> bool:
    """Return whether a module could be imported, without importing anything; true where its package is not loaded
    yet, since that can't be known.
    """
    name, _, rest = module.partition(".")
    if name not in sys.modules:
        return True
    path = getattr(sys.modules[name], "__path__", None)
    for part in rest.split(".") if rest else ():
        name = f"{name}.{part}"
        if name in sys.modules:
            path = getattr(sys.modules[name], "__path__", None)
            continue
        spec = PathFinder.find_spec(name, path) if path is not None else None
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def installed_version(spec: RunnerSpec) -> str | None:
    """The version of the runner's distribution, None where there is none."""
    if spec.distribution is None:
        return None
    try:
        return importlib.metadata.version(spec.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_supported(spec: RunnerSpec, version: str | None) -> bool:
    return not spec.versions or version is None or SpecifierSet(spec.versions).contains(version, prereleases=True)
