package session

import (
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
	if fault, ok := line.Fault.(*spec.Fault); ok {
		return s.answer(line.ID, fault)
	}
	claim := s.about(line.Message)
	machine, cell := look("receive", line.Message, s.connection(), s.whole(), s.of(claim))
	if cell.Close != "" || machine.state == &claim.state && cell.Ignore || !s.fits(line.Message, claim) {
		return spec.Errorf("out_of_order", "`%s` when %s", line.Type, *machine.state)
	}
	if granted, ok := line.Message.(*spec.GrantedMessage); ok {
		if err := s.adopt(claim, granted, fds); err != nil {
			return err
		}
	}
	before := claim.state
	if cell.Next != "" {
		*machine.state = cell.Next
	}
	return s.follow(line.Message, cell, claim, before)
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

// about is the claim that a message is about; a reply is about the request that it names.
func (s *Session) about(message spec.Message) *Claim {
	var re uint64
	switch message := message.(type) {
	case *spec.TakedownMessage:
		return s.find(func(each *Claim) bool { return each.Address == message.Address })
	case *spec.GrantedMessage:
		re = message.Re
	case *spec.ProgressMessage:
		re = message.Re
	case *spec.ErrorMessage:
		re = message.Re
	}
	return s.find(func(each *Claim) bool { return each.request.ID == re })
}

// fits is whether a reply names what its request did.
func (s *Session) fits(message spec.Message, claim *Claim) bool {
	switch message := message.(type) {
	case *spec.GrantedMessage:
		return message.Address == claim.Address
	case *spec.WelcomeMessage:
		return message.Re == s.identity.ID
	}
	return true
}

func (s *Session) adopt(claim *Claim, granted *spec.GrantedMessage, fds []int) error {
	var wanted []string
	if claim.request.Socket == "inherit" {
		wanted = []string{"listener"}
	}
	if !slices.Equal(granted.FDs, wanted) {
		return spec.Errorf("descriptor_mismatch", "`granted` and its `listener`")
	}
	if wanted == nil || !claim.is("claimed") {
		return nil
	}
	listener, err := s.Adopt(fds[0], claim.Address)
	claim.Listener = listener
	return err
}

// follow does what a cell cannot say. `before` is the state that the claim was in.
func (s *Session) follow(message spec.Message, cell spec.Cell, claim *Claim, before string) error {
	switch message := message.(type) {
	case *spec.GreetingMessage:
		return s.hello(message.Versions)
	case *spec.WelcomeMessage:
		s.since = time.Time{}
	case *spec.PingMessage:
		s.queue(&spec.PongMessage{Re: message.ID})
	case *spec.TakedownMessage:
		s.takedown(message, cell, claim)
	case *spec.GrantedMessage, *spec.ProgressMessage:
		if before == "claimed" {
			s.tell(claim, message)
		}
	case *spec.ErrorMessage:
		if _, ok := spec.Retries[message.Code]; !ok {
			message.Code = "internal"
		}
		if message.Fatal {
			return spec.Errorf(message.Code, "%s", message.Message)
		}
		if before == "claimed" {
			s.tell(claim, message)
		}
	}
	return nil
}

func (s *Session) takedown(message *spec.TakedownMessage, cell spec.Cell, claim *Claim) {
	if cell.Reply != "" {
		s.queue(&spec.ReleasedMessage{Re: message.ID, Address: message.Address})
	}
	if !claim.is("takingDown", "released") {
		return
	}
	claim.takedown = message.ID
	if claim.is("takingDown") && !claim.told {
		claim.told = true
		s.tell(claim, message)
	}
}

// hello says what is held, in as many lines as that takes, and what is to follow the `welcome`.
func (s *Session) hello(versions []uint64) error {
	if !slices.Contains(versions, s.identity.Version) {
		return spec.Errorf("version_unsupported", "version %d is spoken", s.identity.Version)
	}
	hello := s.identity
	var held, waiting []*Claim
	longest := 0
	for _, claim := range s.claims {
		switch {
		case claim.is("granted", "serving"):
			held = append(held, claim)
			longest = max(longest, len(spec.Encode(&spec.ServingMessage{Address: claim.Address})))
		case claim.is("claimed"):
			waiting = append(waiting, claim)
		case claim.is("released") && len(hello.Draining) < 32:
			hello.Draining = append(hello.Draining, claim.Address)
		}
	}
	size := min(spec.HoldingPerLine, 20_000/(longest+30))
	entries, names, listeners := s.holding(held[:min(size, len(held))])
	held = held[len(entries):]
	hello.Holding, hello.FDs, hello.More = entries, names, len(held) > 0
	s.queueFirst(&hello, listeners)
	for len(held) > 0 {
		entries, names, listeners = s.holding(held[:min(size, len(held))])
		held = held[len(entries):]
		s.queue(&spec.HoldingMessage{Holding: entries, FDs: names, More: len(held) > 0}, listeners...)
	}
	for _, claim := range waiting {
		s.queue(claim.request)
	}
	for _, message := range s.said {
		on, ok := message.(*spec.OnTakedownMessage)
		if ok {
			claim, _, _ := s.at(on.Address)
			ok = claim.is("granted", "serving")
		}
		if !ok {
			s.queue(message)
		}
	}
	return nil
}

func (s *Session) queueFirst(hello *spec.HelloMessage, listeners []Listener) {
	s.out = nil
	s.queue(hello, listeners...)
}

func (s *Session) holding(claims []*Claim) (entries []spec.Holding, names []string, listeners []Listener) {
	for _, claim := range claims {
		entries = append(entries, spec.Holding{Address: claim.Address, Serving: claim.serving, OnTakedown: s.handles(claim.Address)})
		if claim.Listener != nil {
			names, listeners = append(names, claim.Address), append(listeners, claim.Listener)
		}
	}
	return entries, names, listeners
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
			s.refuse(claim, "withdrawn", why)
		case claim.is("claimed") && isFatal && code != "too_many_connections" && code != "exhausted":
			s.refuse(claim, code, why)
		}
	}
	return farewell
}

// Tick lets the time pass: claims that have waited too long fail.
func (s *Session) Tick(now time.Time) {
	for _, claim := range s.claims {
		if deadline := s.late(claim); !deadline.IsZero() && !now.Before(deadline) {
			s.refuse(claim, "supervisor_lost", "no arbiter for 10 seconds; nothing was claimed")
		}
	}
	if s.link != "closed" && !s.since.IsZero() && now.Sub(s.since) >= arbiterNotResponding {
		s.since = time.Time{}
		s.tell(nil, &spec.ErrorMessage{Code: "arbiter_not_responding", Message: "an arbiter lives and does not answer"})
	}
}

// late is when a claim fails for want of an arbiter; zero if it does not.
func (s *Session) late(claim *Claim) time.Time {
	if s.link != "closed" || !claim.is("claimed") {
		return time.Time{}
	}
	if claim.since.After(s.seen) {
		return claim.since.Add(supervisorLost)
	}
	return s.seen.Add(supervisorLost)
}

// Deadline is when Tick is to be called; zero if time changes nothing.
func (s *Session) Deadline() (deadline time.Time) {
	if s.link != "closed" && !s.since.IsZero() {
		return s.since.Add(arbiterNotResponding)
	}
	for _, claim := range s.claims {
		if late := s.late(claim); !late.IsZero() && (deadline.IsZero() || late.Before(deadline)) {
			deadline = late
		}
	}
	return deadline
}
