package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	LogFormat string `enum:"text,json" default:"text" placeholder:"FORMAT" help:"How the log is written: text (the default) or json."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" help:"The least level that is logged: debug, info (the default), warn or error."`

	Serve      serve          `cmd:"" help:"Serve the routes of a configuration file, or every method of one gRPC server."`
	Check      check          `cmd:"" help:"Check a configuration file, and its routes against the schemas of the gRPC servers."`
	Routes     routes         `cmd:"" help:"List what is served, and from where."`
	Schema     schema         `cmd:"" help:"Print the JSON Schema of a configuration file, with which editors complete keys and mark mistakes."`
	Demo       demo           `cmd:"" help:"Start a gRPC server, the bridge and a page that shows it, with nothing to install."`
	Init       initial        `cmd:"" help:"Write a first configuration file for a gRPC server, with a route for each server-streaming method."`
	Types      typesCommand   `cmd:"" help:"Write TypeScript types of all routes: their events, parameters and bodies."`
	OpenAPI    openapiCommand `cmd:"" name:"openapi" help:"Write an OpenAPI document of all routes, which generators of clients read."`
	Tail       tailCommand    `cmd:"" help:"Follow a stream of events as a browser does, and print the events."`
	Probe      probeCommand   `cmd:"" help:"Say what is right and wrong with a stream of events, of any server."`
	Completion completion     `cmd:"" help:"Print a script with which a shell completes commands, flags and values."`
	Version    version        `cmd:"" help:"Print the version."`
}

// terminal is where a command writes.
type terminal struct {
	stdout, stderr io.Writer
	log            *slog.Logger
	args           []string // the command line, without the name of the program
}

// say writes a line for people. An error of the write is ignored, because there is no other place to report it.
func (t *terminal) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.stderr, programName+": "+format+"\n", args...)
}

// Main runs the program until it is done or ctx ends, and returns the exit code. It writes only to stdout and stderr.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var parsed cli
	helped := false
	parser, err := kong.New(&parsed,
		kong.Name(programName),
		kong.Description("A gRPC-to-SSE bridge: server-streaming gRPC methods for a browser's EventSource."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil { // a mistake in the tags above
		return complain(stderr, err)
	}
	command, err := parser.Parse(args)
	switch {
	case helped:
		return codeOK
	case err != nil:
		return complain(stderr, usage(err))
	}
	logger, err := newLogger(stderr, parsed.LogFormat, parsed.LogLevel)
	if err != nil {
		return complain(stderr, usage(err))
	}
	command.Bind(parser)
	command.BindTo(ctx, (*context.Context)(nil))
	return complain(stderr, command.Run(&terminal{stdout: stdout, stderr: stderr, log: logger, args: args}))
}

// usage returns err as a mistake on the command line, with the help text that belongs to it.
func usage(err error) error {
	command := programName
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		selected := parse.Context.Selected()
		command += " " + selected.Name
		takes := slices.ContainsFunc(selected.Flags, func(f *kong.Flag) bool { return f.Name == "config" })
		if file, ok := strings.CutPrefix(err.Error(), "unexpected argument "); ok && takes && isConfigName(file) {
			return &usageError{err: err, hint: "did you mean --config " + file + "?"}
		}
	}
	return &usageError{err: err, hint: "see " + command + " --help"}
}

// isConfigName reports whether an argument looks like the name of a configuration file.
func isConfigName(text string) bool {
	return strings.HasSuffix(text, ".yaml") || strings.HasSuffix(text, ".yml")
}
