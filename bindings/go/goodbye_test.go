package serverswap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"
)

const handshake = "HTTP/1.1 101 Switching Protocols\r\n\r\n"

// streams is a server of connections that live on. What ends its handlers is their request.
func streams() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(connection, handshake)
		}
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		until, _ := time.ParseDuration(r.URL.Query().Get("for"))
		for began, pause := time.Now(), time.Hour; until == 0 || time.Since(began) < until; {
			if _, err := io.WriteString(w, "data: hello\n\n"); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			if r.URL.Query().Has("flow") {
				pause = 5 * time.Millisecond
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(pause):
			}
		}
	})
	return &http.Server{Handler: mux}
}

func (v *visitor) upgrades(protocol string) {
	v.Helper()
	fmt.Fprintf(v, "GET /upgrade HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	if response, err := http.ReadResponse(v.reader, nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		v.Fatal(response, err)
	}
}

// listensTo is an EventSource; the body of its answer is read as the events come.
func (v *visitor) listensTo(path string) io.Reader {
	v.Helper()
	fmt.Fprintf(v, "GET %s HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n", path)
	response, err := http.ReadResponse(v.reader, nil)
	if err != nil {
		v.Fatal(err)
	}
	return response.Body
}

func TestWebSocketsAreClosedWith1012(t *testing.T) {
	s := serving(t, context.Background(), streams())
	visitors := []*visitor{s.visit(), s.visit(), s.visit()}
	for _, each := range visitors {
		each.upgrades("WebSocket")
	}
	s.takesDown(s.address, time.Minute)
	for _, each := range visitors {
		frame := make([]byte, 4)
		if _, err := io.ReadFull(each.reader, frame); err != nil || !bytes.Equal(frame, []byte{0x88, 2, 0x03, 0xf4}) {
			t.Errorf("%x, %v", frame, err)
		}
	}
}

func TestTheProgramSaysGoodbyeToWhatItHasUpgraded(t *testing.T) {
	s := serving(t, context.Background(), streams())
	OnGoodbye(s.address, func(connection net.Conn) {
		_, _ = io.WriteString(connection, "bye")
		connection.Close()
	})
	visitor := s.visit()
	visitor.upgrades("echo")
	s.takesDown(s.address, time.Minute)
	if text, err := io.ReadAll(visitor.reader); string(text) != "bye" {
		t.Errorf("%q, %v", text, err)
	}
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestAnEventStreamThatIsSilentEndsAndItsConnectionToo(t *testing.T) {
	s := serving(t, context.Background(), streams())
	visitor := s.visit()
	events := visitor.listensTo("/events")
	s.takesDown(s.address, 2*time.Second)
	if text, err := io.ReadAll(events); err != nil || string(text) != "data: hello\n\n" {
		t.Errorf("%q, %v", text, err)
	}
	visitor.isClosed()
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestAnEventStreamThatFlowsIsCutAtTheEndAndItsClientToldWhenToComeBack(t *testing.T) {
	s := serving(t, context.Background(), streams())
	visitor := s.visit()
	events := visitor.listensTo("/events?flow")
	s.takesDown(s.address, time.Second)
	text, err := io.ReadAll(events)
	if err == nil || len(regexp.MustCompile(`\n\nretry: \d+\n\ndata`).FindAll(text, -1)) != 1 {
		t.Errorf("%q, %v", text, err)
	}
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}

func TestAFrameIsKnownToBeWholeHoweverItIsWritten(t *testing.T) {
	long := append([]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, 1<<16)...)
	written := bytes.Join([][]byte{
		[]byte(handshake), {0x81, 2, 'h', 'i'}, {0x89, 0}, append([]byte{0x82, 126, 1, 0}, make([]byte, 256)...), long,
	}, nil)
	for _, step := range []int{1, 3, 1000} {
		f := frames{}
		for rest := written; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			f.follow(rest[:min(step, len(rest))])
		}
		if !f.areWhole() {
			t.Errorf("in steps of %d it is not", step)
		}
	}
	ends := map[int]bool{}
	for i, at := 0, 0; i < 5; i++ {
		at += []int{len(handshake), 4, 2, 260, len(long)}[i]
		ends[at] = true
	}
	f := frames{}
	for at := range written {
		f.follow(written[at : at+1])
		if f.areWhole() != ends[at+1] {
			t.Fatalf("after %d bytes it is %v", at+1, f.areWhole())
		}
	}
}

func TestAnAnswerThatUpgradesNothingIsNoFrame(t *testing.T) {
	f := frames{}
	f.follow([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	if f.areWhole() {
		t.Error("it is")
	}
}

func TestWhatFlowsLivesOnUntilTheLimitOfStreamsAndTheTimeIsAskedFor(t *testing.T) {
	s := serving(t, context.Background(), streams())
	flowing, silent := s.visit(), s.visit()
	events := flowing.listensTo("/events?flow&for=2s")
	s.says(fmt.Sprintf(`{"type":"takedown","id":1,"address":"%s","reason":"replaced","drainMs":1000,"streamMs":60000}`, s.address), nil)
	s.hears("released")
	for report := s.hears("progress"); report["extendMs"] == nil; report = s.hears("progress") {
	}
	silent.isClosed()
	if text, err := io.ReadAll(events); err != nil || !bytes.HasSuffix(text, []byte("data: hello\n\n")) {
		t.Errorf("%q, %v", text, err)
	}
	flowing.Close()
	if err := s.ends(); err != nil {
		t.Error(err)
	}
}
