// Wraps a client of the serverswap protocol for serverswap-conformance.
//
// Commands come on standard input, replies and events go to standard output, one JSON object a line; logs go to standard
// error. The words are explained in conformance/contract/v1/README.md. What is missing here is marked with "your client".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// your client: import it. What Go makes hard:
//   - `sync` cannot be done with net.UnixConn.ReadMsgUnix, which waits, or with a deadline in the past reads nothing. Write one
//     function that calls syscall.Recvmsg until EAGAIN and handles what came, under a mutex; the reading goroutine gives it to
//     Read of the connection's SyscallConn, `sync` to Control.
//   - os.NewFile with net.FileListener makes the socket block for a moment, for every process that has it (SS-CLAIM-9), and
//     Fd of a File makes it block for good. Open /dev/null as a File, and in Control of the File's SyscallConn duplicate the
//     received descriptor over it (syscall.Dup3 with O_CLOEXEC); give that File to net.FileListener.
//   - http.Server.Shutdown closes idle keep-alive connections without a word, and their next request is lost. Count
//     connections by ConnState, answer what is open with `Connection: close`, and end when the last one is closed.

type fields map[string]any

var output sync.Mutex

func write(line fields) {
	output.Lock()
	defer output.Unlock()
	json.NewEncoder(os.Stdout).Encode(line)
}

// event writes what comes of a command later: event("granted", fields{"op": op, "address": ":8080", "listener": true}).
func event(kind string, more fields) {
	more["event"] = kind
	write(more)
}

// coded is an error with a code of the protocol, or already_claimed, not_held, not_inheritable, invalid_address, failed.
type coded interface{ Code() string }

var commands = map[string]func(fields) (fields, error){
	"hello": func(fields) (fields, error) {
		client := fields{"name": "your-client", "version": "0.1.0", "language": "go"}
		// level: what you claim, 0 to 3. supports: codec, inherit, serve, fork, reconnect, more, as far as you are.
		return fields{"contract": 1, "client": client, "protocol": []int{1}, "level": 1, "supports": []string{}}, nil
	},
	"connect": func(fields) (fields, error) {
		// your client: set it up from the environment, and have its outcomes call event.
		return fields{"supervised": os.Getenv("SERVERSWAP_SOCKET") != ""}, nil
	},
	"sync": func(fields) (fields, error) {
		// your client: process everything that is readable now, and write every event that follows, before this returns.
		return fields{}, nil
	},
	"close": func(fields) (fields, error) {
		// your client: drop it, so that its connection closes; if there is none, there is nothing to do.
		return fields{}, nil
	},
	// your client: a function for each further command.
	//
	// "readyFor": func(command fields) (fields, error) {
	// 	return fields{}, claim(command["address"].(string), command["socket"] == "inherit", command["more"] == true)
	// },
}

func answer(command fields) fields {
	does, known := commands[command["cmd"].(string)]
	if !known {
		return fields{"unsupported": true, "why": fmt.Sprintf("`%s` is not written yet", command["cmd"])}
	}
	reply, err := does(command)
	if err != nil {
		code := "internal"
		if of, has := err.(coded); has {
			code = of.Code()
		}
		return fields{"errored": true, "code": code, "message": err.Error()}
	}
	reply["ok"] = true
	return reply
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var command fields
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		reply := answer(command)
		reply["seq"] = command["seq"]
		write(reply)
	}
	// your client: close everything. The end of standard input is the end of the driver, with status 0 within 2 seconds.
}
