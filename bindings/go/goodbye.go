package serverswap

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"serverswap/internal/pace"
)

// goodbyes has what OnGoodbye was given for an address.
var goodbyes sync.Map

// OnGoodbye has a function called for each connection of [Serve] that the program has hijacked, when its time to be told
// goodbye in a drain has come: one after the other, over the whole drain. Without it, a WebSocket is closed with 1012
// (service restart), and what speaks another protocol waits for the deadline. There is one function for an address.
func OnGoodbye(address string, handler func(net.Conn)) { goodbyes.Store(address, handler) }

// How long until it is looked again what lives on; and how often before a connection counts as silent.
const (
	lookMin, lookMax = 10 * time.Millisecond, time.Second
	looks            = 4
)

// living is what no answer ends: a hijacked connection, or the answer to an EventSource.
type living struct {
	conn *conn
	// tell is how it is told goodbye; nil if its protocol is not known.
	tell func()
	// flows is whether it is an answer, which is not interrupted while it flows.
	flows bool
	told  bool
}

// adds is what lives on from now on, until the function that is returned is called.
func (d *drain) adds(l *living) (ended func()) {
	d.changed.L.Lock()
	defer d.changed.L.Unlock()
	d.living[l] = true
	return func() {
		d.changed.L.Lock()
		defer d.changed.L.Unlock()
		delete(d.living, l)
	}
}

// waiting is what was not told yet, in the order in which it is: silent before flowing.
func (d *drain) waiting(silentAfter time.Duration) (found []*living) {
	d.changed.L.Lock()
	defer d.changed.L.Unlock()
	silence := map[*living]time.Duration{}
	for l := range d.living {
		silence[l] = l.conn.silence()
		if l.tell != nil && !l.told && (!l.flows || silence[l] >= silentAfter) {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b *living) int { return int(silence[b] - silence[a]) })
	return found
}

// isOpen is whether it has not ended by itself.
func (d *drain) isOpen(l *living) bool {
	d.changed.L.Lock()
	defer d.changed.L.Unlock()
	return d.living[l]
}

// sayGoodbyes tells what lives on, at an even pace until a moment before the deadline.
func (d *drain) sayGoodbyes(deadline time.Time, silentAfter time.Duration, over <-chan struct{}) {
	begun := time.Now()
	left := max(deadline.Sub(begun), 0)
	rhythm := pace.New(left, rand.Float64())
	defer time.AfterFunc(left-pace.Closing(left), func() { d.closing.Store(true) }).Stop()
	var waiting []*living
	for lookAgain := time.Duration(0); ; {
		now := time.Since(begun)
		if now >= lookAgain {
			waiting, lookAgain = d.waiting(silentAfter), now+max(min(silentAfter/looks, lookMax), lookMin)
		}
		for len(waiting) > 0 {
			next := waiting[0]
			isReady := d.isOpen(next) && (!next.flows || next.conn.silence() >= silentAfter)
			if isReady && !rhythm.IsDue(now, len(waiting)) {
				break
			}
			waiting = waiting[1:]
			if isReady {
				next.told = true
				next.tell()
			}
		}
		pause := lookAgain
		if len(waiting) > 0 {
			pause = min(pause, rhythm.Next(len(waiting)))
		}
		select {
		case <-over:
			return
		case <-time.After(pause - now):
		}
	}
}

// isEventSource is whether the client of a request comes back by itself when its event stream ends.
func isEventSource(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

var errToldGoodbye = errors.New("serverswap: the client of this event stream was told to come back to the new server")

// serveEventSource serves a request whose context ends with its goodbye. Its handler returns, and the answer is complete.
func (d *drain) serveEventSource(w http.ResponseWriter, r *http.Request, of *conn) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	l := &living{conn: of, flows: true}
	l.tell = func() {
		// On an HTTP/1 connection that stays open the client would come back to this server.
		of.closes.Store(r.ProtoMajor == 1)
		cancel(errToldGoodbye)
	}
	defer d.adds(l)()
	if under, ok := w.(*answer); ok {
		w = &eventStream{answer: under, ctx: ctx}
	}
	d.handler.ServeHTTP(w, r.WithContext(ctx))
}

// eventStream is the answer to an EventSource.
type eventStream struct {
	*answer
	ctx     context.Context
	retried bool
}

// Write is of no effect after the goodbye. If the drain is about to cut it, the client is told when to come back.
func (e *eventStream) Write(body []byte) (int, error) {
	if cause := context.Cause(e.ctx); cause != nil {
		return 0, cause
	}
	n, err := e.answer.Write(body)
	isWhole := strings.HasSuffix(string(body[max(len(body)-4, 0):]), "\n\n") && e.Header().Get("Content-Encoding") == ""
	if err == nil && isWhole && !e.retried && e.answer.drain.closing.Load() {
		e.retried = true
		_, err = fmt.Fprintf(e.answer, "retry: %d\n\n", pace.Retry(rand.Float64()).Milliseconds())
	}
	return n, err
}

// WriteString is for io.WriteString.
func (e *eventStream) WriteString(body string) (int, error) { return e.Write([]byte(body)) }

// hijacked makes what a handler has taken a connection that lives on.
func (d *drain) hijacked(taken net.Conn, of *conn, isWebSocket bool) net.Conn {
	l := &living{conn: of}
	if isWebSocket {
		socket := &webSocket{Conn: taken}
		taken, l.tell = socket, socket.goodbye
	}
	if handler, ok := goodbyes.Load(d.address); ok {
		l.tell = func() { go handler.(func(net.Conn))(taken) }
	}
	d.changed.L.Lock()
	defer d.changed.L.Unlock()
	if d.open[of] {
		d.living[l], of.upgraded = true, l
	}
	return taken
}
