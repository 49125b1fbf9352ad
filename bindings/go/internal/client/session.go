package client

import (
	"io"
	"slices"
	"time"
)

// state is one of the connection, or one of an address (spec/STATES.md).
type state string

const (
	closed, connected, negotiating, open         state = "closed", "connected", "negotiating", "open"
	none, claimed, granted, takingDown, released state = "not held", "claimed", "granted", "being taken down", "released"
)

// Claim is one address and what became of it.
type Claim struct {
	// Address is as the program spells it, and from the grant on as the arbiter does.
	Address string
	// Owner is whoever has claimed it, for the driver.
	Owner any
	// Listener is nil before the grant, after the release, and for an address that the server binds.
	Listener io.Closer
	request  ReadyForMessage
	state    state
	serving  bool
	// handled is whether OnTakedown was said; takedown is the id of the last one on this link.
	handled  bool
	takedown uint64
	since    time.Time
}

// Session is a server's end of the protocol, as a pure core: calls and lines go in, lines and notices come out. It knows
// no socket, clock or goroutine.
//
// What is held is true whether there is a link or not: a call that is made without one is not queued, the next `hello` and
// what follows it say it.
type Session struct {
	// notify is called with what is news for the program, about a claim or, without one, about the connection.
	notify func(*Claim, Message)
	// listener makes one of the descriptor that came for an address, if it fits, or opens it if there is none.
	listener func(address string, fds []int) (io.Closer, error)
	// alone is whether there is no arbiter: every claim is granted at once (SS-CONN-2).
	alone bool

	identity HelloMessage
	link     state
	asked    uint64
	// claims has first what was granted last.
	claims []*Claim
	// withdrawn has the requests that the program has withdrawn and the arbiter has not answered.
	withdrawn map[uint64]bool
	// outcome is `serverUp` or `fail`, once it was said.
	outcome Message
	// out is what is to be sent; what is attached leaves with its first byte, which is that of `hello`.
	out      []byte
	attached []io.Closer
	// welcomed is when the last link that was open has ended; again is when there may be another one.
	welcomed, again time.Time
}

func newSession(client ClientInfo, generation string, notify func(*Claim, Message), listener func(string, []int) (io.Closer, error)) *Session {
	hello := HelloMessage{ID: 1, Version: 1, Client: client, Role: "server", Generation: generation}
	return &Session{notify: notify, listener: listener, identity: hello, link: closed, asked: 1, withdrawn: map[uint64]bool{}}
}

// queue sends a line, if this link has got as far as `hello`.
func (s *Session) queue(message Message) {
	if s.link == negotiating || s.link == open {
		s.out = append(s.out, Encode(message)...)
	}
}

func (c *Claim) is(states ...state) bool { return slices.Contains(states, c.state) }

func (s *Session) in(states ...state) []*Claim {
	return slices.DeleteFunc(slices.Clone(s.claims), func(each *Claim) bool { return !each.is(states...) })
}

// at is what became of an address, in either spelling.
func (s *Session) at(address string) *Claim {
	i := slices.IndexFunc(s.claims, func(each *Claim) bool { return each.Address == address || each.request.Address == address })
	if i < 0 {
		i, s.claims = len(s.claims), append(s.claims, &Claim{Address: address, state: none})
	}
	return s.claims[i]
}

// check is whether a server may still claim and handle, and this is an address.
func (s *Session) check(address string) error {
	if s.failed() {
		return Errorf("failed", "this server has failed")
	} else if !isAddress(address) {
		return Errorf("invalid_address", "`%.200s` is no address", address)
	}
	return nil
}

func (s *Session) failed() bool { return s.outcome != nil && s.outcome.Type() == "fail" }

// ReadyFor claims an address, by `bind` or `inherit`. The claim ends in one notice.
func (s *Session) ReadyFor(owner any, address, socket string, more bool, now time.Time) error {
	claim, err := s.at(address), s.check(address)
	if err != nil {
		return err
	} else if claim.is(claimed, granted, takingDown) {
		return Errorf("already_claimed", "%s is %s", address, claim.state)
	} else if len(s.in(claimed, granted, takingDown)) == holdingPerLine {
		return Errorf("exhausted", "a server has %d addresses at most", holdingPerLine)
	}
	request := ReadyForMessage{Address: address, Socket: socket, More: more}
	*claim = Claim{Address: address, Owner: owner, request: request, state: claimed, handled: claim.handled, since: now}
	s.ask(claim)
	if s.alone {
		if err := s.grant(claim, &GrantedMessage{Address: address}, nil); err != nil {
			s.refuse(claim, err.(*ErrorMessage))
		}
	}
	return nil
}

