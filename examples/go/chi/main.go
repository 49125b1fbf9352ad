// Command chi is a server with a chi router, and one that is told to stop: it gives its address up, drains and exits.
//
// Build it, start it and deploy it with: go build && serverswap-deploy ./chi
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"serverswap"
)

func main() {
	address, version := setting("ADDRESS", ":8080"), setting("VERSION", "1")
	router := chi.NewRouter()
	router.Use(middleware.Recoverer, middleware.Timeout(10*time.Second), middleware.Compress(5))
	router.Get("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Pid", fmt.Sprint(os.Getpid()))
		w.Header().Set("Version", version)
		fmt.Fprintf(w, "Hello from version %s\n", version)
	})
	router.Get("/hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s\n", chi.URLParam(r, "name"))
	})

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: router, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	err := serverswap.ServeContext(ctx, server, address)
	if errors.Is(err, serverswap.ErrSuperseded) {
		log.Fatal("a newer version has been deployed meanwhile: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
