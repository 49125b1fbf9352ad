package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestWhatIsGeneratedIsFresh(t *testing.T) {
	files, err := Generate("../../../../spec/v1")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		found, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil || !bytes.Equal(found, text) {
			t.Errorf("%s is stale; run `go generate` in bindings/go", name)
		}
	}
}
