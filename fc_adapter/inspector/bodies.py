"""What a body is, and how to show it: text, fields of a form, an image, or bytes."""

from __future__ import annotations

import base64
import codecs
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from ..contract.rules import media_type
from .masking import Masker, mask_bytes

_SAMPLE = 2048  # bytes that are shown of what is binary
_FIELD = 4096  # characters of each field of a form
_FIELDS = 1000
_INFLATED = 256 * 1024  # bytes that are shown of what was compressed

# How raster images begin. Nothing else is ever served as an image: an SVG can hold script.
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
_IMAGE_BRANDS = {b"WEBP": "image/webp", b"avif": "image/avif"}


def image_type(data: bytes) -> str:
    """The media type of a raster image, by how it begins, or ``""`` for anything else."""
    for beginning, kind in _IMAGES:
        if data.startswith(beginning):
            return kind
    if data[:4] == b"RIFF" or data[4:8] == b"ftyp":
        return _IMAGE_BRANDS.get(data[8:12], "")
    return ""


def describe_body(
    data: bytes, size: int, content_type: str | None, encoding: str | None, mask: Masker
) -> dict[str, Any]:
    """A body as JSON; ``size`` is its true length where ``data`` is only its beginning.

    - ``kind``: ``"empty"``, ``"text"``, ``"json"``, ``"form"``, ``"parts"``, ``"image"`` or ``"binary"``.
    - ``size``, ``shown`` (bytes), ``type`` (media type), ``charset`` (of text), ``inflated`` (was compressed).
    - ``text`` of text and JSON; ``claim``: ``"json"`` for text whose type says so and that is none.
    - ``fields`` of a form (``name``, ``value``); ``parts`` of one with files: ``name``, ``filename`` (None of a field),
      ``body`` as this function describes it.
    - ``sample`` (Base64) of an image and of what is binary, ``""``
      where a secret is in it.
    """
    kind = media_type(content_type)
    shown: dict[str, Any] = {"size": size, "shown": len(data), "type": mask(kind)}
    if not size:
        return {**shown, "kind": "empty"}
    data, is_inflated, is_cut = _unpack(data, encoding, size > len(data))
    if is_inflated and encoding:
        shown["inflated"] = encoding.strip().lower()
    if image_type(data):
        return {**shown, "kind": "image", "type": image_type(data), "cut": is_cut, "sample": _sample(data, mask)}
    if kind == "multipart/form-data":
        parts = _describe_parts(data, content_type or "", mask, is_cut)
        if parts:
            return {**shown, "kind": "parts", "parts": parts}
    if kind == "application/x-www-form-urlencoded" and not is_cut:
        fields = _parse_form(data, mask)
        if fields:
            return {**shown, "kind": "form", "fields": fields}
    charset = _charset(content_type)
    text = _decode(data, charset, is_cut)
    if text is None:
        return {**shown, "kind": "binary", "sample": _sample(data, mask)}
    claims_json = kind.endswith("json")
    is_json = (claims_json and is_cut) or (_is_json(text) and (claims_json or text.lstrip()[0] in "{["))
    return {
        **shown,
        "kind": "json" if is_json else "text",
        "charset": charset,
        "cut": is_cut,
        "claim": "json" if claims_json and not is_json else "",
        "text": mask(text),
    }


def read_text(data: bytes, content_type: str | None, encoding: str | None) -> str:
    """A body as text: decompressed and decoded; ``""`` for what is binary."""
    data, _, _ = _unpack(data, encoding, True)
    text = _decode(data, _charset(content_type), True)
    if text is None and media_type(content_type).startswith("multipart/"):
        text = data.decode("utf-8", "replace")
    return text or ""


def _unpack(data: bytes, encoding: str | None, is_cut: bool) -> tuple[bytes, bool, bool]:
    """``data`` decompressed if it can be, whether it was, and whether this is not all of it."""
    inflated = _inflate(data, encoding.strip().lower()) if encoding else None
    return (data, False, is_cut) if inflated is None else (inflated[0], True, is_cut or inflated[1])


def _inflate(data: bytes, encoding: str) -> tuple[bytes, bool] | None:
    """What was compressed, and whether that is not all of it; None where it cannot be told."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    decompressor = zlib.decompressobj(wbits=47)  # with the header of either
    try:
        return decompressor.decompress(data, _INFLATED), bool(decompressor.unconsumed_tail)
    except zlib.error:
        return None


def _charset(content_type: str | None) -> str:
    for parameter in (content_type or "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            try:
                charset = codecs.lookup(value.strip().strip("\"'")).name
            except (LookupError, ValueError):
                break
            return charset if _CHARSETS.match(charset) else "utf-8"
    return "utf-8"


# Python's other codecs are not for text, or run escapes.
_CHARSETS = re.compile(r"utf|iso8859|iso2022|cp\d|gb|hz|big5|euc|shift_jis|koi8|ascii|mac|johab|tis")


def _decode(data: bytes, charset: str, is_cut: bool) -> str | None:
    """``data`` as text, or None when it is none. A cut may have gone through a character."""
    try:
        text = codecs.getincrementaldecoder(charset)().decode(data, not is_cut)
    except ValueError:
        return None
    return text if text.translate(_CONTROLS) == text else None


# What does not occur in text.
_CONTROLS = dict.fromkeys((*range(8), *range(14, 27), *range(28, 32)))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _sample(data: bytes, mask: Masker) -> str:
    """The beginning of ``data`` as Base64, unless a secret is in ``data``."""
    return "" if mask_bytes(data, mask) != data else base64.b64encode(data[:_SAMPLE]).decode("ascii")


def _parse_form(data: bytes, mask: Masker) -> list[dict[str, Any]]:
    """The fields of a form."""
    try:
        pairs = parse_qsl(
            data.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=_FIELDS
        )
    except ValueError:
        return []
    return [{"name": mask(name), "value": mask(value)[:_FIELD]} for name, value in pairs]


def _describe_parts(data: bytes, content_type: str, mask: Masker, is_cut: bool) -> list[dict[str, Any]]:
    """The parts of a multipart body, as far as they are there; none where it is malformed."""
    from werkzeug.http import parse_options_header

    boundary = parse_options_header(content_type)[1].get("boundary", "")
    try:
        parts = [*_read_parts(data, boundary.encode("ascii"))] if boundary else []
    except ValueError:
        return []
    described = []
    for index, (part, content) in enumerate(parts):
        # Of a body that is cut, the end of the last part is not known.
        size = len(content) + (is_cut and index == len(parts) - 1)
        kind, encoding = part.headers.get("content-type"), part.headers.get("content-encoding")
        described.append(
            {
                "name": mask(part.name),
                "filename": mask(part.filename) if isinstance(part, File) else None,
                "body": describe_body(content, size, kind, encoding, mask),
            }
        )
    return described


def _read_parts(data: bytes, boundary: bytes) -> Iterator[tuple[Field | File, bytes]]:
    """The parts of a multipart body. Raises ValueError where it is malformed, but not where it ends early."""
    decoder = MultipartDecoder(boundary, max_parts=_FIELDS)
    decoder.receive_data(data)
    part: Field | File | None = None
    content = b""
    while True:
        event = decoder.next_event()
        if isinstance(event, Data):
            content += event.data
            continue
        if isinstance(event, (Field, File, NeedData, Epilogue)) and part is not None:
            yield part, content
        if isinstance(event, (NeedData, Epilogue)):
            return
        part, content = (event if isinstance(event, (Field, File)) else None), b""
