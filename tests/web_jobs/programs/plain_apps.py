"""Applications that know nothing of us."""

from __future__ import annotations

from fastapi import FastAPI, Request
from flask import Flask
from flask import request as flask_request
from tests.web_jobs.programs.marks import mark

starlette = FastAPI()


@starlette.get("/sync")
def by_fastapi(request: Request) -> str:
    mark(request.headers["x-user"], "sync")
    return "done"


def flask() -> Flask:
    app = Flask(__name__)

    @app.get("/sync")
    def by_flask() -> str:
        mark(flask_request.headers["X-User"], "sync")
        return "done"

    return app
