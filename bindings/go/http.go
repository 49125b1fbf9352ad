package serverswap

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

// Serve is the whole life of an HTTP server on one address: it claims it, serves, and drains when a newer server has taken
// it over. Then it returns nil, and the program is to exit. With a TLSConfig it serves HTTPS.
//
// Nothing is lost in the drain, as it would be with http.Server.Shutdown: every open connection, silent and idle ones
// included, is answered once more, with `Connection: close`. What is still open a little before the supervisor's TERM is
// closed, upgraded connections too. A server serves one address; another address has another http.Server with the same
// handler.
func Serve(srv *http.Server, address string, options ...Option) error {
	return ServeContext(context.Background(), srv, address, options...)
}

// ServeContext is Serve until the context ends: it then withdraws its claim, or gives the address up and drains.
func ServeContext(ctx context.Context, srv *http.Server, address string, options ...Option) error {
	d, err := newDrain(srv)
	if err != nil {
		return err
	}
	claim, err := listen(ctx, address, options)
	if err != nil {
		srv.Handler = d.handler
		return err
	}
	d.claim = claim
	defer claim.Close()
	defer context.AfterFunc(ctx, func() { claim.Close() })()
	if srv.TLSConfig != nil {
		err = srv.ServeTLS(d, "", "")
	} else {
		err = srv.Serve(d)
	}
	select {
	case deadline := <-claim.takenDown:
		d.finish(deadline)
	default:
		if ctx.Err() == nil {
			return err
		}
		d.finish(time.Now().Add(drainDefault))
	}
	return nil
}

// drain is the listener and the handler of one server: it knows each connection from when it is accepted until it is
// closed, whatever protocol it speaks by then.
type drain struct {
	*claim
	handler http.Handler
	mutex   sync.Mutex
	open    map[*conn]bool
	changed chan struct{}
}

// wrapping is held while it is looked at who serves.
var wrapping sync.Mutex

func newDrain(srv *http.Server) (*drain, error) {
	wrapping.Lock()
	defer wrapping.Unlock()
	if _, ok := srv.Handler.(*drain); ok {
		return nil, spec.Errorf("invalid_argument", "an http.Server serves one address; make another one with the same handler")
	}
	d := &drain{handler: srv.Handler, open: map[*conn]bool{}, changed: make(chan struct{}, 1)}
	if d.handler == nil {
		d.handler = http.DefaultServeMux
	}
	srv.Handler = d
	return d, nil
}

// Accept counts the connection as open.
func (d *drain) Accept() (net.Conn, error) {
	accepted, err := d.claim.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{accepted, d}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.open[c] = true
	return c, nil
}

// finish waits until nothing is open, or cuts what is open at the deadline. It reports how many are: the last ones one
// by one, and above those each count that is a tenth lower.
func (d *drain) finish(deadline time.Time) {
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	for reported := -1; ; {
		open := d.connections()
		if reported < 0 || len(open) <= 10 || len(open)*10 <= reported*9 {
			reported = len(open)
			_ = Progress(d.address, reported, 0)
		}
		if len(open) == 0 {
			return
		}
		select {
		case <-d.changed:
		case <-late.C:
			d.cut(d.connections())
			return
		}
	}
}

// cut closes what is not finished, and reports how much that was.
func (d *drain) cut(open []*conn) {
	none, count := uint64(0), uint64(len(open))
	for _, each := range open {
		each.Close()
	}
	report := spec.ProgressMessage{Connections: &none, Cut: &count}
	_ = connection().Do(func(s *session.Session) error { return s.Progress(d.address, report) })
}

func (d *drain) connections() (open []*conn) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for each := range d.open {
		open = append(open, each)
	}
	return open
}

// ServeHTTP has each answer close its connection once the drain has begun. With HTTP/2 the header becomes GOAWAY.
func (d *drain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mark(w)
	if under, ok := w.(http1); ok && r.ProtoMajor == 1 {
		w = &answer{under, d}
		defer d.mark(w)
	}
	d.handler.ServeHTTP(w, r)
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
	drain *drain
}

func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.drain.mark(a)
	}
	a.http1.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	a.drain.mark(a)
	return a.http1.Write(body)
}

func (a *answer) WriteString(body string) (int, error) {
	a.drain.mark(a)
	return a.http1.WriteString(body)
}

func (a *answer) ReadFrom(body io.Reader) (int64, error) {
	a.drain.mark(a)
	return a.http1.ReadFrom(body)
}

func (a *answer) Flush() {
	a.drain.mark(a)
	a.http1.Flush()
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.http1 }

// conn is an accepted connection, with what net/http looks for in one.
type conn struct {
	net.Conn
	drain *drain
}

// Close closes it, and wakes the drain.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.drain.mutex.Lock()
	delete(c.drain.open, c)
	c.drain.mutex.Unlock()
	select {
	case c.drain.changed <- struct{}{}:
	default:
	}
	return err
}

// CloseWrite closes its half, so that a client that still sends can read the answer.
func (c *conn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// ReadFrom leaves copying to the kernel, where it can.
func (c *conn) ReadFrom(from io.Reader) (int64, error) { return io.Copy(c.Conn, from) }
