// WebSockets, as far as they are opened and closed, answers that flow, and short ones.
package main

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"serverswap"
)

const (
	part = 50 * time.Millisecond
	// RFC 6455, section 1.3.
	accept = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	http.HandleFunc("/ws", webSocket)
	http.HandleFunc("/answer", answer)
	if err := serverswap.Serve(&http.Server{}, os.Getenv("ADDRESS")); err != nil {
		log.Fatal(err)
	}
}

func webSocket(w http.ResponseWriter, r *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + accept))
	fmt.Fprintf(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	// What a client of the rig sends is its answer to the goodbye.
	_, _ = connection.Read(make([]byte, 256))
}

func answer(w http.ResponseWriter, r *http.Request) {
	ms, _ := strconv.Atoi(r.URL.Query().Get("ms"))
	w.Header().Set("Content-Type", "text/event-stream")
	for over := time.Now().Add(time.Duration(ms) * time.Millisecond); time.Now().Before(over); time.Sleep(part) {
		_, _ = io.WriteString(w, "data: word\n\n")
		w.(http.Flusher).Flush()
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}
