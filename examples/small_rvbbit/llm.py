"""One call to a model, by OpenAI's protocol."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from typing import Any

# US dollars a token; a fixed price keeps the sums of a test exact.
PRICE_IN, PRICE_OUT = 0.000001, 0.000002


def complete(model: str, messages: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Ask the model at ``SMALL_RVBBIT_LLM``: content, model, tokens_in, tokens_out, cost in US dollars."""
    request = urllib.request.Request(
        os.environ["SMALL_RVBBIT_LLM"] + "/v1/chat/completions",
        data=json.dumps({"model": model, "messages": list(messages)}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    tokens_in, tokens_out = answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]
    return {
        "content": answer["choices"][0]["message"]["content"],
        "model": answer["model"],
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost": tokens_in * PRICE_IN + tokens_out * PRICE_OUT,
    }
