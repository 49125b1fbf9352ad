"""Whose a received listener is (SS-FD-10 of spec/README.md)."""
import os, re, socket, stat

from lines import expect

def adopted(fd: int, address: str) -> socket.socket:
    """The listener of an address from its descriptor, if the kernel says so; Fault otherwise."""
    expect(stat.S_ISSOCK(os.fstat(fd).st_mode), "invalid_message", "no socket")
    listener = socket.socket(fileno=os.dup(fd))
    forms = {socket.AF_UNIX: "unix:{0}", socket.AF_INET6: "[{0[0]}]:{0[1]}"}
    here = forms.get(listener.family, "{0[0]}:{0[1]}").format(listener.getsockname())
    listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    here = f"udp:{here}" if listener.type == socket.SOCK_DGRAM else here if listens else ""
    everywhere = re.sub(r"^(udp:)?(\[::]|0\.0\.0\.0):", r"\1:", here)  # `:8080`; without IPv6 on IPv4
    expect(address in (here, everywhere), "invalid_message", f"a listener of `{here}`")
    listener.setblocking(False)  # as it was for the other servers that share it
    return listener
