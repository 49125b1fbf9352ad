package session

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"serverswap/internal/spec"
)

// arbiter is the other end of a session, in memory: it says lines and sees what is said. The time is what a test says.
type arbiter struct {
	*testing.T
	*Session
	now  time.Time
	said []string
	fds  int
}

type fakeListener struct{ closed bool }

func (l *fakeListener) Close() error {
	l.closed = true
	return nil
}

func newSession(t *testing.T) *arbiter {
	a := &arbiter{T: t, Session: New(spec.ClientInfo{Name: "test", Version: "1"}, "7-9"), now: time.Unix(1000, 0)}
	a.Adopt = func(int, spec.Address) (io.Closer, error) { return &fakeListener{}, nil }
	return a
}

// says has the arbiter say a line; what the session answers is added to what was said.
func (a *arbiter) says(line string) error {
	decoded, err := spec.Decode([]byte(line))
	if err == nil {
		err = a.Hear(decoded, make([]int, len(decoded.FDs)))
	}
	a.flush()
	return err
}

func (a *arbiter) flush() {
	for {
		next, ok := a.Next()
		if !ok {
			return
		}
		a.fds += len(next.Listeners)
		a.said = append(a.said, strings.TrimSpace(string(next.Line)))
	}
}

const greeting = `{"type":"greeting","versions":[1],"arbiter":{"name":"a","version":"1","pid":1},"capabilities":{},"limits":{"lineBytes":65536,"fdsPerLine":128}}`

// opens makes a link; what was said before is forgotten.
func (a *arbiter) opens() {
	a.Helper()
	a.said, a.fds = nil, 0
	a.Connected(a.now)
	for _, line := range []string{greeting, `{"type":"welcome","re":1,"version":1,"generation":"7-9","capabilities":{}}`} {
		if err := a.says(line); err != nil {
			a.Fatal(err)
		}
	}
}

func (a *arbiter) claims(address, socket string) *Claim {
	a.Helper()
	claim, err := a.ReadyFor(nil, address, socket, false, a.now)
	if err != nil {
		a.Fatal(err)
	}
	a.flush()
	return claim
}

func (a *arbiter) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
	a.flush()
}

// told is what the program was told, and forgets it.
func (a *arbiter) told() (events []string) {
	for _, event := range a.Events {
		address, what := spec.Address(""), event.Message.Type()
		if event.Claim != nil {
			address = event.Claim.Address
		}
		if fault, ok := event.Message.(*spec.ErrorMessage); ok {
			what = fault.Code
		}
		events = append(events, strings.TrimSpace(fmt.Sprint(what, " ", address)))
	}
	a.Events = nil
	return events
}

func (a *arbiter) expect(found []string, wanted ...string) {
	a.Helper()
	if !reflect.DeepEqual(found, wanted) {
		a.Errorf("found:\n%s\nexpected:\n%s", strings.Join(found, "\n"), strings.Join(wanted, "\n"))
	}
}

const hello = `{"type":"hello","id":1,"version":1,"client":{"name":"test","version":"1"},"role":"server","generation":"7-9"`

func (a *arbiter) serves(address string) *Claim {
	a.Helper()
	claim := a.claims(address, "inherit")
	a.must(a.says(fmt.Sprintf(`{"type":"granted","re":%d,"address":"%s","fds":["listener"]}`, claim.request.ID, claim.Address)))
	a.must(a.Serving(address))
	return claim
}

func TestAClaimThatWasMadeWithoutALinkIsSaidAfterTheWelcome(t *testing.T) {
	a := newSession(t)
	a.must(a.OnTakedown("8080"))
	a.claims("8080", "inherit")
	a.opens()
	a.expect(a.said, hello+"}", `{"type":"readyFor","id":2,"address":":8080","socket":"inherit"}`, `{"type":"onTakedown","address":":8080"}`)
}

