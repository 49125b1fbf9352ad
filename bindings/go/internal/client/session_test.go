package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// arbiter is the other end of a session, in memory: it says lines and sees what is said. The time is what a test says.
type arbiter struct {
	*testing.T
	*Session
	now  time.Time
	said []string
	// notes is what the program was told.
	notes []string
	fds   int
}

type fakeListener struct{ closed bool }

func (l *fakeListener) Close() error {
	l.closed = true
	return nil
}

func newArbiter(t *testing.T) *arbiter {
	a := &arbiter{T: t, now: time.Unix(1000, 0)}
	listener := func(string, []int) (io.Closer, error) { return &fakeListener{}, nil }
	a.Session = newSession(ClientInfo{Name: "test", Version: "1"}, "7-9", a.notices, listener)
	return a
}

// notices keeps what the program is told.
func (a *arbiter) notices(claim *Claim, message Message) {
	what := message.Type()
	if fault, ok := message.(*ErrorMessage); ok {
		what = fault.Code
	}
	if claim != nil {
		what += " " + claim.Address
	}
	a.notes = append(a.notes, what)
}

// says has the arbiter say a line; what the session answers is added to what was said.
func (a *arbiter) says(line string) error {
	decoded, err := Decode([]byte(line))
	if err == nil {
		err = a.hear(decoded, make([]int, len(decoded.FDs)))
	}
	a.flush()
	return err
}

func (a *arbiter) flush() {
	if len(a.out) > 0 {
		a.fds += len(a.attached)
		a.said = append(a.said, strings.Split(strings.TrimSpace(string(a.out)), "\n")...)
		a.out, a.attached = nil, nil
	}
}

const greeting = `{"type":"greeting","versions":[1],"arbiter":{"name":"a","version":"1","pid":1},"capabilities":{},"limits":{"lineBytes":65536,"fdsPerLine":128}}`

// opens makes a link; what was said before is forgotten.
func (a *arbiter) opens() {
	a.Helper()
	a.said, a.fds = nil, 0
	a.begin()
	for _, line := range []string{greeting, `{"type":"welcome","re":1,"version":1,"generation":"7-9","capabilities":{}}`} {
		if err := a.says(line); err != nil {
			a.Fatal(err)
		}
	}
}

func (a *arbiter) claims(address, socket string) *Claim {
	a.Helper()
	a.must(a.ReadyFor(nil, address, socket, false, a.now))
	return a.at(address)
}

func (a *arbiter) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
	a.flush()
}

// told is what the program was told, and forgets it.
func (a *arbiter) told() (notes []string) {
	notes, a.notes = a.notes, nil
	return notes
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
	a.must(a.Say(address, &ServingMessage{}))
	return claim
}

func TestAClaimThatWasMadeWithoutALinkIsSaidRightAfterTheHello(t *testing.T) {
	a := newArbiter(t)
	a.must(a.Say("8080", &OnTakedownMessage{}))
	a.claims("8080", "inherit")
	a.must(a.Say("", &ServerUpMessage{}))
	a.begin()
	a.must(a.says(greeting))
	a.expect(a.said, hello+"}", `{"type":"readyFor","id":3,"address":"8080","socket":"inherit"}`, `{"type":"onTakedown","address":"8080"}`, `{"type":"serverUp"}`)
}

func TestAnAddressIsHeldUnderTheNameThatItWasGranted(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	a.must(a.Say("8080", &OnTakedownMessage{}))
	a.claims("8080", "inherit")
	a.must(a.says(`{"type":"granted","re":2,"address":":8080","fds":["listener"]}`))
	a.must(a.Say("8080", &ServingMessage{}))
	a.expect(a.said[3:], `{"type":"serving","address":":8080"}`)
	a.lost(nil, a.now)
	a.opens()
	a.expect(a.said, hello+`,"holding":[{"address":":8080","serving":true,"onTakedown":true}],"fds":[":8080"]}`)
	a.must(a.Say(":8080", &ReleasedMessage{}))
}

func TestWhatIsHeldIsListedWithItsListenerAndWhatWaitsIsClaimedAgain(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	a.serves(":1")
	a.claims("mailer", "bind")
	a.serves(":2")
	a.must(a.Say(":2", &ReleasedMessage{}))
	a.lost(nil, a.now)
	a.told()
	a.opens()
	a.expect(a.said, hello+`,"holding":[{"address":":1","serving":true}],"draining":[":2"],"fds":[":1"]}`,
		`{"type":"readyFor","id":5,"address":"mailer","socket":"bind"}`)
	if a.fds != 1 {
		t.Errorf("%d listeners were attached", a.fds)
	}
	a.expect(a.told())
}

