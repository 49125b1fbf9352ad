package serverswap

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How long a test waits for what has to come.
const patience = 20 * time.Second

// arbiter is the other end of the process's connection, on a real socket.
type arbiter struct {
	*testing.T
	*net.UnixConn
	lines *bufio.Scanner
}

// newConnection has the process begin anew.
func newConnection(t *testing.T) {
	connection = sync.OnceValue(connect)
	t.Cleanup(func() { connection().Close() })
}

// alone is a process without a supervisor.
func alone(t *testing.T) {
	t.Setenv("SERVERSWAP_SOCKET", "")
	newConnection(t)
}

// supervised is a process with an arbiter that has welcomed it.
func supervised(t *testing.T) *arbiter {
	path := filepath.Join(t.TempDir(), "serverswap.sock")
	t.Setenv("SERVERSWAP_SOCKET", path)
	t.Setenv("SERVERSWAP_GENERATION", "7-9")
	server, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	newConnection(t)
	Supervised()
	_ = server.SetDeadline(time.Now().Add(patience))
	accepted, err := server.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	_ = accepted.SetDeadline(time.Now().Add(patience))
	a := &arbiter{t, accepted, bufio.NewScanner(accepted)}
	a.says(`{"type":"greeting","versions":[1],"arbiter":{"name":"a","version":"1","pid":1},"capabilities":{},"limits":{"lineBytes":65536,"fdsPerLine":128}}`, nil)
	a.hears("hello")
	a.says(`{"type":"welcome","re":1,"version":1,"generation":"7-9","capabilities":{}}`, nil)
	return a
}

// says sends a line, and the socket of a listener with it.
func (a *arbiter) says(line string, listener *net.TCPListener) {
	a.Helper()
	send := func(rights []byte) {
		if _, _, err := a.WriteMsgUnix([]byte(line+"\n"), rights, nil); err != nil {
			a.Fatal(err)
		}
	}
	if listener == nil {
		send(nil)
		return
	}
	raw, err := listener.SyscallConn()
	if err != nil {
		a.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { send(syscall.UnixRights(int(fd))) })
}

// hears reads lines until one is of that type.
func (a *arbiter) hears(kind string) (line map[string]any) {
	a.Helper()
	for a.lines.Scan() {
		line = nil
		if err := json.Unmarshal(a.lines.Bytes(), &line); err != nil {
			a.Fatal(err)
		}
		if line["type"] == kind {
			return line
		}
	}
	a.Fatalf("there was no `%s`: %v", kind, a.lines.Err())
	return nil
}

// grants answers the next claim with a socket of its own, which it returns.
func (a *arbiter) grants(address string) {
	a.Helper()
	host := address
	if address[0] == ':' {
		host = "[::]" + address
	}
	listener, err := net.Listen("tcp", host)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { listener.Close() })
	claim := a.hears("readyFor")
	a.says(fmt.Sprintf(`{"type":"granted","re":%v,"address":"%s","fds":["listener"]}`, claim["id"], address), listener.(*net.TCPListener))
}

func (a *arbiter) takesDown(address string, drain time.Duration) {
	a.Helper()
	a.says(fmt.Sprintf(`{"type":"takedown","id":1,"address":"%s","reason":"replaced","drainMs":%d}`, address, drain.Milliseconds()), nil)
	a.hears("released")
}

func localAddressOf(descriptor string) string {
	fd, _ := strconv.Atoi(descriptor)
	name, err := syscall.Getsockname(fd)
	listens, _ := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if v4, ok := name.(*syscall.SockaddrInet4); err == nil && ok && listens == 1 {
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)).String()
	}
	return ""
}
