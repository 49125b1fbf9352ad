package client

import (
	"bytes"
	"io"
	"syscall"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

// Room for the descriptors of one message (SS-FD-3).
const descriptorsMax = 253

// link is one connection: what was read of a line that is not complete, and what is left of one to write.
type link struct {
	fd     int
	buffer []byte
	fds    []int
	rest   []byte
	rights []byte
}

func (l *link) dial(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		syscall.Close(fd)
		return err
	}
	*l = link{fd: fd}
	return nil
}

func (l *link) close() {
	if l.fd >= 0 {
		syscall.Close(l.fd)
	}
	closeAll(l.fds)
	*l = link{fd: -1}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// shutdown makes the connection end when what it still holds was read.
func (l *link) shutdown() { _ = syscall.Shutdown(l.fd, syscall.SHUT_RD) }

// receive reads everything that is there, and passes each line with its descriptors on. They are closed then. An error
// is a spec.Fault, or the end of the connection.
func (l *link) receive(hear func(*spec.Line, []int) error) error {
	room, control := make([]byte, spec.LineBytes), make([]byte, syscall.CmsgSpace(4*descriptorsMax))
	for {
		n, controls, flags, _, err := syscall.Recvmsg(l.fd, room, control, syscall.MSG_CMSG_CLOEXEC|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return nil
		case err != nil:
			return err
		}
		if err := l.take(control[:controls]); err != nil || flags&syscall.MSG_CTRUNC != 0 {
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

// take puts the received descriptors into the queue (SS-FD-4).
func (l *link) take(control []byte) error {
	messages, err := syscall.ParseSocketControlMessage(control)
	for i := range messages {
		fds, _ := syscall.ParseUnixRights(&messages[i])
		l.fds = append(l.fds, fds...)
	}
	return err
}

func (l *link) lines(hear func(*spec.Line, []int) error) error {
	for {
		text, rest, found := bytes.Cut(l.buffer, []byte("\n"))
		if !found {
			break
		}
		line, err := spec.Decode(text)
		if err != nil {
			return err
		}
		l.buffer = rest
		left := len(l.fds) - len(line.FDs)
		if left < 0 || left > 0 && len(rest) == 0 {
			return spec.Errorf("descriptor_mismatch", "%d descriptors for %d names", len(l.fds), len(line.FDs))
		}
		err = hear(line, l.fds[:len(line.FDs)])
		closeAll(l.fds[:len(line.FDs)])
		l.fds = l.fds[len(line.FDs):]
		if err != nil {
			return err
		}
	}
	if len(l.buffer) >= spec.LineBytes {
		return spec.Errorf("line_too_long", "a line of more than %d bytes", spec.LineBytes)
	}
	return nil
}

// flush writes what may leave; whether the peer has no room for all of it.
func (l *link) flush(from *session.Session) (isFull bool) {
	for {
		if len(l.rest) == 0 {
			next, ok := from.Next()
			if !ok {
				return false
			}
			var fds []int
			for _, each := range next.Listeners {
				fds = append(fds, int(each.(handle)))
			}
			l.rest, l.rights = next.Line, nil
			if fds != nil {
				l.rights = syscall.UnixRights(fds...)
			}
		}
		n, err := syscall.SendmsgN(l.fd, l.rest, l.rights, nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil: // What it still holds is read, and then its end (SS-BACK-2).
			l.shutdown()
			return false
		}
		l.rest, l.rights = l.rest[n:], nil
	}
}

// say writes a last line, if there is one and nothing is in its way.
func (l *link) say(farewell []byte) {
	if len(l.rest) == 0 && farewell != nil {
		_, _ = syscall.SendmsgN(l.fd, farewell, nil, nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT)
	}
}