func (s *Session) ask(claim *Claim) {
	s.asked++
	claim.request.ID = s.asked
	s.queue(&claim.request)
}

func (s *Session) grant(claim *Claim, message *GrantedMessage, fds []int) (err error) {
	if claim.request.Socket == "inherit" {
		claim.Listener, err = s.listener(message.Address, fds)
	}
	if err == nil {
		claim.state, claim.takedown, claim.Address = granted, 0, message.Address
		s.claims = slices.Insert(slices.DeleteFunc(s.claims, func(each *Claim) bool { return each == claim }), 0, claim)
		s.notify(claim, message)
	}
	return err
}

func (s *Session) refuse(claim *Claim, fault *ErrorMessage) {
	claim.state = none
	s.notify(claim, fault)
}

// withdraw ends a claim for the program at once. The arbiter has heard of it if there is a link.
func (s *Session) withdraw(claim *Claim) {
	s.withdrawn[claim.request.ID] = true
	s.queue(&ReleasedMessage{Address: claim.Address})
	s.refuse(claim, Errorf("withdrawn", "the server withdrew its claim"))
}

// sayable has what is said about an address that is in one of these states.
var sayable = map[string][]state{
	"serving":  {granted, takingDown},
	"released": {claimed, granted, takingDown},
	"progress": {granted, takingDown, released},
}

// Say says what the program says about an address, or about the server as a whole, which has none. What was said is not
// said again.
func (s *Session) Say(address string, message Message) error {
	claim, states := s.at(address), sayable[message.Type()]
	if states != nil && !claim.is(states...) {
		return Errorf("not_held", "%s is %s", address, claim.state)
	}
	switch message := message.(type) {
	case *ServingMessage:
		if claim.serving || s.failed() {
			return nil
		}
		claim.serving, message.Address = true, claim.Address
	case *OnTakedownMessage:
		if err := s.check(address); err != nil || claim.handled {
			return err
		}
		claim.handled, message.Address = true, claim.Address
	case *ReleasedMessage:
		if claim.is(claimed) {
			s.withdraw(claim)
			return nil
		} else if claim.Listener != nil {
			claim.Listener.Close()
		}
		claim.Listener, claim.state = nil, released
		message.Re, message.Address = claim.takedown, claim.Address
	case *ProgressMessage: // About a takedown on this link.
		if message.Re = claim.takedown; message.Re == 0 {
			return nil
		}
	case *ServerUpMessage, *FailMessage:
		if s.failed() || s.outcome != nil && message.Type() == "serverUp" {
			return nil
		}
		s.outcome = message
	}
	s.queue(message)
	for _, claim := range s.in(claimed) {
		if s.failed() {
			s.withdraw(claim)
		}
	}
	return nil
}

// begin begins a link.
func (s *Session) begin() {
	s.link, s.out, s.attached, s.withdrawn = connected, nil, nil, map[uint64]bool{}
}

// hear acts on a line; its descriptors stay the caller's. After an error the link is lost.
func (s *Session) hear(line *Line, fds []int) error {
	readAs(line.Message)
	fault, isError := line.Message.(*ErrorMessage)
	if isError && fault.Fatal {
		return fault
	} else if line.Message == nil && line.ID == 0 || isError && line.Re == 0 {
		return nil
	}
	expected, ok := map[string]state{"greeting": connected, "welcome": negotiating}[line.Type]
	if s.link != expected && (ok || s.link != open) {
		return Errorf("out_of_order", "`%s` when the connection is %s", line.Type, s.link)
	}
	switch message := line.Message.(type) {
	case *GreetingMessage:
		return s.hello(message.Versions)
	case *WelcomeMessage:
		if message.Re != s.identity.ID || message.Version != s.identity.Version {
			return Errorf("out_of_order", "a `welcome` to another `hello`")
		}
		s.link = open
	case *GrantedMessage, *ProgressMessage, *ErrorMessage:
		return s.answer(line, fds)
	case *TakedownMessage:
		return s.takedown(message)
	case *PingMessage:
		s.queue(&PongMessage{Re: message.ID})
	case nil:
		s.queue(&ErrorMessage{Re: line.ID, Code: "unknown_type", Message: "what is " + line.Type + "?"})
	}
	return nil
}

