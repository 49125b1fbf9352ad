package client

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// listener makes a net.Listener or a net.PacketConn of the descriptor that came for an address, if it fits (SS-FD-10), and
// opens one if none came.
//
// It never makes the socket blocking, which the servers of other generations share (SS-CLAIM-9). With os.NewFile and
// net.FileListener alone many versions of Go do, for a moment: the latter calls Fd, which does so with a file that was
// made of a non-blocking descriptor. So the file is one of something else, over which the descriptor is duplicated.
func listener(address string, fds []int) (io.Closer, error) {
	if len(fds) == 0 {
		return Open(address)
	}
	file, err := os.Open(os.DevNull)
	if err == nil {
		defer file.Close()
		err = syscall.Dup3(fds[0], int(file.Fd()), syscall.O_CLOEXEC)
	}
	if err != nil {
		return nil, Errorf("internal", "%s", err)
	}
	listens, _ := syscall.GetsockoptInt(fds[0], syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if listener, err := net.FileListener(file); err == nil {
		if listens == 1 && isAt(listener.Addr(), address) {
			return listener, nil
		}
		listener.Close()
	} else if packets, err := net.FilePacketConn(file); err == nil {
		if isAt(packets.LocalAddr(), address) {
			return packets, nil
		}
		packets.Close()
	}
	return nil, Errorf("invalid_message", "what was granted is no listener of %s", address)
}

// isAt is whether a socket is that of an address. A host without IPv6 opens `:8080` on IPv4.
func isAt(at net.Addr, address string) bool {
	prefix := map[string]string{"unix": "unix:", "udp": "udp:"}[at.Network()]
	everywhere := strings.TrimPrefix(strings.TrimPrefix(at.String(), "[::]"), "0.0.0.0")
	return address == prefix+at.String() || address == prefix+everywhere
}

// Open opens the socket of an address as an arbiter would: a net.Listener or a net.PacketConn.
func Open(address string) (opened io.Closer, err error) {
	network, at := "tcp", strings.TrimPrefix(address, "udp:")
	if at != address {
		network = "udp"
	} else if _, err := strconv.Atoi(at); err == nil {
		at = ":" + at
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, at = "unix", path
		if connection, err := net.Dial("unix", path); err == nil {
			connection.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) { // What a dead server has left.
			_ = os.Remove(path)
		}
	} else if ip, err := netip.ParseAddrPort(at); err == nil {
		network += map[bool]string{true: "4", false: "6"}[ip.Addr().Is4()]
	} else if at[0] != ':' {
		return nil, Errorf("not_inheritable", "%s has no socket", address)
	}
	if network[:3] == "udp" {
		opened, err = net.ListenPacket(network, at)
	} else {
		opened, err = net.Listen(network, at)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		err = Errorf("address_in_use", "%s", err)
	case errors.Is(err, syscall.EACCES):
		err = Errorf("address_not_permitted", "%s", err)
	case err != nil:
		err = Errorf("address_not_available", "%s", err)
	}
	return opened, err
}
