"""What an install pulls in: ``python -m release.reports``, after `release.dist`, writes into dist/.

sbom.cdx.json is a CycloneDX list of every package of the environment in which the wheel was tried; licences.md is a table of their licences, and the
command fails for one that is not in `ALLOWED`: a licence that is new to us is a decision, not a surprise.
"""

from __future__ import annotations

import json
import sys
from typing import Final

from release.dist import DIST
from release.environments import FOLDER, run, tools

# Licences that an Apache-2.0 package may depend on and be installed beside; each as packages write it. LGPL: imported, never linked in or changed.
ALLOWED: Final = (
    "apache", "mit", "bsd", "psf", "python software foundation", "isc", "mpl", "mozilla", "unlicense", "lgpl", "lesser general public",
    "zlib", "0bsd",
)  # fmt: skip


def main() -> int:
    """Write both reports for the newest environment in which a wheel was tried."""
    tried = sorted(FOLDER.glob("wheel-*"), key=lambda venv: int(venv.name.rpartition(".")[2]))
    if not tried:
        raise SystemExit("no wheel was tried yet: run `make dist` first")
    python = tried[-1] / "bin" / "python"
    run(
        tools() / "cyclonedx-py",
        "environment",
        "--output-reproducible",
        "--of",
        "JSON",
        "-o",
        DIST / "sbom.cdx.json",
        python,
    )
    options = ("--python", str(python), "--with-urls", "--from=mixed", "--order=license")
    listed = json.loads(run(tools() / "pip-licenses", *options, "--format=json"))
    (DIST / "licences.md").write_text(run(tools() / "pip-licenses", *options, "--format=markdown"), encoding="utf-8")
    parts = json.loads((DIST / "sbom.cdx.json").read_text(encoding="utf-8"))["components"]
    print(f"{DIST.name}/sbom.cdx.json: {len(parts)} packages; {DIST.name}/licences.md: {len(listed)}")
    unknown = [each for each in listed if not is_allowed(each["License"])]
    for each in unknown:
        print(f"{each['Name']} {each['Version']}: {each['License']} is no licence that is allowed", file=sys.stderr)
    return 1 if unknown or not parts else 0


def is_allowed(licence: str) -> bool:
    """Whether each licence of a package, or one of those that it may be had under, is among ours."""
    alternatives = licence.lower().replace(";", " or ").split(" or ")
    return any(any(known in each for known in ALLOWED) for each in alternatives)


if __name__ == "__main__":
    sys.exit(main())
