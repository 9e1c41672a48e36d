package bridgetest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// match returns why data does not have what want says, or "". Each member of an object in want is in data, with a value that
// matches; data may have more members. Arrays have the same length. Other values are equal. Where want is no JSON, the texts are
// equal.
func match(want, data string) string {
	expected, err := parse(want)
	if err != nil {
		if want == data {
			return ""
		}
		return "the texts differ"
	}
	found, err := parse(data)
	if err != nil {
		return fmt.Sprintf("the data is no JSON: %v", err)
	}
	return differ("", expected, found)
}

// parse reads one JSON value, with its numbers as texts.
func parse(text string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

// differ returns the first difference, with its path.
func differ(path string, want, found any) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := found.(map[string]any)
		if !ok {
			break
		}
		for name, value := range want {
			member, has := object[name]
			if !has {
				return fmt.Sprintf("%s is missing", path+"."+name)
			}
			if why := differ(path+"."+name, value, member); why != "" {
				return why
			}
		}
		return ""
	case []any:
		array, ok := found.([]any)
		if !ok {
			break
		}
		if len(array) != len(want) {
			return fmt.Sprintf("%s has %d elements", at(path), len(array))
		}
		for i := range want {
			if why := differ(fmt.Sprintf("%s[%d]", path, i), want[i], array[i]); why != "" {
				return why
			}
		}
		return ""
	case json.Number:
		if number, ok := found.(json.Number); ok && sameNumber(want.String(), number.String()) {
			return ""
		}
	default:
		if want == found && !isComposite(found) {
			return ""
		}
	}
	text, _ := json.Marshal(found)
	return fmt.Sprintf("%s is %s", at(path), cut(string(text)))
}

// isComposite reports whether a value cannot be compared.
func isComposite(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// sameNumber compares integers digit by digit, and other numbers by their value.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(a+b, ".eE") {
		return false
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

// at names a place in the data.
func at(path string) string {
	if path == "" {
		return "the data"
	}
	return path
}
