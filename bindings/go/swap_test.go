package serverswap_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"serverswap/internal/testport"
)

const patience = 60 * time.Second

// world is a runtime directory, and an address that is requested all the time.
type world struct {
	*testing.T
	directory, address string
	answered           atomic.Int64
	lost               sync.Map // what a worker has lost: why
	over               chan struct{}
	workers            sync.WaitGroup
}

func newWorld(t *testing.T) *world {
	directory := filepath.Join(t.TempDir(), "runtime")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	return &world{T: t, directory: directory, address: testport.FreeAddress(t), over: make(chan struct{})}
}

// missing is a failure where CI runs; elsewhere the test is skipped.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// program is one of this repository.
func program(t *testing.T, name string) string {
	folder := os.Getenv("SERVERSWAP_BIN_DIR")
	if folder == "" {
		folder = "../../target/debug"
	}
	path, err := filepath.Abs(filepath.Join(folder, name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		missing(t, "the commands are not built (cargo build -p serverswap-cli): "+err.Error())
	}
	return path
}

// build is an example, built with the race detector.
func build(t *testing.T, example string) string {
	path := filepath.Join(t.TempDir(), example)
	command := exec.Command("go", "build", "-race", "-o", path, ".")
	command.Dir = filepath.Join("../../examples/go", example)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return path
}

// command is a running `serverswap-deploy`.
type command struct {
	*exec.Cmd
	version string
	ended   chan error
}

func (c *command) output(w *world) string { return filepath.Join(w.directory, "output-"+c.version) }

func (c *command) printed(w *world) []byte {
	text, _ := os.ReadFile(c.output(w))
	return text
}

// deploy starts a command and waits until its version answers.
func (w *world) deploy(version string, words ...string) *command {
	w.Helper()
	c := &command{Cmd: exec.Command(program(w.T, "serverswap-deploy"), words...), version: version, ended: make(chan error, 1)}
	c.Env = append(os.Environ(), "SERVERSWAP_DIR="+w.directory, "ADDRESS="+w.address, "VERSION="+version)
	output, err := os.Create(c.output(w))
	if err != nil {
		w.Fatal(err)
	}
	defer output.Close()
	c.Stdout, c.Stderr = output, output
	if err := c.Start(); err != nil {
		w.Fatal(err)
	}
	go func() { c.ended <- c.Wait() }()
	w.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		select {
		case <-c.ended:
		case <-time.After(patience):
			_ = c.Process.Kill()
		}
	})
	for until := time.Now().Add(patience); ; {
		found, err := w.version()
		if found == version {
			return c
		}
		if len(c.ended) > 0 || time.Now().After(until) {
			w.Fatalf("version %s does not answer: %q, %v\n%s", version, found, err, c.printed(w))
		}
	}
}

// isReplaced waits until a command has ended well, its server with it.
func (w *world) isReplaced(c *command) {
	w.Helper()
	select {
	case err := <-c.ended:
		c.ended <- err
		if err != nil {
			w.Errorf("version %s: %v\n%s", c.version, err, c.printed(w))
		}
	case <-time.After(patience):
		w.Errorf("version %s has not ended\n%s", c.version, c.printed(w))
	}
}

func (w *world) version() (string, error) {
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + w.address)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	return response.Header.Get("Version"), nil
}

// load makes requests until settled: half of the workers on new connections, half on ones that they keep, some with pauses.
// Nothing is tried again, as http.Client would.
func (w *world) load() {
	for i := 0; i < 8; i++ {
		keeps, pause := i%2 == 0, time.Duration(i/4*i)*10*time.Millisecond
		w.workers.Add(1)
		go func() {
			defer w.workers.Done()
			if err := w.work(keeps, pause); err != nil {
				w.lost.Store(fmt.Sprintf("keeps: %t, pause: %s", keeps, pause), err)
			}
		}()
	}
}

func (w *world) work(keeps bool, pause time.Duration) error {
	for {
		connection, err := net.Dial("tcp", w.address)
		if err != nil {
			return err
		}
		reader := bufio.NewReader(connection)
		for last := false; !last; {
			select {
			case <-w.over:
				return connection.Close()
			case <-time.After(pause):
			}
			if last, err = w.request(connection, reader); err != nil {
				return err
			}
			last = last || !keeps
		}
		connection.Close()
	}
}

func (w *world) request(connection net.Conn, reader *bufio.Reader) (last bool, err error) {
	_ = connection.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(connection, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		return true, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return true, err
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return true, err
	}
	if response.StatusCode != http.StatusOK {
		return true, fmt.Errorf("status %d", response.StatusCode)
	}
	w.answered.Add(1)
	return response.Close, nil
}

// settle ends the load, of which nothing may be lost.
func (w *world) settle() {
	w.Helper()
	close(w.over)
	w.workers.Wait()
	w.lost.Range(func(worker, err any) bool {
		w.Errorf("a request was lost (%v): %v", worker, err)
		return true
	})
	w.Logf("%d requests", w.answered.Load())
}

func (w *world) moreAnswers(count int64) {
	for until := w.answered.Load() + count; w.answered.Load() < until; time.Sleep(time.Millisecond) {
		failed := false
		w.lost.Range(func(any, any) bool { failed = true; return false })
		if failed {
			return
		}
	}
}

func swaps(t *testing.T, versions ...[]string) {
	w := newWorld(t)
	var before *command
	for i, words := range versions {
		now := w.deploy(fmt.Sprint(i+1), words...)
		if before == nil {
			w.load()
		} else {
			w.isReplaced(before)
		}
		w.moreAnswers(200)
		before = now
	}
	w.settle()
}

func TestSwapsOfAServerOfNetHTTPLoseNothing(t *testing.T) {
	server := []string{build(t, "nethttp")}
	swaps(t, server, server, server, server)
}

func TestSwapsOfAServerWithChiLoseNothing(t *testing.T) {
	server := []string{build(t, "chi")}
	swaps(t, server, server, server)
}

func TestGoNodeAndPythonTakeOverFromEachOther(t *testing.T) {
	if built, _ := filepath.Glob("../node/*.node"); built == nil {
		missing(t, "the package for Node is not built (node bindings/node/build.mjs --debug)")
	}
	python, node := absolute(t, "../../.venv/bin/python"), absolute(t, "../../examples/node/http.js")
	if _, err := os.Stat(python); err != nil {
		missing(t, "the package for Python is not built (bindings/python/setup.sh)")
	}
	server := []string{build(t, "nethttp")}
	swaps(t, server, []string{"node", node}, server, []string{python, absolute(t, "../../examples/python/http_server.py")}, server)
}

func absolute(t *testing.T, path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
