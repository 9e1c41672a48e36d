package openapi

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// operationID returns an id for an operation that no other one has. It is made of the name of the route, where the configuration gives
// one, or else of the names of the service and the method. Where another operation has that id, the names of the variables in the
// path follow, and then a number.
func (b *builder) operationID(r contract.Route, method string) string {
	id := ""
	if r.Name != r.Path {
		id = identifier(r.Name)
	}
	if id == "" {
		id = string(r.Method.Parent().Name()) + "_" + string(r.Method.Name())
	}
	if method == http.MethodPost && len(r.Methods) > 1 {
		id += "_post"
	}
	if b.ids[id] {
		for _, w := range parseTemplate(r.Path).wildcards {
			id += "_" + strings.NewReplacer(".", "_", "-", "_").Replace(w.name)
		}
	}
	unique := id
	for n := 2; b.ids[unique]; n++ {
		unique = id + "_" + strconv.Itoa(n)
	}
	b.ids[unique] = true
	return unique
}

// identifier returns the words of a name as one identifier: "quotesOfASymbol" for "quotes of a symbol". It returns "" for a name
// without ASCII letters.
func identifier(name string) string {
	var out strings.Builder
	for i, word := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		word = strings.Map(func(r rune) rune {
			if isLetter(r) || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, word)
		if word == "" || out.Len() == 0 && word[0] <= '9' {
			continue
		}
		if i > 0 && out.Len() > 0 {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		out.WriteString(word)
	}
	return out.String()
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
