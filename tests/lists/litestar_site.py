"""A Litestar app whose routes declare lists."""

# ruff: noqa: B008, UP006, UP035, UP045
# The frameworks evaluate annotations, on Python 3.9 too.

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any, Dict, List, Optional

import litestar
from litestar.di import Provide
from litestar.params import Parameter

# In the style that all of its versions know; newer ones prefer another.
warnings.filterwarnings("ignore", category=DeprecationWarning)


def paging(page: List[int]) -> List[int]:
    return page


@litestar.get("/list")
async def many(tag: List[str], one: Optional[str] = None) -> List[Any]:
    return [tag, one]


@litestar.get(["/alias", "/alias/{tag:str}"])
async def alias(tags: List[str] = Parameter(query="tag[]")) -> List[str]:
    return tags


@litestar.get("/dependency", dependencies={"found": Provide(paging, sync_to_thread=False)})
async def dependency(found: List[int]) -> List[int]:
    return found


@litestar.get("/text")
async def text(tag: str) -> str:
    return tag


@litestar.get("/raw")
async def raw(request: litestar.Request[Any, Any, Any]) -> Dict[str, Any]:
    return request.query_params.dict()


@litestar.get("/price/{amount:decimal}")
async def price(amount: Decimal) -> str:
    return str(amount)


app = litestar.Litestar([many, alias, dependency, text, raw, price])
