"""`serverswap metrics` is what a parser of OpenMetrics takes."""

import http.client
import socket
import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.programs import binary, python


def parsed(text):
    """The value of every sample, by its name and labels."""
    families = list(text_string_to_metric_families(text))
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_what_runs_and_what_was_done_is_parsed_from_stdout_and_from_a_socket(world, port, tmp_path):
    server = python("http_server.py")
    for version in ("1", "2"):
        assert world.leave(server, ADDRESS=f":{port}", VERSION=version).exit() == 0
    failed = world.leave(["sh", "-c", "exit 3"])
    assert failed.exit() == 3, failed.output
    printed = subprocess.run([binary("serverswap"), "metrics"], env=world.environment, capture_output=True, text=True)
    samples = parsed(printed.stdout)
    expected = {
        ("serverswap_up", ("address", f":{port}")): 1,
        ("serverswap_deploys_total", ("outcome", "done")): 2,
        ("serverswap_deploys_total", ("outcome", "failed")): 1,
        ("serverswap_swaps_total",): 1,
        ("serverswap_deploy_duration_seconds_count",): 2,
        ("serverswap_crashes_total",): 0,
    }
    assert {name: samples.get(name) for name in expected} == expected, printed.stdout

    path = tmp_path / "metrics.sock"
    serving = world.start([binary("serverswap"), "metrics", "--listen", f"unix:{path}"], **world.environment)
    serving.prints("is answered at")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert parsed(answer.read().decode())["serverswap_up", ("address", f":{port}")] == 1
