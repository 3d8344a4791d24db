"""Switches everything on for a program that nobody edited, and off again."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED
from opentelemetry.semconv.schemas import Schemas

from rvbbit_otel import __version__
from rvbbit_otel.attribution import garbage_collection
from rvbbit_otel.attribution.propagation import caller_id_of, context_from_environment
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.scope import open_scopes_with
from rvbbit_otel.attribution.work import believe_inherited_for
from rvbbit_otel.counters import Counters, count_with, failed
from rvbbit_otel.errors import ConfigurationError, SpecError
from rvbbit_otel.instrumentation import runners
from rvbbit_otel.instrumentation.carry.installing import Carrying
from rvbbit_otel.instrumentation.carry.processes import inherited_from
from rvbbit_otel.instrumentation.carry.threads import as_job
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.emit.content import ContentRule, Redact
from rvbbit_otel.instrumentation.emit.spans import Spans
from rvbbit_otel.instrumentation.emit.usage import UsageReader
from rvbbit_otel.instrumentation.handlers.blocks import Blocks
from rvbbit_otel.instrumentation.handlers.caller_answers import Mending
from rvbbit_otel.instrumentation.handlers.dispatch import handler_for
from rvbbit_otel.instrumentation.handlers.toolbox import Toolbox
from rvbbit_otel.instrumentation.hooks import HookReport, Hooks, Makers
from rvbbit_otel.instrumentation.jobs import installing
from rvbbit_otel.instrumentation.providers import Providers
from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec
from rvbbit_otel.instrumentation.state.callers import Callers
from rvbbit_otel.instrumentation.state.pending_costs import UnpricedCalls
from rvbbit_otel.instrumentation.state.sessions import Sessions
from rvbbit_otel.instrumentation.state.udf_queries import Queries
from rvbbit_otel.instrumentation.web import frameworks
from rvbbit_otel.instrumentation.wrapping.patches import Patches
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import PREFIX, Settings

_logger = logging.getLogger("rvbbit_otel")
_PROVIDERS: Final = ("tracer_provider", "logger_provider", "meter_provider")


class Instrumentation:
    """All that one `instrument()` put in place."""

    def __init__(self, settings: Settings, redact: Redact | None, providers: dict[str, Any]) -> None:
        """Builds the parts; nothing of the host is touched before `start`."""
        self.settings = settings
        self.counters = Counters()
        self.registry = EchoRegistry(settings.max_sessions, settings.session_ttl, counters=self.counters)
        self.pipeline = Pipeline(self.registry, settings, self.counters)
        self.renewals: list[Callable[[], None]] = []
        self._given = [provider for provider in providers.values() if provider is not None]
        self._patches = Patches(self.counters)
        tracer = trace.get_tracer(
            "rvbbit_otel", __version__, providers.get("tracer_provider"), schema_url=Schemas.V1_37_0.value
        )
        spans = Spans(tracer, ContentRule(settings, self.counters, redact), self.counters)
        callers = Callers(spans, self.counters, self.renewals.append)
        sessions = Sessions(self.registry, callers, spans, self.counters)
        self._blocks = Blocks(callers, spans, self.counters)
        queries = Queries(self.counters, callers.left_behind)
        self.renewals.append(queries.renew_locks)
        self.tools = Toolbox(
            spans, callers, sessions, queries, UnpricedCalls(self.counters), UsageReader(self.counters)
        )
        mending = Mending(callers, sessions, self.counters, settings.mend_runner)
        self.hooks = Hooks(Makers(self._enter_of, self._carry_of, mending), self._patches, self.counters)
        self._watch = Providers(self.pipeline, self._patches, self.counters)
        self._wrapping = Wrapping(self._patches, self.counters)
        self._carrying = Carrying(self._wrapping)
        self._inherited: tuple[Context, Context] | None = None
        self._no_more_scopes: Callable[[], None] = lambda: None
        self._no_more_counts: Callable[[], None] = lambda: None
        self._no_more_collections: Callable[[], None] = lambda: None

    def start(self, specs: list[RunnerSpec], asked: frozenset[str]) -> None:
        """Wrap; `asked`: the names of those that the user asked for.

        Raises ConfigurationError for one of these that can't be instrumented: `stop` takes out what is in place by then.
        """
        believe_inherited_for(self.settings.session_ttl)
        self._no_more_collections = garbage_collection.watch()
        self._no_more_counts = count_with(self.counters)
        self._watch.install(*self._given)
        self._carrying.install()
        frameworks.wrap(self._wrapping, self.settings)
        installing.install(self._wrapping, self.settings)
        for spec in specs:
            self.hooks.apply(spec, by_name=spec.name in asked)
        self._no_more_scopes = open_scopes_with(self._blocks.open)
        try:
            self._inherit()
        except Exception as error:  # noqa: BLE001 - whose process this is, nobody knows then
            self.counters.error("instrument.inherit", error)

    def _inherit(self) -> None:
        """This process may have been started for a caller."""
        context = context_from_environment(os.environ)
        if caller_id_of(context) is not None:
            context = inherited_from(context)
            self._inherited = (get_current(), context)
            attach(context)

    def stop(self) -> None:
        """Take everything out again; root spans that are still open end."""
        self.tools.queries.on = False
        self._wrapping.on = False
        for end in (
            self._no_more_scopes,
            self._no_more_collections,
            self._watch.remove,
            self.tools.callers.end_all,
            self._carrying.remove,
            self.hooks.remove,
            self.pipeline.uninstall,
            self._no_more_counts,
        ):
            try:
                end()
            except Exception as error:  # noqa: BLE001 - what can't be taken out must not keep the rest in
                self.counters.error("instrument.stop", error)
        if self._inherited is not None and get_current() is self._inherited[1]:
            attach(self._inherited[0])

    def _enter_of(self, hook: Hook) -> Any:
        return handler_for(hook, self.tools)

    def _carry_of(self, hook: Hook) -> Any:
        if hook.role is Role.UDF_REGISTRATION:
            return self.tools.queries.registered
        return lambda values, function: as_job(function)


class RvbbitInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """The instrumentor named ``rvbbit``.

    Options of `instrument()`: the fields of Settings, which go before the environment's; `tracer_provider`, `logger_provider`, `meter_provider`;
    and `redact`, a function (attribute name, text) -> text or None that sees content before it is written. An option that does not exist
    raises ConfigurationError, a runner file that can't be used SpecError. What is wrong in the environment is logged, one line a setting, and
    that setting's default is used.
    """

    # What a declarative configuration file may say of us.
    configuration = Settings
    _current: Instrumentation | None = None
    _by_launcher = False
    _by_file = False

    def instrumentation_dependencies(self) -> Collection[str]:
        """None here: each runner is looked for by its own spec."""
        return ()

    def instrument(self, **kwargs: Any) -> Any:
        """Switch on. A second call only warns, and a launcher's after that of a configuration file does nothing: there nobody could act on it."""
        by_launcher = "skip_dep_check" in kwargs
        if by_launcher and self._by_file and self._current is not None:
            return None
        try:
            self._by_file = not by_launcher and _is_launching()
        except Exception as error:  # noqa: BLE001 - as in `_instrument`
            failed("instrument", error)
        self._by_launcher = by_launcher or self._by_file
        return super().instrument(**kwargs)

    @property
    def current(self) -> Instrumentation | None:
        """Return the active instrumentation; None while it is switched off."""
        return self._current

    def _instrument(self, **kwargs: Any) -> None:
        try:
            self._switch_on(kwargs)
        except (ConfigurationError, SpecError):
            raise  # What code asked for, and can't have.
        except Exception as error:  # noqa: BLE001 - the host starts, without us
            failed("instrument", error)

    def _switch_on(self, kwargs: dict[str, Any]) -> None:
        if os.environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
            return
        redact = kwargs.pop("redact", None)
        if redact is not None and not callable(redact):
            raise ConfigurationError("redact is a function of an attribute's name and a text")
        providers = {name: kwargs.pop(name, None) for name in _PROVIDERS}
        Settings.from_options(kwargs)
        settings, problems = Settings.lenient(os.environ)
        for problem in problems:
            _logger.error("rvbbit-otel: %s; its default is used", problem)
        settings = replace(settings, **kwargs)
        files = _from_files(settings.runner_files, asked_in_code="runner_files" in kwargs)
        instrumentation = Instrumentation(settings, redact, providers)
        specs, asked = self._specs(settings, instrumentation, files, asked_in_code="runners" in kwargs)
        try:
            self._start(instrumentation, specs, asked)
        except ConfigurationError as error:
            if "runners" in kwargs:
                raise
            _logger.error("rvbbit-otel: %sRUNNERS: %s; the others that it names are instrumented", PREFIX, error)
            instrumentation = Instrumentation(settings, redact, providers)
            specs, _ = self._specs(settings, instrumentation, files, asked_in_code=False)
            self._start(instrumentation, specs, frozenset())  # What is not there is no error now.

    @classmethod
    def _start(cls, instrumentation: Instrumentation, specs: list[RunnerSpec], asked: frozenset[str]) -> None:
        try:
            instrumentation.start(specs, asked)
        except BaseException:
            instrumentation.stop()
            raise
        cls._current = instrumentation

    def _uninstrument(self, **kwargs: Any) -> None:
        try:
            current, type(self)._current = self._current, None
            if current is not None:
                current.stop()
        except Exception as error:  # noqa: BLE001 - the host goes on; each wrapper that is left does nothing
            failed("uninstrument", error)

    @staticmethod
    def _specs(
        settings: Settings, instrumentation: Instrumentation, files: dict[str, RunnerSpec], asked_in_code: bool
    ) -> tuple[list[RunnerSpec], frozenset[str]]:
        # A user's own first: where two specs know one callable, the first says what it means.
        known = {
            **files,
            **{name: spec for name, spec in runners.installed(instrumentation.counters).items() if name not in files},
        }
        unknown = [name for name in settings.runners if name not in known]
        if not unknown:
            names = dict.fromkeys([*settings.runners, *runners.ALWAYS]) if settings.runners else known
            return [known[name] for name in names if name in known], frozenset(settings.runners)
        message = f"there is no runner {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        if asked_in_code:
            raise ConfigurationError(f"runners: {message}")
        # Never all: whoever names some has a reason to leave out the rest.
        _logger.error("rvbbit-otel: %sRUNNERS: %s; the others that it names are instrumented", PREFIX, message)
        named = [name for name in settings.runners if name in known]
        return [known[name] for name in dict.fromkeys([*named, *runners.ALWAYS]) if name in known], frozenset(named)


