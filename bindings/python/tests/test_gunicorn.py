"""gunicorn: what it serves, when, with which workers, and what a worker that dies changes."""

import os
import signal
import threading

import pytest
from serverswap._gunicorn_ipc import WorkerPipe
from support.http import ask
from support.load import Load
from support.programs import gunicorn, with_lowest
from support.world import wait_for_exit

LOOPS = ["asgi", "uvicorn_worker.UvicornWorker", "aiohttp.GunicornWebWorker"]

ASGI = """
import asyncio, os

def wait_for(name):
    return asyncio.get_running_loop().run_in_executor(None, lambda: open(os.environ[name]).read())

async def start():
    print("starts")
    if "FIFO" in os.environ:
        raise RuntimeError(await wait_for("FIFO"))

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        try:
            await start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-length", b"0"), (b"version", os.environ["VERSION"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})

async def aiohttp_app():
    from aiohttp import web

    async def answer(request):
        return web.Response(headers={"Version": os.environ["VERSION"]})

    made = web.Application()
    made.router.add_get("/", answer)
    made.on_startup.append(lambda app: start())
    return made
"""


def asgi(folder, worker, *options):
    """The command line of an application that has a start-up, with one worker of a class."""
    (folder / "starts.py").write_text(ASGI)
    app = "starts:aiohttp_app" if worker.startswith("aiohttp") else "starts:app"
    return gunicorn("--chdir", str(folder), "--worker-class", worker, "--workers", "1", *options)[:-1] + [app]


@pytest.mark.parametrize("worker", LOOPS)
def test_an_application_that_does_not_start_never_touches_the_old_server(world, port, tmp_path, worker):
    command, fifo = asgi(tmp_path, worker), tmp_path / "fifo"
    old = world.first(command, port)
    os.mkfifo(fifo)
    new = world.deploy(command, ADDRESS=f":{port}", VERSION="2", FIFO=str(fifo))
    with open(fifo, "w") as told:
        # The new one has loaded its application, and is starting it.
        assert [ask(port).version for _ in range(20)] == ["1"] * 20
        told.write("no database")
    assert new.exit() != 0
    assert "now served by" not in new.output
    assert ask(port).version == "1"
    assert old.runs()


@pytest.mark.parametrize("worker", LOOPS)
def test_an_application_that_starts_is_swapped(world, port, tmp_path, worker):
    command = asgi(tmp_path, worker)
    old = world.first(command, port)
    world.swap(command, port, old)
    assert ask(port).version == "2"
    assert old.exit() == 0


@pytest.mark.parametrize("where", ["command line", "environment", "reuse_port"])
def test_a_gunicorn_that_listens_elsewhere_is_refused_before_the_old_server_is_touched(world, port, where):
    old = world.first(gunicorn(), port)
    elsewhere = "--reuse-port" if where == "reuse_port" else "--bind 127.0.0.1:0"
    options = [] if where == "environment" else elsewhere.split()
    environment = {"GUNICORN_CMD_ARGS": elsewhere} if where == "environment" else {}
    new = world.deploy(gunicorn(*options), ADDRESS=f":{port}", VERSION="2", **environment)
    assert new.exit() == 121, new.output
    assert f"and not on `:{port}`, which it was granted" in new.output
    assert ask(port).version == "1"
    assert old.runs()


@pytest.mark.parametrize(
    ("kept", "worker", "missing"),
    [
        ("", "serverswap.gunicorn.Worker", "`when_ready` and no `post_worker_init`"),
        ("when_ready", "sync", "`post_worker_init`"),
    ],
)
def test_a_gunicorn_without_the_hooks_is_refused(world, port, tmp_path, kept, worker, missing):
    config = tmp_path / "gunicorn.conf.py"
    hook = f"from serverswap.gunicorn import {kept}\n" if kept else ""
    config.write_text(f"from serverswap.gunicorn import inherited\n{hook}bind = inherited({port})\n")
    command = world.deploy(gunicorn("--config", str(config), "--worker-class", worker))
    assert command.exit() == 121, command.output
    assert f"gunicorn.conf.py has no {missing}: import it from serverswap.gunicorn" in command.output


