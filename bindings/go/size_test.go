package serverswap

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The promise of DESIGN.md: a client for another language is small. Tests, what is generated and the generator do not count.
func TestTheClientHasAtMost900LinesOfCode(t *testing.T) {
	count := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		isOurs := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") &&
			!strings.Contains(path, "generate") && !strings.Contains(path, "testport")
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
	if err != nil || count > 900 {
		t.Errorf("%d lines, %v", count, err)
	}
}
