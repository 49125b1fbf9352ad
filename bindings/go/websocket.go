package serverswap

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
)

// goingAway is a frame of WebSocket that closes with 1012, service restart (RFC 6455, section 5.5.1).
var goingAway = []byte{0x88, 2, 1012 >> 8, 1012 & 0xff}

// webSocket is a hijacked connection of whatever library: it follows what that writes, and closes between two frames.
type webSocket struct {
	net.Conn
	told   atomic.Bool
	mutex  sync.Mutex
	frames frames
	closed bool
}

// Write is of no effect after the goodbye.
func (s *webSocket) Write(body []byte) (int, error) {
	n, err := s.write(body)
	if s.told.Load() {
		s.goodbye()
	}
	return n, err
}

func (s *webSocket) write(body []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return len(body), nil
	}
	n, err := s.Conn.Write(body)
	s.frames.follow(body[:n])
	return n, err
}

// goodbye closes it, or has the write that is under way do so.
func (s *webSocket) goodbye() {
	s.told.Store(true)
	if !s.mutex.TryLock() {
		return
	}
	defer s.mutex.Unlock()
	if !s.closed && s.frames.areWhole() {
		s.closed = true
		_, _ = s.Conn.Write(goingAway)
	}
}

// NetConn is what it was made of.
func (s *webSocket) NetConn() net.Conn { return s.Conn }

// frames knows where the answer of the handshake ends, and each frame after it.
type frames struct {
	begun bool
	// head is what was written of a head; after it, so many bytes are left.
	head []byte
	left uint64
}

// headMax is that of the handshake's answer; what is longer is none.
const headMax = 1 << 16

func (f *frames) follow(body []byte) {
	for len(body) > 0 && len(f.head) < headMax {
		if part := min(f.left, uint64(len(body))); part > 0 {
			f.left -= part
			body = body[part:]
			continue
		}
		f.head, body = append(f.head, body[0]), body[1:]
		if !f.begun {
			f.begun = bytes.HasPrefix(f.head, []byte("HTTP/1.1 101")) && bytes.HasSuffix(f.head, []byte("\r\n\r\n"))
			if f.begun {
				f.head = nil
			}
		} else if left, ok := frameLeft(f.head); ok {
			f.head, f.left = nil, left
		}
	}
}

// areWhole is whether no frame is under way.
func (f *frames) areWhole() bool { return f.begun && len(f.head) == 0 && f.left == 0 }

// frameLeft is what follows the head of a frame, if that is whole. A server masks nothing.
func frameLeft(head []byte) (left uint64, ok bool) {
	switch {
	case len(head) < 2:
		return 0, false
	case head[1] < 126:
		return uint64(head[1]), true
	case head[1] == 126:
		return uint64(binary.BigEndian.Uint16(append(head[2:], 0, 0))), len(head) == 4
	default:
		return binary.BigEndian.Uint64(append(head[2:], make([]byte, 8)...)), len(head) == 10
	}
}
