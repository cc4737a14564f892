"""A FastAPI app with what a small API needs: a store, checked input, uploads, downloads, cookies, background work.

Nothing in it knows of Function Compute: ``uvicorn app:app`` serves it as well, and ``index.py`` is all that deploying
adds.
"""

import hashlib
import os
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Annotated
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

from fastapi import BackgroundTasks, Cookie, Depends, FastAPI, HTTPException, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

from models import Note, Preferences, SavedNote, UploadedFile
from store import Store


@asynccontextmanager
async def lifespan(app):
    """Open the store once for all requests, which find it in their ``state``, and close it at the end."""
    store = Store(os.environ.get("DATABASE") or ":memory:")
    try:
        yield {"store": store}
    finally:
        store.close()


async def get_store(request: Request) -> Store:
    """The store that the lifespan has opened."""
    return request.state.store


OpenStore = Annotated[Store, Depends(get_store)]

app = FastAPI(title="便签", description="一个运行在阿里云函数计算上的 FastAPI 应用。", lifespan=lifespan)


@app.exception_handler(RequestValidationError)
async def refuse(request, error):
    """Say what is wrong and where, as FastAPI does, but leave out what came.

    JSON can hold half of a surrogate pair, which no answer can repeat.
    """
    errors = [{"loc": found["loc"], "msg": found["msg"]} for found in error.errors()]
    return JSONResponse({"detail": errors}, 422)


@app.get("/", include_in_schema=False)
def index():
    """Lead browsers to the pages that FastAPI makes of this file."""
    return RedirectResponse("/docs")


@app.get("/notes")
def list_notes(store: OpenStore) -> list[SavedNote]:
    """All notes, the oldest first."""
    return store.notes()


@app.post("/notes", status_code=201)
def add_note(note: Note, store: OpenStore, background: BackgroundTasks) -> SavedNote:
    """Keep a note. The log learns of it once the answer is made."""
    saved = store.add(note)
    background.add_task(store.log, f"added note {saved.id}")
    return saved


@app.delete("/notes/{note_id}", status_code=204)
def delete_note(note_id: int, store: OpenStore, background: BackgroundTasks) -> None:
    """Forget a note."""
    if not store.delete(note_id):
        raise HTTPException(404, "没有这张便签")
    background.add_task(store.log, f"deleted note {note_id}")


@app.get("/notes.jsonl", response_class=StreamingResponse)
def stream_notes(store: OpenStore):
    """All notes, one line of JSON for each, made as they are sent; Function Compute passes them on all at once."""
    lines = (f"{note.model_dump_json()}\n" for note in store.notes())
    return StreamingResponse(lines, media_type="application/x-ndjson")


@app.get("/notes.zip", response_class=Response)
def download_notes(store: OpenStore):
    """All notes as text files in an archive, for the browser to save under a Chinese name."""
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as files:
        for note in store.notes():
            files.writestr(f"便签 {note.id}.txt", f"{note.title}\n\n{note.text}\n")
    disposition = f"attachment; filename=\"notes.zip\"; filename*=UTF-8''{quote('便签.zip')}"
    return Response(archive.getvalue(), media_type="application/zip", headers={"Content-Disposition": disposition})


@app.post("/files")
async def upload(files: list[UploadFile], store: OpenStore, background: BackgroundTasks) -> list[UploadedFile]:
    """Take any number of files from the form field ``files``; answer their names, sizes in bytes and SHA-256 sums."""
    received = []
    for file in files:
        content = await file.read()
        sha256 = hashlib.sha256(content).hexdigest()
        received.append(UploadedFile(name=file.filename, size=len(content), sha256=sha256))
    background.add_task(store.log, f"received {len(received)} files")
    return received


@app.get("/preferences")
def get_preferences(preferences: Annotated[Preferences, Cookie()]) -> Preferences:
    """What the browser's cookies say."""
    return preferences


@app.put("/preferences")
def set_preferences(preferences: Preferences, response: Response) -> Preferences:
    """Set two cookies at once."""
    for name, value in preferences.model_dump().items():
        response.set_cookie(name, value, max_age=30 * 24 * 3600, samesite="lax")
    return preferences


@app.get("/log")
def read_log(store: OpenStore) -> list[str]:
    """What has happened to the store since it was opened, the oldest first."""
    return store.events()