func TestAsManyAddressesAsALineHoldsAreClaimedAndNoMore(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	for i := 1; i <= holdingPerLine; i++ {
		a.serves(fmt.Sprintf("unix:/%0105d", i))
	}
	if err := a.ReadyFor(nil, ":1", "inherit", false, a.now); !errors.Is(err, Code("exhausted")) {
		t.Error(err)
	}
	a.lost(nil, a.now)
	a.opens()
	if len(a.said) != 1 || a.fds != holdingPerLine || len(a.said[0]) >= lineBytes {
		t.Errorf("%d lines with %d listeners", len(a.said), a.fds)
	}
}

func TestWhatIsDrainedIsListedAsFarAsThatFits(t *testing.T) {
	a := newArbiter(t)
	for i := 1; i <= 1000; i++ {
		a.opens()
		address := fmt.Sprintf("n%0250d", i)
		a.claims(address, "bind")
		a.must(a.says(fmt.Sprintf(`{"type":"granted","re":%d,"address":"%s"}`, a.asked, address)))
		a.must(a.Say(address, &ReleasedMessage{}))
		a.lost(nil, a.now)
	}
	a.opens()
	if !strings.Contains(a.said[0], `0000001000","n`) || len(a.said[0]) >= lineBytes {
		t.Errorf("%.500s", a.said[0])
	}
}

func TestATakedownIsToldOnceAndAnsweredUnderItsLastID(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	claim := a.serves(":1")
	a.must(a.says(`{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1000}`))
	a.lost(nil, a.now)
	a.opens()
	a.must(a.says(`{"type":"takedown","id":4,"address":":1","reason":"replaced","drainMs":1000}`))
	a.expect(a.told(), "granted :1", "takedown :1")
	listener := claim.Listener.(*fakeListener)
	a.said = nil
	a.must(a.Say(":1", &ReleasedMessage{}))
	three := uint64(3)
	a.must(a.Say(":1", &ProgressMessage{Connections: &three}))
	a.expect(a.said, `{"type":"released","re":4,"address":":1"}`, `{"type":"progress","re":4,"connections":3}`)
	if !listener.closed {
		t.Error("the listener is open")
	}
}

func TestATakedownOfWhatWasReleasedIsAnsweredAtOnce(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	a.serves(":1")
	a.must(a.Say(":1", &ReleasedMessage{}))
	a.said = nil
	a.must(a.says(`{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1000}`))
	a.expect(a.said, `{"type":"released","re":1,"address":":1"}`)
	a.expect(a.told(), "granted :1")
}

func TestAGrantThatCrossesTheWithdrawalIsNotTaken(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	claim := a.claims(":1", "inherit")
	a.must(a.Say(":1", &ReleasedMessage{}))
	a.must(a.says(`{"type":"granted","re":2,"address":":1","fds":["listener"]}`))
	if claim.Listener != nil {
		t.Error("the listener was taken")
	}
	a.expect(a.told(), "withdrawn :1")
	a.claims(":1", "inherit")
	a.expect(a.said[1:], `{"type":"readyFor","id":2,"address":":1","socket":"inherit"}`, `{"type":"released","address":":1"}`,
		`{"type":"readyFor","id":3,"address":":1","socket":"inherit"}`)
	a.must(a.says(`{"type":"granted","re":3,"address":":1","fds":["listener"]}`))
	a.expect(a.told(), "granted :1")
}

func TestAClaimThatWasNeverSaidIsWithdrawnWithoutAWord(t *testing.T) {
	a := newArbiter(t)
	a.claims(":1", "inherit")
	a.must(a.Say(":1", &ReleasedMessage{}))
	a.expect(a.told(), "withdrawn :1")
	a.opens()
	a.expect(a.said, hello+"}")
}

func TestAClaimThatFindsNoArbiterFailsAfterTenSeconds(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	a.serves(":1")
	a.claims(":2", "inherit")
	a.now = a.now.Add(time.Minute)
	a.lost(nil, a.now)
	a.told()
	a.begin()
	a.lost(nil, a.now.Add(8*time.Second)) // By an arbiter that does not welcome.
	a.expire(a.now.Add(9 * time.Second))
	a.expect(a.told())
	a.expire(a.now.Add(10 * time.Second))
	a.expect(a.told(), "supervisor_lost :2")
	a.opens()
	a.expect(a.said, hello+`,"holding":[{"address":":1","serving":true}],"fds":[":1"]}`)
}

