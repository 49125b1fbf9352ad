// Package client drives a session: one connection to the arbiter at a time, and the goroutine that waits for it.
//
// It has no opinion about the protocol. What is held stays held whatever becomes of the connection.
package client

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

const (
	// What a peer may leave unread, before the connection is given up (SS-CONN-8).
	queueBytesMax = 1 << 20
	pauseMin      = 100 * time.Millisecond
	pauseMax      = time.Second
	// How often the arbiter is looked for beside the watch on its directory.
	lookEvery = 5 * time.Second
)

// Client is the one connection of a process, as long as it lives.
type Client struct {
	// Notify is called with each event, while no call can be made.
	notify func(session.Event)
	path   string
	mutex  sync.Mutex
	is     *session.Session
	link
	poll poll
	// again is when the arbiter is looked for next, pause how long that is put off when a link ends early.
	again time.Time
	pause time.Duration
	// avoided is the socket of an arbiter that will not have this client (SS-ERR-4); found is the last one.
	avoided, found identity
	closed         bool
}

// identity is what makes a socket another one.
type identity struct {
	inode   uint64
	changed syscall.Timespec
}

// New is a client of the arbiter at SERVERSWAP_SOCKET; without one, every claim is granted within the process.
func New(name, version string, notify func(session.Event)) (*Client, error) {
	path, info := os.Getenv("SERVERSWAP_SOCKET"), spec.ClientInfo{Name: name, Version: version}
	c := &Client{notify: notify, path: path, is: session.New(info, os.Getenv("SERVERSWAP_GENERATION")), link: link{fd: -1}}
	c.is.Adopt = adopt
	if path == "" {
		return c, nil
	}
	var err error
	if c.poll, err = newPoll(); err != nil {
		return nil, err
	}
	c.Process()
	go c.run()
	return c, nil
}

// Supervised is whether there is a supervisor.
func (c *Client) Supervised() bool { return c.path != "" }

// Do makes a call, and sends what it says.
func (c *Client) Do(call func(*session.Session) error) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	err := call(c.is)
	c.step()
	if c.path != "" {
		c.poll.wake()
	}
	return err
}

// Process does what can be done now; what was readable has been acted upon when it returns.
func (c *Client) Process() { _ = c.Do(func(*session.Session) error { return nil }) }

// ReadyFor claims an address for an owner.
func (c *Client) ReadyFor(owner any, address, socket string, more bool) (claim *session.Claim, err error) {
	err = c.Do(func(s *session.Session) error {
		c.avoided = identity{}
		claim, err = s.ReadyFor(owner, address, socket, more, time.Now())
		if err == nil && c.path == "" {
			grantAlone(s, claim, socket)
		}
		return err
	})
	return claim, err
}

// Close drops the connection. What was granted is not closed.
func (c *Client) Close() {
	_ = c.Do(func(*session.Session) error {
		c.closed = true
		c.link.close()
		return nil
	})
}

func (c *Client) run() {
	for {
		c.mutex.Lock()
		c.step()
		closed, until := c.closed, c.until()
		c.mutex.Unlock()
		if closed {
			c.poll.close()
			return
		}
		c.poll.wait(until)
	}
}

// until is when there is something to do although nothing has come; zero for never.
func (c *Client) until() time.Time {
	until := c.is.Deadline()
	if c.fd < 0 && (until.IsZero() || c.again.Before(until)) {
		until = c.again
	}
	return until
}

// step does everything that can be done now.
func (c *Client) step() {
	if c.path != "" && !c.closed {
		now := time.Now()
		if c.poll.changed() {
			c.again = minTime(c.again, now.Add(c.pause))
		}
		if c.fd < 0 && !now.Before(c.again) {
			c.connect(now)
		}
		if c.fd >= 0 {
			c.exchange(now)
		}
		c.is.Tick(now)
	}
	for _, event := range c.is.Events {
		c.notify(event)
	}
	c.is.Events = nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// connect looks for the arbiter. If it is not there, its directory is watched, it is looked for once more, and then
// awaited (SS-BACK-9).
func (c *Client) connect(now time.Time) {
	for {
		isWatched := c.poll.isWatching()
		err := c.dial()
		if err == nil {
			c.poll.unwatch()
			c.is.Connected(now)
			return
		}
		if err == syscall.EAGAIN || !isWatched && !c.poll.watch(filepath.Dir(c.path)) {
			c.again = now.Add(pauseMin)
			return
		}
		if isWatched {
			c.again = now.Add(lookEvery)
			return
		}
	}
}

func (c *Client) dial() error {
	var status syscall.Stat_t
	if err := syscall.Stat(c.path, &status); err != nil {
		return err
	}
	c.found = identity{status.Ino, status.Ctim}
	if c.found == c.avoided {
		return syscall.ECONNREFUSED
	}
	if err := c.link.dial(c.path); err != nil {
		return err
	}
	return c.poll.add(c.fd)
}

// exchange reads and writes what can be read and written.
func (c *Client) exchange(now time.Time) {
	err := c.receive(c.is.Hear)
	if err == nil {
		isFull := c.flush(c.is)
		if isFull && c.is.Queued() > queueBytesMax {
			c.shutdown()
		}
		c.poll.awaitRoom(c.fd, isFull)
		if c.is.IsOpen() {
			c.pause = 0
		}
		return
	}
	code, why := "supervisor_lost", err.Error()
	if fault, ok := err.(*spec.Fault); ok {
		code, why = fault.Code, fault.Why
	}
	if spec.Retries[code] == "never" {
		c.avoided = c.found
	}
	c.say(c.is.Lost(code, why, now))
	c.link.close()
	c.again = now.Add(c.pause)
	c.pause = min(max(2*c.pause, pauseMin), pauseMax)
}