func TestWhatIsHeldIsListedWithItsListenerAndWhatWaitsIsClaimedAgain(t *testing.T) {
	a := newSession(t)
	a.opens()
	a.serves(":1")
	a.claims("mailer", "bind")
	a.serves(":2")
	a.must(a.Released(":2"))
	a.Lost("supervisor_lost", "the end", a.now)
	a.told()
	a.opens()
	a.expect(a.said, hello+`,"holding":[{"address":":1","serving":true}],"draining":[":2"],"fds":[":1"]}`,
		`{"type":"readyFor","id":3,"address":"mailer","socket":"bind"}`)
	if a.fds != 1 {
		t.Errorf("%d listeners were attached", a.fds)
	}
	a.expect(a.told())
}

func TestMoreAddressesThanALineHoldsTakeSeveral(t *testing.T) {
	a := newSession(t)
	a.opens()
	for i := 1; i <= 300; i++ {
		a.serves(fmt.Sprintf("127.0.0.1:%d", i))
	}
	a.Lost("supervisor_lost", "the end", a.now)
	a.opens()
	if len(a.said) != 3 || a.fds != 300 {
		t.Fatalf("%d lines with %d listeners", len(a.said), a.fds)
	}
	for i, line := range a.said {
		if more := strings.Contains(line, `"more":true`); more != (i < 2) || len(line) > spec.LineBytes {
			t.Errorf("line %d of %d bytes, more: %t", i, len(line), more)
		}
	}
}

func TestATakedownIsToldOnceAndAnsweredUnderItsLastID(t *testing.T) {
	a := newSession(t)
	a.opens()
	claim := a.serves(":1")
	a.must(a.says(`{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1000}`))
	a.Lost("supervisor_lost", "the end", a.now)
	a.opens()
	a.must(a.says(`{"type":"takedown","id":4,"address":":1","reason":"replaced","drainMs":1000}`))
	a.expect(a.told(), "granted :1", "takedown :1")
	listener := claim.Listener.(*fakeListener)
	a.said = nil
	a.must(a.Released(":1"))
	three := uint64(3)
	a.must(a.Progress(":1", spec.ProgressMessage{Connections: &three}))
	a.expect(a.said, `{"type":"released","re":4,"address":":1"}`, `{"type":"progress","re":4,"connections":3}`)
	if !listener.closed {
		t.Error("the listener is open")
	}
}

func TestATakedownOfWhatWasReleasedIsAnsweredAtOnce(t *testing.T) {
	a := newSession(t)
	a.opens()
	a.serves(":1")
	a.must(a.Released(":1"))
	a.said = nil
	a.must(a.says(`{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1000}`))
	a.expect(a.said, `{"type":"released","re":1,"address":":1"}`)
	a.expect(a.told(), "granted :1")
}

func TestAGrantThatCrossesTheWithdrawalIsNotTaken(t *testing.T) {
	a := newSession(t)
	a.opens()
	claim := a.claims(":1", "inherit")
	a.must(a.Released(":1"))
	a.must(a.says(`{"type":"granted","re":2,"address":":1","fds":["listener"]}`))
	if claim.Listener != nil {
		t.Error("the listener was taken")
	}
	a.expect(a.told(), "withdrawn :1")
	a.claims(":1", "inherit")
	a.expect(a.said[1:], `{"type":"readyFor","id":2,"address":":1","socket":"inherit"}`, `{"type":"released","address":":1"}`,
		`{"type":"readyFor","id":3,"address":":1","socket":"inherit"}`)
}

func TestAClaimThatWasNeverSaidIsWithdrawnWithoutAWord(t *testing.T) {
	a := newSession(t)
	a.claims(":1", "inherit")
	a.must(a.Released(":1"))
	a.expect(a.told(), "withdrawn :1")
	a.opens()
	a.expect(a.said, hello+"}")
}

