"""The published RVBBIT's HTTP API alone: its blueprint on a server of threads, as its studio mounts it. Runs in its environment: http_api.py PORT."""

from __future__ import annotations

import sys

from flask import Flask
from lars.studio.backend.sql_server_api import sql_server_api

app = Flask(__name__)
app.register_blueprint(sql_server_api)
app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
