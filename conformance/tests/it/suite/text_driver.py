"""A driver around the client of chapter 20 as it stands in the text, whose folder is the first argument."""
import json, os, select, sys, time

sys.path.insert(0, sys.argv[1])
from text_client import Client, Fault

client, ops, accepting = None, {}, {}

def write(**line):
    print(json.dumps({key: value for key, value in line.items() if value is not None}), flush=True)

def go_on():
    if client:
        client.process()
        while client.events:
            tell(*client.events.pop(0))
    for listener, op in list(accepting.items()):
        accept(listener, op)

def tell(kind, claim, more):
    about = {"op": ops[claim], "address": claim.address} if claim else {}
    if kind == "granted":
        write(event=kind, **about, listener=claim.listener is not None)
    elif kind == "waiting":
        write(event=kind, op=ops[claim], waitingFor=more)
    elif kind == "takedown":
        reason = more["reason"] if more["reason"] in ("replaced", "stopping") else "replaced"
        write(event=kind, address=claim.address, reason=reason, drainMs=more["drainMs"])
    else:
        write(event=kind, **about, code=more)

def accept(listener, op):
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    with connection:
        connection.setblocking(True)
        connection.sendall(connection.recv(64))
    del accepting[listener]
    write(event="accepted", op=op)

def held(address):
    claim = client.find(address)
    if not claim:
        raise Fault("not_held")
    return claim

def answer(cmd, address=None, op=None, **fields):
    global client
    if cmd == "hello":
        info = {"name": "spec-chapter-20", "version": "1", "language": "python"}
        return {"contract": 1, "client": info, "protocol": [1], "level": 2, "supports": ["inherit", "reconnect", "more"]}
    elif cmd == "connect":
        client = Client()
        return {"supervised": True}
    elif cmd == "readyFor":
        ops[client.claim(address, fields["socket"], fields.get("more", False))] = op
    elif cmd == "onTakedown":
        client.on_takedown(address)
    elif cmd == "serving":
        client.serving(held(address))
    elif cmd == "released":
        client.released(held(address))
    elif cmd == "progress":
        claim = held(address)
        if claim.state not in ("held", "released"):
            raise Fault("not_held")
        client.progress(claim, **{key: fields[key] for key in ("connections", "extendMs") if key in fields})
    elif cmd == "serverUp":
        client.say("serverUp")
    elif cmd == "fail":
        client.say("fail", reason=fields["reason"][:2048])
    elif cmd == "accept":
        accepting[held(address).listener] = op
    elif cmd == "sync":
        go_on()
    elif cmd == "close":
        if client and client.socket:
            client.socket.close()
        client = None
    elif cmd == "exit":
        os._exit(fields["code"])
    else:
        return None
    return {}

def reply(seq, **command):
    try:
        found = answer(**command)
        if found is None:
            write(seq=seq, unsupported=True, why=command["cmd"])
        else:
            write(seq=seq, ok=True, **found)
    except Fault as fault:
        write(seq=seq, errored=True, code=fault.args[0], message="a mistake of the program")

rest = b""
while True:
    sockets = [client.socket] if client and client.socket else []
    ready = select.select([0, *sockets, *accepting], [], [], 0.05 if client and not sockets else None)[0]
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            sys.exit(0)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            reply(**json.loads(line))
    go_on()
