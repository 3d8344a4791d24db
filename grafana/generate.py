"""Writes the dashboards and alert rules: `python -m grafana.generate`, after a change of grafana/sql, of boards.py or of an audit."""

from __future__ import annotations

from pathlib import Path

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.alerts import rules
from grafana.boards import BOARDS

HERE = Path(__file__).parent


def files() -> dict[Path, str]:
    """What is made: a path to its whole text."""
    made = {}
    for board in BOARDS:
        whole = board()
        # Grafana numbers panels that have none anew at each load, and links to one panel would not last.
        for index, panel in enumerate(whole.panels or [], 1):
            panel.id_val = index
        text = JSONEncoder(sort_keys=True, indent=2).encode(whole)
        made[HERE / "dashboards" / f"{board.__name__}.json"] = text + "\n"
    note = "# Made by `python -m grafana.generate` from the audits and grafana/sql: change those.\n"
    made[HERE / "provisioning" / "alerting" / "rules.yaml"] = note + yaml.dump(
        rules(), sort_keys=False, width=150, Dumper=_Dumper
    )
    return made


class _Dumper(yaml.SafeDumper):
    """SQL as a block, so that a person can read it, and everything written out."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
