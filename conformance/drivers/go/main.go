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
	"time"

	"serverswap/internal/client"
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
	client *client.Client
	// claims has what was claimed, and services what serves, by address as the commands spell it.
	services map[string]*service
	claims   map[string]*client.Claim
}

func main() {
	log.SetFlags(0)
	d := &driver{services: map[string]*service{}, claims: map[string]*client.Claim{}}
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
	var fault *client.ErrorMessage
	switch {
	case errors.Is(err, errUnsupported):
		return fields{"unsupported": true, "why": err.Error()}
	case errors.As(err, &fault):
		return fields{"errored": true, "code": fault.Code, "message": fault.Message}
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
		supports := []string{"codec", "inherit", "serve", "reconnect", "more"}
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
			_ = d.client.Do(func(*client.Session) error { return nil })
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
	say := func(message client.Message) error {
		return d.client.Do(func(s *client.Session) error { return s.Say(command.Address, message) })
	}
	switch command.Cmd {
	case "readyFor":
		return d.client.Do(func(s *client.Session) error {
			err := s.ReadyFor(command.Op, command.Address, command.Socket, command.More, time.Now())
			if err == nil {
				delete(d.services, command.Address)
			}
			return err
		})
	case "serving":
		return say(&client.ServingMessage{})
	case "onTakedown":
		return say(&client.OnTakedownMessage{})
	case "released":
		if service := d.services[command.Address]; service != nil {
			service.Close()
		}
		return say(&client.ReleasedMessage{})
	case "progress":
		return say(&client.ProgressMessage{Connections: command.Connections, ExtendMS: command.ExtendMs})
	case "serverUp":
		return say(&client.ServerUpMessage{})
	case "fail":
		return say(&client.FailMessage{Reason: command.Reason})
	}
	service, err := d.service(command.Address)
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

// tell writes what is news in the words of the contract.
func (d *driver) tell(of *client.Claim, message client.Message) {
	line := fields{}
	if of != nil {
		line["op"], line["address"] = of.Owner, of.Address
	}
	switch message := message.(type) {
	case *client.GrantedMessage:
		d.claims[of.Address] = of
		line["event"], line["listener"] = "granted", of.Listener != nil
	case *client.ProgressMessage:
		line["event"] = "waiting"
		if message.WaitingFor != "" {
			line["waitingFor"] = message.WaitingFor
		}
		delete(line, "address")
	case *client.TakedownMessage:
		line["event"], line["reason"], line["drainMs"] = "takedown", message.Reason, message.DrainMS
		delete(line, "op")
	case *client.ErrorMessage:
		line["event"], line["code"] = "refused", message.Code
		switch {
		case of != nil:
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
func known(message client.Message) (fields, error) {
	var object fields
	return object, json.Unmarshal(client.Encode(message), &object)
}

func decode(text string, fds int) (fields, error) {
	line, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if len(line) == 0 || line[len(line)-1] != '\n' {
		return fields{"rejected": "malformed_line"}, nil
	}
	decoded, err := client.Decode(line[:len(line)-1])
	switch {
	case err != nil:
		return fields{"rejected": err.(*client.ErrorMessage).Code}, nil
	case len(decoded.FDs) != fds:
		return fields{"rejected": "descriptor_mismatch"}, nil
	case decoded.Message != nil:
		message, err := known(decoded.Message)
		return fields{"message": message}, err
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
	message := client.NewMessage(head.Type)
	if message == nil {
		return nil, client.Errorf("unknown_type", "`%s`", head.Type)
	}
	if err := json.Unmarshal(text, message); err != nil {
		return nil, err
	}
	return fields{"line": base64.StdEncoding.EncodeToString(client.Encode(message))}, nil
}
