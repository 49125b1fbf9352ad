"""WebSockets of aiohttp, answers that flow, and short ones."""

import asyncio
import os
import time

from aiohttp import web

import serverswap.aiohttp

PART_SECONDS = 0.05


async def short(request):
    return web.Response(text="ok")


async def websocket(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for _ in socket:
        pass
    return socket


async def answer(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    end = time.monotonic() + float(request.query["ms"]) / 1000
    while time.monotonic() < end:
        await response.write(b"data: word\n\n")
        await asyncio.sleep(PART_SECONDS)
    await response.write(b"data: [DONE]\n\n")
    return response


app = web.Application()
app.add_routes([web.get("/", short), web.get("/ws", websocket), web.post("/answer", answer)])
serverswap.aiohttp.run_app(app, os.environ["ADDRESS"])
