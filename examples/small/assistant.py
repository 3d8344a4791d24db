"""A runner that nobody edits, and that knows nothing of OpenTelemetry: what own_runner.py describes."""


def login(user: str) -> None:
    """Begin to work for this user."""


def logout() -> None:
    """Work for nobody."""


def answer(run_id: str, question: str) -> str:
    """Answer one question, in a run of its own."""
    return f"{run_id}: {question.upper()}"
