package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"serverswap/internal/client"
)

// service is what the driver does with a listener: one echo for each `accept`, HTTP from `serve` to `stop`.
type service struct {
	net.Listener
	open  sync.WaitGroup
	ended chan struct{}
}

// service is that of an address that is held; where none was passed, the driver opens a listener.
func (d *driver) service(address string) (found *service, err error) {
	if found = d.services[address]; found != nil {
		return found, nil
	}
	var listener net.Listener
	err = d.client.Do(func(*client.Session) error {
		claim := d.claims[address]
		if claim == nil {
			return client.Errorf("not_held", "%s is not held", address)
		}
		opened := claim.Listener
		if opened == nil {
			opened, err = client.Open(address)
		}
		if err == nil {
			listener = opened.(net.Listener)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	found = &service{Listener: listener, ended: make(chan struct{})}
	d.services[address] = found
	return found, nil
}

// echo answers one connection with what it sends.
func (s *service) echo(op string) {
	connection, err := s.Accept()
	if err != nil {
		return
	}
	room := make([]byte, 64)
	n, _ := connection.Read(room)
	_, _ = connection.Write(room[:n])
	connection.Close()
	write(fields{"event": "accepted", "op": op})
}

// serve answers a request on each connection, with the client's name.
func (s *service) serve() {
	defer close(s.ended)
	for {
		connection, err := s.Accept()
		if err != nil {
			return
		}
		s.open.Add(1)
		go func() {
			defer s.open.Done()
			defer connection.Close()
			if _, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
				fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\nServer-Pid: %d\r\n\r\n%s", len(name), os.Getpid(), name)
			}
		}()
	}
}

// stop accepts nothing more, and waits until nothing is open.
func (s *service) stop(op string) {
	s.Close()
	<-s.ended
	s.open.Wait()
	write(fields{"event": "stopped", "op": op})
}
