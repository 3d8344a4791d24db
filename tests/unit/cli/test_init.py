"""The configurations that `init` writes are ones that work."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rvbbit_otel.cli import cli
from rvbbit_otel.cli.init import TEXTS
from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.instrumentation.runners.toml_file import parse_spec
from rvbbit_otel.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]


def test_the_runners_file_is_a_spec_also_with_what_is_commented_out() -> None:
    text = TEXTS["runner"]()
    assert len(parse_spec(text).hooks) == 5
    uncommented = (
        text.replace('# [[hooks]]\n# role = "udf', '[[hooks]]\nrole = "udf')
        .replace("# target", "target")
        .replace("# fields", "fields")
    )
    uncommented = uncommented.replace("# distribution", "distribution").replace("# versions", "versions")
    assert (len(parse_spec(uncommented).hooks), parse_spec(uncommented).versions) == (6, ">=1.2,<2")


def test_the_applications_file_has_every_setting_with_its_default() -> None:
    lines = [line.removeprefix("# ") for line in TEXTS["application"]().splitlines()]
    environ = dict(line.split("=", 1) for line in lines if line.startswith(PREFIX))
    assert environ.keys() == {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}
    assert Settings.from_environment(environ) == Settings()


def test_the_collectors_file_writes_to_the_landing_tables_as_our_own_does() -> None:
    short, ours = yaml.safe_load(TEXTS["collector"]()), yaml.safe_load((ROOT / "collector" / "config.yaml").read_text())
    mine = short["exporters"]["clickhouse"]
    (theirs,) = [
        each
        for name, each in ours["exporters"].items()
        if name.startswith("clickhouse") and "traces_table_name" in each
    ]
    for key in ("create_schema", "traces_table_name", "logs_table_name"):
        assert mine[key] == theirs[key]
    assert set(short["service"]["pipelines"]) == {"traces", "logs"}


@pytest.mark.parametrize("what", TEXTS)
def test_a_file_is_written_once_and_never_over_another(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["init", what])
    (file,) = tmp_path.iterdir()
    assert (done.exit_code, file.read_text()) == (0, TEXTS[what]())
    again = CliRunner().invoke(cli, ["init", what])
    assert isinstance(again.exception, ConfigurationError)
    assert f"{file.name} is there already" in str(again.exception)
    assert CliRunner().invoke(cli, ["init", what, "--output", "-"]).output == TEXTS[what]()
    assert isinstance(CliRunner().invoke(cli, ["init", what, "--output", "no/where"]).exception, ConfigurationError)
