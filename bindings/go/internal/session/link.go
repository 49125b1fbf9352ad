package session

import (
	"io"
	"slices"
	"time"

	"serverswap/internal/spec"
)

// Connected begins a link.
func (s *Session) Connected(now time.Time) {
	s.link, s.heard, s.out, s.since = "connected", 0, nil, now
}

// IsOpen is whether the link is negotiated.
func (s *Session) IsOpen() bool { return s.link == "open" }

// Hear does with a line what the tables say. After an error the link is lost, with its code.
func (s *Session) Hear(line *spec.Line, fds []int) error {
	if line.ID > 0 {
		if line.ID <= s.heard {
			return spec.Errorf("id_reused", "`id` %d after %d", line.ID, s.heard)
		}
		s.heard = line.ID
	}
	if line.Fault != nil {
		return s.answer(line.ID, line.Fault)
	}
	claim, names := s.about(line.Message)
	state, cell := s.look(0, "receive", line.Message, claim)
	if cell.Close != "" || state == &claim.state && cell.Ignore || !names {
		return spec.Errorf("out_of_order", "`%s` when %s", line.Type, *state)
	}
	before := claim.state
	if cell.Next != "" {
		*state = cell.Next
	}
	return s.follow(line.Message, fds, claim, before)
}

// answer refuses a request that is not understood. Anything else of an unknown type is ignored.
func (s *Session) answer(id uint64, fault *spec.Fault) error {
	switch {
	case id == 0 && fault.Code == "unknown_type":
		return nil
	case id == 0:
		return fault
	case s.link != "open":
		return spec.Errorf("out_of_order", "a request before the `welcome`")
	}
	s.queue(&spec.ErrorMessage{Re: id, Code: fault.Code, Message: fault.Why})
	return nil
}

// about is the claim that a message is about, and whether it names what its request did.
func (s *Session) about(message spec.Message) (claim *Claim, names bool) {
	of := func(re uint64) *Claim { return s.find(func(each *Claim) bool { return each.request.ID == re }) }
	switch message := message.(type) {
	case *spec.TakedownMessage:
		claim, _, _ = s.at(string(message.Address))
		return claim, true
	case *spec.GrantedMessage:
		claim = of(message.Re)
		return claim, claim.Address == message.Address
	case *spec.ProgressMessage:
		return of(message.Re), true
	case *spec.ErrorMessage:
		return of(message.Re), true
	case *spec.WelcomeMessage:
		return new(Claim), message.Re == s.identity.ID && message.Version == s.identity.Version
	}
	return new(Claim), true
}

// follow does what a cell cannot say. `before` is the state that the claim was in: of one that was withdrawn the program
// has heard.
func (s *Session) follow(message spec.Message, fds []int, claim *Claim, before string) (err error) {
	switch message := message.(type) {
	case *spec.GreetingMessage:
		return s.hello(message.Versions)
	case *spec.WelcomeMessage:
		s.since = time.Time{}
	case *spec.PingMessage:
		s.queue(&spec.PongMessage{Re: message.ID})
	case *spec.TakedownMessage:
		s.takedown(message, claim)
		return nil
	case *spec.GrantedMessage:
		wanted := map[string][]string{"inherit": {"listener"}}[claim.request.Socket]
		if !slices.Equal(message.FDs, wanted) {
			err = spec.Errorf("descriptor_mismatch", "`granted` and its `listener`")
		} else if wanted != nil && before == "claimed" {
			claim.Listener, err = s.Adopt(fds[0], claim.Address)
		}
		if err != nil {
			claim.Listener, claim.state = nil, before
			return err
		}
	case *spec.ErrorMessage:
		if _, ok := spec.Retries[message.Code]; !ok {
			message.Code = "internal"
		}
		if message.Fatal {
			return spec.Errorf(message.Code, "%s", message.Message)
		}
	}
	if before == "claimed" {
		s.tell(claim, message)
	}
	return nil
}

