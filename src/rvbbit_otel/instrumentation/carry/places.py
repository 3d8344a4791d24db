"""Places where work waits, in Python and in the libraries that people use, by what waiting there shows."""

from __future__ import annotations

from typing import Final

# What these wait for is their own: an event of a thread that starts, the condition of a queue, the answer of a child or of a server, a lock
# in a file, a pause between two tries of one and the same call.
OWN_WAITS: Final = frozenset(
    (
        *("threading", "queue", "asyncio", "concurrent", "multiprocessing", "subprocess", "selectors"),
        *("anyio", "trio", "sniffio"),
        *("httpcore", "httpcore2", "httpx", "httpx2", "aiohttp", "urllib3", "requests", "grpc"),
        *("google", "botocore", "aiobotocore", "websockets"),
        *("tenacity", "backoff", "stamina", "retrying", "retry", "psycopg", "asyncpg", "redis"),
        *("openai", "anthropic", "litellm", "langchain_core", "groq", "mistralai", "cohere"),
        *("filelock", "portalocker", "pydantic_ai"),
        # They read the answer to their own question from a connection that a pool keeps.
        *("http", "urllib", "xmlrpc", "smtplib", "imaplib", "poplib", "ftplib", "aiosmtplib"),
        *(
            "pymysql",
            "aiomysql",
            "asyncmy",
            "mysql",
            "pg8000",
            "clickhouse_driver",
            "pymongo",
            "oracledb",
            "pytds",
            "ldap3",
            "paramiko",
            "asyncssh",
        ),
    )
)
# What these take from a queue is a connection, which others have used, and no work.
POOLING: Final = frozenset({"urllib3"})
# Methods that block for somebody's item; as functions for a pool they take for whoever waits for the pool.
TAKES: Final = frozenset({"get", "get_nowait", "recv", "recv_bytes", "accept"})
# Waits for no more than some time, or for whatever comes first: a job does so between its own steps, so a `for` around them shows nothing.
PAUSES: Final = (
    ("time", "sleep"),
    ("asyncio.tasks", "sleep"),
    ("trio._timeouts", "sleep"),
    ("select", "select"),
    ("selectors", "SelectSelector.select"),
    ("selectors", "PollSelector.select"),
    ("selectors", "EpollSelector.select"),
    ("multiprocessing.connection", "wait"),
    ("zmq.sugar.poll", "Poller.poll"),
)
# Waits for somebody's word: in any loop they show a worker.
WORDS: Final = (
    ("threading", "Event.wait"),
    ("asyncio.locks", "Event.wait"),
    ("anyio._backends._asyncio", "Event.wait"),
    ("anyio._backends._trio", "Event.wait"),
    ("trio._sync", "Event.wait"),
    ("trio._core._parking_lot", "ParkingLot.park"),
    ("trio._core._traps", "wait_task_rescheduled"),
    # As a counter of what waits; one that limits is used by `with`, which does not go by this name.
    ("threading", "Semaphore.acquire"),
    ("asyncio.locks", "Semaphore.acquire"),
    ("anyio._backends._asyncio", "Semaphore.acquire"),
    ("anyio._backends._trio", "Semaphore.acquire"),
    ("trio._sync", "Semaphore.acquire"),
    ("multiprocessing.synchronize", "Event.wait"),
    ("multiprocessing.synchronize", "Condition.wait"),
    ("multiprocessing.synchronize", "Condition.wait_for"),
    ("multiprocessing.managers", "EventProxy.wait"),
    ("multiprocessing.managers", "ConditionProxy.wait"),
    ("multiprocessing.managers", "ConditionProxy.wait_for"),
    ("multiprocessing.managers", "AcquirerProxy.acquire"),
    ("signal", "sigwait"),
    ("signal", "sigwaitinfo"),
    ("signal", "sigtimedwait"),
    ("signal", "pause"),
)
# The same, by way of frames of the library's own: what asks is who called that.
LIBRARY_PAUSES: Final = (
    ("anyio._backends._asyncio", "AsyncIOBackend.sleep"),
    ("anyio._backends._trio", "TrioBackend.sleep"),
)
READS: Final = (
    ("socket", "socket.recv"),
    ("socket", "socket.recvfrom"),
    ("socket", "socket.recv_into"),
    ("socket", "socket.recvfrom_into"),
    ("socket", "socket.recvmsg"),
    ("ssl", "SSLSocket.read"),
    ("asyncio.streams", "StreamReader.read"),
    ("asyncio.streams", "StreamReader.readexactly"),
    ("asyncio.streams", "StreamReader.readuntil"),
    ("trio._highlevel_socket", "SocketStream.receive_some"),
    ("anyio._backends._asyncio", "SocketStream.receive"),
    ("anyio._backends._trio", "SocketStream.receive"),
    ("aiohttp.client_ws", "ClientWebSocketResponse.receive"),
    ("aiohttp.web_ws", "WebSocketResponse.receive"),
    ("websockets.asyncio.connection", "Connection.recv"),
    ("websockets.sync.connection", "Connection.recv"),
    ("websockets.legacy.protocol", "WebSocketCommonProtocol.recv"),
    ("zmq.sugar.socket", "Socket.recv"),
    ("zmq._future", "_AsyncSocket.recv"),
    ("zmq._future", "_AsyncSocket.recv_multipart"),
    ("zmq._future", "_AsyncSocket.poll"),
)
# What is read from, that a job may have made for itself.
READ_FROM: Final = (
    ("socket", "socket"),
    ("asyncio.streams", "StreamReader"),
    ("trio._highlevel_socket", "SocketStream"),
    ("anyio._backends._asyncio", "SocketStream"),
    ("anyio._backends._trio", "SocketStream"),
    ("aiohttp.client_ws", "ClientWebSocketResponse"),
    ("websockets.asyncio.connection", "Connection"),
    ("websockets.sync.connection", "Connection"),
    ("websockets.legacy.protocol", "WebSocketCommonProtocol"),
    ("zmq.sugar.socket", "Socket"),
)
# Queues of libraries, by what takes from them; whose an item is that waits there, nobody notes.
QUEUES: Final = (
    ("multiprocessing.queues", "Queue.get"),
    ("multiprocessing.queues", "SimpleQueue.get"),
    ("janus", "_SyncQueueProxy.get"),
    ("janus", "_SyncQueueProxy.get_nowait"),
    ("janus", "_AsyncQueueProxy.get"),
    ("janus", "_AsyncQueueProxy.get_nowait"),
    ("tornado.queues", "Queue.get_nowait"),
    ("socket", "socket.accept"),
)
# Locks, of which one that a function takes in a loop and never gives back is a bell.
LOCKS: Final = (
    ("asyncio.locks", "Lock.acquire"),
    ("anyio._core._synchronization", "Lock.acquire"),
    ("anyio._backends._asyncio", "Lock.acquire"),
    ("anyio._backends._trio", "Lock.acquire"),
    ("trio._sync", "Lock.acquire"),
)
# Where what a function for a pool takes from is looked for.
SHARED_PLACES: Final = frozenset({"queue", "_queue", "multiprocessing", "socket", "multiprocess", "rvbbit_otel"})
