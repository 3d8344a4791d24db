"""Eight users at once over four kept connections, two users taking turns on each."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.web_jobs.running import USERS

# Path to the status that it answers with.
Answers = dict[tuple[str, str], tuple[int, str]]


def ask_all(port: int, paths: Sequence[str], headers: Callable[[str], dict[str, str]] | None = None) -> Answers:
    """Each user asks for each path once; what was answered, by user and path."""
    named = headers or (lambda user: {"X-User": user})

    def ask(pair: Sequence[str]) -> Answers:
        found: Answers = {}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for path in paths:
            for user in pair:
                connection.request("GET", path, headers=named(user))
                answer = connection.getresponse()
                found[user, path] = (answer.status, answer.read().decode())
                if answer.status >= 500:
                    connection.close()  # A server does so too, and says nothing.
        connection.close()
        return found

    pairs = [USERS[place : place + 2] for place in range(0, len(USERS), 2)]
    with ThreadPoolExecutor(len(pairs)) as pool:
        return {key: value for found in pool.map(ask, pairs) for key, value in found.items()}


def ask_in_one_write(port: int, path: str, users: Sequence[str]) -> str:
    """The requests of several users, sent before the first is answered (HTTP pipelining)."""
    asked = "".join(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nX-User: {user}\r\n"
        f"{'Connection: close' if user == users[-1] else 'X-More: yes'}\r\n\r\n"
        for user in users
    )
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(asked.encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()
