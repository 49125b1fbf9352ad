// Package session is a server's end of the protocol as a pure core: calls and lines go in, lines and events come out.
//
// It knows no socket, clock or goroutine. What may be said, and what follows from what is heard, is in the state
// tables (chapter 22 of spec/README.md), which are generated; what a cell cannot say is here. What is held is true
// whether there is a link or not: a call that is made without one is not queued, the next `hello` says it.
package session

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"serverswap/internal/spec"
)

// ArbiterNotResponding is how long an arbiter may take to answer (SS-BACK-11).
const ArbiterNotResponding = 5 * time.Second

const (
	// How long a claim waits for an arbiter (SS-BACK-10).
	supervisorLost  = 10 * time.Second
	drainingMax     = 32
	holdingBytesMax = 20_000
	extendMSMax     = 86_400_000
)

// Claim is one address and what became of it.
type Claim struct {
	Address spec.Address
	// Owner is whoever made it, for the driver.
	Owner any
	// Listener is nil before the grant, after the release, and for an address that the server binds.
	Listener io.Closer
	request  *spec.ReadyForMessage
	state    string
	serving  bool
	// told is whether the program knows of a takedown; takedown is its id, 0 if it came on an earlier link.
	told     bool
	takedown uint64
	since    time.Time
}

// Event is news for the program, about a claim or, without one, about the connection.
type Event struct {
	Claim   *Claim
	Message spec.Message
}

// Outgoing is one line to send; the listeners leave with its first byte.
type Outgoing struct {
	Line      []byte
	Listeners []io.Closer
	message   spec.Message
}

// Session is the server as a whole.
type Session struct {
	// Adopt makes a listener of a received descriptor if it is one of that address; the descriptor stays the caller's.
	Adopt  func(fd int, address spec.Address) (io.Closer, error)
	Events []Event

	identity     spec.HelloMessage
	link, server string
	heard, asked uint64
	claims       []*Claim
	said         []spec.Message
	out          []Outgoing
	// since is when the link was made, zero when it is open; seen is when the last one ended.
	since, seen time.Time
}

// New is a server that has claimed nothing, with an identity for every `hello`.
func New(client spec.ClientInfo, generation string) *Session {
	hello := spec.HelloMessage{ID: 1, Version: 1, Client: client, Role: "server", Generation: spec.Generation(generation)}
	return &Session{identity: hello, link: "closed", server: "starting", asked: 1}
}

// look finds the cell of an event, and the state that it is about: of the connection, of the server as a whole, or of the
// address, whichever is the first, from that number on, that does not leave it to the next one.
func (s *Session) look(from int, way string, message spec.Message, claim *Claim) (state *string, cell spec.Cell) {
	states := []*string{&s.link, &s.server, &claim.state}
	for i, table := range []string{"client-connection", "client-server", "client-address"}[from:] {
		state = states[from+i]
		cell = spec.Tables[table][*state][way][message.Event()]
		if cell.Delegate == "" {
			break
		}
	}
	return state, cell
}

// say sends what the tables allow; otherwise the code is that of the program's mistake.
func (s *Session) say(message spec.Message, claim *Claim, code string) error {
	state, cell := s.look(1, "send", message, claim)
	if cell.Never {
		return spec.Errorf(code, "`%s` when %s", message.Type(), *state)
	}
	*state = cell.Next
	s.queue(message)
	return nil
}

func (s *Session) queue(message spec.Message, listeners ...io.Closer) {
	if s.link != "closed" && s.link != "connected" {
		s.out = append(s.out, Outgoing{spec.Encode(message), listeners, message})
	}
}

// Next takes the next line if it may leave now.
func (s *Session) Next() (next Outgoing, ok bool) {
	if len(s.out) == 0 {
		return next, false
	}
	next = s.out[0]
	cell := spec.Tables["client-connection"][s.link]["send"][next.message.Event()]
	if cell.Never {
		return next, false
	}
	if cell.Next != "" {
		s.link = cell.Next
	}
	s.out = s.out[1:]
	return next, true
}

// Queued is how many lines wait.
func (s *Session) Queued() int { return len(s.out) }

// find is the newest such claim, or one that was never made.
func (s *Session) find(is func(*Claim) bool) *Claim {
	for i := len(s.claims) - 1; i >= 0; i-- {
		if is(s.claims[i]) {
			return s.claims[i]
		}
	}
	return &Claim{state: "none"}
}

func (s *Session) at(text string) (*Claim, spec.Address, error) {
	address, err := spec.Canonical(text)
	return s.find(func(each *Claim) bool { return each.Address == address }), address, err
}

func (c *Claim) is(states ...string) bool { return slices.Contains(states, c.state) }

