package serverswap

import (
	"bufio"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"serverswap/internal/client"
	"serverswap/internal/pace"
)

// served has each http.Server that serves an address.
var served sync.Map

// Serve is the whole life of an HTTP server on one address: it claims it, serves, and drains when a newer server has taken
// it over. Then it returns nil, and the program is to exit. With a TLSConfig it serves HTTPS.
//
// Nothing is lost in the drain, as it would be with http.Server.Shutdown: every open connection, silent and idle ones
// included, is answered once more, with `Connection: close`. What no answer ends is told goodbye, one after the other, so that
// the clients do not all come back at once: a WebSocket is closed with 1012 (service restart), and the context of a request
// by an EventSource to which nothing is sent ends. What is still open a little before the supervisor's TERM is closed. A
// server serves one address; another address has another http.Server with the same handler.
func Serve(srv *http.Server, address string, options ...Option) error {
	return ServeContext(context.Background(), srv, address, options...)
}

// ServeContext is Serve until the context ends: it then withdraws its claim, or gives the address up and drains.
func ServeContext(ctx context.Context, srv *http.Server, address string, options ...Option) error {
	if _, again := served.LoadOrStore(srv, true); again {
		return client.Errorf("invalid_argument", "an http.Server serves one address; make another one with the same handler")
	}
	claim, err := newClaim(ctx, address, "inherit", false, options)
	if err != nil {
		served.Delete(srv)
		return err
	}
	defer claim.Close()
	defer context.AfterFunc(ctx, func() {
		until := time.Now().Add(drainDefault)
		claim.leave(limits{until, until, until})
	})()
	d := &drain{claim: claim, handler: srv.Handler, changed: sync.NewCond(&sync.Mutex{}), open: map[*conn]bool{}, living: map[*living]bool{}}
	if d.handler == nil {
		d.handler = http.DefaultServeMux
	}
	srv.Handler = d
	d.knowsConnections(srv)
	if srv.TLSConfig != nil {
		err = srv.ServeTLS(d, "", "")
	} else {
		err = srv.Serve(d)
	}
	if len(claim.left) == 0 { // It was the program that has closed the server.
		return err
	}
	d.finish(<-claim.left)
	return nil
}

// drain is the listener and the handler of one server: it knows each connection from when it is accepted until it is
// closed, whatever protocol it speaks by then.
type drain struct {
	*claim
	handler http.Handler
	// changed is told whenever less is open; its lock guards what follows.
	changed *sync.Cond
	open    map[*conn]bool
	living  map[*living]bool
	cut     uint64
	// until is when what is open is cut, silentAfter for how long nothing is sent on what is silent by then.
	until       limits
	silentAfter time.Duration
	hasAsked    bool
	// closing is true when every goodbye was said.
	closing atomic.Bool
}

// connOf is the key of a connection in the context of a request.
type connOf struct{}

// knowsConnections has each request know its connection, and one that is to be closed closed when it is idle.
func (d *drain) knowsConnections(srv *http.Server) {
	contextOf, changed := srv.ConnContext, srv.ConnState
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if contextOf != nil {
			ctx = contextOf(ctx, c)
		}
		return context.WithValue(ctx, connOf{}, accepted(c))
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if changed != nil {
			changed(c, state)
		}
		if state == http.StateIdle && accepted(c).closes.Load() {
			c.Close()
		}
	}
}

// accepted is what a connection was made of, with or without TLS.
func accepted(c net.Conn) *conn {
	if outer, ok := c.(interface{ NetConn() net.Conn }); ok {
		return accepted(outer.NetConn())
	}
	return c.(*conn)
}

// Accept counts the connection as open.
func (d *drain) Accept() (net.Conn, error) {
	accepted, err := d.claim.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, drain: d}
	c.sends()
	d.changed.L.Lock()
	defer d.changed.L.Unlock()
	d.open[c] = true
	return c, nil
}

// finish waits until nothing is open, or cuts what is open at the deadline. It reports how many are: the last ones one
// by one, and above those each count that is a tenth lower.
func (d *drain) finish(until limits) {
	d.changed.L.Lock()
	defer d.changed.L.Unlock()
	d.until, d.silentAfter = until, pace.SilentAfter(time.Until(until.drain), time.Until(until.stream))
	defer time.AfterFunc(time.Until(until.drain), d.cutOff).Stop()
	over := make(chan struct{})
	defer close(over)
	go d.sayGoodbyes(until.drain, d.silentAfter, over)
	for reported := uint64(0); ; d.changed.Wait() {
		open := uint64(len(d.open))
		if reported == 0 || open <= 10 || open*10 <= reported*9 {
			reported = open
			_ = say(d.address, &client.ProgressMessage{Connections: &open, Cut: &d.cut})
		}
		if open == 0 {
			return
		}
	}
}

