"""What a tool cell can call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def validate_brand(brand: str, product: str) -> dict[str, Any]:
    """Whether the brand stands in the product's name."""
    return {"brand": brand, "valid": brand.lower() in product.lower()}


def fail(**arguments: object) -> dict[str, Any]:
    """A tool that is out of order."""
    raise RuntimeError(f"the tool is out of order for {arguments.get('product')}")


TOOLS: Mapping[str, Callable[..., dict[str, Any]]] = {"validate_brand": validate_brand, "fail": fail}


def call_tool(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Call a tool by name."""
    return TOOLS[name](**arguments)
