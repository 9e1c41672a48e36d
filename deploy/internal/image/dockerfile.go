// Package image assembles the container image that a Dockerfile describes, without a container engine. It reads the instructions that
// our Dockerfile has, and refuses all others.
package image

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Stage is the last stage of a Dockerfile.
type Stage struct {
	Base       string // of FROM
	Copies     []Copy
	User       string
	Expose     []string // ports
	Entrypoint []string
	Command    []string
}

// Copy is a COPY --from of one file.
type Copy struct {
	From, Source, Target string
}

// Parse reads a Dockerfile, and returns its last stage. Stages before it may have any instruction.
func Parse(text string) (Stage, error) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	var stage *Stage
	var problem error
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		instruction, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		if instruction == "FROM" {
			stage, problem = &Stage{Base: strings.Fields(rest + " ")[0]}, nil
			continue
		}
		if stage == nil {
			return Stage{}, fmt.Errorf("line %d: %s comes before FROM", i+1, instruction)
		}
		if err := stage.take(instruction, rest); err != nil && problem == nil { // in a stage that is not the last it may be right
			problem = fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if stage == nil {
		return Stage{}, fmt.Errorf("there is no FROM")
	}
	return *stage, problem
}

// take adds an instruction to the stage.
func (s *Stage) take(instruction, rest string) (err error) {
	switch instruction {
	case "COPY":
		words := strings.Fields(rest)
		if len(words) != 3 || !strings.HasPrefix(words[0], "--from=") {
			return fmt.Errorf("expected COPY --from=STAGE SOURCE TARGET, found COPY %s", rest)
		}
		s.Copies = append(s.Copies, Copy{From: strings.TrimPrefix(words[0], "--from="), Source: words[1], Target: words[2]})
	case "USER":
		s.User = rest
	case "EXPOSE":
		s.Expose = append(s.Expose, strings.Fields(rest)...)
	case "ENTRYPOINT":
		s.Entrypoint, err = words(rest)
	case "CMD":
		s.Command, err = words(rest)
	default:
		return fmt.Errorf("the last stage has %s, which this reader does not know", instruction)
	}
	return err
}

// words reads the JSON form of ENTRYPOINT and CMD. The other form needs a shell, which the image does not have.
func words(text string) (list []string, err error) {
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("expected a JSON list of words, found %s", text)
	}
	return list, nil
}
