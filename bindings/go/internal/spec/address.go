package spec

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
)

var (
	slashes  = regexp.MustCompile(`/(\.?(/|$))+`)
	upwards  = regexp.MustCompile(`(^|/)\.\.(/|$)`)
	allPorts = regexp.MustCompile(`^[0-9]+$`)
)

// Address is an address in its canonical text.
type Address string

// UnmarshalJSON reads any spelling.
func (a *Address) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*string)(a)); err != nil {
		return err
	}
	canonical, err := Canonical(string(*a))
	*a = canonical
	return err
}

// Canonical is the canonical text of an address (SS-ADDR-2), or a Fault with invalid_address.
func Canonical(text string) (Address, error) {
	fault := Errorf("invalid_address", "`%.200s` is no address", text)
	if !addressPattern.MatchString(text) {
		return "", fault
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		path = strings.TrimRight(slashes.ReplaceAllString(path, "/"), "/")
		if path == "" || len(path) > 107 || strings.Contains(path, "\x00") || upwards.MatchString(path) {
			return "", fault
		}
		return Address("unix:" + path), nil
	}
	if before, rest, ok := strings.Cut(text, "["); ok {
		host, port, _ := strings.Cut(rest, "]")
		ip, err := netip.ParseAddr(host)
		if err != nil || !ip.Is6() {
			return "", fault
		}
		return Address(before + "[" + ip.String() + "]" + port), nil
	}
	if allPorts.MatchString(text) {
		return Address(":" + text), nil
	}
	return Address(text), nil
}
