// Package serverswap is zero-downtime restarts for servers in Go: when a new copy of a server is ready, the old one hands
// over its address.
//
// A server of net/http calls [Serve], any other one [Listen]. Everything slow goes before: the old server serves until
// then. Without a supervisor the same program runs alone: every claim is granted at once.
//
// There is one connection to the supervisor for the process; it is made by the first call, and made again whenever
// another supervisor takes over. Calls can be made from any goroutine.
package serverswap

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"serverswap/internal/client"
)

//go:generate go run ./internal/generate

// Version is that of this module.
const Version = "0.1.0"

// Code is why a call has failed: errors.Is(err, serverswap.ErrSuperseded).
type Code = client.Code

// Mistakes of the program.
const (
	ErrNotHeld         = Code("not_held")
	ErrFailed          = Code("failed")
	ErrInvalidArgument = Code("invalid_argument")
)

// Option says more about a claim.
type Option int

// More says that this server will claim further addresses: it is not up before [ServerUp].
const More Option = 1

// A drain without a takedown ends after this time; with one, before TERM: by a tenth of it, and by no more than that.
const (
	drainDefault = 30 * time.Second
	marginMax    = 500 * time.Millisecond
)

var (
	// connection is that of the process; the first call makes it.
	connection func() *client.Client
	// handlers has what OnTakedown was given for an address.
	handlers sync.Map
)

func init() { connection = sync.OnceValue(connect) }

func connect() *client.Client { return client.New("serverswap-go", Version, deliver) }

