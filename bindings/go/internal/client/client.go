// Package client is a server's connection to the arbiter: one link after another, for as long as the process lives.
//
// What is said, and what follows from what is heard, is in [Session], which is pure. The rest moves bytes, descriptors and
// time, and has no opinion about the protocol.
package client

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	// Room for the descriptors of one message (SS-FD-3).
	descriptorsMax = 253
	// What a peer may leave unread before its connection is given up, in bytes (SS-CONN-8).
	queuedMax = 1 << 20
	// How many of the addresses that are drained `hello` lists.
	drainingMax = 32
	// How long an arbiter may take to answer (SS-BACK-11), and a claim waits for one (SS-BACK-10).
	arbiterNotResponding, supervisorLost = 5 * time.Second, 10 * time.Second
	// How long until the next link: after one that was never open, and after a fatal error.
	pauseShort, pauseLong = 100 * time.Millisecond, time.Second
)

// Client is the connection of a process.
type Client struct {
	path string
	// The mutex guards everything below. When it is free, what was readable before has been acted upon.
	mutex   sync.Mutex
	session *Session
	closed  bool
	// The link, if there is one: what was read of a line that is not complete, and the descriptors of the lines to come.
	link   *net.UnixConn
	fd     int
	buffer []byte
	fds    []int
}

// New is a client of the arbiter at SERVERSWAP_SOCKET; without one, every claim is granted within the process. `notify`
// is called with what is news for the program, and can make no call.
func New(name, release string, notify func(*Claim, Message)) *Client {
	c := &Client{path: os.Getenv("SERVERSWAP_SOCKET")}
	c.session = newSession(ClientInfo{name, release}, os.Getenv("SERVERSWAP_GENERATION"), notify, listener)
	if c.session.alone = !c.Supervised(); c.Supervised() {
		go c.run()
	}
	return c
}

// Supervised is whether there is a supervisor.
func (c *Client) Supervised() bool { return c.path != "" }

// Do makes a call. What it says is sent, and what was readable has been acted upon, when it returns.
func (c *Client) Do(call func(*Session) error) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	err := call(c.session)
	c.exchange()
	return err
}

// Close drops the connection, for good. Listeners stay as they are.
func (c *Client) Close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	c.end()
}

// run makes a link whenever there is none. It watches, looks, and then waits (SS-BACK-9).
func (c *Client) run() {
	for again, err := c.expire(); err == nil; again, err = c.expire() {
		time.Sleep(time.Until(again))
		watch := watch(filepath.Dir(c.path))
		link, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: c.path, Net: "unix"})
		if err == nil {
			c.serve(link)
		} else if watch.SetReadDeadline(time.Now().Add(pauseLong)) == nil {
			_, _ = watch.Read(make([]byte, os.Getpagesize()))
		} else {
			time.Sleep(pauseShort)
		}
		watch.Close()
	}
}

// expire lets the time pass. It returns when there may be another link.
func (c *Client) expire() (again time.Time, err error) {
	err = c.Do(func(s *Session) error {
		again = s.expire(time.Now())
		return nil
	})
	return again, err
}

// watch is readable when something was created in a directory, or renamed into it. It is nil if that cannot be watched.
func watch(directory string) *os.File {
	fd, _ := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	file := os.NewFile(uintptr(fd), directory)
	if _, err := syscall.InotifyAddWatch(fd, directory, syscall.IN_CREATE|syscall.IN_MOVED_TO); err != nil {
		file.Close()
		return nil
	}
	return file
}

// serve is the life of one link. It is read and written without waiting; the runtime says when that is worth trying.
func (c *Client) serve(link *net.UnixConn) {
	defer link.Close()
	raw, _ := link.SyscallConn() // It fails without a link only.
	_ = c.Do(func(s *Session) error {
		c.link, c.buffer = link, nil
		s.begin()
		return raw.Control(func(fd uintptr) { c.fd = int(fd) })
	})
	wake := func(uintptr) (ended bool) {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.exchange()
		return c.link != link
	}
	defer time.AfterFunc(arbiterNotResponding, func() { _, _ = c.expire() }).Stop()
	go func() { _ = raw.Write(wake) }()
	_ = raw.Read(wake)
}

// exchange reads and writes what can be read and written now.
func (c *Client) exchange() {
	if c.link == nil {
		return
	}
	if err := c.receive(); err != nil {
		fault, _ := err.(*ErrorMessage)
		c.session.lost(fault, time.Now())
		defer c.end()
	}
	c.flush()
}

// end has the goroutine that reads close the link. Nothing else may: a descriptor is closed when nobody uses it.
func (c *Client) end() {
	c.drop(len(c.fds))
	if c.link != nil {
		_ = c.link.SetReadDeadline(time.Now())
		c.link = nil
	}
}

// drop closes the first descriptors that were received.
func (c *Client) drop(count int) {
	for _, fd := range c.fds[:count] {
		syscall.Close(fd)
	}
	c.fds = c.fds[count:]
}

// receive reads everything that is there. An error is a fatal one of the protocol, or the end of the connection.
func (c *Client) receive() error {
	room, control := make([]byte, os.Getpagesize()), make([]byte, syscall.CmsgSpace(4*descriptorsMax))
	for {
		n, controls, flags, _, err := syscall.Recvmsg(c.fd, room, control, syscall.MSG_CMSG_CLOEXEC)
		if err == syscall.EAGAIN {
			return nil
		} else if err != nil {
			return err
		}
		messages, _ := syscall.ParseSocketControlMessage(control[:controls])
		for i := range messages {
			fds, _ := syscall.ParseUnixRights(&messages[i])
			c.fds = append(c.fds, fds...)
		}
		c.buffer = append(c.buffer, room[:n]...)
		if flags&syscall.MSG_CTRUNC != 0 {
			return Errorf("descriptor_mismatch", "descriptors were cut off")
		} else if n == 0 {
			return io.EOF
		} else if err := c.hearAll(); err != nil {
			return err
		}
	}
}

// hearAll passes each whole line with its descriptors on. They are closed then.
func (c *Client) hearAll() (err error) {
	for err == nil {
		text, rest, found := bytes.Cut(c.buffer, []byte("\n"))
		if !found && len(text) < lineBytes {
			return nil
		}
		line, malformed := Decode(text)
		if malformed != nil {
			return malformed
		}
		count := len(line.FDs)
		if count > len(c.fds) || count < len(c.fds) && len(rest) == 0 {
			return Errorf("descriptor_mismatch", "%d descriptors for %d names", len(c.fds), count)
		}
		c.buffer = rest
		err = c.session.hear(line, c.fds[:count])
		c.drop(count)
	}
	return err
}

// flush writes what the peer has room for.
func (c *Client) flush() {
	for s := c.session; len(s.out) > 0; {
		n, err := syscall.SendmsgN(c.fd, s.out, rights(s.attached), nil, syscall.MSG_NOSIGNAL)
		if err == syscall.EAGAIN && len(s.out) < queuedMax {
			return
		} else if err != nil { // What it still holds is read, and then its end (SS-BACK-2).
			_ = syscall.Shutdown(c.fd, syscall.SHUT_RD)
			return
		}
		s.out, s.attached = s.out[n:], nil
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