func TestAnArbiterThatDoesNotAnswerIsToldOf(t *testing.T) {
	a := newArbiter(t)
	a.expire(a.now)
	a.opens()
	a.expire(a.now)
	a.expect(a.told())
	a.begin()
	a.expire(a.now)
	a.must(a.says(greeting))
	a.expire(a.now)
	a.expect(a.told(), "arbiter_not_responding", "arbiter_not_responding")
}

func TestItComesBackAtOnceAndASecondAfterAFatalError(t *testing.T) {
	for _, each := range []struct {
		fault *ErrorMessage
		pause time.Duration
	}{{nil, 0}, {Errorf("internal", "mine"), time.Second}, {&ErrorMessage{Code: "not_permitted", Fatal: true}, time.Second}} {
		a := newArbiter(t)
		a.opens()
		a.lost(each.fault, a.now)
		if again := a.expire(a.now); again != a.now.Add(each.pause) {
			t.Errorf("%v: after %s", each.fault, again.Sub(a.now))
		}
	}
}

func TestAFatalErrorEndsTheClaimsThatWait(t *testing.T) {
	for code, wanted := range map[string][]string{
		"not_permitted":        {"not_permitted", "not_permitted :1"},
		"too_many_connections": {"too_many_connections"},
		"code_of_tomorrow":     {"internal", "internal :1"},
	} {
		a := newArbiter(t)
		a.opens()
		a.claims(":1", "inherit")
		err := a.says(`{"type":"error","code":"` + code + `","message":"no","fatal":true}`)
		fault, ok := err.(*ErrorMessage)
		if !ok {
			t.Fatal(err)
		}
		a.said = nil
		a.lost(fault, a.now)
		a.flush()
		a.expect(a.said)
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
		a := newArbiter(t)
		a.opens()
		claim := a.serves(":1")
		err := a.says(line)
		if !errors.Is(err, Code("out_of_order")) {
			t.Errorf("%s: %v", line, err)
			continue
		}
		a.said = nil
		a.lost(err.(*ErrorMessage), a.now)
		a.flush()
		if len(a.said) != 1 || !strings.Contains(a.said[0], `"code":"out_of_order"`) || !strings.Contains(a.said[0], `"fatal":true`) {
			t.Errorf("%s: it says %q", line, a.said)
		}
		if !claim.is(granted) || !claim.serving || claim.Listener == nil {
			t.Errorf("%s: the address is %s", line, claim.state)
		}
	}
}

func TestMistakesOfTheProgramChangeNothing(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	a.serves(":1")
	a.said = nil
	for code, err := range map[string]error{
		"already_claimed": a.ReadyFor(nil, ":1", "inherit", false, a.now),
		"invalid_address": a.ReadyFor(nil, "localhost:80", "inherit", false, a.now),
		"not_held":        a.Say(":2", &ServingMessage{}),
	} {
		if !errors.Is(err, Code(code)) {
			t.Errorf("%v is not %s", err, code)
		}
	}
	a.flush()
	a.expect(a.said)
}

func TestNothingIsClaimedAfterFail(t *testing.T) {
	a := newArbiter(t)
	a.opens()
	a.claims("mailer", "bind")
	a.must(a.Say("", &FailMessage{Reason: strings.Repeat("é", textBytes)}))
	a.expect(a.told(), "withdrawn mailer")
	if err := a.ReadyFor(nil, ":1", "bind", false, a.now); !errors.Is(err, Code("failed")) {
		t.Error(err)
	}
	a.expect(a.said[2:], `{"type":"fail","reason":"`+strings.Repeat("é", textBytes/2)+`"}`, `{"type":"released","address":"mailer"}`)
	a.lost(nil, a.now)
	a.opens()
	a.expect(a.said, hello+"}", `{"type":"fail","reason":"`+strings.Repeat("é", textBytes/2)+`"}`)
}

// table is what spec/v1/states.json says of what is received, by state and event.
type table map[string]map[string]struct{ Next, Close, Reply, Delegate string }