func (s *Session) held(text string, states ...string) (*Claim, error) {
	claim, address, err := s.at(text)
	if err == nil && !claim.is(states...) {
		err = spec.Errorf("not_held", "%s is %s", address, claim.state)
	}
	return claim, err
}

func (s *Session) tell(claim *Claim, message spec.Message) {
	s.Events = append(s.Events, Event{claim, message})
}

// Refuse ends a claim.
func (s *Session) Refuse(claim *Claim, code, why string) {
	claim.state = "none"
	s.tell(claim, &spec.ErrorMessage{Code: code, Message: why})
}

// Grant grants a claim within the process, where there is no supervisor (SS-CONN-2).
func (s *Session) Grant(claim *Claim, listener io.Closer) {
	claim.state, claim.Listener = "granted", listener
	s.tell(claim, &spec.GrantedMessage{Address: claim.Address})
}

// ReadyFor claims an address, by `bind` or `inherit`. The claim ends in one event.
func (s *Session) ReadyFor(owner any, text, socket string, more bool, now time.Time) (*Claim, error) {
	before, address, err := s.at(text)
	if err != nil {
		return nil, err
	}
	request := &spec.ReadyForMessage{ID: s.asked + 1, Address: address, Socket: socket, More: more}
	claim := &Claim{Address: address, Owner: owner, request: request, state: before.state, since: now}
	code := "already_claimed"
	if s.server == "failed" {
		code = "failed"
	}
	if err := s.say(request, claim, code); err != nil {
		return nil, err
	}
	s.asked++
	s.claims = slices.DeleteFunc(s.claims, func(each *Claim) bool { return each == before && !before.is("withdrawing") })
	s.claims = append(s.claims, claim)
	return claim, nil
}

// Serving says that the accept loop runs; a second time it says nothing.
func (s *Session) Serving(address string) error {
	claim, err := s.held(address, "granted", "serving", "takingDown")
	if err != nil || claim.serving {
		return err
	}
	claim.serving = true
	return s.say(&spec.ServingMessage{Address: claim.Address}, claim, "not_held")
}

// OnTakedown says that the takedown of an address is handled.
func (s *Session) OnTakedown(text string) error {
	claim, address, err := s.at(text)
	if err != nil {
		return err
	}
	return s.sayOnce(&spec.OnTakedownMessage{Address: address}, claim)
}

// ServerUp says that no further claim will follow.
func (s *Session) ServerUp() error { return s.sayOnce(&spec.ServerUpMessage{}, new(Claim)) }

// Fail says that this server cannot go on. It claims nothing more.
func (s *Session) Fail(reason string) error {
	return s.sayOnce(&spec.FailMessage{Reason: cut(reason, spec.TextBytes)}, new(Claim))
}

// sayOnce says what is said again after each `welcome`, and otherwise only once.
func (s *Session) sayOnce(message spec.Message, claim *Claim) error {
	if s.isSaid(message) {
		return nil
	}
	err := s.say(message, claim, "failed")
	if err == nil {
		s.said = append(s.said, message)
	}
	return err
}

func (s *Session) isSaid(message spec.Message) bool {
	return slices.ContainsFunc(s.said, func(each spec.Message) bool { return reflect.DeepEqual(each, message) })
}

// Released answers a takedown, gives an address up, or withdraws a claim. It closes the listener first.
func (s *Session) Released(address string) error {
	claim, err := s.held(address, "claimed", "granted", "serving", "takingDown")
	if err != nil {
		return err
	}
	if claim.is("claimed") {
		unsaid := s.unsay(claim.request)
		s.Refuse(claim, "withdrawn", "the server withdrew its claim")
		if unsaid {
			return nil
		}
		claim.state = "claimed"
	}
	released := &spec.ReleasedMessage{Address: claim.Address}
	if claim.is("takingDown") {
		released.Re = claim.takedown
	}
	if claim.Listener != nil {
		claim.Listener.Close()
		claim.Listener = nil
	}
	return s.say(released, claim, "not_held")
}

// unsay takes a line back; false if it has left.
func (s *Session) unsay(message spec.Message) bool {
	before := len(s.out)
	s.out = slices.DeleteFunc(s.out, func(each Outgoing) bool { return each.message == message })
	return len(s.out) < before || slices.Contains([]string{"closed", "connected", "greeted"}, s.link)
}

// Progress reports how a drain goes. It is about a takedown on this link: without one it says nothing.
func (s *Session) Progress(address string, report spec.ProgressMessage) error {
	claim, err := s.held(address, "granted", "serving", "takingDown", "released")
	if err == nil && report.ExtendMS != nil && *report.ExtendMS > extendMSMax {
		err = spec.Errorf("invalid_argument", "a drain is extended by a day at most")
	}
	if err != nil || claim.takedown == 0 {
		return err
	}
	report.Re = claim.takedown
	return s.say(&report, claim, "not_held")
}

func cut(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
