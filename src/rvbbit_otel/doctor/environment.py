"""Check what the environment tells a launcher: settings, distro, configuration file, disabled and skipped
instrumentations.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from opentelemetry.instrumentation.environment_variables import (
    OTEL_PYTHON_CONFIGURATOR,
    OTEL_PYTHON_DISABLED_INSTRUMENTATIONS,
    OTEL_PYTHON_DISTRO,
)
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED

from rvbbit_otel.doctor.instrumentations import GROUP, OURS, disabled, others
from rvbbit_otel.doctor.leaving import leaving
from rvbbit_otel.doctor.links import OTEL_CONFIG_FILE, Link
from rvbbit_otel.doctor.versions import versions
from rvbbit_otel.doctor.web_jobs import jobs, web
from rvbbit_otel.errors import ConfigurationError, SpecError
from rvbbit_otel.instrumentation.runners.toml_file import load_spec
from rvbbit_otel.settings import Settings

_SECTION: Final = "instrumentation/development"


def links(environ: Mapping[str, str]) -> list[Link]:
    """Each link of this part, in order."""
    listed, file = _configuration_file(environ)
    wired = [versions(), _settings(environ), _sdk(environ), *file, _instrumentation(environ, listed), others(environ)]
    effective = _effective(environ, listed)
    return [*wired, leaving(effective), web(effective), jobs(effective)]


def _effective(environ: Mapping[str, str], listed: Mapping[str, Any] | None) -> Settings:
    """The settings that a launcher would use: a configuration file's go before the environment's."""
    settings, _ = Settings.lenient(environ)
    try:
        return replace(settings, **_options(listed or {}))
    except (ConfigurationError, TypeError):
        return settings  # Another link says what is wrong.


def _options(listed: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (listed.get(OURS) or {}).items() if key != "enabled"}


def _settings(environ: Mapping[str, str]) -> Link:
    settings, problems = Settings.lenient(environ)
    for each in settings.runner_files:
        try:
            load_spec(each)
        except SpecError as error:
            problems.append(str(error))
    if problems:
        return Link("settings", "broken", "; ".join(problems), "correct the variables and files named")
    return Link("settings", "ok", "every OTEL_PYTHON_RVBBIT_* variable is known")


def _sdk(environ: Mapping[str, str]) -> Link:
    if environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
        return Link("SDK", "broken", "OTEL_SDK_DISABLED=true", "unset it: nothing is recorded while it is set")
    found = _entry_points("opentelemetry_distro")
    configurators = _entry_points("opentelemetry_configurator")
    if not found or not configurators:
        return Link(
            "SDK", "broken", "no distro is installed, so no launcher sets an SDK up", "pip install 'rvbbit-otel[run]'"
        )
    for variable, there in ((OTEL_PYTHON_DISTRO, found), (OTEL_PYTHON_CONFIGURATOR, configurators)):
        name = environ.get(variable)
        if name and name not in there:
            return Link("SDK", "broken", f"{variable}={name}, which is not installed", f"one of {', '.join(there)}")
    if len(found) > 1 and not environ.get(OTEL_PYTHON_DISTRO):
        return Link(
            "SDK",
            "note",
            f"several distros: {_described(found)}",
            "name one by OTEL_PYTHON_DISTRO, or the first one found is taken",
        )
    return Link("SDK", "ok", _described(found))


def _configuration_file(environ: Mapping[str, str]) -> tuple[Mapping[str, Any] | None, list[Link]]:
    """Return what a declarative configuration says of instrumentations, by name; None if there is no such file."""
    name = environ.get(OTEL_CONFIG_FILE, "").strip()
    if not name:
        return None, []
    if importlib.util.find_spec("opentelemetry.configuration") is None:
        missing = f"{OTEL_CONFIG_FILE}={name}, and nothing here reads such a file"
        return None, [Link("configuration file", "broken", missing, "pip install opentelemetry-configuration")]
    try:
        from opentelemetry.configuration import load_config_file

        section = load_config_file(name).instrumentation_development
        listed = dict(section.python or {}) if section is not None else {}
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file is what there is to say
        reason = " ".join(str(error).split())[:300]
        return None, [Link("configuration file", "broken", f"{name} can't be used: {reason}", "correct the file")]
    options = _options(listed)
    try:
        Settings.from_options(options)
    except (ConfigurationError, TypeError) as error:
        seen = f"{name}: {OURS}: {error}; the launcher goes on with defaults and environment"
        return listed, [Link("configuration file", "broken", seen, f"correct {OURS} in {_SECTION}.python")]
    if OURS not in listed:
        return listed, [Link("configuration file", "ok", f"{name} does not name {OURS}; the launcher switches it on")]
    seen = f"{name} switches {OURS} on" + (f", {', '.join(sorted(options))} set" if options else "")
    return listed, [Link("configuration file", "ok", seen)]


def _instrumentation(environ: Mapping[str, str], listed: Mapping[str, Any] | None) -> Link:
    if OURS not in _entry_points(GROUP):
        return Link(
            "instrumentation",
            "broken",
            f"the entry point {OURS} is not installed",
            "install rvbbit-otel in this environment",
        )
    off = disabled(environ) & {OURS, "*"}
    in_file = listed is not None and OURS in listed and listed[OURS].get("enabled", True) is not False
    if off and in_file:
        seen = f"{OTEL_PYTHON_DISABLED_INSTRUMENTATIONS} does not stop what the configuration file switches on"
        return Link("instrumentation", "note", seen, f"to switch it off, write `enabled: false` for {OURS} in the file")
    if off:
        seen = f"{' and '.join(sorted(off))} is in {OTEL_PYTHON_DISABLED_INSTRUMENTATIONS}"
        return Link("instrumentation", "broken", seen, "take it out of the list")
    if listed is not None and OURS in listed and not in_file:
        seen = "the configuration file says `enabled: false`, and the launcher switches it on all the same"
        remedy = f"to switch it off, add {OURS} to {OTEL_PYTHON_DISABLED_INSTRUMENTATIONS}"
        return Link("instrumentation", "note", seen, remedy)
    return Link("instrumentation", "ok", f"the entry point {OURS} is installed and enabled")


def _entry_points(group: str) -> dict[str, str]:
    """Name to the distribution that has it."""
    return {
        point.name: point.dist.name if point.dist else "?" for point in importlib.metadata.entry_points(group=group)
    }


def _described(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} of {distribution}" for name, distribution in sorted(found.items()))