func tables(t *testing.T) map[string]table {
	var file struct {
		Machines []struct {
			ID    string
			Cells map[string]map[string]map[string]struct{ Next, Close, Reply, Delegate string }
		}
	}
	text, err := os.ReadFile("../../../../spec/v1/states.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	found := map[string]table{}
	for _, machine := range file.Machines {
		found[machine.ID] = table{}
		for state, ways := range machine.Cells {
			found[machine.ID][state] = map[string]struct{ Next, Close, Reply, Delegate string }{}
			for events, cell := range ways["receive"] {
				for _, event := range strings.Fields(events) {
					found[machine.ID][state][event] = cell
				}
			}
		}
	}
	return found
}

func TestTheConnectionTreatsEachMessageAsTheStateTablesSay(t *testing.T) {
	lines := map[string]string{
		"greeting": greeting, "welcome": `{"type":"welcome","re":1,"version":1,"capabilities":{}}`,
		"granted": `{"type":"granted","re":2,"address":":1","fds":["listener"]}`, "ping": `{"type":"ping","id":1}`,
		"takedown": `{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1000}`, "progress": `{"type":"progress","re":2}`,
		"pong": `{"type":"pong","re":1}`, "error+re": `{"type":"error","re":2,"code":"superseded","message":"no"}`,
		"event": `{"type":"event","what":"up","generation":"7-9"}`, "error+fatal": `{"type":"error","code":"internal","message":"no","fatal":true}`,
	}
	arrange := map[string]func(*arbiter){
		"connected":   func(a *arbiter) { a.begin() },
		"negotiating": func(a *arbiter) { a.begin(); a.must(a.says(greeting)) },
		"open":        func(a *arbiter) { a.opens() },
	}
	for state, reach := range arrange {
		for event, line := range lines {
			a := newArbiter(t)
			a.claims(":1", "inherit")
			reach(a)
			a.at(":1").request.ID = 2
			cell := tables(t)["client-connection"][state][event]
			err := a.says(line)
			if cell.Close != "" && !errors.Is(err, Code(cell.Close)) || cell.Close == "" && event != "error+fatal" && err != nil {
				t.Errorf("%s in state %s: %v, not %+v", event, state, err, cell)
			}
		}
	}
}

func TestAnAddressTreatsEachMessageAsTheStateTablesSay(t *testing.T) {
	grant := func(a *arbiter) {
		a.claims("mailer", "bind")
		a.must(a.says(fmt.Sprintf(`{"type":"granted","re":%d,"address":"mailer"}`, a.asked)))
	}
	arrange := map[string]func(*arbiter){
		"none":        func(*arbiter) {},
		"claimed":     func(a *arbiter) { a.claims("mailer", "bind") },
		"withdrawing": func(a *arbiter) { a.claims("mailer", "bind"); a.must(a.Say("mailer", &ReleasedMessage{})) },
		"granted":     grant,
		"serving":     func(a *arbiter) { grant(a); a.must(a.Say("mailer", &ServingMessage{})) },
		"takingDown": func(a *arbiter) {
			grant(a)
			a.must(a.says(`{"type":"takedown","id":1,"address":"mailer","reason":"replaced","drainMs":1000}`))
		},
		"released": func(a *arbiter) { grant(a); a.must(a.Say("mailer", &ReleasedMessage{})) },
	}
	names := map[state]string{none: "none", claimed: "claimed", granted: "granted", takingDown: "takingDown", released: "released"}
	for state, reach := range arrange {
		for event, line := range map[string]string{
			"granted":  `{"type":"granted","re":%d,"address":"mailer"}`,
			"progress": `{"type":"progress","re":%d}`,
			"error+re": `{"type":"error","re":%d,"code":"superseded","message":"no"}`,
			"takedown": `{"type":"takedown","id":9,"address":"mailer","reason":"replaced","drainMs":1000}`,
		} {
			a := newArbiter(t)
			a.opens()
			reach(a)
			a.flush()
			a.said = nil
			if strings.Contains(line, "%d") {
				line = fmt.Sprintf(line, a.asked)
			}
			cell := tables(t)["client-address"][state][event]
			err := a.says(line)
			// What answers no request that is open is out of order in every state (SS-REQ-9).
			mustClose := cell.Close != "" || event != "takedown" && cell.Next == "" && cell.Reply == ""
			if mustClose != (err != nil) {
				t.Errorf("%s in state %s: %v, not %+v", event, state, err, cell)
			}
			if answered := len(a.said) == 1 && strings.Contains(a.said[0], `"released","re":9`); answered != (cell.Reply != "") {
				t.Errorf("%s in state %s: it says %v, not %+v", event, state, a.said, cell)
			}
			if became := names[a.at("mailer").state]; err == nil && cell.Next != state && cell.Next != "" && became != cell.Next {
				t.Errorf("%s in state %s: it is %s, not %+v", event, state, became, cell)
			}
		}
	}
}