// cutOff closes what is silent, and asks for time for what flows, as long as there is time for that.
func (d *drain) cutOff() {
	d.changed.L.Lock()
	defer d.changed.L.Unlock()
	for each := range d.open {
		if time.Now().Before(d.until.stream) && each.silence() < d.silentAfter {
			continue
		}
		each.Conn.Close()
		delete(d.open, each)
		d.cut++
	}
	if len(d.open) > 0 {
		if !d.hasAsked {
			d.hasAsked = true
			more := uint64(max(time.Until(d.until.term), 0).Milliseconds())
			_ = say(d.address, &client.ProgressMessage{ExtendMS: &more})
		}
		time.AfterFunc(max(d.silentAfter/looks, lookMin), d.cutOff)
	}
	d.changed.Broadcast()
}

// ServeHTTP has each answer close its connection once the drain has begun. With HTTP/2 the header becomes GOAWAY.
func (d *drain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mark(w)
	of := r.Context().Value(connOf{}).(*conn)
	if under, ok := w.(http1); ok && r.ProtoMajor == 1 {
		w = &answer{under, d, r, of}
		defer d.mark(w)
	}
	if isEventSource(r) {
		d.serveEventSource(w, r, of)
	} else {
		d.handler.ServeHTTP(w, r)
	}
}

func (d *drain) mark(w http.ResponseWriter) {
	if d.draining.Load() {
		w.Header().Set("Connection", "close")
	}
}

// http1 is what a http.ResponseWriter of HTTP/1 can do.
type http1 interface {
	http.ResponseWriter
	http.Flusher
	http.Hijacker
	http.CloseNotifier
	io.ReaderFrom
	io.StringWriter
}

// answer is one that may be under way when the drain begins: whether it is the last one is decided when its header is
// written.
type answer struct {
	http1
	drain   *drain
	request *http.Request
	conn    *conn
}

func (a *answer) marked() http1 {
	a.drain.mark(a)
	return a.http1
}

func (a *answer) Write(body []byte) (int, error)         { return a.marked().Write(body) }
func (a *answer) WriteString(body string) (int, error)   { return a.marked().WriteString(body) }
func (a *answer) ReadFrom(body io.Reader) (int64, error) { return a.marked().ReadFrom(body) }
func (a *answer) Flush()                                 { a.marked().Flush() }

// WriteHeader also writes those before the header of an answer, such as 103.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.drain.mark(a)
	}
	a.http1.WriteHeader(status)
}

// Hijack leaves the connection to the handler, and knows that it lives on.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	taken, buffered, err := a.http1.Hijack()
	if err == nil {
		taken = a.drain.hijacked(taken, a.conn, strings.EqualFold(a.request.Header.Get("Upgrade"), "websocket"))
		buffered.Writer.Reset(taken)
	}
	return taken, buffered, err
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.http1 }

// conn is an accepted connection, with what net/http looks for in one.
type conn struct {
	net.Conn
	drain *drain
	// upgraded is what was hijacked; guarded as that is.
	upgraded *living
	// sent is when something was sent last, and closes whether it is closed when it is idle.
	sent   atomic.Int64
	closes atomic.Bool
}

// started is the beginning of the clock of what is sent.
var started = time.Now()

func (c *conn) sends() { c.sent.Store(int64(time.Since(started))) }

// silence is for how long nothing was sent.
func (c *conn) silence() time.Duration { return time.Since(started) - time.Duration(c.sent.Load()) }

func (c *conn) Write(body []byte) (int, error) {
	defer c.sends()
	return c.Conn.Write(body)
}

// Close closes it, and wakes the drain.
func (c *conn) Close() error {
	c.drain.changed.L.Lock()
	defer c.drain.changed.L.Unlock()
	delete(c.drain.open, c)
	delete(c.drain.living, c.upgraded)
	c.drain.changed.Broadcast()
	return c.Conn.Close()
}

// CloseWrite closes its half, so that a client that still sends can read the answer.
func (c *conn) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// copyMax is how much is copied at once, in bytes.
const copyMax = 1 << 20

// ReadFrom leaves copying to the kernel, where it can: it knows a limited file.
func (c *conn) ReadFrom(from io.Reader) (copied int64, err error) {
	whole, isLimited := from.(*io.LimitedReader)
	if !isLimited {
		whole = &io.LimitedReader{R: from, N: math.MaxInt64}
	}
	for n := int64(1); n > 0 && whole.N > 0 && err == nil; copied += n {
		n, err = io.Copy(c.Conn, &io.LimitedReader{R: whole.R, N: min(whole.N, copyMax)})
		whole.N -= n
		c.sends()
	}
	return copied, err
}
