// A server that has never heard of serverswap: `plain PORT`.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	version := os.Getenv("VERSION")
	answer := func(response http.ResponseWriter, _ *http.Request) {
		response.Header().Set("Version", version)
		response.Header().Set("Pid", fmt.Sprint(os.Getpid()))
		response.Header().Set("Connection", "close")
		fmt.Fprintf(response, "Hello from version %s\n", version)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go http.Serve(listener, http.HandlerFunc(answer))
	<-end
	listener.Close()
	// Shutdown of net/http cuts connections that were accepted in the moment before, with us or without: so this server
	// waits for its few short requests instead.
	time.Sleep(500 * time.Millisecond)
}
