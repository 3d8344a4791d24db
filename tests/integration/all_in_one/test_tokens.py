"""Tokens with names and rights: each opens what it says, and nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces

from rvbbit_otel.all_in_one.http.access_log import NAME
from rvbbit_otel.all_in_one.tokens import Token, read_tokens
from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.erase import TOMBSTONES

SECRETS = {name: f"the-secret-of-{name}" for name in ("reader", "writer", "both", "admin")}
FILE = """
[[token]]
name = "reader"
token = "the-secret-of-reader"
rights = ["read"]
[[token]]
name = "writer"
token = "the-secret-of-writer"
rights = ["write"]
[[token]]
name = "both"
token = "the-secret-of-both"
rights = ["read", "write"]
[[token]]
name = "admin"
token = "the-secret-of-admin"
rights = ["admin"]
"""
INSERT = 'INSERT INTO otel_logs_in FORMAT JSONEachRow {"Body": "x"}'


def status(url: str, secret: str, body: bytes | None = None, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, {"Authorization": f"Bearer {secret}", **named})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def by_grpc(server: AllInOne, secret: str) -> str:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        try:
            call(traces(row(1)), timeout=30, metadata=(("authorization", f"Bearer {secret}"),))
        except grpc.RpcError as error:
            return str(error.code().name)  # type: ignore[attr-defined]
    return "OK"


def opens(server: AllInOne, secret: str) -> dict[str, int | str]:
    """What a secret gets at each listener."""
    tombstones = f"{server.clickhouse}/?" + urllib.parse.urlencode({"param_hashes": "[1]"})
    return {
        "question": status(f"{server.clickhouse}/", secret, b"SELECT 1"),
        "question by GET": status(f"{server.clickhouse}/?query=SELECT+1", secret),
        "page": status(f"{server.clickhouse}/page/", secret),
        "insert": status(f"{server.clickhouse}/", secret, INSERT.encode()),
        "otlp": status(f"{server.otlp_http}/v1/traces", secret, traces(row(1)), Content_Type="application/x-protobuf"),
        "grpc": by_grpc(server, secret),
        "erase": status(tombstones, secret, TOMBSTONES.encode()),
    }


def test_each_token_opens_what_its_rights_say_and_is_named_in_the_access_log(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(FILE)
    with running_all_in_one(tmp_path / "data", "--tokens", str(file)) as server:
        reads: dict[str, int | str] = {"question": 200, "question by GET": 200, "page": 200}
        no_reads: dict[str, int | str] = dict.fromkeys(reads, 403)
        writes: dict[str, int | str] = {"insert": 200, "otlp": 200, "grpc": "OK"}
        no_writes: dict[str, int | str] = {"insert": 403, "otlp": 403, "grpc": "PERMISSION_DENIED"}
        assert opens(server, SECRETS["reader"]) == {**reads, **no_writes, "erase": 403}
        assert opens(server, SECRETS["writer"]) == {**no_reads, **writes, "erase": 403}
        assert opens(server, SECRETS["both"]) == {**reads, **writes, "erase": 403}
        assert opens(server, SECRETS["admin"]) == {**reads, **writes, "erase": 200}
        stranger = opens(server, "none-of-the-secrets")
        assert {name: got for name, got in stranger.items() if got not in (401, "UNAUTHENTICATED")} == {}
        lines = [json.loads(line) for line in (tmp_path / "data" / NAME).read_text().splitlines()]
    assert {each["who"] for each in lines} == {"", "page", *SECRETS}
    assert not any(secret in (tmp_path / "data" / NAME).read_text() for secret in SECRETS.values())


def test_a_file_of_tokens_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(FILE)
    everything = frozenset({"read", "write", "admin"})
    rights = (frozenset({"read"}), frozenset({"write"}), frozenset({"read", "write"}), everything)
    assert read_tokens(file) == tuple(
        Token(name, secret, allowed) for (name, secret), allowed in zip(SECRETS.items(), rights, strict=True)
    )
    assert "the-secret" not in repr(read_tokens(file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"has to hold \[\[token\]\] tables"),
        ("[[token]]\nname = 'a'\n", "token 1 has to have name, token and rights"),
        (
            "[[token]]\nname = 'a'\ntoken = 'my-secret'\nrights = ['read']\n",
            r"token 1 \(a\): its token is a text of 16",
        ),
        (
            "[[token]]\nname = 'a'\ntoken = 'my-secret-my-secret'\nrights = ['root']\n",
            "its rights are some of read, write",
        ),
        ("[[token]]\nname = 'a'\ntoken = 'my-secret-my-secret'\nrights = []\n", "its rights are some of read, write"),
        ("[[token]]\nname = ''\ntoken = 'my-secret-my-secret'\nrights = ['read']\n", "its name is a text"),
        ("[[token]]\nname = 'a'\ntoken = 'my-secret-my-secret\n", "is no TOML"),
        (2 * "[[token]]\nname = 'a'\ntoken = 'my-secret-my-secret'\nrights = ['read']\n", "two tokens have one name"),
    ],
)
def test_a_bad_file_of_tokens_is_refused_with_what_is_wrong_and_without_a_secret(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_tokens(file)
    assert "my-secret" not in str(refused.value)
