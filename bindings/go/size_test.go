package serverswap

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The promise of DESIGN.md: a client for another language is small. Tests, what is generated and the generator do not count,
// nor does what a server can be drained without: the goodbyes of its streams.
func TestTheClientHasAtMost1000LinesOfCode(t *testing.T) {
	count, goodbyes := 0, []string{"goodbye.go", "websocket.go", "internal/pace/pace.go"}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		isOurs := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") &&
			!strings.Contains(path, "generate") && !strings.Contains(path, "testport") && !slices.Contains(goodbyes, path)
		if err != nil || entry.IsDir() || !isOurs {
			return err
		}
		text, err := os.ReadFile(path)
		for _, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				count++
			}
		}
		return err
	})
	if err != nil || count > 1000 {
		t.Errorf("%d lines, %v", count, err)
	}
}
