"""What clients send and get. FastAPI checks it, and answers 422 with what is wrong in which field."""

from datetime import date
from typing import Literal, Optional

from pydantic import BaseModel, ConfigDict, Field


class Note(BaseModel):
    """A note as a client writes it."""

    model_config = ConfigDict(str_strip_whitespace=True)

    title: str = Field(min_length=1, max_length=40)
    text: str = Field(default="", max_length=400)
    due: Optional[date] = None


class SavedNote(Note):
    """A note as the store keeps it."""

    id: int


class UploadedFile(BaseModel):
    """What is known of a file once it has arrived. ``size`` is in bytes."""

    name: str
    size: int
    sha256: str


class Preferences(BaseModel):
    """How a visitor wants the site to look; each field has a cookie of its own."""

    theme: Literal["light", "dark"] = "light"
    language: Literal["zh", "en"] = "zh"
