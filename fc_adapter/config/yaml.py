"""Reading YAML that a stranger may have written: bounded, and with placeholders that nobody has filled in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import ConfigError

LIMIT = 10_000_000  # characters of a template with its aliases and variables written out
VALUE = 100  # characters that a value counts for, besides its own

# What `s init` would have filled in. YAML takes `region: {{ region }}` for a mapping whose key is a mapping, so each
# stands as a plain word, between characters of private use, while the file is parsed.
_PLACEHOLDER = re.compile(r"\{\{([^{}\n]*)\}\}")
_MARKED = re.compile("\ue000((?:[0-9a-f]{2})*)\ue001")


def load_yaml(path: Path) -> Any:
    """What a YAML file says. Raises ConfigError, in one line, for one that cannot be read or grows without bound."""
    try:
        import yaml
    except ImportError:
        raise ConfigError(f"reading {path} needs PyYAML: pip install 'fc-adapter[local]'") from None
    try:
        text, count = _PLACEHOLDER.subn(_mark, path.read_text(encoding="utf-8-sig"))
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            if _size(root, {}) > LIMIT:
                raise too_large(path, "aliases")
            document = loader.construct_document(root)
        finally:
            loader.dispose()
        return map_strings(document, _unmark) if count else document
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"cannot read {path}: it is not UTF-8, from byte {error.start} on; save it with this encoding"
        ) from error
    except (OSError, ValueError, OverflowError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {_unmark(' '.join(str(error).split())):.300}") from error
    except RecursionError:
        raise ConfigError(f"cannot read {path}: it is nested too deeply, or an alias contains itself") from None


def map_strings(value: Any, change: Callable[[str], Any]) -> Any:
    """``value`` with each string in it changed, those that are keys included."""
    if isinstance(value, dict):
        return {
            (change(key) if isinstance(key, str) else key): map_strings(each, change) for key, each in value.items()
        }
    if isinstance(value, list):
        return [map_strings(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


def too_large(path: Path, what: str) -> ConfigError:
    """The error for a template whose aliases or variables refer to others, which refer to others again."""
    return ConfigError(
        f"{path} has more than {LIMIT // 1_000_000} MB with its {what} written out, a value being {VALUE} bytes; "
        f"expected a few KB: look for {what} that refer to others, which refer to others again"
    )


def _mark(match: re.Match[str]) -> str:
    return f"\ue000{match[0].encode().hex()}\ue001"


def _unmark(text: str) -> str:
    return _MARKED.sub(lambda match: bytes.fromhex(match[1]).decode(errors="replace"), text)


def _size(node: Any, sizes: dict[int, int]) -> int:
    """How large a YAML node is when its aliases are written out. Each node is looked at once."""
    if id(node) not in sizes:
        size = VALUE
        if isinstance(node.value, str):
            size += len(node.value)
        else:
            for each in node.value:
                size += sum([_size(part, sizes) for part in (each if isinstance(each, tuple) else (each,))])
        sizes[id(node)] = size
    return sizes[id(node)]
