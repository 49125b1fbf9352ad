package client

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"time"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

// Room for the descriptors of one message (SS-FD-3).
const descriptorsMax = 253

// link is one connection: what was read of a line that is not complete, and what is left of one to write. It is read and
// written without waiting; the runtime only says when that is worth trying.
type link struct {
	*net.UnixConn
	raw          syscall.RawConn
	buffer       []byte
	fds          []int
	rest, rights []byte
	waitsForRoom bool
	ended        bool
	// pause is how long to wait for the next one.
	pause time.Duration
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// receive reads everything that is there, and passes each line with its descriptors on. They are closed then. An error
// is a spec.Fault, or the end of the connection.
func (l *link) receive(fd int, hear func(*spec.Line, []int) error) error {
	room, control := make([]byte, spec.LineBytes), make([]byte, syscall.CmsgSpace(4*descriptorsMax))
	for {
		n, controls, flags, _, err := syscall.Recvmsg(fd, room, control, syscall.MSG_CMSG_CLOEXEC)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return nil
		case err != nil:
			return err
		}
		messages, err := syscall.ParseSocketControlMessage(control[:controls])
		for i := range messages {
			fds, _ := syscall.ParseUnixRights(&messages[i])
			l.fds = append(l.fds, fds...)
		}
		if err != nil || flags&syscall.MSG_CTRUNC != 0 {
			return spec.Errorf("descriptor_mismatch", "descriptors were cut off")
		}
		if n == 0 {
			return io.EOF
		}
		l.buffer = append(l.buffer, room[:n]...)
		if err := l.lines(hear); err != nil {
			return err
		}
	}
}

func (l *link) lines(hear func(*spec.Line, []int) error) error {
	for {
		text, rest, found := bytes.Cut(l.buffer, []byte("\n"))
		if !found && len(text) < spec.LineBytes {
			return nil
		}
		line, err := spec.Decode(text)
		if err != nil {
			return err
		}
		l.buffer = rest
		count := len(line.FDs)
		if count > len(l.fds) || count < len(l.fds) && len(rest) == 0 {
			return spec.Errorf("descriptor_mismatch", "%d descriptors for %d names", len(l.fds), count)
		}
		err = hear(line, l.fds[:count])
		closeAll(l.fds[:count])
		l.fds = l.fds[count:]
		if err != nil {
			return err
		}
	}
}

// flush writes what may leave; it returns whether the peer has no room for all of it.
func (l *link) flush(fd int, from *session.Session) (isFull bool) {
	for {
		if len(l.rest) == 0 {
			next, ok := from.Next()
			if !ok {
				return false
			}
			l.rest, l.rights = next.Line, rights(next.Listeners)
		}
		n, err := syscall.SendmsgN(fd, l.rest, l.rights, nil, syscall.MSG_NOSIGNAL)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil: // What it still holds is read, and then its end (SS-BACK-2).
			_ = syscall.Shutdown(fd, syscall.SHUT_RD)
			return false
		}
		l.rest, l.rights = l.rest[n:], nil
	}
}

// rights is the control message that attaches listeners.
func rights(listeners []io.Closer) []byte {
	var fds []int
	for _, each := range listeners {
		if raw, err := each.(syscall.Conn).SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
	}
	if fds == nil {
		return nil
	}
	return syscall.UnixRights(fds...)
}
