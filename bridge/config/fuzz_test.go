package config_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// For every file, Parse does not panic. It returns problems that all have a position, or a configuration whose routes are also
// valid in a Go program.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/problems/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal("no seeds: ", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse("absent/fuzz.yaml", data, config.WithEnv(testEnv))
		var problems config.Problems
		switch {
		case err == nil:
			if len(cfg.Upstreams) == 0 || cfg.Defaults == nil {
				t.Fatalf("accepted as complete: %+v", cfg)
			}
			problems = cfg.Warnings
			for _, r := range cfg.Routes {
				problems = append(problems, r.Problem("request.set.a[0]", "", ""), r.Problem("event.id", "", ""))
				for _, p := range r.Validate() {
					if !p.Warning {
						t.Fatalf("accepted: %v", p)
					}
				}
			}
		case !errors.As(err, &problems):
			t.Fatalf("no problems: %v", err)
		case len(problems) == 0:
			t.Fatal("refused for no reason")
		}
		for _, p := range problems {
			if p.File == "" || p.Line < 1 || p.Column < 1 {
				t.Fatalf("no position: %v", p)
			}
			p.Render(io.Discard)
		}
	})
}
