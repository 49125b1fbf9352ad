// Package spec has lines and addresses of the protocol (chapters 5 and 10 of spec/README.md), without a socket.
//
// What a message looks like is generated from spec/v1; what is true of every line is here.
package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// Message is one message of either side; the types are generated.
type Message interface {
	Type() string
	Event() string
}

// Cell is what a state table says about one event; all of it is empty if it changes nothing.
type Cell struct {
	Next, Close, Reply, Delegate string
	Never, Ignore                bool
}

// Fault is a line that cannot be: its code of chapter 17, and why, for people.
type Fault struct{ Code, Why string }

func (f *Fault) Error() string { return f.Code + ": " + f.Why }

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
	// Message is nil for an unknown type, and if there is a fault.
	Message Message
	// Fault is what answers a request, or ends the connection.
	Fault error
}

type heardMessage struct {
	isRequest bool
	shape     *shape
}

var (
	// Half of a surrogate pair is in the group; everything else is consumed escape by escape.
	escapes = regexp.MustCompile(`(?i)\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)`)
	digits  = regexp.MustCompile(`^-?[0-9]+$`)
)

// New is an empty message of that type, or nil.
func New(kind string) Message {
	if make := known[kind]; make != nil {
		return make()
	}
	return nil
}

// Encode writes a message as one line.
func Encode(message Message) []byte {
	fields, err := json.Marshal(message)
	if err != nil {
		panic("a generated type is JSON: " + err.Error())
	}
	head := `{"type":"` + message.Type() + `"`
	if string(fields) != "{}" {
		head += ","
	}
	return append(append([]byte(head), fields[1:]...), '\n')
}

// Decode reads a line of the arbiter without its line feed. The error is fatal.
func Decode(text []byte) (*Line, error) {
	if len(text) >= LineBytes {
		return nil, Errorf("line_too_long", "a line of more than %d bytes", LineBytes)
	}
	value, err := parse(text)
	if err != nil {
		return nil, Errorf("malformed_line", "%s", err)
	}
	keys, code := reserved.fit(value)
	if code != "" {
		return nil, Errorf("malformed_line", "no object, or an impossible reserved key")
	}
	line := new(Line)
	as(keys, &struct {
		Type *string
		ID   *uint64
		FDs  *[]string
	}{&line.Type, &line.ID, &line.FDs})
	heard, ok := heard[line.Type]
	if !ok {
		line.Fault = Errorf("unknown_type", "`%.100s` is not known", line.Type)
		return line, nil
	}
	if !heard.isRequest {
		line.ID = 0
	}
	fields, code := heard.shape.fit(value)
	if code != "" {
		line.Fault = Errorf(code, "an impossible `%s`", line.Type)
		return line, nil
	}
	line.Message = New(line.Type)
	as(fields, line.Message)
	return line, nil
}

// as fills a struct with a value that fits it. Keys that differ in case only were removed before.
func as(value, into any) {
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic("a value that fits its shape fits its type: " + err.Error())
	}
}

// parse reads JSON as SS-LINE-1 to SS-LINE-5 have it.
func parse(text []byte) (any, error) {
	if !json.Valid(text) || !utf8.Valid(text) {
		return nil, fmt.Errorf("no JSON in UTF-8")
	}
	for _, each := range escapes.FindAllSubmatchIndex(text, -1) {
		if each[2] >= 0 {
			return nil, fmt.Errorf("half of a surrogate pair")
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return tree(decoder, 1)
}

func tree(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return number(token.String())
	case json.Delim:
		if depth > Depth {
			return nil, fmt.Errorf("nested too deep")
		}
		object, list := map[string]any{}, []any{}
		for decoder.More() {
			var key any
			if token == '{' {
				if key, err = decoder.Token(); err != nil {
					return nil, err
				}
			}
			value, err := tree(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
			if key, ok := key.(string); ok {
				object[key] = value
			}
		}
		if _, err := decoder.Token(); err != nil {
			return nil, err
		}
		if token == '[' {
			return list, nil
		}
		if len(object) < len(list) {
			return nil, fmt.Errorf("a key twice")
		}
		return object, nil
	}
	return token, nil
}

// number is an int64 if it is written as one, as SS-LINE-5 has it.
func number(text string) (any, error) {
	if !digits.MatchString(text) {
		return strconv.ParseFloat(text, 64)
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || math.Abs(float64(value)) > Integer {
		return nil, fmt.Errorf("a number beyond 2^53 - 1")
	}
	return value, nil
}
