package serverswap

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

// claim is one claim, and the listener that it was granted.
type claim struct {
	net.Listener
	socket          io.Closer
	address         string
	inherits        bool
	ended           chan outcome
	serving, closed sync.Once
	// draining is true before anybody can know that the address is released.
	draining atomic.Bool
	// takenDown gets the deadline of the drain, before the listener is closed.
	takenDown chan time.Time
}

type outcome struct {
	socket io.Closer
	err    error
}

// newClaim returns a claim that was granted.
func newClaim(ctx context.Context, address, socket string, options []Option) (*claim, error) {
	canonical, err := spec.Canonical(address)
	if err != nil {
		return nil, err
	}
	c := &claim{address: string(canonical), inherits: socket == "inherit", ended: make(chan outcome, 1), takenDown: make(chan time.Time, 1)}
	if c.inherits {
		err = connection().Do(func(s *session.Session) error { return s.OnTakedown(c.address) })
	}
	if err == nil {
		_, err = connection().ReadyFor(c, c.address, socket, slices.Contains(options, More))
	}
	if err != nil {
		return nil, err
	}
	select {
	case outcome := <-c.ended:
		c.socket = outcome.socket
		return c, outcome.err
	case <-ctx.Done():
		c.Close()
		return nil, fmt.Errorf("serverswap: %s was not granted: %w", canonical, context.Cause(ctx))
	}
}

func listen(ctx context.Context, address string, options []Option) (*claim, error) {
	c, err := newClaim(ctx, address, "inherit", options)
	if err != nil {
		return nil, err
	}
	listener, ok := c.socket.(net.Listener)
	if !ok {
		return nil, c.unfit("no address to listen on")
	}
	c.Listener = listener
	return c, nil
}

// unfit gives up what was granted as another kind of socket than the program wants.
func (c *claim) unfit(why string) error {
	c.Close()
	return spec.Errorf("invalid_argument", "%s is %s", c.address, why)
}

// Accept says `serving` the first time.
func (c *claim) Accept() (net.Conn, error) {
	c.serving.Do(func() { _ = Serving(c.address) })
	return c.Listener.Accept()
}

// Close releases the address, which closes the listener.
func (c *claim) Close() (err error) {
	c.closed.Do(func() {
		c.draining.Store(true)
		err = Released(c.address)
	})
	return err
}

func (c *claim) takeDown(deadline time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	c.takenDown <- deadline
	if c.inherits {
		c.Close()
	}
	if handler, ok := handlers.Load(c.address); ok {
		handler.(func(context.Context))(ctx)
	}
	c.Close()
}

// deliver is called by the client with each event, and does not wait.
func deliver(event session.Event) {
	if event.Claim == nil {
		fault := event.Message.(*spec.ErrorMessage)
		slog.Warn("serverswap: "+fault.Message+"; what is served is served on", "code", fault.Code)
		return
	}
	c := event.Claim.Owner.(*claim)
	switch message := event.Message.(type) {
	case *spec.GrantedMessage:
		c.ended <- outcome{socket: event.Claim.Listener}
	case *spec.ErrorMessage:
		c.ended <- outcome{err: spec.Errorf(message.Code, "%s was not granted: %s", c.address, message.Message)}
	case *spec.TakedownMessage:
		drain := time.Duration(message.DrainMS) * time.Millisecond
		go c.takeDown(time.Now().Add(drain - min(drain/10, marginMax)))
	}
}
