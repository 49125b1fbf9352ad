// Command driver wraps the Go client for serverswap-conformance: see conformance/contract/v1/README.md.
//
// Its module's name is below the client's, so that it may import what is internal there: the contract asks for more than
// the package offers to programs.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"runtime"
	"sync"

	"serverswap/internal/client"
	"serverswap/internal/session"
	"serverswap/internal/spec"
)

const name, version = "serverswap-go", "0.1.0"

type fields map[string]any

var output sync.Mutex

func write(line fields) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}

type driver struct {
	client   *client.Client
	services map[string]*service
	claims   map[string]*session.Claim
}

func main() {
	log.SetFlags(0)
	d := &driver{services: map[string]*service{}, claims: map[string]*session.Claim{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var command command
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			log.Fatal(err)
		}
		reply := d.answer(&command)
		reply["seq"] = command.Seq
		write(reply)
		if command.Cmd == "exit" {
			os.Exit(command.Code)
		}
	}
}

type command struct {
	Seq                                          int
	Cmd, Op, Address, Socket, Reason, Line, Text string
	More                                         bool
	Connections, ExtendMs                        *uint64
	FDs, Code                                    int
	Message                                      json.RawMessage
}

var errUnsupported = errors.New("this driver has no such command")

func (d *driver) answer(command *command) fields {
	reply, err := d.do(command)
	var fault *spec.Fault
	switch {
	case errors.Is(err, errUnsupported):
		return fields{"unsupported": true, "why": err.Error()}
	case errors.As(err, &fault):
		return fields{"errored": true, "code": fault.Code, "message": fault.Why}
	case err != nil:
		return fields{"errored": true, "message": err.Error()}
	case reply == nil:
		reply = fields{}
	}
	reply["ok"] = true
	return reply
}

func (d *driver) do(command *command) (fields, error) {
	switch command.Cmd {
	case "hello":
		about := fields{"name": name, "version": version, "language": "go", "languageVersion": runtime.Version()}
		supports := []string{"codec", "inherit", "serve", "reconnect", "more", "many"}
		return fields{"contract": 1, "client": about, "protocol": []int{1}, "level": 3, "supports": supports}, nil
	case "decode":
		return decode(command.Line, command.FDs)
	case "encode":
		return encode(command.Message)
	case "connect":
		d.client = client.New(name, version, d.tell)
		return fields{"supervised": d.client.Supervised()}, nil
	case "exit":
		return nil, nil
	case "sync", "close":
		if d.client != nil {
			_ = d.client.Do(func(*session.Session) error { return nil })
		}
		if d.client != nil && command.Cmd == "close" {
			d.client.Close()
		}
		return nil, nil
	case "readyFor", "serving", "onTakedown", "released", "progress", "serverUp", "fail", "accept", "serve", "stop":
		if d.client == nil {
			return nil, errors.New("`connect` comes first")
		}
		return nil, d.use(command)
	}
	return nil, errUnsupported
}

func (d *driver) use(command *command) error {
	say := func(call func(*session.Session) error) error { return d.client.Do(call) }
	switch command.Cmd {
	case "readyFor":
		claim, err := d.client.ReadyFor(command.Op, command.Address, command.Socket, command.More)
		if err == nil {
			d.claims[string(claim.Address)] = claim
			delete(d.services, string(claim.Address))
		}
		return err
	case "serving":
		return say(func(s *session.Session) error { return s.Serving(command.Address) })
	case "onTakedown":
		return say(func(s *session.Session) error { return s.OnTakedown(command.Address) })
	case "released":
		if service := d.services[canonical(command.Address)]; service != nil {
			service.Close()
		}
		return say(func(s *session.Session) error { return s.Released(command.Address) })
	case "progress":
		return say(func(s *session.Session) error {
			return s.Progress(command.Address, spec.ProgressMessage{Connections: command.Connections, ExtendMS: command.ExtendMs})
		})
	case "serverUp":
		return say((*session.Session).ServerUp)
	case "fail":
		return say(func(s *session.Session) error { return s.Fail(command.Reason) })
	}
	service, err := d.service(canonical(command.Address))
	if err != nil {
		return err
	}
	switch command.Cmd {
	case "accept":
		go service.echo(command.Op)
	case "serve":
		go service.serve()
	case "stop":
		go service.stop(command.Op)
	}
	return nil
}

func canonical(address string) string {
	canonical, _ := spec.Canonical(address)
	return string(canonical)
}

// tell writes an event of the client in the words of the contract.
func (d *driver) tell(event session.Event) {
	line := fields{}
	if event.Claim != nil {
		line["op"] = event.Claim.Owner
		line["address"] = event.Claim.Address
	}
	switch message := event.Message.(type) {
	case *spec.GrantedMessage:
		line["event"], line["listener"] = "granted", event.Claim.Listener != nil
	case *spec.ProgressMessage:
		line["event"] = "waiting"
		if message.WaitingFor != "" {
			line["waitingFor"] = message.WaitingFor
		}
		delete(line, "address")
	case *spec.TakedownMessage:
		line["event"], line["reason"], line["drainMs"] = "takedown", message.Reason, message.DrainMS
		delete(line, "op")
	case *spec.ErrorMessage:
		line["event"], line["code"] = "refused", message.Code
		switch {
		case event.Claim != nil:
			line["message"] = message.Message
		case message.Fatal:
			line["event"] = "lost"
		default:
			line["event"] = "warning"
		}
	default:
		panic(fmt.Sprintf("an event of %T", message))
	}
	write(line)
}

// known is a message as an object.
func known(message spec.Message) (fields, error) {
	var object fields
	return object, json.Unmarshal(spec.Encode(message), &object)
}

func decode(text string, fds int) (fields, error) {
	line, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	code := func(err error) (fields, error) {
		var fault *spec.Fault
		errors.As(err, &fault)
		return fields{"rejected": fault.Code}, nil
	}
	if len(line) == 0 || line[len(line)-1] != '\n' {
		if len(line) >= spec.LineBytes {
			return fields{"rejected": "line_too_long"}, nil
		}
		return fields{"rejected": "malformed_line"}, nil
	}
	decoded, err := spec.Decode(line[:len(line)-1])
	switch {
	case err != nil:
		return code(err)
	case len(decoded.FDs) != fds:
		return fields{"rejected": "descriptor_mismatch"}, nil
	case decoded.Fault == nil:
		message, err := known(decoded.Message)
		return fields{"message": message}, err
	case decoded.Fault.Code != "unknown_type":
		return code(decoded.Fault)
	case decoded.ID == 0:
		return fields{"ignored": true}, nil
	}
	return fields{"unknown": fields{"type": decoded.Type, "id": decoded.ID}}, nil
}

func encode(text json.RawMessage) (fields, error) {
	var head struct{ Type string }
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	message := spec.New(head.Type)
	if message == nil {
		return nil, spec.Errorf("unknown_type", "`%s`", head.Type)
	}
	if err := json.Unmarshal(text, message); err != nil {
		return nil, err
	}
	return fields{"line": base64.StdEncoding.EncodeToString(spec.Encode(message))}, nil
}
