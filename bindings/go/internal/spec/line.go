// Package spec has lines and addresses of the protocol (chapters 5 and 10 of spec/README.md), without a socket.
//
// What a message looks like is generated from spec/v1; what is true of every line is here.
package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
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
	// Message is nil if there is a fault. A fault answers a request; otherwise it ends the connection, but for a type
	// that is unknown.
	Message Message
	Fault   error
}

var (
	texts = regexp.MustCompile(`"(?:\\.|[^"\\])*"`)
	// What is in the group is half of a surrogate pair; everything else is consumed escape by escape.
	escapes = regexp.MustCompile(`(?i)\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)`)
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
	fields, err := parse(text)
	if err != nil {
		return nil, Errorf("malformed_line", "%s", err)
	}
	o := &object{fields, new(string)}
	line := &Line{Type: o.text("type", true, nil), ID: o.integer("id", false, 1, Integer), FDs: o.texts("fds")}
	o.integer("re", false, 1, Integer)
	value[map[string]any](o, "ext", false)
	if *o.code != "" {
		return nil, Errorf("malformed_line", "an impossible reserved key")
	}
	isRequest, isKnown := requests[line.Type]
	if !isKnown {
		line.Fault = Errorf("unknown_type", "`%.100s` is not known", line.Type)
		return line, nil
	}
	if !isRequest {
		line.ID = 0
	}
	line.Message = read(line.Type, o)
	if *o.code != "" {
		line.Message, line.Fault = nil, Errorf(*o.code, "an impossible `%s`", line.Type)
	}
	return line, nil
}

// parse reads the object of a line as SS-LINE-1 to SS-LINE-5 have it.
func parse(text []byte) (fields map[string]any, err error) {
	for _, each := range escapes.FindAllSubmatchIndex(text, -1) {
		if each[2] >= 0 {
			return nil, fmt.Errorf("half of a surrogate pair")
		}
	}
	depth, keys := 0, 0
	for _, each := range texts.ReplaceAll(text, nil) {
		switch each {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ':':
			keys++
		}
		if depth > Depth {
			return nil, fmt.Errorf("nested too deep")
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if !json.Valid(text) || !utf8.Valid(text) || decoder.Decode(&fields) != nil || fields == nil {
		return nil, fmt.Errorf("no JSON object in UTF-8")
	}
	if keys != count(fields, &err) {
		return nil, fmt.Errorf("a key twice")
	}
	return fields, err
}

// count is how many keys there are. An error is a number that cannot be.
func count(value any, fault *error) (keys int) {
	switch value := value.(type) {
	case map[string]any:
		keys = len(value)
		for _, each := range value {
			keys += count(each, fault)
		}
	case []any:
		for _, each := range value {
			keys += count(each, fault)
		}
	case json.Number:
		whole, err := value.Int64()
		if !digits.MatchString(value.String()) {
			_, err = strconv.ParseFloat(value.String(), 64)
		} else if whole > Integer || whole < -Integer {
			err = strconv.ErrRange
		}
		if err != nil {
			*fault = err
		}
	}
	return keys
}