func TestAClaimThatFindsNoArbiterFailsAfterTenSeconds(t *testing.T) {
	a := newSession(t)
	a.opens()
	a.serves(":1")
	a.claims(":2", "inherit")
	a.now = a.now.Add(time.Minute)
	a.Lost("supervisor_lost", "the end", a.now)
	a.told()
	a.Tick(a.now.Add(9 * time.Second))
	a.expect(a.told())
	a.Tick(a.now.Add(10 * time.Second))
	a.expect(a.told(), "supervisor_lost :2")
	a.opens()
	a.expect(a.said, hello+`,"holding":[{"address":":1","serving":true}],"fds":[":1"]}`)
}

func TestAnArbiterThatDoesNotAnswerIsToldOfOnce(t *testing.T) {
	a := newSession(t)
	a.Connected(a.now)
	for range [3]int{} {
		a.now = a.now.Add(5 * time.Second)
		a.Tick(a.now)
	}
	a.expect(a.told(), "arbiter_not_responding")
}

func TestAFatalErrorEndsTheClaimsThatWait(t *testing.T) {
	for code, wanted := range map[string][]string{
		"not_permitted":        {"not_permitted", "not_permitted :1"},
		"too_many_connections": {"too_many_connections"},
		"code_of_tomorrow":     {"internal", "internal :1"},
	} {
		a := newSession(t)
		a.opens()
		a.claims(":1", "inherit")
		err := a.says(`{"type":"error","code":"` + code + `","message":"no","fatal":true}`)
		var fault *spec.Fault
		if !errors.As(err, &fault) {
			t.Fatal(err)
		}
		if farewell := a.Lost(fault.Code, fault.Why, a.now); farewell != nil {
			t.Errorf("after a fatal error it says %s", farewell)
		}
		a.expect(a.told(), wanted...)
	}
}

func TestWhatNobodyAskedForEndsTheLinkAndNothingThatIsHeld(t *testing.T) {
	for _, line := range []string{
		`{"type":"granted","re":9,"address":":1"}`,
		`{"type":"granted","re":2,"address":":1","fds":["listener"]}`,
		`{"type":"progress","re":2}`,
		`{"type":"welcome","re":1,"version":1,"capabilities":{}}`,
		greeting,
	} {
		a := newSession(t)
		a.opens()
		claim := a.serves(":1")
		var fault *spec.Fault
		if err := a.says(line); !errors.As(err, &fault) || fault.Code != "out_of_order" {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if farewell := string(a.Lost(fault.Code, fault.Why, a.now)); !strings.Contains(farewell, `"fatal":true`) {
			t.Errorf("%s: it says %q", line, farewell)
		}
		if !claim.is("serving") || claim.Listener == nil {
			t.Errorf("%s: the address is %s", line, claim.state)
		}
	}
}

func TestMistakesOfTheProgramChangeNothing(t *testing.T) {
	a := newSession(t)
	a.opens()
	a.serves(":1")
	a.said = nil
	_, again := a.ReadyFor(nil, "1", "inherit", false, a.now)
	_, noAddress := a.ReadyFor(nil, "localhost:80", "inherit", false, a.now)
	day := uint64(extendMSMax + 1)
	for code, err := range map[string]error{
		"already_claimed":  again,
		"invalid_address":  noAddress,
		"not_held":         a.Serving(":2"),
		"invalid_argument": a.Progress(":1", spec.ProgressMessage{ExtendMS: &day}),
	} {
		if !errors.Is(err, spec.Code(code)) {
			t.Errorf("%v is not %s", err, code)
		}
	}
	a.flush()
	a.expect(a.said)
}

func TestNothingIsClaimedAfterFail(t *testing.T) {
	a := newSession(t)
	a.opens()
	a.must(a.Fail(strings.Repeat("é", spec.TextBytes)))
	if _, err := a.ReadyFor(nil, ":1", "bind", false, a.now); !errors.Is(err, spec.Code("failed")) {
		t.Error(err)
	}
	a.expect(a.said[1:], `{"type":"fail","reason":"`+strings.Repeat("é", spec.TextBytes/2)+`"}`)
}
