package config

import "regexp"

const (
	documentPathText    = "a path such as /openapi.json, or `off`"
	documentPathPattern = `^(/\.?[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`
)

// documentPath is the format of the path of a document and `off`, which is "".
func (d *decoder) documentPath() format[string] {
	fits := regexp.MustCompile(documentPathPattern).MatchString
	return format[string]{
		form: anyOf(stringMatching(documentPathPattern), wordForm(off)),
		read: func(n *node) (string, bool) {
			if isWord(n, off) {
				return "", true
			}
			if !d.isScalar(n, documentPathText) {
				return "", false
			}
			path := n.text()
			if !fits(path) {
				d.expected(n, documentPathText, documentPathHint(path, fits))
				return "", false
			}
			return path, true
		},
		write: func(path string) *node {
			if path == "" {
				return textNode(off)
			}
			return textNode(path)
		},
	}
}

// documentPathHint returns a hint for text that is no path.
func documentPathHint(text string, fits func(string) bool) string {
	switch {
	case text == "true":
		return "did you mean `/openapi.json`?"
	case fits("/" + text):
		return "did you mean `/" + text + "`?"
	}
	return wordHint(text, off)
}

// checkDocumentPath warns of a document at the path of a route, since the requests for that path get the stream.
func (s *sections) checkDocumentPath(server *Server) {
	n := s.root.child("server").child("openapi")
	for _, r := range s.allRoutes {
		if r.Path == server.OpenAPI && n != nil {
			s.warn(n, "choose another path for the document",
				"the document is not served: the route at %v has the path %s too", r.node.child("path").pos, n.shown())
			return
		}
	}
}
