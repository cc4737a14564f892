"""A FastAPI app that reports what it gets by FastAPI's own means, and gives back every kind of response."""

from __future__ import annotations

from typing import Annotated

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    UploadFile,
)
from fastapi import Path as FromPath
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from .content import METHODS, digest, split
from .files import FILES
from .starlette_asgi import GZIP, REPLIES, describe, describe_file, lifespan, plan, worked

app = FastAPI(title="被测", lifespan=lifespan)


class Item(BaseModel):
    """A body that is validated, with one inside it."""

    name: str = Field(min_length=1)
    price: float = Field(gt=0)
    tags: list[str] = []
    parent: dict[str, int] = {}


class NotThereError(Exception):
    """An error that the app answers by itself."""


@app.exception_handler(NotThereError)
async def answer_not_there(request, error):
    return JSONResponse({"没有": str(error)}, 404)


@app.middleware("http")
async def add_header(request, call_next):
    response = await call_next(request)
    response.headers["X-Middleware"] = "passed"
    return response


async def open_resource():
    """A dependency that is closed after the response."""
    resource = ["opened"]
    yield resource
    resource.append("closed")


@app.api_route("/", methods=METHODS, include_in_schema=False)
@app.api_route("/echo", methods=METHODS, include_in_schema=False)
@app.api_route("/items/{name:path}", methods=METHODS, name="items", include_in_schema=False)
@app.api_route("/folder/", methods=METHODS, include_in_schema=False)
@app.api_route("/leaf")
async def echo(request: Request):
    return await describe(request)


@app.get("/numbers/{number}")
def numbers(number: Annotated[int, FromPath(ge=0)], resource: Annotated[list, Depends(open_resource)]):
    return {"number": number, "resource": list(resource)}


@app.get("/search")
def search(
    q: str,
    tag: Annotated[list[str], Query(max_length=2)] = [],  # noqa: B006
    limit: Annotated[int, Query(le=10, alias="上限")] = 5,
    exact: bool = False,
    agent: Annotated[str, Header(alias="User-Agent")] = "",
    theme: Annotated[str, Cookie()] = "",
):
    return {"q": q, "tag": tag, "limit": limit, "exact": exact, "agent": agent, "theme": theme}


@app.post("/validated", status_code=201, response_model=Item, response_model_exclude_unset=True)
def validated(item: Item, response: Response):
    response.headers["Location"] = f"/validated/{len(item.name)}"
    response.set_cookie("last", "1")
    return {**item.model_dump(exclude_unset=True), "not in the model": 1}


@app.post("/form")
def form(name: Annotated[str, Form()], number: Annotated[list[int], Form()]):
    return {"name": name, "number": number}


@app.post("/upload")
async def upload(files: list[UploadFile], note: Annotated[str, Form()] = "", raw: Annotated[bytes, File()] = b""):
    return {"files": [await describe_file(file) for file in files], "note": note, "raw": digest(raw)}


@app.post("/raw")
def raw(data: Annotated[bytes, Body(media_type="application/octet-stream")]):
    return {"data": digest(data)}


@app.post("/reflect")
def reflect(data: Annotated[bytes, Body()], content_type: Annotated[str, Header()]):
    return StreamingResponse(iter(split(data)), media_type=content_type)


@app.post("/work", status_code=202)
async def work(request: Request, tasks: BackgroundTasks):
    plan(request, tasks)
    return "accepted"


@app.get("/login")
def login(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic(realm="领域".encode().decode("latin-1")))]):
    return credentials.username, credentials.password


@app.get("/not-there")
async def not_there():
    raise NotThereError("东西")


@app.get("/forbidden")
async def forbidden():
    raise HTTPException(403, {"原因": ["不行"]}, headers={"X-Reason": "no"})


@app.get("/invalid-response", response_model=Item)
async def invalid_response():
    return {"name": ""}


versioned = APIRouter(prefix="/v1", dependencies=[Depends(open_resource)])
versioned.add_api_route("/echo", echo)

for path, endpoint in {**REPLIES, "/worked": worked}.items():
    app.add_api_route(path, endpoint, include_in_schema=False)
app.include_router(versioned)

sub_app = FastAPI(title="下层", middleware=[GZIP])
sub_app.add_api_route("/echo", echo)
sub_app.add_api_route("/items/{name:path}", echo, name="items")
sub_app.add_api_route("/redirect/built", REPLIES["/redirect/built"])
app.mount("/sub", sub_app)
app.mount("/files", StaticFiles(directory=FILES))
