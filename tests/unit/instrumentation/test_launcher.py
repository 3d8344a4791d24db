from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from opentelemetry.instrumentation import auto_instrumentation

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.instrumentation.launcher import environment_for, launch, nothing_listens, service_name

FOLDER = str(Path(auto_instrumentation.__file__).parent)


def test_what_the_user_has_not_set_gets_a_default_and_the_rest_stays() -> None:
    given = {"PATH": "/bin", "OTEL_TRACES_EXPORTER": "console", "OTEL_LOGS_EXPORTER": "", "OTEL_SERVICE_NAME": "mine"}
    environment = environment_for(["python", "app.py"], given)
    assert environment == {
        "PATH": "/bin",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_BSP_MAX_QUEUE_SIZE": "65536",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2048",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OTEL_SERVICE_NAME": "mine",
        "PYTHONPATH": os.pathsep.join([FOLDER, str(Path.cwd())]),
    }
    assert given["OTEL_LOGS_EXPORTER"] == ""


def test_a_queue_that_the_user_chose_keeps_the_sdks_batches() -> None:
    given = environment_for(["x"], {"OTEL_BSP_MAX_QUEUE_SIZE": "1000"})
    assert given["OTEL_BSP_MAX_QUEUE_SIZE"] == "1000"
    assert "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" not in given


def test_the_protocol_follows_the_endpoints_port() -> None:
    http = environment_for(["x"], {}, "http://store:4318")
    assert (http["OTEL_EXPORTER_OTLP_ENDPOINT"], http["OTEL_EXPORTER_OTLP_PROTOCOL"]) == (
        "http://store:4318",
        "http/protobuf",
    )
    assert environment_for(["x"], {}, "http://store:4317")["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"
    said = environment_for(["x"], {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://store:4318")
    assert said["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"


def test_a_service_named_by_resource_attributes_keeps_its_name() -> None:
    given = {"OTEL_RESOURCE_ATTRIBUTES": "a=b, service.name=mine"}
    assert "OTEL_SERVICE_NAME" not in environment_for(["x"], given)


def test_the_instrumentation_folder_comes_first_and_once() -> None:
    given = {"PYTHONPATH": os.pathsep.join(["/lib", FOLDER, "/more"])}
    path = environment_for(["x"], given)["PYTHONPATH"].split(os.pathsep)
    assert path == [FOLDER, str(Path.cwd()), "/lib", "/more"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "-m", "small_rvbbit", "serve"], "small_rvbbit"),
        (["/usr/bin/python3.12", "-X", "dev", "-m", "pkg.__main__"], "pkg"),
        (["python3", "-u", "/srv/app.py", "x"], "app"),
        (["python", "-c", "pass"], "python"),
        (["/opt/bin/lars", "sql", "server"], "lars"),
        (["python", "-m"], "python"),
    ],
)
def test_a_service_is_named_after_its_command(command: list[str], name: str) -> None:
    assert service_name(command) == name


@pytest.mark.parametrize(
    ("command", "endpoint", "message"),
    [
        ([], None, "there is no command to run"),
        (["no-such-command-here"], None, "command 'no-such-command-here' is not found"),
        (["python"], "localhost:4318", "endpoint 'localhost:4318' is no address"),
    ],
)
def test_what_can_not_be_launched_says_why(command: list[str], endpoint: str | None, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        launch(command, endpoint)


def test_a_wrong_setting_is_an_error_before_anything_starts() -> None:
    with pytest.raises(ConfigurationError, match="OTEL_PYTHON_RVBBIT_CONTENT='loud': content is 'loud'"):
        environment_for(["x"], {"OTEL_PYTHON_RVBBIT_CONTENT": "loud"})


def test_where_nothing_listens_is_said_and_a_login_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert nothing_listens({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}) == ""
        assert nothing_listens({"OTEL_EXPORTER_OTLP_ENDPOINT": f"127.0.0.1:{port}"}) == ""
    unheard = nothing_listens({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://ann:secret@127.0.0.1:{port}"})
    assert unheard.startswith(f"nothing listens at http://127.0.0.1:{port} (Connection refused), where spans go")
    assert "secret" not in unheard
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces"}
    assert f"{port}/v1/traces" in nothing_listens({**traces, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert (
        nothing_listens({"OTEL_TRACES_EXPORTER": "console", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}) == ""
    )
    assert "nothing listens at http://127.0.0.1:x" in nothing_listens(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:x"}
    )


def test_a_runner_that_does_not_exist_is_an_error_with_the_names_that_do() -> None:
    with pytest.raises(
        ConfigurationError, match=r"RUNNERS: there is no runner langgrap; there are crewai, .*langgraph"
    ) as caught:
        environment_for(["python"], {"OTEL_PYTHON_RVBBIT_RUNNERS": "langgraph,langgrap"})
    assert "lars" in str(caught.value)
    assert environment_for(["python"], {"OTEL_PYTHON_RVBBIT_RUNNERS": "langgraph"})
