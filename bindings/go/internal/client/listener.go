package client

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

// adopt makes a net.Listener or a net.PacketConn of a received descriptor, if it is one of that address (SS-FD-10).
//
// It never makes the socket blocking, which the servers of other generations share (SS-CLAIM-9). With os.NewFile and
// net.FileListener alone many versions of Go do, for a moment: the latter calls Fd, which does so with a file that was
// made of a non-blocking descriptor. So the file is one of something else, over which the descriptor is duplicated.
func adopt(fd int, of spec.Address) (io.Closer, error) {
	address := string(of)
	file, err := os.Open(os.DevNull)
	if err != nil {
		return nil, spec.Errorf("internal", "%s", err)
	}
	defer file.Close()
	if err := syscall.Dup3(fd, int(file.Fd()), syscall.O_CLOEXEC); err != nil {
		return nil, spec.Errorf("internal", "%s", err)
	}
	var found io.Closer
	var at net.Addr
	if strings.HasPrefix(address, "udp:") {
		if packets, err := net.FilePacketConn(file); err == nil {
			found, at = packets, packets.LocalAddr()
		}
	} else if listens, _ := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); listens == 1 {
		if listener, err := net.FileListener(file); err == nil {
			found, at = listener, listener.Addr()
		}
	}
	if at == nil || !isAt(at, address) {
		if found != nil {
			found.Close()
		}
		return nil, spec.Errorf("invalid_message", "what was granted is no listener of %s", address)
	}
	return found, nil
}

// isAt is whether a socket is that of an address. A host without IPv6 opens `:8080` on IPv4.
func isAt(at net.Addr, address string) bool {
	prefix := map[string]string{"unix": "unix:", "udp": "udp:"}[at.Network()]
	everywhere := strings.TrimPrefix(strings.TrimPrefix(at.String(), "[::]"), "0.0.0.0")
	return address == prefix+at.String() || address == prefix+everywhere
}

// grantAlone does what an arbiter would, where there is none (SS-CONN-2).
func grantAlone(s *session.Session, claim *session.Claim, socket string) {
	if socket == "bind" {
		s.Grant(claim, nil)
	} else if listener, err := Open(string(claim.Address)); err != nil {
		s.Refuse(claim, err.(*spec.Fault).Code, err.(*spec.Fault).Why)
	} else {
		s.Grant(claim, listener)
	}
}

// Open opens the socket of an address: a net.Listener or a net.PacketConn. The error is a spec.Fault.
func Open(address string) (opened io.Closer, err error) {
	network, at := "tcp", strings.TrimPrefix(address, "udp:")
	if at != address {
		network = "udp"
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, at = "unix", path
		removeDead(path)
	} else if ip, err := netip.ParseAddrPort(at); err == nil {
		network += map[bool]string{true: "4", false: "6"}[ip.Addr().Is4()]
	} else if !strings.HasPrefix(at, ":") {
		return nil, spec.Errorf("not_inheritable", "%s has no socket", address)
	}
	if strings.HasPrefix(network, "udp") {
		opened, err = net.ListenPacket(network, at)
	} else {
		opened, err = net.Listen(network, at)
	}
	switch {
	case err == nil:
		return opened, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, spec.Errorf("address_in_use", "%s", err)
	case errors.Is(err, syscall.EACCES):
		return nil, spec.Errorf("address_not_permitted", "%s", err)
	}
	return nil, spec.Errorf("address_not_available", "%s", err)
}

// removeDead removes a socket on which nobody listens.
func removeDead(path string) {
	connection, err := net.Dial("unix", path)
	if err == nil {
		connection.Close()
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(path)
	}
}