// takedown is told once, also if it is begun again on another link. What is not held was released before.
func (s *Session) takedown(message *spec.TakedownMessage, claim *Claim) {
	if !claim.is("takingDown") {
		s.queue(&spec.ReleasedMessage{Re: message.ID, Address: message.Address})
	} else if !claim.told {
		claim.told = true
		if message.Reason != "stopping" {
			message.Reason = "replaced" // what is not known is read so (SS-LINE-16)
		}
		s.tell(claim, message)
	}
	if claim.is("takingDown", "released") {
		claim.takedown = message.ID
	}
}

// hello says what is held, in as many lines as that takes, and what is to follow the `welcome`.
func (s *Session) hello(versions []uint32) error {
	if !slices.Contains(versions, s.identity.Version) {
		return spec.Errorf("version_unsupported", "version %d is spoken", s.identity.Version)
	}
	hello, waiting, size := s.identity, []spec.Message(nil), 0
	lines, listeners := []*spec.HoldingMessage{{}}, [][]io.Closer{nil}
	for _, claim := range s.claims {
		switch {
		case claim.is("claimed"):
			waiting = append(waiting, claim.request)
		case claim.is("released") && len(hello.Draining) < drainingMax:
			hello.Draining = append(hello.Draining, claim.Address)
		case claim.is("granted", "serving"):
			last, bytes := len(lines)-1, len(spec.Encode(&spec.ServingMessage{Address: claim.Address}))
			if size += bytes; size > holdingBytesMax || len(lines[last].Holding) == spec.HoldingPerLine {
				lines[last].More, size = true, bytes
				lines, listeners, last = append(lines, &spec.HoldingMessage{}), append(listeners, nil), last+1
			}
			handled := s.isSaid(&spec.OnTakedownMessage{Address: claim.Address})
			lines[last].Holding = append(lines[last].Holding, spec.Holding{Address: claim.Address, Serving: claim.serving, OnTakedown: handled})
			if claim.Listener != nil {
				lines[last].FDs = append(lines[last].FDs, string(claim.Address))
				listeners[last] = append(listeners[last], claim.Listener)
			}
		}
	}
	hello.Holding, hello.FDs, hello.More = lines[0].Holding, lines[0].FDs, lines[0].More
	s.out = nil
	s.queue(&hello, listeners[0]...)
	for i, line := range lines[1:] {
		s.queue(line, listeners[i+1]...)
	}
	for _, message := range append(waiting, s.said...) {
		s.queue(message)
	}
	return nil
}

// Lost ends a link: with the code of a fatal error that either side has sent, or `supervisor_lost`. What is returned is
// the last line to send, if there is one.
func (s *Session) Lost(code, why string, now time.Time) (farewell []byte) {
	_, isFatal := spec.Retries[code]
	if isFatal && s.link != "closed" {
		farewell = spec.Encode(&spec.ErrorMessage{Code: code, Message: cut(why, 500), Fatal: true})
	}
	if isFatal {
		s.tell(nil, &spec.ErrorMessage{Code: code, Message: why, Fatal: true})
	}
	s.link, s.out, s.seen = "closed", nil, now
	for _, claim := range s.claims {
		claim.takedown = 0
		switch {
		case claim.is("takingDown") && claim.serving: // The next arbiter begins it again.
			claim.state = "serving"
		case claim.is("takingDown"):
			claim.state = "granted"
		case claim.is("withdrawing"):
			claim.state = "none"
		case claim.is("claimed") && s.server == "failed":
			s.Refuse(claim, "withdrawn", why)
		case claim.is("claimed") && isFatal && code != "too_many_connections" && code != "exhausted":
			s.Refuse(claim, code, why)
		}
	}
	return farewell
}

// Tick lets the time pass: an arbiter that does not answer is told of, and claims that find none fail.
func (s *Session) Tick(now time.Time) {
	if s.link != "closed" {
		if !s.since.IsZero() && now.Sub(s.since) >= ArbiterNotResponding {
			s.since = time.Time{}
			s.tell(nil, &spec.ErrorMessage{Code: "arbiter_not_responding", Message: "an arbiter lives and does not answer"})
		}
		return
	}
	for _, claim := range s.claims {
		if claim.is("claimed") && min(now.Sub(claim.since), now.Sub(s.seen)) >= supervisorLost {
			s.Refuse(claim, "supervisor_lost", "there is no arbiter; nothing was claimed")
		}
	}
}
