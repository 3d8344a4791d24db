"""Each request of a web application is its user's.    python examples/small/web_app.py"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from rvbbit_otel import AsgiCallers, current_caller


def who(request):  # type: ignore[no-untyped-def]
    """Name the caller of a request: its id, and what is known of the invocation."""
    return f"user-{request.headers.get('x-user', 'unknown')}"


async def ask(request: Request) -> PlainTextResponse:
    caller = current_caller()
    return PlainTextResponse(f"{request.query_params['q']} for {caller.id if caller else 'nobody'}")


app = Starlette(routes=[Route("/ask", ask)])
app.add_middleware(AsgiCallers, name=who)
with TestClient(app) as client:
    for user, question in (("ann", "tea"), ("bob", "rain")):
        print(client.get("/ask", params={"q": question}, headers={"x-user": user}).text)
