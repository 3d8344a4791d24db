"""Each known runner, imported for real in a process of its own: what matched, what did not, and what that costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final

from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_DISABLED_INSTRUMENTATIONS
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED

from rvbbit_otel.doctor import inspection
from rvbbit_otel.doctor.links import Link
from rvbbit_otel.doctor.processes import run_module
from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation.hooks import is_installed
from rvbbit_otel.instrumentation.runners import SHIPPED, names
from rvbbit_otel.instrumentation.spec.model import RunnerSpec
from rvbbit_otel.settings import Settings

# Heavy runners take seconds to import on a cold disk.
SECONDS: Final = 60.0
_DRIFT: Final = (
    "the installed version is not what the spec was written for: look for a newer spec, or mend it "
    "(`rvbbit-otel doctor --runner-file F` tries one)"
)


def known(environ: Mapping[str, str]) -> list[Link]:
    """Every runner that is shipped, announced by an entry point, or in a file that the settings name."""
    settings, _ = Settings.lenient(environ)
    shipped = {spec.name: spec for spec in SHIPPED}
    found = []
    for name in names():
        if name in shipped and not _is_there(shipped[name]):
            found.append(_absent(name, shipped[name].module))  # No process is worth starting for that.
        else:
            found.append(_inspected("name", name, environ))
    return found + [_inspected("file", file, environ) for file in settings.runner_files]


def asked_for(how: str, which: str, environ: Mapping[str, str]) -> Link:
    """One runner by its name or its file. Not to have it is a fault here; raises SpecError for a spec that can't be used."""
    link = _inspected(how, which, environ)
    if "error" in link.details:
        raise SpecError(str(link.details["error"]))
    if link.state == "note":
        return Link(link.name, "broken", link.seen, "install it in this environment", link.details)
    return link


def _inspected(how: str, which: str, environ: Mapping[str, str]) -> Link:
    # Some runners make folders wherever they are imported, and some read their configuration there: so elsewhere first, and here if that fails.
    said, status = _said(how, which, environ, here=False)
    if status is not None and ("failed" in said or ("spec" in said and not {"hooks", "absent"} & said.keys())):
        said, status = _said(how, which, environ, here=True)
    name = f"runner {said['spec']['name'] if 'spec' in said else which if how == 'name' else Path(which).name}"
    if "error" in said:
        return Link(name, "broken", said["error"], "correct the spec", {"error": said["error"]})
    if "absent" in said:
        return _absent(name.removeprefix("runner "), said["absent"])
    if "hooks" not in said:
        what = f"importing {said['importing']}" if "importing" in said else "importing the spec"
        how_it_ended = f"did not end within {SECONDS:.0f} s" if status is None else f"ended the process with {status}"
        return Link(name, "broken", f"{what} {how_it_ended}", "import it by hand and see why")
    return _judged(name, said)


def _said(how: str, which: str, environ: Mapping[str, str], here: bool) -> tuple[dict[str, Any], int | None]:
    quiet = {**environ, OTEL_SDK_DISABLED: "true", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: "*"}
    where = str(Path(which).absolute()) if how == "file" else which
    text, status = run_module(inspection.__name__, [how, where], quiet, SECONDS, here=here)
    said: dict[str, Any] = {}
    for line in text.splitlines():
        try:
            said.update(json.loads(line))
        except ValueError:
            break  # Cut off in the middle: the process was ended.
    return said, status


def _absent(name: str, module: str) -> Link:
    return Link(f"runner {name}", "note", f"{module} is not installed here")


def _judged(name: str, said: Mapping[str, Any]) -> Link:
    spec, version, hooks = said["spec"], said["version"], said["hooks"]
    release = f"{spec['distribution']} {version}" if version else spec["module"]
    if any(hook["state"] == "unsupported" for hook in hooks):
        seen = f"{release} is installed, and the hooks are for {spec['versions']}: nothing of it is instrumented"
        return Link(name, "broken", seen, _DRIFT, {"version": version, "hooks": hooks})
    matched = sum(hook["state"] == "matched" for hook in hooks)
    without = sum(hook["optional"] and hook["state"] != "matched" for hook in hooks)
    lost = [hook for hook in hooks if hook["state"] != "matched" and not hook["optional"]]
    count = f"{release}: {matched} of {len(hooks)} hook points matched"
    if without:
        count += f", {without} that other versions have are not there"
    details = {"version": version, "hooks": hooks}
    if not lost:
        return Link(name, "ok", count, details=details)
    losses = [f"{hook['role']} on {hook['target']} ({hook['detail']}): {hook['lost']}" for hook in lost]
    return Link(name, "broken", f"{count}; lost: {'; '.join(losses)}", _DRIFT, details)


def _is_there(spec: RunnerSpec) -> bool:
    # The folder that doctor is started in counts, as it does for `rvbbit-otel run`.
    found = PathFinder.find_spec(spec.module, [str(Path.cwd())]) if "." not in spec.module else None
    return is_installed(spec) or (found is not None and (found.origin is not None or spec.distribution is None))
