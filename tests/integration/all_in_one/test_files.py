"""The store's files are its user's alone, nothing of a request stays beside them, and a folder that can't be used is one clear line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces

from rvbbit_otel.storage.client import ClickHouseDatabase

TOKEN = "planted-token-2b7"


def modes(data: Path) -> set[tuple[str, str]]:
    """What kinds of files are there, with their rights; a link has none of its own."""
    found = [data, *(path for path in data.rglob("*") if not path.is_symlink())]
    return {("folder" if path.is_dir() else "file", oct(stat.S_IMODE(path.stat().st_mode))) for path in found}


def send(server: AllInOne, body: bytes) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    urllib.request.urlopen(urllib.request.Request(f"{server.otlp_http}/v1/traces", body, headers), timeout=60).close()


def up(data: Path, *before: str) -> tuple[int, str]:
    ports = [word for name in ("otlp-grpc", "otlp-http", "clickhouse") for word in (f"--{name}-port", "0")]
    command = [*before, sys.executable, "-m", "rvbbit_otel", "up", "--data", str(data), *ports]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return seen.returncode, seen.stderr


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_all_that_the_store_keeps_is_its_users_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    data, before = tmp_path / "data", os.umask(umask)
    try:
        with running_all_in_one(data) as server:
            send(server, traces(row(1)))
            ClickHouseDatabase(server.clickhouse).query("SELECT 1")
            assert modes(data) == {("folder", "0o700"), ("file", "0o600")}
    finally:
        os.umask(before)
    assert modes(data) == {("folder", "0o700"), ("file", "0o600")}


def test_a_store_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_all_in_one(data):
        pass
    for path in (data, *data.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    with running_all_in_one(data):
        assert modes(data) == {("folder", "0o700"), ("file", "0o600")}


def test_no_body_of_a_request_is_left_behind_by_a_clean_stop_nor_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_all_in_one(data) as server:
        send(server, traces(row(1)))
        assert ClickHouseDatabase(server.clickhouse).query("SELECT count() FROM unified_logs").rows == [(1,)]
        assert list(data.glob("*.bin")) == []
    assert [*data.glob("*.bin"), *(data / "journal").iterdir(), *(data / "quarantine").iterdir()] == []
    # A process that is killed can't remove anything: the next one does.
    left = [data / name for name in ("body.bin", "reader-7.bin", "trial_3.bin")]
    for path in left:
        path.write_bytes(b"what somebody said")
    with running_all_in_one(data) as server:
        assert list(data.glob("*.bin")) == []
        assert ClickHouseDatabase(server.clickhouse).query("SELECT count() FROM unified_logs").rows == [(1,)]


def test_a_second_process_leaves_the_body_of_the_first_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_all_in_one(data) as server:
        (data / "body.bin").write_bytes(b"on its way")
        status, said = up(data)
        assert (status, len(said.splitlines()), f"in use by process {server.pid}" in said) == (2, 2, True)
        assert (data / "body.bin").read_bytes() == b"on its way"


@pytest.mark.parametrize("given", [("--token", TOKEN), (f"--token={TOKEN}",)], ids=["two arguments", "one argument"])
def test_a_token_among_the_arguments_is_wiped_from_what_others_see(tmp_path: Path, given: tuple[str, ...]) -> None:
    with running_all_in_one(tmp_path / "data", *given) as server:
        shown = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert (TOKEN.encode() in shown, b"--token" in shown, b"--ready-file" in shown) == (False, True, True)
        assert ClickHouseDatabase(server.clickhouse.replace("//", f"//default:{TOKEN}@")).query("SELECT 1").rows == [
            (1,)
        ]


@pytest.mark.parametrize("way", ["file", "variable", "file by its variable"])
def test_a_token_by_a_file_or_a_variable_is_asked_for(tmp_path: Path, way: str) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\nan-older-one\n")
    environ = {"variable": {"RVBBIT_OTEL_TOKEN": TOKEN}, "file by its variable": {"RVBBIT_OTEL_TOKEN_FILE": str(file)}}
    given = ("--token-file", str(file)) if way == "file" else ()
    with running_all_in_one(tmp_path / "data", *given, environ=environ.get(way, {})) as server:
        assert TOKEN.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.clickhouse}/ping", timeout=30)
        assert refused.value.code == 401
        asked = urllib.request.Request(f"{server.clickhouse}/ping", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked, timeout=30) as response:
            assert response.status == 200


def test_a_password_in_a_dsn_is_wiped_too(tmp_path: Path) -> None:
    asks = (
        "import sys; sys.argv[0] = 'rvbbit-otel'; from rvbbit_otel.cli import cli\n"
        "try:\n    cli(standalone_mode=False)\nexcept Exception: pass\n"
        "print(open('/proc/self/cmdline').read())"
    )
    dsn = f"http://default:{TOKEN}@127.0.0.1:9/default"
    seen = subprocess.run(
        [sys.executable, "-c", asks, "audit", "--dsn", dsn], capture_output=True, text=True, timeout=60, check=True
    )
    assert (TOKEN in seen.stdout, "@127.0.0.1:9/default" in seen.stdout) == (False, True)


@pytest.mark.parametrize("holds", [None, "", " \n"])
def test_a_file_without_a_token_is_named(tmp_path: Path, holds: str | None) -> None:
    file = tmp_path / "token"
    if holds is not None:
        file.write_text(holds)
    seen = subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", "up", "--data", str(tmp_path / "data"), "--token-file", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (seen.returncode, seen.stderr.count("\n"), f"--token-file {file}" in seen.stderr) == (2, 1, True)


def on_a_disk_of_its_own(options: str, then: str) -> list[str]:
    """What runs a command with a disk at `$1` that only it sees, and that goes with it."""
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'disk="$1"; shift; mount -t tmpfs -o {options} none "$disk" && {then} exec "$@"'
    return ["unshare", *users, "--mount", "sh", "-c", script, "sh"]


@pytest.mark.parametrize(
    ("disk", "folder", "reason"),
    [
        ("size=8m,ro", ".", "Read-only file system"),
        ("size=8m,ro", "made/anew", "Read-only file system"),
        ("size=2m", "data", "No space left on device"),
    ],
)
def test_a_disk_that_can_not_be_written_is_one_clear_line(tmp_path: Path, disk: str, folder: str, reason: str) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    status, said = up(place / folder, *on_a_disk_of_its_own(disk, ""), str(place))
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith(f"rvbbit-otel: --data {place / folder} can't be used as the store's folder ({reason})")


def test_a_store_on_a_disk_that_has_become_full_is_one_clear_line(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    data = place / "data"
    with running_all_in_one(tmp_path / "made"):
        pass
    fill = f'cp -a {tmp_path / "made"} {data} && {{ head -c 99m /dev/zero > "$disk/ballast" 2> /dev/null || true; }} &&'
    status, said = up(data, *on_a_disk_of_its_own("size=32m", fill), str(place))
    assert (status, said.count("\n"), "No space left on device" in said) == (2, 1, True)


@pytest.mark.parametrize("inside", [False, True])
def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path: Path, inside: bool) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    status, said = up(file / "data" if inside else file)
    assert (status, said.count("\n"), "--data" in said, file.read_text()) == (2, 1, True, "mine")


def test_a_ready_file_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    seen = subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", "up", "--data", str(tmp_path / "data"), "--ready-file"]
        + [str(tmp_path / "missing" / "ready.json"), "--otlp-grpc-port", "0", "--otlp-http-port", "0"]
        + ["--clickhouse-port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (seen.returncode, "Traceback" in seen.stderr) == (2, False)
    assert f"--ready-file {tmp_path / 'missing' / 'ready.json'} can't be written" in seen.stderr
