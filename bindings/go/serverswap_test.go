package serverswap

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"serverswap/internal/testport"
)

func TestAServerWithoutASupervisorRunsAlone(t *testing.T) {
	alone(t)
	path := "unix:" + filepath.Join(t.TempDir(), "app.sock")
	for _, address := range []string{testport.FreeAddress(t), path} {
		listener, err := Listen(context.Background(), address)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = net.Dial(listener.Addr().Network(), listener.Addr().String()) }()
		if _, err := listener.Accept(); err != nil {
			t.Error(err)
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := ReadyFor(context.Background(), "mailer"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(Serving("mailer"), ServerUp(), Released("mailer")); err != nil {
		t.Error(err)
	}
	packets, err := ListenPacket(context.Background(), "udp:"+testport.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	packets.Close()
}

func TestASocketThatADeadServerHasLeftIsReplaced(t *testing.T) {
	alone(t)
	path := filepath.Join(t.TempDir(), "app.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	listener, err := Listen(context.Background(), "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

func TestErrorsAreComparedWithErrorsIs(t *testing.T) {
	alone(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	listen := func(address string) error {
		_, err := Listen(context.Background(), address)
		return err
	}
	mailer := ReadyFor(context.Background(), "mailer")
	for _, each := range []struct {
		code error
		err  error
	}{
		{nil, mailer},
		{ErrAddressInUse, listen(taken.Addr().String())},
		{ErrInvalidAddress, listen("localhost:8080")},
		{ErrInvalidArgument, listen("udp:" + testport.FreeAddress(t))},
		{ErrNotInheritable, listen("another")},
		{ErrAlreadyClaimed, ReadyFor(context.Background(), "mailer")},
		{ErrNotHeld, Serving("another")},
	} {
		if !errors.Is(each.err, each.code) {
			t.Errorf("%v is not %v", each.err, each.code)
		}
	}
}

func TestAContextThatEndsWithdrawsTheClaim(t *testing.T) {
	a := supervised(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := Listen(ctx, ":8080")
		ended <- err
	}()
	a.hears("readyFor")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	a.hears("released")
}

func TestARefusalIsAnErrorWithItsCode(t *testing.T) {
	a := supervised(t)
	ended := make(chan error)
	go func() { ended <- ReadyFor(context.Background(), "mailer") }()
	a.hears("readyFor")
	a.says(`{"type":"error","re":2,"code":"superseded","message":"a newer one serves","fatal":false}`, nil)
	if err := <-ended; !errors.Is(err, ErrSuperseded) {
		t.Error(err)
	}
}

func TestServingIsSaidWithTheFirstAcceptAndATakedownEndsIt(t *testing.T) {
	a, address := supervised(t), testport.FreeAddress(t)
	granted := make(chan net.Listener)
	go func() {
		listener, err := Listen(context.Background(), address)
		if err != nil {
			t.Error(err)
		}
		granted <- listener
	}()
	a.grants(address)
	listener := <-granted
	a.says(`{"type":"ping","id":1}`, nil)
	a.hears("pong")
	accepted := make(chan error)
	go func() {
		_, err := listener.Accept()
		accepted <- err
	}()
	a.hears("serving")
	a.says(`{"type":"takedown","id":2,"address":"`+address+`","reason":"replaced","drainMs":1000}`, nil)
	if released := a.hears("released"); released["re"] != 2.0 {
		t.Errorf("%v", released)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestWhatWasBoundIsReleasedWhenTheHandlerReturns(t *testing.T) {
	a := supervised(t)
	claimed, called, done := make(chan error), make(chan context.Context), make(chan struct{})
	if err := OnTakedown("mailer", func(ctx context.Context) {
		called <- ctx
		<-done
	}); err != nil {
		t.Fatal(err)
	}
	go func() { claimed <- ReadyFor(context.Background(), "mailer", More) }()
	if claim := a.hears("readyFor"); claim["more"] != true || claim["socket"] != "bind" {
		t.Errorf("%v", claim)
	}
	a.says(`{"type":"granted","re":2,"address":"mailer"}`, nil)
	if err := errors.Join(<-claimed, Serving("mailer"), ServerUp()); err != nil {
		t.Fatal(err)
	}
	a.says(`{"type":"takedown","id":1,"address":"mailer","reason":"replaced","drainMs":1000}`, nil)
	ctx := <-called
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Second {
		t.Errorf("the drain lasts until %v", deadline)
	}
	if err := Progress("mailer", 2, time.Minute); err != nil {
		t.Error(err)
	}
	if progress := a.hears("progress"); progress["connections"] != 2.0 || progress["extendMs"] != 60000.0 {
		t.Errorf("%v", progress)
	}
	close(done)
	a.hears("released")
}

func TestFailIsSaid(t *testing.T) {
	a := supervised(t)
	if err := Fail("no database"); err != nil {
		t.Fatal(err)
	}
	if said := a.hears("fail"); said["reason"] != "no database" {
		t.Errorf("%v", said)
	}
	if err := ReadyFor(context.Background(), "mailer"); !errors.Is(err, ErrFailed) {
		t.Error(err)
	}
}

func TestTheDescriptorsOfAGrantAreClosedWithIt(t *testing.T) {
	a, address := supervised(t), testport.FreeAddress(t)
	granted := make(chan net.Listener)
	go func() {
		listener, _ := Listen(context.Background(), address)
		granted <- listener
	}()
	a.grants(address)
	listener := <-granted
	before := socketsOf(t, listener.Addr())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	// The arbiter of this test has the other one.
	if after := socketsOf(t, listener.Addr()); before != 2 || after != 1 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// socketsOf is how many descriptors of this process are a listener of an address.
func socketsOf(t *testing.T, address net.Addr) (count int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if localAddressOf(entry.Name()) == address.String() {
			count++
		}
	}
	return count
}