def test_a_worker_that_is_forked_when_no_supervisor_is_left_serves(world, port):
    started = world.leave(gunicorn("--workers", "1"), ADDRESS=f":{port}", VERSION="1")
    assert started.exit() == 0, started.output
    first = ask(port).pid
    os.kill(first, signal.SIGKILL)
    wait_for_exit(first)
    assert ask(port).pid != first
    new = world.leave(gunicorn("--workers", "1"), ADDRESS=f":{port}", VERSION="2")
    assert new.exit() == 0, new.output
    assert ask(port).version == "2"
    assert len(world.servers()) == 2


# ---- versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worker", "remedy"),
    [
        ("gthread", 'take `worker_class = "serverswap.gunicorn.Worker"` and gunicorn 25.2 or newer'),
        ("serverswap.gunicorn.Worker", "take gunicorn 25.2 or newer"),
    ],
)
def test_a_gunicorn_whose_threaded_workers_lose_requests_is_refused(world, port, worker, remedy):
    old = world.first(gunicorn(), port)
    command = with_lowest("gunicorn==23.0.0", gunicorn("--worker-class", worker))
    new = world.deploy(command, ADDRESS=f":{port}", VERSION="2")
    assert new.exit() == 121, new.output
    assert "gunicorn 23.0.0" in new.output and remedy in new.output
    assert ask(port).version == "1"
    assert old.runs()


LOWEST_SYNC = with_lowest("gunicorn==23.0.0", gunicorn("--worker-class", "sync", "--threads", "1"))
NEWEST_SYNC = gunicorn("--worker-class", "sync", "--threads", "1")
NEWEST_THREADED = gunicorn("--worker-class", "gthread")


@pytest.mark.parametrize(("command", "kept"), [(LOWEST_SYNC, 0), (NEWEST_SYNC, 0), (NEWEST_THREADED, 2)])
def test_gunicorns_own_workers_lose_no_request(world, port, command, kept):
    old = world.first(command, port)
    with Load(port, kept=kept) as load:
        load.start()
        load.answered_by(1)
        world.swap(command, port, old)
        load.answered_by(2)
    assert old.exit() == 0, old.output
    assert load.failures == []


def test_an_application_of_the_lowest_version_that_does_not_start_never_touches_the_old_server(world, port, tmp_path):
    command = with_lowest("gunicorn==23.0.0", asgi(tmp_path, "uvicorn_worker.UvicornWorker"))
    old = world.first(command, port)
    new = world.deploy(command, ADDRESS=f":{port}", VERSION="2", FIFO=str(tmp_path / "missing"))
    assert new.exit() != 0
    assert "now served by" not in new.output
    assert ask(port).version == "1"
    assert old.runs()


# ---- what workers send ---------------------------------------------------------------------------


def child(act):
    """The process id of a child that does something and then waits for its end."""
    pid = os.fork()
    if pid == 0:
        act()
        signal.pause()
    return pid


@pytest.fixture
def children():
    """What is killed and reaped after the test."""
    pids = []
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def waits(act):
    """Whether something returns; a thread that does not is left behind."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_a_worker_never_waits_for_its_master():
    pipe = WorkerPipe()
    for _ in range(70_000):
        pipe.send()
    pipe.wait_for_number(lambda: 1)


def test_the_master_waits_for_workers_that_live(children):
    pipe = WorkerPipe()
    dead = child(pipe.send)
    pipe.wait_for_number(lambda: 1)
    os.kill(dead, signal.SIGKILL)
    os.waitpid(dead, 0)
    thread = waits(lambda: pipe.wait_for_number(lambda: 2))
    children += [child(pipe.send), child(pipe.send)]
    thread.join(30)
    assert not thread.is_alive()


def test_the_master_does_not_wait_for_a_worker_that_was_killed(children):
    pipe = WorkerPipe()
    silent = child(lambda: None)
    thread = waits(lambda: pipe.wait_for_each([silent]))
    os.kill(silent, signal.SIGKILL)
    thread.join(30)
    os.waitpid(silent, 0)
    assert not thread.is_alive()


def test_what_a_worker_has_sent_before_the_master_waits_counts(children):
    pipe = WorkerPipe()
    reading, writing = os.pipe()

    def sends():
        pipe.send()
        os.write(writing, b"!")

    for _ in range(2):
        children.append(child(sends))
        assert os.read(reading, 1) == b"!"
    thread = waits(lambda: pipe.wait_for_each(children))
    thread.join(30)
    assert not thread.is_alive()
    os.close(reading)
    os.close(writing)