// hello says what is held, claims again what waits, and says again what else was said.
func (s *Session) hello(versions []uint32) error {
	hello := s.identity
	if !slices.Contains(versions, hello.Version) {
		return Errorf("version_unsupported", "version %d is spoken", hello.Version)
	}
	s.link = negotiating
	for _, claim := range s.in(granted, takingDown) {
		hello.Holding = append(hello.Holding, Holding{claim.Address, claim.serving, claim.handled})
		if claim.Listener != nil {
			hello.FDs, s.attached = append(hello.FDs, claim.Address), append(s.attached, claim.Listener)
		}
	}
	for _, claim := range s.in(released) {
		hello.Draining = append(hello.Draining, claim.Address)
	}
	hello.Draining = hello.Draining[:min(len(hello.Draining), drainingMax)]
	s.queue(&hello)
	for _, claim := range s.in(claimed) {
		s.ask(claim)
	}
	for _, claim := range s.in(none, claimed, released) {
		if claim.handled {
			s.queue(&OnTakedownMessage{claim.Address})
		}
	}
	if s.outcome != nil {
		s.queue(s.outcome)
	}
	return nil
}

// answer acts on what answers a claim. Of one that was withdrawn the program has heard.
func (s *Session) answer(line *Line, fds []int) error {
	if _, isProgress := line.Message.(*ProgressMessage); s.withdrawn[line.Re] {
		s.withdrawn[line.Re] = isProgress
		return nil
	}
	at := slices.IndexFunc(s.claims, func(each *Claim) bool { return each.is(claimed) && each.request.ID == line.Re })
	if at < 0 {
		return Errorf("out_of_order", "`%s` of what was not asked", line.Type)
	}
	claim := s.claims[at]
	switch message := line.Message.(type) {
	case *GrantedMessage:
		if !slices.Equal(line.FDs, map[string][]string{"inherit": {"listener"}}[claim.request.Socket]) {
			return Errorf("descriptor_mismatch", "`granted` and its `listener`")
		}
		return s.grant(claim, message, fds)
	case *ErrorMessage:
		s.refuse(claim, message)
	default:
		s.notify(claim, message)
	}
	return nil
}

// takedown is told once, also if it is begun again on another link. What is not held was released before.
func (s *Session) takedown(message *TakedownMessage) error {
	claim := s.at(message.Address)
	switch {
	case claim.is(takingDown) && claim.takedown != 0:
		return Errorf("out_of_order", "a second `takedown` of %s", claim.Address)
	case claim.is(granted):
		claim.state = takingDown
		s.notify(claim, message)
	case !claim.is(takingDown):
		s.queue(&ReleasedMessage{Re: message.ID, Address: message.Address})
	}
	claim.takedown = message.ID
	return nil
}

// lost ends a link, with a fatal error that either side has sent, or without one.
func (s *Session) lost(fault *ErrorMessage, now time.Time) {
	pause := pauseShort
	if s.link == open {
		pause, s.welcomed = 0, now
	}
	if fault != nil {
		pause = pauseLong
		farewell := &ErrorMessage{Code: fault.Code, Message: fault.Message, Fatal: true}
		if !fault.Fatal {
			s.out = append(s.out, Encode(farewell)...)
		}
		s.notify(nil, farewell)
	}
	for _, claim := range s.claims {
		claim.takedown = 0
		if claim.is(claimed) && fault != nil && fault.Code != "too_many_connections" && fault.Code != "exhausted" {
			s.refuse(claim, fault)
		}
	}
	s.link, s.again = closed, now.Add(pause)
}

// expire tells of what has lasted too long: a link that is not open by now, and claims that have found no arbiter. It
// returns when there may be another link.
func (s *Session) expire(now time.Time) (again time.Time) {
	if s.link == connected || s.link == negotiating {
		s.notify(nil, Errorf("arbiter_not_responding", "an arbiter lives and does not answer"))
	}
	for _, claim := range s.in(claimed) {
		if s.link == closed && min(now.Sub(claim.since), now.Sub(s.welcomed)) >= supervisorLost {
			s.refuse(claim, Errorf("supervisor_lost", "there is no arbiter; nothing was claimed"))
		}
	}
	return s.again
}
