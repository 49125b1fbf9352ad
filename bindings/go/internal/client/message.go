package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// Message is one message of either side; the types are generated from spec/v1.
type Message interface{ Type() string }

// Code is one of chapter 17, or one of a mistake of the program. It is an error itself, to be compared with errors.Is.
type Code string

func (c Code) Error() string { return string(c) }

// Errorf is a line, a call or a claim that failed, as the protocol has it: the code for programs, and why for people.
func Errorf(code, format string, values ...any) *ErrorMessage {
	return &ErrorMessage{Code: code, Message: fmt.Sprintf(format, values...)}
}

func (m *ErrorMessage) Error() string { return "serverswap: " + m.Message + " (" + m.Code + ")" }

// Unwrap is the Code.
func (m *ErrorMessage) Unwrap() error { return Code(m.Code) }

// cut makes a text for people as long as it may be.
func cut(text string) string { return strings.ToValidUTF8(text[:min(len(text), textBytes)], "") }

// Line is one line of the arbiter.
type Line struct {
	Type string
	// ID is that of a request, otherwise 0.
	ID, Re uint64
	FDs    []string
	// Message is nil if the type is not known.
	Message Message `json:"-"`
}

// Encode writes a message as one line.
func Encode(message Message) []byte {
	line, err := json.Marshal(message)
	if err != nil {
		panic("a generated type is JSON: " + err.Error())
	}
	return append(line, '\n')
}

// Decode reads a line of the arbiter without its line feed. One that makes no sense is an error, which is fatal.
func Decode(text []byte) (*Line, error) {
	line, keys := &Line{}, map[string]any{}
	err := errors.Join(json.Unmarshal(text, line), json.Unmarshal(text, &keys))
	known, isKnown := heard[line.Type]
	if isKnown {
		line.Message = NewMessage(line.Type)
		err = errors.Join(err, json.Unmarshal(text, line.Message))
	}
	isPartial := slices.ContainsFunc(known.required, func(key string) bool { return keys[key] == nil }) || known.request && line.ID == 0
	if err != nil || isPartial || line.Type == "" {
		return nil, Errorf("malformed_line", "a line that makes no sense: %.200s", text)
	} else if isKnown && !known.request {
		line.ID = 0
	}
	return line, nil
}

// isAddress is whether a text denotes an address (SS-ADDR-2). How it is spelled is the arbiter's business.
func isAddress(text string) bool {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		isPath := len(filepath.Clean(path)) <= 107 && !strings.Contains(path+"/", "/../") && !strings.Contains(path, "\x00")
		return isPath && addressPattern.MatchString(text)
	}
	_, err := netip.ParseAddrPort(strings.TrimPrefix(text, "udp:"))
	return addressPattern.MatchString(text) && (err == nil || !strings.Contains(text, "["))
}