// Listen claims an address by inheriting its socket, and waits until it is granted or the context ends. An address is
// ":8080", "127.0.0.1:8080", "[::1]:443" or "unix:/run/app.sock".
//
// With the first Accept the old server is taken down. When a newer server takes the address over, Accept fails with
// net.ErrClosed: finish what is open, and exit. Close gives the address up.
func Listen(ctx context.Context, address string, options ...Option) (net.Listener, error) {
	c, err := newClaim(ctx, address, "inherit", false, options)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ListenPacket is Listen for "udp::53". Call [Serving] when the socket is read, and [Released] to give it up.
func ListenPacket(ctx context.Context, address string, options ...Option) (net.PacketConn, error) {
	c, err := newClaim(ctx, address, "inherit", true, options)
	if err != nil {
		return nil, err
	}
	return c.socket.(net.PacketConn), nil
}

// ReadyFor claims an address exclusively, and waits until the old server has released it or the context ends. Then bind it,
// or do what it stands for ("mailer"), and call [Serving]. It is taken down with [OnTakedown].
func ReadyFor(ctx context.Context, address string, options ...Option) error {
	_, err := newClaim(ctx, address, "bind", false, options)
	return err
}

// Serving says that the accept loop of an address runs. A listener says it with its first Accept.
func Serving(address string) error { return say(address, &client.ServingMessage{}) }

// OnTakedown has a function called when a newer server takes an address over. What was claimed with [ReadyFor] is released
// when it returns; a listener is closed before. The context ends when what is open is to be cut. There is one function
// for an address, the last one.
func OnTakedown(address string, handler func(context.Context)) error {
	handlers.Store(address, handler)
	return say(address, &client.OnTakedownMessage{})
}

// Released gives an address up, or withdraws its claim. A listener of it is closed first.
func Released(address string) error { return say(address, &client.ReleasedMessage{}) }

// Progress reports how many connections a drain still has, and asks for so much time from now on, if that is not 0.
func Progress(address string, connections int, extend time.Duration) error {
	open, extendMS := uint64(connections), uint64(min(extend, 24*time.Hour).Milliseconds())
	return say(address, &client.ProgressMessage{Connections: &open, ExtendMS: &extendMS})
}

// ServerUp says that every address that was claimed with [More] is served, and that no further claim will follow.
func ServerUp() error { return say("", &client.ServerUpMessage{}) }

// Fail says that this server cannot go on: the deploy has failed. It does not end the process.
func Fail(reason string) error { return say("", &client.FailMessage{Reason: reason}) }

// Supervised is whether there is a supervisor.
func Supervised() bool { return connection().Supervised() }

func say(address string, message client.Message) error {
	return connection().Do(func(s *client.Session) error { return s.Say(address, message) })
}

// claim is one claim, and the listener that it was granted.
type claim struct {
	net.Listener
	// socket is the listener, or that of packets; nil if the program binds it.
	socket  io.Closer
	address string
	ended   chan error
	serving sync.Once
	// draining is true before anybody can know that the address is released.
	draining atomic.Bool
	// left gets the limits of the drain, before the listener is closed.
	left chan limits
}

// limits is until when what is open may be finished, and what flows; and when the time for that is over for the supervisor.
type limits struct{ drain, stream, term time.Time }

// limitsOf is those of a takedown that has just arrived.
func limitsOf(takedown *client.TakedownMessage) limits {
	now, drain := time.Now(), time.Duration(takedown.DrainMS)*time.Millisecond
	stream := drain
	if takedown.StreamMS != nil {
		stream = max(drain, time.Duration(*takedown.StreamMS)*time.Millisecond)
	}
	before := func(term time.Duration) time.Time { return now.Add(term - min(term/10, marginMax)) }
	return limits{before(drain), before(stream), now.Add(stream)}
}

// newClaim returns a claim that was granted: by `inherit` with a socket, of packets or to listen on.
func newClaim(ctx context.Context, address, mode string, packets bool, options []Option) (*claim, error) {
	if mode == "inherit" && strings.HasPrefix(address, "udp:") != packets {
		return nil, client.Errorf("invalid_argument", "the socket of %s is of another kind", address)
	}
	c := &claim{address: address, ended: make(chan error, 1), left: make(chan limits, 2)}
	err := connection().Do(func(s *client.Session) error {
		err := s.ReadyFor(c, address, mode, slices.Contains(options, More), time.Now())
		if err == nil && mode == "inherit" {
			err = s.Say(address, &client.OnTakedownMessage{})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	select {
	case err := <-c.ended:
		return c, err
	case <-ctx.Done():
		c.Close()
		return nil, fmt.Errorf("serverswap: %s was not granted: %w", address, context.Cause(ctx))
	}
}

// Accept says `serving` the first time.
func (c *claim) Accept() (net.Conn, error) {
	c.serving.Do(func() { _ = Serving(c.address) })
	return c.Listener.Accept()
}

// Close releases the address, which closes the listener.
func (c *claim) Close() error {
	if c.draining.Swap(true) {
		return nil
	}
	return Released(c.address)
}

// leave is Close with limits for the drain.
func (c *claim) leave(until limits) {
	c.left <- until
	c.Close()
}

// takeDown releases what was inherited at once, and what the program binds when its handler returns.
func (c *claim) takeDown(address string, until limits) {
	ctx, cancel := context.WithDeadline(context.Background(), until.drain)
	defer cancel()
	if c.socket != nil {
		c.leave(until)
	}
	handler, ok := handlers.Load(c.address)
	if !ok {
		handler, ok = handlers.Load(address)
	}
	if ok {
		handler.(func(context.Context))(ctx)
	}
	c.Close()
}

// deliver is called by the client with what is news, and does not wait.
func deliver(of *client.Claim, message client.Message) {
	if fault, ok := message.(*client.ErrorMessage); ok && of == nil {
		slog.Warn("serverswap: "+fault.Message+"; what is served is served on", "code", fault.Code)
		return
	}
	c := of.Owner.(*claim)
	switch message := message.(type) {
	case *client.GrantedMessage:
		c.socket = of.Listener
		c.Listener, _ = of.Listener.(net.Listener)
		c.ended <- nil
	case *client.ErrorMessage:
		c.ended <- client.Errorf(message.Code, "%s was not granted: %s", c.address, message.Message)
	case *client.TakedownMessage:
		go c.takeDown(of.Address, limitsOf(message))
	}
}
