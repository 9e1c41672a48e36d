// Command release builds the files of a release from the commit that is checked out: `make release`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/grpcsse/grpcsse/deploy/internal/build"
	"github.com/grpcsse/grpcsse/deploy/internal/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release: error:", err)
		os.Exit(1)
	}
}

// run builds what the command line says.
func run(ctx context.Context) error {
	root := flag.String("root", "..", "the clone of the repository")
	out := flag.String("out", "../dist", "the folder for the files, empty or not there yet")
	platforms := flag.String("platforms", "", "linux/amd64,darwin/arm64,…; all of a release by default")
	snapshot := flag.Bool("snapshot", false, "build a commit without a tag, and files that are not committed")
	flag.Parse()
	r := release.Release{Platforms: build.Platforms(), Snapshot: *snapshot}
	if *platforms != "" {
		r.Platforms = nil
		for _, name := range strings.Split(*platforms, ",") {
			p, err := build.ParsePlatform(name)
			if err != nil {
				return err
			}
			r.Platforms = append(r.Platforms, p)
		}
	}
	var err error
	if r.Root, err = filepath.Abs(*root); err != nil {
		return err
	}
	if r.Out, err = filepath.Abs(*out); err != nil {
		return err
	}
	version, err := r.Make(ctx)
	if err != nil {
		return err
	}
	fmt.Println("built", version, "in", r.Out)
	return nil
}
