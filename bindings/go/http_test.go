package serverswap

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"serverswap/internal/testport"
)

// server is one of net/http that an arbiter has granted its address.
type server struct {
	*arbiter
	address string
	ended   chan error
}

func serving(t *testing.T, ctx context.Context, srv *http.Server) *server {
	t.Helper()
	s := &server{supervised(t), testport.FreeAddress(t), make(chan error, 1)}
	go func() { s.ended <- ServeContext(ctx, srv, s.address) }()
	s.grants(s.address)
	s.hears("serving")
	return s
}

// ends is what Serve has returned.
func (s *server) ends() error {
	s.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(patience):
		s.Fatal("it does not end")
		return nil
	}
}

type visitor struct {
	*testing.T
	net.Conn
	reader *bufio.Reader
}

func (s *server) visit() *visitor {
	s.Helper()
	connection, err := net.Dial("tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(patience))
	return &visitor{s.T, connection, bufio.NewReader(connection)}
}

func (v *visitor) asks(path string) {
	v.Helper()
	if _, err := fmt.Fprintf(v, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path); err != nil {
		v.Fatal(err)
	}
}

// reads an answer; whether it is the last one.
func (v *visitor) reads(wanted string) (last bool) {
	v.Helper()
	response, err := http.ReadResponse(v.reader, nil)
	if err != nil {
		v.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != wanted {
		v.Errorf("%q, %v", body, err)
	}
	return response.Close
}

func (v *visitor) isClosed() {
	v.Helper()
	if _, err := v.reader.ReadByte(); err != io.EOF {
		v.Errorf("it is not closed: %v", err)
	}
}

// stages is a server whose answer to /slow waits: what has begun comes from the first channel, the second one lets it go on.
func stages() (srv *http.Server, begun, goOn chan struct{}) {
	begun, goOn = make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-goOn
		fmt.Fprint(w, "at last")
	})
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-goOn
	})
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		}
	})
	return &http.Server{Handler: mux}, begun, goOn
}

func TestEveryOpenConnectionIsAnsweredOnceMoreAndClosed(t *testing.T) {
	srv, begun, goOn := stages()
	s := serving(t, context.Background(), srv)
	idle, silent, busy, empty := s.visit(), s.visit(), s.visit(), s.visit()
	idle.asks("/")
	if idle.reads("hello") {
		t.Error("the connection is not kept")
	}
	busy.asks("/slow")
	empty.asks("/empty")
	<-begun
	<-begun
	s.takesDown(s.address, time.Minute)
	if report := s.hears("progress"); report["connections"] != 4.0 {
		t.Errorf("%v", report)
	}
	goOn <- struct{}{}
	goOn <- struct{}{}
	for visitor, wanted := range map[*visitor]string{busy: "at last", empty: ""} {
		if !visitor.reads(wanted) {
			t.Errorf("the answer %q was not the last one", wanted)
		}
		visitor.isClosed()
	}
	for _, visitor := range []*visitor{idle, silent} {
		visitor.asks("/")
		if !visitor.reads("hello") {
			t.Error("the answer was not the last one")
		}
		visitor.isClosed()
	}
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestWhatWasNotAcceptedIsLeftToTheNextServer(t *testing.T) {
	srv, _, _ := stages()
	s := serving(t, context.Background(), srv)
	s.takesDown(s.address, time.Minute)
	if err := s.ends(); err != nil {
		t.Fatal(err)
	}
	// The arbiter still has the socket.
	s.visit().asks("/")
}

func TestWhatIsOpenAtTheDeadlineIsClosedAndSoIsWhatWasUpgraded(t *testing.T) {
	srv, _, _ := stages()
	s := serving(t, context.Background(), srv)
	silent, upgraded := s.visit(), s.visit()
	upgraded.asks("/upgrade")
	if _, err := http.ReadResponse(upgraded.reader, nil); err != nil {
		t.Fatal(err)
	}
	s.takesDown(s.address, 300*time.Millisecond)
	silent.isClosed()
	upgraded.isClosed()
	for report := s.hears("progress"); report["cut"] != 2.0; report = s.hears("progress") {
	}
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestAContextThatEndsGivesTheAddressUpAndDrains(t *testing.T) {
	srv, _, _ := stages()
	ctx, cancel := context.WithCancel(context.Background())
	s := serving(t, ctx, srv)
	idle := s.visit()
	idle.asks("/")
	idle.reads("hello")
	cancel()
	if released := s.hears("released"); released["re"] != nil {
		t.Errorf("%v", released)
	}
	idle.asks("/")
	if !idle.reads("hello") {
		t.Error("the answer was not the last one")
	}
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestAProgramThatShutsItsServerDownGivesTheAddressUp(t *testing.T) {
	srv, _, _ := stages()
	s := serving(t, context.Background(), srv)
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.hears("released")
	if err := s.ends(); !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func TestAConnectionOfHTTP2IsAnsweredOnceMoreAndSentAway(t *testing.T) {
	example := httptest.NewTLSServer(nil)
	defer example.Close()
	srv, _, _ := stages()
	srv.TLSConfig = &tls.Config{Certificates: example.TLS.Certificates}
	s := serving(t, context.Background(), srv)
	client := example.Client()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	get := func() {
		t.Helper()
		response, err := client.Get("https://" + s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if body, err := io.ReadAll(response.Body); string(body) != "hello" || response.ProtoMajor != 2 {
			t.Errorf("%q of HTTP/%d, %v", body, response.ProtoMajor, err)
		}
	}
	get()
	s.takesDown(s.address, time.Minute)
	get()
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerCanDoWhatOneOfNetHTTPCan(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := errors.Join(control.SetWriteDeadline(time.Now().Add(patience)), control.EnableFullDuplex(), control.Flush()); err != nil {
			t.Error(err)
		}
		if _, ok := w.(http.CloseNotifier); !ok {
			t.Error("gin wants it")
		}
		if _, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("copied")); err != nil {
			t.Error(err)
		}
	})
	s := serving(t, context.Background(), &http.Server{Handler: mux})
	visitor := s.visit()
	visitor.asks("/")
	visitor.reads("copied")
	visitor.Close()
	s.takesDown(s.address, time.Minute)
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestAnHTTPServerServesOneAddress(t *testing.T) {
	srv, _, _ := stages()
	s := serving(t, context.Background(), srv)
	if err := Serve(srv, ":1"); !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	s.takesDown(s.address, time.Minute)
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}
