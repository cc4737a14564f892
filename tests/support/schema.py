"""What ``doctor`` needs of the component's schema.

``python -m tests.support.schema > fc_adapter/project/props.json`` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path

SCHEMA = Path(__file__).parent.parent / "data" / "fc3-props.schema.json"


def reduce_schema():
    """The keys, the names that a value may be, and the limits of numbers; anything where the schema says no more."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return _reduce(schema, schema["definitions"])


def _reduce(part, definitions):
    if "$ref" in part:
        return _reduce(definitions[part["$ref"].rpartition("/")[2]], definitions)
    reduced = {}
    for each in [part, *part.get("anyOf", [])]:
        each = _reduce(each, definitions) if each is not part else each
        if each is part:
            if part.get("properties"):
                reduced["keys"] = {key: _reduce(value, definitions) for key, value in part["properties"].items()}
            if isinstance(part.get("items"), dict):
                reduced["items"] = _reduce(part["items"], definitions)
            if "enum" in part:
                reduced["values"] = part["enum"]
            if part.get("type") in ("integer", "number") and {"minimum", "maximum"} <= set(part):
                reduced["range"] = [part["minimum"], part["maximum"], part.get("multipleOf", 0)]
        elif "keys" in each:
            reduced.setdefault("keys", {}).update(each["keys"])
    return reduced


if __name__ == "__main__":
    print(json.dumps(reduce_schema(), separators=(",", ":"), sort_keys=True))
