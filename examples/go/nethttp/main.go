// Command nethttp is a server of net/http that loses no request when it is replaced.
//
// Build it, start it and deploy it with: go build && serverswap-deploy ./nethttp
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"serverswap"
)

func main() {
	address, version := setting("ADDRESS", ":8080"), setting("VERSION", "1")
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Pid", fmt.Sprint(os.Getpid()))
		w.Header().Set("Version", version)
		fmt.Fprintf(w, "Hello from version %s\n", version)
	})

	// Everything slow (databases, caches) goes before this line: the old server serves until it is reached.
	if err := serverswap.Serve(&http.Server{}, address); err != nil {
		log.Fatal(err)
	}
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
