"""Two callers at once on one pool: each job belongs to who handed it over.    python examples/small/block.py"""

from concurrent.futures import ThreadPoolExecutor

from opentelemetry.sdk.trace import TracerProvider

from rvbbit_otel import RvbbitInstrumentor, called_by, current_caller

RvbbitInstrumentor().instrument(tracer_provider=TracerProvider())
pool = ThreadPoolExecutor(2)


def answer(question: str) -> str:
    caller = current_caller()
    return f"{question}: {caller.id if caller else 'nobody'} from {caller.origin if caller else 'nowhere'}"


@called_by("job-nightly", origin="cron")
def nightly() -> list[str]:
    return list(pool.map(answer, ["backup"]))


with called_by("web-1", {"origin": "http", "route": "/ask"}):
    tea = pool.submit(answer, "tea")
with called_by("web-2", {"origin": "http", "route": "/ask"}):
    rain = pool.submit(answer, "rain")
print(tea.result(), rain.result(), *nightly(), answer("alone"), sep="\n")
pool.shutdown()
