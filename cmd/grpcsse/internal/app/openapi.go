package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
)

// openapiCommand is `grpcsse openapi`: an OpenAPI document of the routes, on standard output.
type openapiCommand struct {
	derived

	Target string   `enum:"3.1,3.2" default:"3.1" placeholder:"VERSION" help:"The version of OpenAPI: 3.1 (the default), which generators of clients read, or 3.2, which describes each event by its name."`
	Title  string   `placeholder:"TEXT" help:"The title of the API."`
	Server []string `placeholder:"URL" sep:"none" help:"The URL below which clients reach the routes, such as https://app.example.com. May be given several times."`
}

// Run implements the command.
func (c *openapiCommand) Run(ctx context.Context, t *terminal) error {
	for _, server := range c.Server {
		if err := checkServer(server); err != nil {
			return err
		}
	}
	cfg, routes, err := c.routes(ctx, t, "document")
	if err != nil {
		return err
	}
	text, err := openapi.Document(openapi.API{
		Target: openapi.Target(c.Target), Title: c.Title, Servers: c.Server, Hosts: len(cfg.Server.Hosts) > 0, Routes: routes, Auth: &cfg.Auth,
	})
	if err != nil {
		return err
	}
	return c.deliver(t, product{name: "the document", text: text, routes: len(routes), isMade: openapi.IsMade})
}

// checkServer refuses a text that is not the URL of a site or of a part of it, and a URL with credentials.
func checkServer(text string) error {
	u, err := url.Parse(text)
	if err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		((u.Scheme == "http" || u.Scheme == "https") && u.Host != "" || u.Scheme == "" && u.Host == "" && strings.HasPrefix(text, "/")) {
		return nil
	}
	found := ""
	if err == nil && u.User == nil { // a URL with a password is not repeated
		found = fmt.Sprintf(", found %q", text)
	}
	return &usageError{err: errors.New("--server: expected a URL such as https://app.example.com, or a path such as /events" + found)}
}
