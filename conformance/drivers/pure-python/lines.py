"""Lines of the protocol (chapter 5 of spec/README.md), checked against the schema in spec/v1."""
import json, pathlib, re
from typing import Any

Message = dict[str, Any]
V1 = pathlib.Path(__file__).resolve().parents[3] / "spec/v1"
SHAPES = json.loads((V1 / "schema/arbiter-to-client.json").read_bytes())["$defs"]
UNKNOWN = SHAPES.pop("UnknownMessage")  # the keys that are reserved in every message
HEARD = {shape["title"]: shape for shape in SHAPES.values() if "title" in shape}
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
LINE_BYTES = 65536

class Fault(ValueError):
    """What the other side, or the program, did wrong: a code for programs, and words for people."""

def expect(truth: object, code: str, why: str) -> None:
    if not truth:
        raise Fault(code, why)

def encode(message: Message) -> bytes:
    known = {key: value for key, value in message.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"

def parse(line: bytes) -> Message:
    """The object of a line without its line feed; what its reserved keys say is possible."""
    expect(len(line) < LINE_BYTES, "line_too_long", "a line of more than 65,536 bytes")
    try:
        message = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise Fault("malformed_line", str(error)) from None
    expect(fits(UNKNOWN, message), "malformed_line", "no object, or impossible reserved keys")
    return dict(message)

def fits(shape: Any, value: Any) -> bool:
    """Whether a value is possible by the schema, which says nothing about keys that it does not know."""
    if "allOf" in shape:
        return fits(SHAPES[shape["allOf"][0]["$ref"].rpartition("/")[2]], value)
    texts = [each.get("const", value) for each in shape.get("oneOf") or shape.get("anyOf") or [shape]]
    if type(value) is not TYPES[shape.get("type", "string")] or value not in texts:
        return False
    if isinstance(value, dict):
        known = shape.get("properties") or dict.fromkeys(value, shape.get("additionalProperties"))
        inside = all(fits(known[key], value[key]) for key in value if isinstance(known.get(key), dict))
        return inside and value.keys() >= set(shape.get("required", ()))
    if isinstance(value, list):
        inside = all(fits(shape["items"], each) for each in value)
        return inside and ("uniqueItems" not in shape or len(set(value)) == len(value) <= shape["maxItems"])
    bounds = shape.get("minimum", value) <= value <= shape.get("maximum", value)
    return bounds and re.fullmatch(shape.get("pattern", "(?s).*"), str(value)) is not None
