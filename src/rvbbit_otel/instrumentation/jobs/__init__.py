"""Jobs that leave for a queue or a clock: Celery, RQ, APScheduler. Each belongs to who handed it over, a periodic one to nobody.

What a job's message says of its caller is believed where it is sealed with a key that the worker has, too (`OTEL_PYTHON_RVBBIT_JOB_KEY`), or
where the worker believes whatever comes in (`OTEL_PYTHON_RVBBIT_TRUST_INBOUND`).
"""

from __future__ import annotations

from rvbbit_otel.instrumentation.jobs.running import Job

__all__ = ["Job"]
