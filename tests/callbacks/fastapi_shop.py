"""The shop in FastAPI."""

import hashlib
import os
import tempfile
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.background import BackgroundTask

from .peers import FILE, FILE_NAME, GBK_PAGE, Alipay, WeChat

app = FastAPI()


@app.get("/wechat")
async def join_wechat(request: Request, echostr: str):
    if not WeChat.verify(request.query_params):
        raise HTTPException(403)
    return PlainTextResponse(echostr)


@app.post("/wechat")
async def answer_wechat(request: Request):
    if not WeChat.verify(request.query_params):
        raise HTTPException(403)
    return Response(WeChat.answer(await request.body()), media_type="application/xml")


@app.post("/alipay")
async def alipay_has_notified(request: Request):
    genuine, subject = Alipay.verify((await request.body()).decode())
    if not genuine:
        raise HTTPException(400)
    return PlainTextResponse("success", headers={"X-Subject": subject.encode().hex()})


@app.get("/alipay")
async def alipay_sends_back(request: Request):
    genuine, subject = Alipay.verify(request.url.query)
    return PlainTextResponse(subject, 200 if genuine else 400)


@app.post("/form")
def form(name: Annotated[str, Form()]):
    return PlainTextResponse(name)


@app.post("/upload")
def upload(file: UploadFile, note: Annotated[str, Form()]):
    return {"name": file.filename, "note": note, "sha256": hashlib.sha256(file.file.read()).hexdigest()}


@app.get("/download")
def download():
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(FILE)
    forget = BackgroundTask(os.unlink, file.name)
    return FileResponse(file.name, media_type="text/csv", filename=FILE_NAME, background=forget)


@app.get("/old")
def old_page():
    return Response(GBK_PAGE, headers={"Content-Type": "text/html; charset=gbk"})
