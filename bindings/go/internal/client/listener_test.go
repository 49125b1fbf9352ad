package client

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// descriptor is a duplicate of a socket's, as it comes from an arbiter.
func descriptor(t *testing.T, of syscall.Conn) (fd int) {
	t.Helper()
	raw, err := of.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(original uintptr) { fd, err = syscall.Dup(int(original)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	return fd
}

// The flag belongs to the socket, which other servers have: one of them would block in accept. Cleared for a microsecond
// it is seen by nobody but strace.
func TestASocketThatIsGrantedIsNeverBlockingNotForAMoment(t *testing.T) {
	if os.Getenv("ADOPTS") != "" {
		adoptsOne(t)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("there is no strace")
	}
	traced := exec.Command(strace, "-f", "-y", "-e", "trace=fcntl", os.Args[0], "-test.run=^"+t.Name()+"$")
	traced.Env = append(os.Environ(), "ADOPTS=1")
	calls, err := traced.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, calls)
	}
	for _, call := range strings.Split(string(calls), "\n") {
		if strings.Contains(call, "<TCP:") || strings.Contains(call, "<socket:") {
			if strings.Contains(call, "F_SETFL") && !strings.Contains(call, "O_NONBLOCK") {
				t.Error(call)
			}
		}
	}
}

func adoptsOne(t *testing.T) {
	opened, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	adopted, err := listener(opened.Addr().String(), []int{descriptor(t, opened.(*net.TCPListener))})
	if err != nil {
		t.Fatal(err)
	}
	adopted.Close()
}

func TestOnlyAListenerOfTheAddressIsAdopted(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	_, port, _ := net.SplitHostPort(everywhere.Addr().String())
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	path := filepath.Join(t.TempDir(), "app.sock")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	here := tcp.Addr().String()
	for _, each := range []struct {
		of      syscall.Conn
		address string
		fits    bool
	}{
		{tcp.(*net.TCPListener), here, true},
		{everywhere.(*net.TCPListener), ":" + port, true},
		{everywhere.(*net.TCPListener), "[::]:" + port, true},
		{udp.(*net.UDPConn), "udp:" + udp.LocalAddr().String(), true},
		{unix.(*net.UnixListener), "unix:" + path, true},
		{tcp.(*net.TCPListener), ":1", false},
		{tcp.(*net.TCPListener), "udp:" + here, false},
		{udp.(*net.UDPConn), udp.LocalAddr().String(), false},
		{unix.(*net.UnixListener), "unix:/another", false},
		{file, here, false},
	} {
		adopted, err := listener(each.address, []int{descriptor(t, each.of)})
		if (err == nil) != each.fits {
			t.Errorf("%T as %s: %v", each.of, each.address, err)
		}
		if err == nil {
			adopted.Close()
		}
	}
}