def _is_launching() -> bool:
    """Return whether a launcher is setting this process up now, so that `instrument` was called because a
    configuration file lists us.
    """
    launching = sys.modules.get("sitecustomize")
    if not getattr(getattr(launching, "__spec__", None), "_initializing", False):
        return False
    from opentelemetry.instrumentation import (
        auto_instrumentation,
    )  # A sixth of our import, and a launcher has it by now.

    return Path(getattr(launching, "__file__", "") or "").parent == Path(auto_instrumentation.__file__).parent


def _from_files(files: tuple[str, ...], asked_in_code: bool) -> dict[str, RunnerSpec]:
    """The specs in these files by name. One that can't be read raises SpecError where code named it; else it is logged and left out."""
    if not files:
        return {}
    from rvbbit_otel.instrumentation.runners.toml_file import load_spec  # Few have such files.

    specs: dict[str, RunnerSpec] = {}
    for file in files:
        try:
            spec = load_spec(file)
        except SpecError as error:
            if asked_in_code:
                raise
            _logger.error("rvbbit-otel: %sRUNNER_FILES: %s; this file is left out", PREFIX, error)
        else:
            specs[spec.name] = spec
    return specs


def report() -> list[HookReport]:
    """Return the state of each hook of each runner; an empty list while nothing is instrumented."""
    current = RvbbitInstrumentor._current
    return current.hooks.report() if current is not None else []


def _renew_locks() -> None:
    current = RvbbitInstrumentor._current
    if current is not None:
        for renew in current.renewals:
            renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
