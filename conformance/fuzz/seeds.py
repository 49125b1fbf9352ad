#!/usr/bin/env python3
"""Makes the fuzzer's seeds from the vectors: seeds.py SPEC_DIR OUT_DIR.

One file a line for `lines` (no cuts: a closing zero byte) and `messages`, one a text for
`addresses`. What is to be fuzzed otherwise has its own small corpus in corpus/.
"""
import base64
import hashlib
import json
import pathlib
import sys

vectors, out = pathlib.Path(sys.argv[1]) / "v1" / "vectors", pathlib.Path(sys.argv[2])


def seed(target, data):
    folder = out / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def line(data):
    seed("lines", data + b"\0")
    seed("messages", data)


for path in vectors.rglob("*.json"):
    case = json.loads(path.read_text())
    if "raw_b64" in case:
        line(base64.b64decode(case["raw_b64"]))
    elif "line" in case:
        line(case["line"].encode() + b"\n")
for path in vectors.rglob("*.ndjson"):
    said = [json.loads(text) for text in path.read_text().splitlines()]
    lines = [json.dumps(step["line"], separators=(",", ":")).encode() + b"\n" for step in said if "line" in step]
    seed("lines", b"".join(lines) + b"\x40\x00\x05\x01\x02")
for case in json.loads((vectors / "addresses.json").read_text())["cases"]:
    seed("addresses", case["text"].encode())
