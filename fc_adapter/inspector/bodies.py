"""What a body is, and how to show it: text, fields of a form, an image, or bytes."""

from __future__ import annotations

import base64
import codecs
import io
import json
import re
import zlib
from typing import Any

from ..contract.rules import media_type
from .masking import Masker, mask_bytes

_SAMPLE = 2048  # bytes that are shown of what is binary
_FIELD = 4096  # characters of each field of a form
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

    - ``kind``: ``"empty"``, ``"text"``, ``"json"``, ``"form"``, ``"image"`` or ``"binary"``.
    - ``size``, ``shown`` (bytes), ``type`` (media type), ``charset`` (of text), ``inflated`` (was compressed).
    - ``text`` of text and JSON; ``fields`` of a form; ``sample`` (Base64) of an image and of what is binary, ``""``
      where a secret is in it.
    """
    kind = media_type(content_type)
    shown: dict[str, Any] = {"size": size, "shown": len(data), "type": mask(kind)}
    if not size:
        return {**shown, "kind": "empty"}
    is_cut = size > len(data)
    if encoding:
        inflated = _inflate(data, encoding.strip().lower())
        if inflated is not None:
            data, is_cut_now = inflated
            is_cut = is_cut or is_cut_now
            shown["inflated"] = encoding.strip().lower()
    if image_type(data):
        return {**shown, "kind": "image", "type": image_type(data), "cut": is_cut, "sample": _sample(data, mask)}
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded") and not is_cut:
        fields = _parse_form(data, content_type or "", mask)
        if fields is not None:
            return {**shown, "kind": "form", "fields": fields}
    charset = _charset(content_type)
    text = _decode(data, charset, is_cut)
    if text is None:
        return {**shown, "kind": "binary", "sample": _sample(data, mask)}
    return {
        **shown,
        "kind": "json" if kind.endswith("json") or _is_json(text) else "text",
        "charset": charset,
        "cut": is_cut,
        "text": mask(text),
    }


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
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _sample(data: bytes, mask: Masker) -> str:
    """The beginning of ``data`` as Base64, unless a secret is in ``data``."""
    return "" if mask_bytes(data, mask) != data else base64.b64encode(data[:_SAMPLE]).decode("ascii")


def _parse_form(data: bytes, content_type: str, mask: Masker) -> list[dict[str, Any]] | None:
    """The fields of a form: ``name`` and ``value``, and of a file ``filename``, ``type`` and ``size``."""
    from werkzeug.formparser import FormDataParser
    from werkzeug.http import parse_options_header

    kind, options = parse_options_header(content_type)
    try:
        _, form, files = FormDataParser(silent=False).parse(io.BytesIO(data), kind, len(data), options)
    except (ValueError, RecursionError):
        return None
    fields: list[dict[str, Any]] = []
    for name, value in form.items(multi=True):
        fields.append({"name": mask(name), "value": mask(value)[:_FIELD]})
    for name, file in files.items(multi=True):
        size = len(file.read())
        file.close()
        fields.append(
            {
                "name": mask(name),
                "filename": mask(file.filename or ""),
                "type": mask(file.content_type or ""),
                "size": size,
            }
        )
    return fields or None
