// Package client drives a session: one connection to the arbiter after another, and a goroutine that waits.
//
// It has no opinion about the protocol. What is held stays held whatever becomes of a connection.
package client

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

const (
	// What a peer may leave unread before its connection is given up, in lines (SS-CONN-8).
	queuedMax = 10_000
	// How long until the arbiter is looked for again: after a link that was not opened, after a fatal error, and at the
	// latest, beside the watch on its directory.
	pauseShort = 100 * time.Millisecond
	pauseLong  = time.Second
)

// Client is the connection of a process, for as long as it lives.
type Client struct {
	notify func(session.Event)
	path   string
	// The mutex guards everything below, and no event is missed or told late while it is held.
	mutex   sync.Mutex
	session *session.Session
	link    *link
	closed  bool
}

// New is a client of the arbiter at SERVERSWAP_SOCKET; without one, every claim is granted within the process. `notify`
// is called with each event and can make no call.
func New(name, version string, notify func(session.Event)) *Client {
	info := spec.ClientInfo{Name: name, Version: version}
	c := &Client{notify: notify, path: os.Getenv("SERVERSWAP_SOCKET"), session: session.New(info, os.Getenv("SERVERSWAP_GENERATION"))}
	c.session.Adopt = adopt
	if c.Supervised() {
		go c.run()
	}
	return c
}

// Supervised is whether there is a supervisor.
func (c *Client) Supervised() bool { return c.path != "" }

// Do makes a call. What was readable before has been acted upon, and what it says is sent, when it returns.
func (c *Client) Do(call func(*session.Session) error) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	err := call(c.session)
	if c.link != nil {
		link := c.link
		_ = link.raw.Control(func(fd uintptr) { c.exchange(link, int(fd)) })
	}
	c.tell()
	return err
}

// ReadyFor claims an address.
func (c *Client) ReadyFor(owner any, address, socket string, more bool) (claim *session.Claim, err error) {
	err = c.Do(func(s *session.Session) error {
		claim, err = s.ReadyFor(owner, address, socket, more, time.Now())
		if err == nil && !c.Supervised() {
			grantAlone(s, claim, socket)
		}
		return err
	})
	return claim, err
}

// Close drops the connection, for good. Listeners stay as they are.
func (c *Client) Close() {
	_ = c.Do(func(*session.Session) error {
		c.closed = true
		c.end()
		return nil
	})
}

func (c *Client) tell() {
	c.session.Tick(time.Now())
	for _, event := range c.session.Events {
		c.notify(event)
	}
	c.session.Events = nil
}

// run makes a link whenever there is none. It watches, looks, and then waits (SS-BACK-9).
func (c *Client) run() {
	for !c.isClosed() {
		watch := watch(filepath.Dir(c.path))
		connection, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: c.path, Net: "unix"})
		pause := pauseShort
		if err == nil {
			pause = c.serve(connection)
		} else if watch != nil {
			_ = watch.SetReadDeadline(time.Now().Add(pauseLong))
			_, _ = watch.Read(make([]byte, os.Getpagesize()))
			pause = 0
		}
		watch.Close()
		time.Sleep(pause)
	}
}

// isClosed lets the time pass, too.
func (c *Client) isClosed() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.tell()
	return c.closed
}

// watch is readable when something was created in a directory, or renamed into it. It is nil if that cannot be watched.
func watch(directory string) *os.File {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	if _, err := syscall.InotifyAddWatch(fd, directory, syscall.IN_CREATE|syscall.IN_MOVED_TO); err != nil {
		syscall.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), directory)
}

// serve is the life of one link. It returns how long to wait for the next one.
func (c *Client) serve(connection *net.UnixConn) time.Duration {
	defer connection.Close()
	raw, err := connection.SyscallConn()
	if err != nil {
		return pauseLong
	}
	link := &link{UnixConn: connection, raw: raw, pause: pauseShort}
	defer func() { closeAll(link.fds) }()
	c.mutex.Lock()
	c.link = link
	c.session.Connected(time.Now())
	_ = connection.SetReadDeadline(time.Now().Add(session.ArbiterNotResponding))
	c.mutex.Unlock()
	for ended := false; !ended; ended = c.hasEnded(link) {
		_ = raw.Read(func(fd uintptr) bool {
			c.mutex.Lock()
			defer c.mutex.Unlock()
			c.exchange(link, int(fd))
			c.tell()
			return link.ended
		})
	}
	return link.pause
}

// hasEnded lets the time pass, too. Once it has passed, only the peer can end a read.
func (c *Client) hasEnded(link *link) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.tell()
	if !link.ended {
		_ = link.SetReadDeadline(time.Time{})
	}
	return link.ended
}

// exchange reads and writes what can be read and written now.
func (c *Client) exchange(link *link, fd int) {
	if link.ended {
		return
	}
	err := link.receive(fd, c.session.Hear)
	if err == nil {
		c.write(link, fd)
		return
	}
	fault := &spec.Fault{Code: "supervisor_lost", Why: err.Error()}
	errors.As(err, &fault)
	if _, isFatal := spec.Retries[fault.Code]; isFatal {
		link.pause = pauseLong
	} else if c.session.IsOpen() {
		link.pause = 0
	}
	if farewell := c.session.Lost(fault.Code, fault.Why, time.Now()); farewell != nil && len(link.rest) == 0 {
		_, _ = syscall.SendmsgN(fd, farewell, nil, nil, syscall.MSG_NOSIGNAL)
	}
	c.end()
}

// write writes what may leave; the rest when the peer has room.
func (c *Client) write(link *link, fd int) {
	isFull := link.flush(fd, c.session)
	if isFull && c.session.Queued() > queuedMax {
		_ = syscall.Shutdown(fd, syscall.SHUT_RD)
	}
	if isFull && !link.waitsForRoom {
		link.waitsForRoom = true
		go func() {
			_ = link.raw.Write(func(fd uintptr) bool {
				c.mutex.Lock()
				defer c.mutex.Unlock()
				link.waitsForRoom = !link.ended && link.flush(int(fd), c.session)
				return !link.waitsForRoom
			})
		}()
	}
}

// end has the goroutine that reads close the link. Nothing else may: a descriptor is closed when nobody uses it.
func (c *Client) end() {
	if c.link != nil {
		c.link.ended = true
		_ = c.link.SetReadDeadline(time.Now())
		c.link = nil
	}
}
