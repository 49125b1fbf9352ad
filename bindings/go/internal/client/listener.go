package client

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"serverswap/internal/session"
	"serverswap/internal/spec"
)

// handle is a received descriptor. Neither it nor what is made of it changes the mode of the socket, which the servers of
// other generations share (SS-CLAIM-9).
type handle int

func (h handle) Close() error { return syscall.Close(int(h)) }

// adopt duplicates a received descriptor, if the kernel says that it is a listener of that address (SS-FD-10).
func adopt(fd int, address string) (session.Listener, error) {
	if here := localAddress(fd); !here[address] {
		return nil, spec.Errorf("invalid_message", "what was granted is no listener of %s", address)
	}
	copied, err := duplicate(fd)
	if err != nil {
		return nil, spec.Errorf("internal", "%s", err)
	}
	return handle(copied), nil
}

func duplicate(fd int) (int, error) {
	copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(copied), nil
}

// localAddress has the addresses whose listener a descriptor can be; none if it is no listener.
func localAddress(fd int) map[string]bool {
	name, err := syscall.Getsockname(fd)
	kind, errOfKind := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	listens, errOfListening := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if errors.Join(err, errOfKind, errOfListening) != nil || kind == syscall.SOCK_STREAM && listens == 0 {
		return nil
	}
	prefix := ""
	if kind == syscall.SOCK_DGRAM {
		prefix = "udp:"
	}
	var at netip.AddrPort
	switch name := name.(type) {
	case *syscall.SockaddrUnix:
		return map[string]bool{"unix:" + name.Name: true}
	case *syscall.SockaddrInet4:
		at = netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
	case *syscall.SockaddrInet6:
		at = netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port))
	}
	_, port, _ := strings.Cut(at.String()[strings.LastIndex(at.String(), ":"):], ":")
	return map[string]bool{prefix + at.String(): true, prefix + ":" + port: at.Addr().IsUnspecified()}
}

// file is a descriptor of the same socket as an os.File that never makes it blocking. One of os.NewFile would, for a
// moment, for every server that shares the socket: net.FileListener calls its Fd. This one is opened as something else.
func file(h handle) (*os.File, error) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	if err := syscall.Dup3(int(h), int(file.Fd()), syscall.O_CLOEXEC); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Listener is what a program accepts on, of a claim that was granted.
func Listener(claim *session.Claim) (net.Listener, error) {
	if handle, ok := claim.Listener.(handle); ok {
		file, err := file(handle)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return net.FileListener(file)
	}
	return claim.Listener.(net.Listener), nil
}

// PacketConn is what a program receives on, of a claim of an address of UDP that was granted.
func PacketConn(claim *session.Claim) (net.PacketConn, error) {
	if handle, ok := claim.Listener.(handle); ok {
		file, err := file(handle)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return net.FilePacketConn(file)
	}
	return claim.Listener.(net.PacketConn), nil
}

// grantAlone does what an arbiter would (SS-CONN-2).
func grantAlone(s *session.Session, claim *session.Claim, socket string) {
	var listener session.Listener
	if socket == "inherit" {
		opened, code, err := Open(claim.Address)
		if err != nil {
			s.Refuse(claim, code, err.Error())
			return
		}
		listener = opened
	}
	s.Grant(claim, listener)
}

// Open opens the socket of an address: a net.Listener or a net.PacketConn, or a code and why not.
func Open(address string) (opened session.Listener, code string, err error) {
	network, at := "tcp", address
	isPacket := strings.HasPrefix(address, "udp:")
	if isPacket {
		network, at = "udp", address[len("udp:"):]
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, at = "unix", path
		removeDead(path)
	} else if ip, err := netip.ParseAddrPort(at); err == nil {
		network += map[bool]string{true: "4", false: "6"}[ip.Addr().Is4()]
	} else if !strings.HasPrefix(at, ":") {
		return nil, "not_inheritable", spec.Errorf("not_inheritable", "%s has no socket", address)
	}
	if isPacket {
		opened, err = net.ListenPacket(network, at)
	} else {
		opened, err = net.Listen(network, at)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		code = "address_in_use"
	case errors.Is(err, syscall.EACCES):
		code = "address_not_permitted"
	case err != nil:
		code = "address_not_available"
	}
	return opened, code, err
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
