"""Lists that apps declare arrive as lists, with a bare ``wrap(app)``; nothing else is split."""

# ruff: noqa: B006, B008, E704, UP006, UP007, UP035, UP045
# The frameworks evaluate annotations, on Python 3.9 too.

from __future__ import annotations

import contextlib
import enum
import typing
from typing import Annotated, Any, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple, Union

import fastapi
import httpx
import pytest
import starlette.applications
import starlette.routing
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Security
from fastapi.testclient import TestClient
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, Json, create_model, field_validator

from fc_adapter import lists, wrap
from fc_adapter.lists.fields import is_list, is_read_early, model_of
from fc_adapter.testing import Client, Transport

# FastAPI's own, in its older versions, with newer ones of pydantic.
pytestmark = pytest.mark.filterwarnings("ignore:The '[a-z_]*alias' attribute with value:UserWarning")

FULL = [("X-Token", "a"), ("X-Token", "b")]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Filter(BaseModel):
    tags: List[str] = Field([], alias="tag")
    sort: str = "name"


class Choices(BaseModel):
    tags: List[str] = Field([], validation_alias=AliasChoices("tag", "label"))


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True, alias_generator=lambda name: f"{name}List")
    tags: List[str] = []


def split(value):
    return value[0].split(",")


class Own(BaseModel):
    tags: List[str] = []
    numbers: List[int] = []

    @field_validator("numbers")
    @classmethod
    def check(cls, value: Any) -> Any:
        return value

    @field_validator("tags", mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        return value[0].split(",")


class Tokens(BaseModel):
    x_token: List[str] = []
    x_other: str = ""


def paging(page: Annotated[List[int], Query()] = [0], x_token: Annotated[List[str], Header()] = []):
    return [page, x_token]


def deep(outer: Annotated[Any, Depends(paging)], more: Annotated[Set[str], Query()] = frozenset()):
    return [outer, sorted(more)]


Q, H = Query(), Header()
ROUTES: Dict[str, Any] = {}


def route(path: str) -> Any:
    def add(function: Any) -> Any:
        ROUTES[path] = function
        return function

    return add


# fmt: off
@route("/list")
def _(tag: Annotated[List[str], Q]): return tag
@route("/builtin-list")
def _(tag: Annotated[list[str], Q]): return tag
@route("/bare-list")
def _(tag: Annotated[list, Q]): return tag
@route("/default-value")
def _(tag: List[str] = Query(["x"])): return tag
@route("/numbers")
def _(n: Annotated[List[int], Q]): return n
@route("/enums")
def _(c: Annotated[Set[Colour], Q]): return sorted(each.value for each in c)
@route("/frozen")
def _(c: Annotated[FrozenSet[str], Q]): return sorted(c)
@route("/pair")
def _(p: Annotated[Tuple[int, str], Q]): return p
@route("/tuple")
def _(p: Annotated[Tuple[float, ...], Q]): return p
@route("/deque")
def _(p: Annotated[typing.Deque[str], Q]): return list(p)
@route("/sequence")
def _(p: Annotated[Sequence[str], Q]): return list(p)
@route("/optional")
def _(tag: Annotated[Optional[List[str]], Q] = None): return tag
@route("/either")
def _(tag: Annotated[Union[List[int], str], Q]): return tag
@route("/constrained")
def _(tag: Annotated[List[Annotated[str, Field(max_length=3)]], Query(min_length=2)]): return tag
@route("/alias")
def _(tags: Annotated[List[str], Query(alias="tag[]")]): return tags
@route("/chinese")
def _(tags: Annotated[List[str], Query(alias="标签")]): return tags
@route("/dependency")
def _(found: Annotated[Any, Depends(paging)]): return found
@route("/deep-dependency")
def _(found: Annotated[Any, Depends(deep)]): return found
@route("/security")
def _(found: Annotated[Any, Security(deep, scopes=["a"])]): return found
@route("/model")
def _(f: Annotated[Filter, Q]): return f
@route("/header")
def _(x_token: Annotated[List[str], H]): return x_token
@route("/header-alias")
def _(tokens: Annotated[List[str], Header(alias="X-Token")]): return tokens
@route("/header-set")
def _(x_token: Annotated[Set[str], H]): return sorted(x_token)
@route("/header-optional")
def _(x_token: Annotated[Optional[List[str]], H] = None): return x_token
@route("/header-model")
def _(t: Annotated[Tokens, H]): return t
@route("/both")
def _(tag: Annotated[List[str], Q], x_token: Annotated[List[str], H], one: str = ""):
    return [tag, x_token, one]
@route("/items/{tag}")
def _(tag: str, n: Annotated[List[int], Q]): return [tag, n]
@route("/request")
def _(request: fastapi.Request, tag: Annotated[List[str], Q]):
    return [tag, request.query_params.multi_items(), str(request.url)]
@route("/text")
def _(tag: str = ""): return tag
@route("/none")
def _(request: fastapi.Request): return sorted(request.query_params)
# fmt: on


def make_app() -> FastAPI:
    """All routes at the top, in a router, in a router of a router, in a mounted app, and below Starlette's Mount."""
    app, sub, inner = FastAPI(), FastAPI(), FastAPI()
    router, outer = APIRouter(prefix="/r"), APIRouter(prefix="/o", dependencies=[Depends(paging)])
    for owner in (app, sub, inner, router, outer):
        for path, function in ROUTES.items():
            owner.add_api_route(path, function)
    outer.include_router(router)
    app.include_router(router)
    app.include_router(outer)
    app.mount("/sub", sub)
    app.router.routes.append(
        starlette.routing.Mount("/m", routes=[starlette.routing.Mount("/{who}", app=Outside(inner))])
    )
    return app


class Outside:
    """A middleware, as they are written."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


APP = make_app()
QUERIES = {
    "/numbers": "n=1&n=22",
    "/enums": "c=red&c=blue",
    "/frozen": "c=x&c=y",
    "/pair": "p=1&p=x",
    "/tuple": "p=1&p=2.5&p=3",
    "/deque": "p=x&p=&p=z",
    "/sequence": "p=x&p=y%26",
    "/either": "tag=1&tag=2",
    "/alias": "tag[]=a&tag%5B%5D=b",
    "/chinese": "标签=a&标签=书",
    "/dependency": "page=1&page=2",
    "/deep-dependency": "page=1&more=x&page=2&more=y",
    "/security": "page=1&more=x&page=2&more=y",
    "/model": "tag=a&tag=b&sort=x",
    "/items/{tag}": "n=1&n=2",
}


@pytest.mark.parametrize("prefix", ["", "/r", "/o", "/o/r", "/sub", "/m/who"])
def test_fastapis_own_client_and_ours_agree(prefix):
    assert len(ROUTES) == 30
    handler = wrap(APP)
    theirs = TestClient(APP, base_url="https://h.example")
    with httpx.Client(transport=Transport(handler), base_url="https://h.example") as ours:
        for path in ROUTES:
            if path in ("/text", "/none"):  # which declare no list: the platform has its way
                continue
            url = f"{prefix}{path.format(tag='a')}?{QUERIES.get(path, 'tag=a&tag=b')}"
            expected, got = theirs.get(url, headers=FULL), ours.get(url, headers=FULL)
            assert (got.status_code, got.json()) == (expected.status_code, expected.json()), url
            assert got.status_code == 200, url


def ask(app, url, headers=(), **options):
    """What a route answers, as JSON, below ``wrap(app, **options)``."""
    with httpx.Client(transport=Transport(wrap(app, **options)), base_url="https://h.example") as client:
        response = client.get(url, headers=list(headers))
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/text?tag=a&tag=b", "a,b"),
        ("/none?a=1&a=2&tag=3,4", ["a", "tag"]),
        ("/both?tag=a&tag=b&one=1&one=2", [["a", "b"], ["a", "b"], "1,2"]),
        ("/request?one=1,2&tag=a", [["a"], [["one", "1,2"], ["tag", "a"]], "https://h.example/request?one=1,2&tag=a"]),
        ("/list?tag=a,b", ["a", "b"]),  # the trade: nobody can tell it from tag=a&tag=b
    ],
)
def test_what_is_no_list_is_left_alone(url, expected):
    assert ask(APP, url, FULL) == expected


def test_false_switches_it_off_and_names_are_split_beside_what_is_declared():
    assert ask(APP, "/both?tag=a&tag=b&one=1&one=2", FULL, split_query=False) == [["a,b"], ["a,b"], "1,2"]
    assert ask(APP, "/both?tag=a&tag=b&one=1&one=2", FULL, split_query=["one"]) == [["a", "b"], ["a", "b"], "2"]
    assert ask(APP, "/both?tag=a&tag=b&one=1&one=2", FULL, split_query=True) == [["a", "b"], ["a", "b"], "2"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (["a, b"], ["a", "b"]),  # RFC 9110 section 5.3: one line means what two lines mean
        (["a", "", "b"], ["a", "", "b"]),
        (['"x, y"', "z"], ['"x, y"', "z"]),
        (['"a\\", b", "\\\\"', "z"], ['"a\\", b"', '"\\\\"', "z"]),
        (['"never closed, x', "y"], ['"never closed, x,y']),
    ],
)
def test_elements_of_a_header(sent, expected):
    assert ask(APP, "/header", [("X-Token", value) for value in sent]) == expected


def test_a_header_is_text_where_another_route_takes_it_as_text():
    app = FastAPI()

    @app.get("/text")
    def text(x_token: Annotated[str, Header()]):
        return x_token

    @app.get("/list")
    def many(x_token: Annotated[List[str], Header()]):
        return x_token

    assert ask(app, "/text", FULL) == "a,b"
    assert ask(app, "/list", FULL) == ["a", "b"]


def test_names_of_a_model_that_change():
    app = FastAPI()

    @app.get("/by-name")
    def by_name(f: Annotated[ByName, Query()]):
        return f.tags

    @app.get("/choices")
    def choices(f: Annotated[Choices, Query()]):
        return f.tags

    theirs = TestClient(app)
    with httpx.Client(transport=Transport(wrap(app)), base_url="https://h.example") as ours:
        for url in ("/by-name?tagsList=a&tagsList=b", "/by-name?tags=a&tags=b", "/choices?tag=a&tag=b"):
            assert (ours.get(url).status_code, ours.get(url).json()) == (
                theirs.get(url).status_code,
                theirs.get(url).json(),
            )


def test_a_validator_that_runs_before_pydantic_gets_what_came():
    app = FastAPI()

    @app.get("/model")
    def model(f: Annotated[Own, Query()]):
        return [f.tags, f.numbers]

    @app.get("/annotated")
    def annotated(tags: Annotated[List[str], BeforeValidator(split), Query()]):
        return tags

    assert ask(app, "/model?tags=a&tags=b&numbers=1&numbers=2") == [["a", "b"], [1, 2]]
    assert ask(app, "/annotated?tags=a,b") == ["a", "b"]


def test_json_has_commas_of_its_own():
    def info(annotation):
        return create_model("Model", field=(annotation, ...)).model_fields["field"]

    assert is_read_early(info(Json[List[int]]))
    assert is_read_early(info(Optional[List[Json]]))
    assert not is_read_early(info(Optional[List[int]]))


def test_annotations_within_others():
    assert is_list(Optional[Annotated[List[str], "text"]])
    assert model_of(Optional[Annotated[Filter, "text"]]) is Filter
    assert not is_list(Optional[str])


def test_the_first_route_that_matches_counts():
    app = FastAPI()

    @app.get("/items/{name}")
    def one(name: str, tag: str = ""):
        return tag

    @app.get("/items/all")
    def many(tag: Annotated[List[str], Query()]):
        return tag

    @app.post("/items/all")
    def add(tag: Annotated[List[str], Query()]):
        return tag

    assert ask(app, "/items/all?tag=a&tag=b") == "a,b"
    client = Client(wrap(app))
    assert client.post("/items/all?tag=a&tag=b").json == ["a", "b"]
    assert client.get("/else?tag=a&tag=b").status_code == 404
    assert client.put("/items/all?tag=a&tag=b").status_code == 405


def test_a_base_path_and_a_root_path():
    app = FastAPI()

    @app.get("/list")
    def many(tag: Annotated[List[str], Query()]):
        return tag

    assert ask(app, "/api/list?tag=a&tag=b", base_path="/api") == ["a", "b"]
    app.root_path = "/proxy"
    assert ask(app, "/proxy/list?tag=a&tag=b") == ["a", "b"]
    assert ask(app, "/list?tag=a&tag=b") == ["a", "b"]


def test_routes_that_the_startup_adds_count():
    @contextlib.asynccontextmanager
    async def lifespan(app):
        @app.get("/list")
        def many(tag: Annotated[List[str], Query()]):
            return tag

        yield

    assert ask(FastAPI(lifespan=lifespan), "/list?tag=a&tag=b") == ["a", "b"]


def test_an_app_below_a_host_and_one_that_contains_itself():
    inner = FastAPI()
    inner.get("/list")(ROUTES["/list"])
    outer = starlette.applications.Starlette(routes=[starlette.routing.Host("h.example", app=inner)])
    assert ask(outer, "/list?tag=a&tag=b") == ["a", "b"]
    inner.mount("/again", inner)
    assert ask(inner, "/again/again/list?tag=a&tag=b") == ["a", "b"]


def test_an_app_that_declares_none_is_looked_at_once():
    app, looks = FastAPI(), []
    app.get("/text")(ROUTES["/text"])
    app.get("/none")(ROUTES["/none"])

    class Watched(Outside):
        @property
        def app(self):
            looks.append(self)
            return app

        @app.setter
        def app(self, value):
            pass

    handler = wrap(Watched(app))
    client = Client(handler)
    before = len(looks)
    for _ in range(3):
        assert client.get("/text?tag=a&tag=b").json == "a,b"
    assert len(looks) - before == 5  # the lifespan, three requests, and one look at what it declares


def test_without_a_comma_nothing_is_looked_at(monkeypatch):
    monkeypatch.setattr(lists, "read_routes", lambda app: pytest.fail("looked at the routes"))
    assert ask(APP, "/list?tag=a", [("Accept-Encoding", "gzip"), ("X-Token", "a")]) == ["a"]


@pytest.mark.parametrize("broken", ["routes", "matches"])
def test_routes_that_cannot_be_read_are_told_once(broken, caplog):
    class Odd(starlette.routing.BaseRoute):
        def matches(self, scope):
            if broken == "matches" and scope.get("state") is not None and "endpoint" not in scope:
                raise LookupError("no such thing")
            return starlette.routing.Match.NONE, {}

        @property
        def dependant(self):
            if broken == "routes":
                raise LookupError("no such thing")

    app = FastAPI()
    app.get("/list")(ROUTES["/list"])
    app.router.routes.insert(0, Odd())
    handler = Transport(wrap(app))
    with httpx.Client(transport=handler, base_url="https://h.example") as client:
        answers = [client.get("/list?tag=a&tag=b") for _ in range(2)]
    if broken == "routes":
        assert [each.json() for each in answers] == [["a,b"]] * 2
    messages = [each.getMessage() for each in caplog.records if each.name == "fc_adapter"]
    told = [each for each in messages if "which parameters are lists (LookupError: no such thing)" in each]
    assert len(told) == 1
    assert "wrap(app, split_query=['tag'])" in told[0]
