package spec

import (
	"regexp"
	"slices"
)

type kind int

const (
	text kind = iota
	integer
	boolean
	list
	object
	isAddress
)

// shape is what a value has to be.
type shape struct {
	kind     kind
	min, max int64
	pattern  *regexp.Regexp
	values   []string
	items    *shape
	distinct bool
	most     int
	fields   map[string]*shape
	required []string
	// each is what every value of an object has to be.
	each *shape
	// absent is what stands for a key that was left out.
	absent map[string]any
}

var address = &shape{kind: isAddress}

// fit is the value without the keys that nobody knows, or the code of what is wrong with it.
func (s *shape) fit(value any) (any, string) {
	fits := false
	switch value := value.(type) {
	case string:
		if s.kind == isAddress {
			canonical, err := Canonical(value)
			if err != nil {
				return nil, "invalid_address"
			}
			return canonical, ""
		}
		fits = s.kind == text && (s.pattern == nil || s.pattern.MatchString(value)) &&
			(s.values == nil || slices.Contains(s.values, value))
	case int64:
		fits = s.kind == integer && value >= s.min && value <= s.max
	case bool:
		fits = s.kind == boolean
	case []any:
		if s.kind == list {
			return s.fitList(value)
		}
	case map[string]any:
		if s.kind == object {
			return s.fitObject(value)
		}
	}
	if !fits {
		return nil, "invalid_message"
	}
	return value, ""
}

func (s *shape) fitList(value []any) (any, string) {
	seen := map[any]bool{}
	for _, each := range value {
		if _, code := s.items.fit(each); code != "" {
			return nil, code
		}
		if s.distinct {
			seen[each] = true
		}
	}
	if s.distinct && (len(seen) < len(value) || len(value) > s.most) {
		return nil, "invalid_message"
	}
	return value, ""
}

func (s *shape) fitObject(value map[string]any) (any, string) {
	for _, key := range s.required {
		if _, ok := value[key]; !ok {
			return nil, "invalid_message"
		}
	}
	known := map[string]any{}
	for key, absent := range s.absent {
		known[key] = absent
	}
	for key, each := range value {
		of := s.each
		if s.fields != nil {
			of = s.fields[key]
		}
		if of == nil {
			if s.fields == nil {
				known[key] = each
			}
			continue
		}
		fitted, code := of.fit(each)
		if code != "" {
			return nil, code
		}
		known[key] = fitted
	}
	return known, ""
}
