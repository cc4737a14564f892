"""A function without any framework that does what ``fc-adapter probe`` asks of it, and tells what it sees.

A request's header ``X-Probe`` holds a JSON object: what to ``do``, and the ``token`` that the environment's
``PROBE_TOKEN`` holds. Without it the function does nothing: else anybody could have it answer what they like.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time

INSTANCE = os.urandom(4).hex()
LARGE = 64 * 1024  # of a body that is longer, the length and the hash are told

# What the tests replace, to play a platform without waiting.
sleep = time.sleep
exit_process = os._exit

state = {"count": 0, "initialized": None, "running": 0, "most_running": 0, "ticks": 0}


def initialize(context):
    """The Initializer hook."""
    state["initialized"] = state["count"]


def pre_stop(context):
    """The PreStop hook: only the function's log can show that it has run."""
    print(f"contract probe: pre_stop of {INSTANCE}")


def handler(event, context):
    """Do what the request's ``X-Probe`` says."""
    state["count"] += 1
    state["running"] += 1
    state["most_running"] = max(state["most_running"], state["running"])
    try:
        return answer(event, context)
    finally:
        state["running"] -= 1


def answer(event, context):
    fields = json.loads(event)
    order = read_order(fields)
    token = os.environ.get("PROBE_TOKEN", "")
    if not token or not hmac.compare_digest(token.encode(), str(order.get("token", "")).encode()):
        return envelope({"probe": 1, "refused": "X-Probe has no token, or another one than PROBE_TOKEN"}, 403)
    return ORDERS[order.get("do", "tell")](order, event, fields, context)


def read_order(fields):
    """The object in ``X-Probe``, or an empty one."""
    headers = fields.get("headers") if isinstance(fields, dict) else None
    for name, value in (headers or {}).items():
        if name.lower() == "x-probe":
            try:
                order = json.loads(value)
            except ValueError:
                return {}
            return order if isinstance(order, dict) else {}
    return {}


def envelope(told, status=200):
    """A result that depends on as few rules as possible: ASCII text of a type that is named."""
    headers = {"Content-Type": "text/plain", "X-Probe-Method": str(told.get("method", ""))}
    return {"statusCode": status, "headers": headers, "isBase64Encoded": False, "body": json.dumps(told)}


def tell(order, event, fields, context):
    """What this function sees: the event, names of the context and the environment, and what has happened so far."""
    told = {"probe": 1, "nonce": order.get("nonce"), "instance": INSTANCE, "event": shorten(fields)}
    told.update({key: state[key] for key in ("count", "initialized", "most_running")})
    told.update(event_type=type(event).__name__, python=list(sys.version_info[:2]), ticks=state["ticks"])
    told.update(context=describe(context), request_id=getattr(context, "request_id", None))
    told.update(timeout=getattr(getattr(context, "function", None), "timeout", None))
    told.update(method=fields.get("requestContext", {}).get("http", {}).get("method"))
    told["environment"] = sorted(name for name in os.environ if name.startswith(("FC_", "ALIBABA_CLOUD_")))
    return envelope(told)


def shorten(fields):
    """The event without its token, and without a body that is long."""
    headers = {name: "" if name.lower() == "x-probe" else value for name, value in fields.get("headers", {}).items()}
    body = fields.get("body")
    if isinstance(body, str) and len(body) > LARGE:
        body = {"length": len(body), "sha256": hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()}
    return {**fields, "headers": headers, "body": body}


def describe(context):
    """The names of the context's attributes, and of theirs; never a value."""
    names = {}
    for name in dir(context):
        if not name.startswith("_"):
            value = getattr(context, name)
            inner = [] if isinstance(value, (str, int, float)) else [each for each in dir(value) if each[0] != "_"]
            names[name] = inner if name in ("credentials", "function", "service") else []
    return names


def give(order, event, fields, context):
    """Return ``result``, verbatim: an envelope, text, a number. Other orders make what a header cannot hold."""
    result = order.get("result")
    if order.get("as") == "bytes":
        return result.encode("utf-8")
    if order.get("as") == "generator":
        return (each for each in result)
    if "fill_body" in order:
        result["body"] = "x" * order["fill_body"]
    if "fill_header" in order:
        result["headers"]["X-Fill"] = "x" * order["fill_header"]
    if "all_bytes" in order:
        result["body"] = base64.b64encode(bytes(range(256))).decode("ascii")
    return result


def fail(order, event, fields, context):
    """Raise an exception."""
    raise ValueError("the contract probe was asked to fail")


def leave(order, event, fields, context):
    """Raise SystemExit."""
    sys.exit(3)


def crash(order, event, fields, context):
    """End the process at once."""
    exit_process(3)


def wait(order, event, fields, context):
    """Sleep, and then tell."""
    sleep(float(order["seconds"]))
    return tell(order, event, fields, context)


def tick(order, event, fields, context):
    """Leave a thread behind that counts what it sees of the time between requests, in tenths of a second; then tell."""

    def count():
        for _ in range(100):
            sleep(0.1)
            state["ticks"] += state["running"] == 0

    state["ticks"] = 0
    threading.Thread(target=count, daemon=True).start()
    return tell(order, event, fields, context)


ORDERS = {
    "tell": tell,
    "give": give,
    "fail": fail,
    "leave": leave,
    "crash": crash,
    "wait": wait,
    "tick": tick,
}
