"""The text's parser against every line vector; prints how many were checked."""
import base64, json, pathlib, sys

import text_client

def rejected(vector):
    raw = base64.b64decode(vector["raw_b64"]) if "raw_b64" in vector else vector["line"].encode() + b"\n"
    text, _, _ = raw.partition(b"\n")
    try:
        return len(text) >= 65536 or not text_client.parse(text)
    except (ValueError, RecursionError):
        return True

checked = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/**/*.json")):
    vector = json.loads(path.read_text())
    code = vector.get("reject", "accepted")
    expected = code in ("malformed_line", "line_too_long")
    if rejected(vector) != expected:
        sys.exit(f"{path}: {code}")
    checked += 1
print(checked)
