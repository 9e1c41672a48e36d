package bridge_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// A program checks its clients itself: by an API key, which may be revoked while a stream is live.
func ExampleWithAuthorizer() {
	users := map[string]string{"key-1": "alice"}
	check := func(key string) error {
		if users[key] == "" {
			return status.Error(codes.Unauthenticated, "the API key is unknown, or was revoked")
		}
		return nil
	}
	authorizer := bridge.AuthorizerFunc(func(_ context.Context, c bridge.Caller) (*bridge.Grant, error) {
		key := c.Request.Header.Get("X-Api-Key")
		if err := check(key); err != nil {
			return nil, err
		}
		return &bridge.Grant{
			Subject: users[key],
			Claims:  map[string]string{"user": users[key]},
			Recheck: func(context.Context) error { return check(key) }, RecheckEvery: 10 * time.Second,
		}, nil
	})

	greetings := config.NewRoute("/greetings")
	greetings.Request.Set = []config.Setting{{Field: "user", Value: config.Reference("claim.user")}}
	type request struct {
		User string `json:"user"`
	}
	greet := bridge.Func(func(_ context.Context, r request) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) { yield("hello "+r.User, nil) }
	})
	b, err := bridge.New(context.Background(), config.New(), bridge.WithAuthorizer(authorizer), bridge.WithRoute(greetings, greet))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = b.Close() }()
	server := httptest.NewServer(b)
	defer server.Close()
	for _, key := range []string{"key-1", "key-2"} {
		r, err := http.NewRequest(http.MethodGet, server.URL+"/greetings", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		r.Header.Set("Accept", "application/x-ndjson")
		r.Header.Set("X-Api-Key", key)
		resp, err := server.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode, strings.TrimSpace(string(body)))
	}
	// Output:
	// 200 "hello alice"
	// 401 {"code":16,"status":"UNAUTHENTICATED","message":"the API key is unknown, or was revoked","retry":false,"reason":"auth"}
}
