package client

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const vectors = "../../../../spec/v1/vectors"

type vector struct {
	ID, Title, Direction, Line, Binds string
	Raw                               string `json:"raw_b64"`
	Decoded                           any
}

func load(t *testing.T, folder string) []vector {
	t.Helper()
	var found []vector
	err := filepath.Walk(filepath.Join(vectors, folder), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var each vector
		found = append(found, each)
		return json.Unmarshal(text, &found[len(found)-1])
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("no vectors in %s: %v", folder, err)
	}
	return found
}

func (v *vector) bytes(t *testing.T) []byte {
	t.Helper()
	if v.Raw == "" {
		return []byte(v.Line)
	}
	raw, err := base64.StdEncoding.DecodeString(v.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.TrimSuffix(string(raw), "\n"))
}

func plain(t *testing.T, line []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(line, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestATextThatIsNoAddressIsFoundBeforeItIsSaid(t *testing.T) {
	var file struct {
		Cases []struct {
			Text      string
			Canonical *string
		}
	}
	text, err := os.ReadFile(filepath.Join(vectors, "addresses.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, each := range file.Cases {
		if each.Canonical == nil == isAddress(each.Text) {
			t.Errorf("%q is an address: %t", each.Text, isAddress(each.Text))
		}
	}
}

func TestLinesOfTheArbiterAreReadAsTheVectorsHaveThem(t *testing.T) {
	for _, each := range append(load(t, "valid"), load(t, "future")...) {
		if each.Direction != "arbiter-to-client" {
			continue
		}
		line, err := Decode(each.bytes(t))
		if err != nil {
			t.Errorf("%s: %v", each.ID, err)
			continue
		}
		if each.Decoded == nil {
			if line.Message != nil {
				t.Errorf("%s: a message of an unknown type", each.ID)
			}
		} else if !reflect.DeepEqual(plain(t, Encode(line.Message)), each.Decoded) {
			t.Errorf("%s is read as %+v", each.ID, line)
		}
	}
}

// What no reader can make sense of is refused. What only the arbiter has to be strict about is read by its meaning.
func TestLinesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, each := range append(load(t, "invalid/line"), load(t, "invalid/message")...) {
		if each.Direction != "arbiter-to-client" && !strings.HasPrefix(each.ID, "invalid/line") || each.ID == "invalid/line/cut-off" {
			continue
		}
		if line, err := Decode(each.bytes(t)); err == nil && each.Binds != "arbiter" {
			t.Errorf("%s is read as %+v", each.ID, line)
		}
	}
}

func TestMessagesOfAClientAreWrittenAsTheVectorsHaveThem(t *testing.T) {
	for _, each := range load(t, "valid") {
		if each.Direction != "client-to-arbiter" {
			continue
		}
		message := NewMessage(each.Decoded.(map[string]any)["type"].(string))
		text, _ := json.Marshal(each.Decoded)
		if err := json.Unmarshal(text, message); err != nil {
			t.Fatal(err)
		}
		if found := plain(t, Encode(message)); !reflect.DeepEqual(found, each.Decoded) {
			t.Errorf("%s is written as %v", each.ID, found)
		}
	}
}
