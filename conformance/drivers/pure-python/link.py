"""One connection (chapters 4 and 6 of spec/README.md): lines with their descriptors, in and out."""
import math, os, socket
from typing import Any, Iterator, Sequence

from lines import LINE_BYTES, Message, encode, expect, parse
from tables import look

QUEUE_BYTES = 1 << 20  # a peer that leaves more than this unread is left

class Link:
    """What was read of a line that is not complete, and the lines that wait to leave."""
    table, state, heard, buffer, since, full = "client-connection", "closed", 0, b"", math.inf, False

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.fds, self.out = list[int](), list[tuple[Message, bytes, Sequence[Any]]]()

    def close(self) -> None:
        self.state, self.out = "closed", []
        self.socket.close()
        while self.fds:
            os.close(self.fds.pop())

    def receive(self) -> Iterator[Message]:
        """The lines that one read completes. The descriptors of a line are the first of `fds` meanwhile."""
        room = socket.CMSG_SPACE(253 * 4)  # not `recv_fds`: it does not look at its flags
        data, control, flags, _ = self.socket.recvmsg(LINE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
        for _, _, fds in control:
            self.fds += memoryview(fds)[: len(fds) // 4 * 4].cast("i")
        expect(data, "supervisor_lost", "the connection has ended")
        expect(not flags & socket.MSG_CTRUNC, "descriptor_mismatch", "descriptors were cut off")
        self.buffer += data
        while b"\n" in self.buffer:
            line, _, self.buffer = self.buffer.partition(b"\n")
            message = parse(line)
            count = len(message.get("fds", ()))
            left = len(self.fds) - count
            expect(left == 0 or left > 0 and self.buffer, "descriptor_mismatch", f"{left} are left over")
            yield message
            for fd in self.fds[:count]:  # of what was adopted there is a duplicate
                os.close(fd)
            self.fds = self.fds[count:]
        expect(len(self.buffer) < LINE_BYTES, "line_too_long", "a line of more than 65,536 bytes")

    def send(self, message: Message, listeners: Sequence[Any] = ()) -> None:
        """Queues a line; its listeners leave with its first byte."""
        self.out.append((message, encode(message), listeners))
        self.flush()

    def flush(self) -> None:
        """Sends what the table lets leave and the peer has room for."""
        self.full = False
        try:
            while self.out and "never" not in (cell := look("send", self.out[0][0], self)[1]):
                message, line, listeners = self.out[0]
                sent = socket.send_fds(self.socket, [line], [each.fileno() for each in listeners])
                self.out[:1] = [(message, line[sent:], ())] if line[sent:] else []
                self.state = self.state if line[sent:] else cell.get("next", self.state)
        except OSError as error:
            self.full = isinstance(error, BlockingIOError)
            if not self.full or sum(len(line) for _, line, _ in self.out) > QUEUE_BYTES:
                self.socket.shutdown(socket.SHUT_RD)  # what it still holds is read, and then its end
