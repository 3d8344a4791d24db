"""A workspace for the published RVBBIT: the cascades that the modes of `modes.py` run, and a stub in place of every model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PROMPT: Final = "What is the brand of this product? Product: {{ input.product_name }}"
_CELL: Final = f"""
  - name: {{name}}
    instructions: "{_PROMPT}"
    rules: {{{{max_turns: 1}}}}
"""
_HEAD: Final = """cascade_id: {name}
description: Extracts the brand of a product
inputs_schema:
  product_name: Product name
"""
_TOOL_CELL: Final = """
  - name: {name}
    tool: python_data
    inputs:
      code: |
        result = {code}
"""


def _cascade(name: str, *cells: str, more: str = "") -> str:
    return _HEAD.format(name=name) + more + "cells:" + "".join(cells)


def _cell(name: str, more: str = "") -> str:
    return _CELL.format(name=name) + more


_BRAND: Final = '{"brand": input.get("product_name", "").split()[0]}'
CASCADES: Final = {
    "extract_brand": _cascade("extract_brand", _cell("extract")),
    "tool_brand": _cascade("tool_brand", _TOOL_CELL.format(name="extract", code=_BRAND)),
    "cell_takes": _cascade(
        "cell_takes",
        _cell("extract", "    takes: {factor: 3, mutate: false, evaluator_instructions: 'Pick the best: 1'}\n"),
    ),
    "cascade_takes": _cascade(
        "cascade_takes",
        _cell("extract"),
        more="takes: {factor: 2, evaluator_instructions: 'Pick the best: 1'}\n",
    ),
    "independent": _cascade("independent", _cell("first"), _cell("second"), more="max_parallel: 2\n"),
    "parent": _cascade(
        "parent",
        """
  - name: children
    tool: map_cascade
    inputs:
      cascade: traits/extract_brand.yaml
      map_over: "{{ input.product_name }} a,{{ input.product_name }} b"
      input_key: product_name
      mode: aggregate
      max_parallel: "2"
""",
    ),
    "failing": _cascade(
        "failing", "\n  - name: fail\n    tool: no_such_tool\n    inputs: {text: '{{ input.product_name }}'}\n"
    ),
}
_TIERS: Final = ("standard", "fast", "quality", "reasoning")


def make(folder: Path, llm: str) -> Path:
    """Write the workspace into an empty folder; `llm` is the stub's address."""
    (folder / "traits").mkdir(parents=True)
    for name, text in CASCADES.items():
        (folder / "traits" / f"{name}.yaml").write_text(text)
    tiers = ", ".join(f"{tier}: lmstudio/stub" for tier in _TIERS)
    (folder / "models.yaml").write_text(
        f"providers:\n  lmstudio: {{enabled: true, host: '{llm}'}}\nmodels: {{{tiers}}}\n"
    )
    return folder
