// Package spec has lines and addresses of the protocol (chapters 5 and 10 of spec/README.md), without a socket.
//
// What a message looks like is generated from spec/v1; what is true of every line is here.
package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Message is one message of either side; the types are generated. Event is its name in the state tables.
type Message interface {
	Type() string
	Event() string
}

// Cell is what a state table says about one event; all of it is empty if it changes nothing.
type Cell struct {
	Next, Close, Reply, Delegate string
	Never, Ignore                bool
}

// Code is one of chapter 17, or one of a mistake of the program. It is an error itself, to be compared with errors.Is.
type Code string

func (c Code) Error() string { return string(c) }

// Fault is a line, a call or a claim that failed: its code, for programs, and why, for people.
type Fault struct{ Code, Why string }

func (f *Fault) Error() string { return "serverswap: " + f.Why + " (" + f.Code + ")" }

// Unwrap is the Code.
func (f *Fault) Unwrap() error { return Code(f.Code) }

// Errorf is a fault as an error.
func Errorf(code, format string, values ...any) error {
	return &Fault{code, fmt.Sprintf(format, values...)}
}

// Line is one line of the arbiter.
type Line struct {
	Type string
	// ID is that of a request, otherwise 0.
	ID  uint64
	FDs []string
	// A fault answers a request; otherwise it ends the connection, but for a type
	// that is unknown. Then there is no message.
	Message Message
	Fault   *Fault
}

var (
	texts = regexp.MustCompile(`"(?:\\.|[^"\\])*"`)
	// What is in the group is half of a surrogate pair; everything else is consumed escape by escape.
	escapes = regexp.MustCompile(`(?i)\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)`)
	numbers = regexp.MustCompile(`-?[0-9][-+.0-9eE]*`)
	digits  = regexp.MustCompile(`^-?[0-9]+$`)
)

// New is an empty message of a type, or nil.
func New(kind string) Message {
	if create := known[kind]; create != nil {
		return create()
	}
	return nil
}

// Encode writes a message as one line.
func Encode(message Message) []byte {
	fields, err := json.Marshal(message)
	if err != nil {
		panic("a generated type is JSON: " + err.Error())
	}
	line := fmt.Sprintf(`{"type":"%s",%s`+"\n", message.Type(), fields[1:])
	return bytes.Replace([]byte(line), []byte(",}\n"), []byte("}\n"), 1)
}

// Decode reads a line of the arbiter without its line feed. An error is fatal.
func Decode(text []byte) (*Line, error) {
	if len(text) >= LineBytes {
		return nil, Errorf("line_too_long", "a line of more than %d bytes", LineBytes)
	}
	if why := malformed(text); why != "" {
		return nil, Errorf("malformed_line", "%s", why)
	}
	var head struct {
		Type   string
		ID, Re *uint64
		FDs    []string
		Ext    map[string]any
	}
	err := strictly(text, &head, 1, "type", "id", "re", "fds", "ext")
	names := slices.Clone(head.FDs)
	slices.Sort(names)
	isDistinct := len(slices.Compact(names)) == len(head.FDs) && len(head.FDs) <= FDsPerLine
	if err != nil || !isDistinct || head.ID != nil && *head.ID == 0 || head.Re != nil && *head.Re == 0 {
		return nil, Errorf("malformed_line", "an impossible reserved key")
	}
	line := &Line{Type: head.Type, FDs: head.FDs}
	isRequest, isKnown := requests[line.Type]
	if head.ID != nil && (isRequest || !isKnown) {
		line.ID = *head.ID
	}
	if !isKnown {
		line.Fault = &Fault{"unknown_type", fmt.Sprintf("`%.100s` is not known", line.Type)}
		return line, nil
	}
	line.Message = New(line.Type)
	if err := json.Unmarshal(text, line.Message); err != nil && !errors.As(err, &line.Fault) {
		line.Fault = &Fault{"invalid_message", err.Error()}
	}
	return line, nil
}

// strictly reads the keys that are known, as they are spelled. So many of them are required, and none is null.
func strictly(text []byte, into any, required int, keys ...string) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	known := map[string]json.RawMessage{}
	for i, key := range keys {
		value, ok := all[key]
		if !ok && i < required || string(value) == "null" {
			return fmt.Errorf("`%s` is not there", key)
		}
		if ok {
			known[key] = value
		}
	}
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// matching reads a text that has a form.
func matching(text []byte, into *string, form *regexp.Regexp) error {
	if err := json.Unmarshal(text, into); err != nil || form.MatchString(*into) {
		return err
	}
	return fmt.Errorf("%q is not possible", *into)
}

// malformed is what is wrong with a line by SS-LINE-1 to SS-LINE-5.
func malformed(text []byte) string {
	if !json.Valid(text) || !utf8.Valid(text) || bytes.TrimLeft(text, " \t\r")[0] != '{' {
		return "no JSON object in UTF-8"
	}
	for _, each := range escapes.FindAllSubmatchIndex(text, -1) {
		if each[2] >= 0 {
			return "half of a surrogate pair"
		}
	}
	depth, keys := 0, 0
	bare := texts.ReplaceAll(text, nil)
	for _, each := range bare {
		switch each {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ':':
			keys++
		}
		if depth > Depth {
			return "nested too deep"
		}
	}
	for _, each := range numbers.FindAll(bare, -1) {
		number, err := strconv.ParseFloat(string(each), 64)
		if err != nil || digits.Match(each) && math.Abs(number) > Integer {
			return "a number that is too large"
		}
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil || keys > count(value) {
		return "a key twice"
	}
	return ""
}

// count is how many keys a value has.
func count(value any) (keys int) {
	switch value := value.(type) {
	case map[string]any:
		for _, each := range value {
			keys += 1 + count(each)
		}
	case []any:
		for _, each := range value {
			keys += count(each)
		}
	}
	return keys
}
