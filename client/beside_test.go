package client_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/client"
)

func TestARouteMayHaveThePathOfTheScript(t *testing.T) {
	for name, tt := range map[string]struct {
		routes []string
		path   string
		served bool
	}{
		"the script":              {[]string{"/quotes"}, client.Path, true},
		"another path":            {[]string{"/quotes"}, "/quotes", false},
		"a path below":            {nil, client.Path + "/x", false},
		"a route has the path":    {[]string{"/quotes", client.Path}, client.Path, false},
		"a variable has the path": {[]string{"/{name}"}, client.Path, true},
	} {
		t.Run(name, func(t *testing.T) {
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
			w := httptest.NewRecorder()
			client.Beside(next, func(path string) bool { return slices.Contains(tt.routes, path) }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.path, nil))
			if tt.served {
				assert.Equal(t, http.StatusOK, w.Code)
				assert.Contains(t, w.Body.String(), "export{")
			} else {
				assert.Equal(t, http.StatusTeapot, w.Code)
			}
		})
	}
}
