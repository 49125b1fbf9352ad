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
	"net"
	"sync"
	"time"

	"serverswap/internal/client"
	"serverswap/internal/session"
	"serverswap/internal/spec"
)

//go:generate go run ./internal/generate

// Version is that of this module.
const Version = "0.1.0"

// Code is why a call has failed: errors.Is(err, serverswap.ErrSuperseded).
type Code = spec.Code

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
	// handlers has what OnTakedown was given for a canonical address.
	handlers sync.Map
)

func init() {
	connection = sync.OnceValue(func() *client.Client { return client.New("serverswap-go", Version, deliver) })
}

// Listen claims an address by inheriting its socket, and waits until it is granted or the context ends. An address is
// ":8080", "127.0.0.1:8080", "[::1]:443" or "unix:/run/app.sock".
//
// With the first Accept the old server is taken down. When a newer server takes the address over, Accept fails with
// net.ErrClosed: finish what is open, and exit. Close gives the address up.
func Listen(ctx context.Context, address string, options ...Option) (net.Listener, error) {
	c, err := listen(ctx, address, options)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ListenPacket is Listen for "udp::53". Call [Serving] when the socket is read, and [Released] to give it up.
func ListenPacket(ctx context.Context, address string, options ...Option) (net.PacketConn, error) {
	c, err := newClaim(ctx, address, "inherit", options)
	if err != nil {
		return nil, err
	}
	packets, ok := c.socket.(net.PacketConn)
	if !ok {
		return nil, c.unfit("no address for packets")
	}
	return packets, nil
}

// ReadyFor claims an address exclusively, and waits until the old server has released it or the context ends. Then bind it,
// or do what it stands for ("mailer"), and call [Serving]. It is taken down with [OnTakedown].
func ReadyFor(ctx context.Context, address string, options ...Option) error {
	_, err := newClaim(ctx, address, "bind", options)
	return err
}

// Serving says that the accept loop of an address runs. A listener says it with its first Accept.
func Serving(address string) error {
	return connection().Do(func(s *session.Session) error { return s.Serving(address) })
}

// OnTakedown has a function called when a newer server takes an address over. What was claimed with [ReadyFor] is released
// when it returns; a listener is closed before. The context ends when what is open is to be cut. There is one function
// for an address, the last one.
func OnTakedown(address string, handler func(context.Context)) error {
	canonical, err := spec.Canonical(address)
	if err != nil {
		return err
	}
	handlers.Store(string(canonical), handler)
	return connection().Do(func(s *session.Session) error { return s.OnTakedown(address) })
}

// Released gives an address up, or withdraws its claim. A listener of it is closed first.
func Released(address string) error {
	return connection().Do(func(s *session.Session) error { return s.Released(address) })
}

// Progress reports how many connections a drain still has, and asks for so much time from now on, if that is not 0.
func Progress(address string, connections int, extend time.Duration) error {
	open, extendMS := uint64(connections), uint64(extend.Milliseconds())
	report := spec.ProgressMessage{Connections: &open}
	if extend != 0 {
		report.ExtendMS = &extendMS
	}
	return connection().Do(func(s *session.Session) error { return s.Progress(address, report) })
}

// ServerUp says that every address that was claimed with [More] is served, and that no further claim will follow.
func ServerUp() error { return connection().Do((*session.Session).ServerUp) }

// Fail says that this server cannot go on: the deploy has failed. It does not end the process.
func Fail(reason string) error {
	return connection().Do(func(s *session.Session) error { return s.Fail(reason) })
}

// Supervised is whether there is a supervisor.
func Supervised() bool { return connection().Supervised() }
