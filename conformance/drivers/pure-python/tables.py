"""The state tables (chapter 22 of spec/README.md) and the error codes (chapter 17), as spec/v1 has them."""
import json
from typing import Any

from lines import SHAPES, V1, Message

TABLES = {each["id"]: each["cells"] for each in json.loads((V1 / "states.json").read_bytes())["machines"]}
ERRORS = json.loads((V1 / "meta.json").read_bytes())["errors"]
CODES = {each["code"] for each in ERRORS if each["sender"] != "library"}
FALLBACK = {"code": "internal", "reason": "replaced"}  # for an unknown value of an open enum
KNOWN = {each.get("const") for name in ("Code", "TakedownReason") for each in SHAPES[name]["anyOf"]}

def look(way: str, message: Message, *machines: Any) -> tuple[Any, Message]:
    """The cell of the tables for a message, and the machine whose it is: a link, the client or a claim."""
    kind = message["type"]
    names = [f"{kind}+{key}" for key in ("fatal", "re") if message.get(key)] + [kind]
    for machine in machines:
        cells = TABLES[machine.table][machine.state][way]
        cell = next(cells[key] for name in names for key in cells if name in key.split())
        if "delegate" not in cell:
            break
    return machine, cell

def with_known_values(message: Message) -> Message:
    """The message with the fallback for each value of an open enum that is not known (SS-LINE-14)."""
    unknown = [key for key in FALLBACK if key in message and message[key] not in KNOWN]
    return message | {key: FALLBACK[key] for key in unknown}
