package app

import (
	_ "embed" // for demo.yaml
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	page "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demopage"
)

// demoYAML is the configuration of the demo. demoFile replaces its addresses by those of the running demo.
//
//go:embed demo.yaml
var demoYAML string

// demoFile returns the configuration of a demo that listens on address, with its gRPC server at upstream.
func demoFile(address, upstream string) []byte {
	return []byte(strings.NewReplacer(
		`listen: "127.0.0.1:8080"`, `listen: "`+address+`"`,
		`target: "127.0.0.1:50051"`, `target: "`+upstream+`"`,
	).Replace(demoYAML))
}

// demoStreams returns the routes for the page, each with its part of the file.
func demoStreams(cfg *config.Config, file []byte) map[string]page.Stream {
	excerpts := routeExcerpts(string(file))
	streams := make(map[string]page.Stream, len(cfg.Routes))
	for i, route := range cfg.Routes {
		stream := page.Stream{Name: route.Name, Path: route.Path, RPC: route.Service + "/" + route.Method}
		if i < len(excerpts) {
			stream.YAML = excerpts[i]
		}
		streams[route.Name] = stream
	}
	return streams
}

// routeExcerpts returns the entries of the file's list of routes, in its order, without their indentation.
func routeExcerpts(file string) []string {
	_, list, _ := strings.Cut(file, "\nroutes:\n")
	var excerpts []string
	for _, entry := range strings.Split("\n"+list, "\n  - ")[1:] {
		excerpts = append(excerpts, "- "+strings.ReplaceAll(strings.TrimSpace(entry), "\n  ", "\n"))
	}
	return excerpts
}
