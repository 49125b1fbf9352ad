package spec

import (
	"encoding/json"
	"regexp"
	"strconv"
)

// object is a JSON object while it is read; code is that of the first field that is missing or impossible.
type object struct {
	fields map[string]any
	code   *string
}

func (o *object) fault(code string) {
	if *o.code == "" {
		*o.code = code
	}
}

func value[T any](o *object, key string, required bool) (found T, ok bool) {
	each, there := o.fields[key]
	if found, ok = each.(T); !ok && (there || required) {
		o.fault("invalid_message")
	}
	return found, ok
}

func (o *object) boolean(key string, required bool) bool {
	found, _ := value[bool](o, key, required)
	return found
}

func (o *object) text(key string, required bool, pattern *regexp.Regexp) string {
	text, ok := value[string](o, key, required)
	if ok && pattern != nil && !pattern.MatchString(text) {
		o.fault("invalid_message")
	}
	return text
}

func (o *object) address(key string, required bool) string {
	text, ok := value[string](o, key, required)
	canonical, err := Canonical(text)
	if ok && err != nil {
		o.fault("invalid_address")
	}
	return canonical
}

// whole is an integer that is written as one.
func (o *object) whole(number json.Number, min, max uint64) uint64 {
	whole, err := strconv.ParseUint(number.String(), 10, 64)
	if err != nil || whole < min || whole > max {
		o.fault("invalid_message")
	}
	return whole
}

func (o *object) optional(key string, max uint64) *uint64 {
	number, ok := value[json.Number](o, key, false)
	if !ok {
		return nil
	}
	whole := o.whole(number, 0, max)
	return &whole
}

func (o *object) integer(key string, required bool, min, max uint64) uint64 {
	number, ok := value[json.Number](o, key, required)
	if !ok {
		return 0
	}
	return o.whole(number, min, max)
}

func (o *object) integers(key string, max uint64) []uint64 {
	found, _ := value[[]any](o, key, true)
	list := []uint64{}
	for _, each := range found {
		number, _ := each.(json.Number)
		list = append(list, o.whole(number, 0, max))
	}
	return list
}

// texts are distinct, and no more than a line may have descriptors.
func (o *object) texts(key string) (list []string) {
	found, _ := value[[]any](o, key, false)
	seen := map[any]bool{}
	for _, each := range found {
		text, ok := each.(string)
		if !ok || seen[text] || len(list) == FDsPerLine {
			o.fault("invalid_message")
		}
		seen[text] = true
		list = append(list, text)
	}
	return list
}

func (o *object) inner(key string) *object {
	fields, _ := value[map[string]any](o, key, true)
	return &object{fields, o.code}
}

func (o *object) objects(key string) map[string]map[string]any {
	fields, _ := value[map[string]any](o, key, false)
	found := map[string]map[string]any{}
	for name := range fields {
		found[name], _ = value[map[string]any](&object{fields, o.code}, name, true)
	}
	return found
}
