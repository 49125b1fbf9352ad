// Package testport gives tests addresses that no other test has.
package testport

import (
	"fmt"
	"math/rand"
	"net"
	"testing"
)

// FreeAddress is one of the loopback that nobody listens on, below the ports that the kernel gives to clients. It is
// given to nobody else during the test: as all tests of this repository do, this one has the UDP port 30,000
// above it.
func FreeAddress(t *testing.T) string {
	for {
		port := 12_000 + rand.Intn(18_000)
		reservation, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", port+30_000))
		if err != nil {
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			reservation.Close()
			continue
		}
		listener.Close()
		t.Cleanup(func() { reservation.Close() })
		return fmt.Sprintf("127.0.0.1:%d", port)
	}
}
