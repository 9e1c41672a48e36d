package release

import (
	"fmt"
	"strings"
)

// Notes returns the changelog's section of a version, without its heading. The heading is "## [1.2.3] - date", or
// "## [Unreleased]" for the version "Unreleased".
func Notes(changelog, version string) (string, error) {
	heading := "## [" + strings.TrimPrefix(version, "v") + "]"
	var section []string
	inside := false
	for _, line := range strings.Split(changelog, "\n") {
		switch {
		case line == heading || strings.HasPrefix(line, heading+" - "):
			inside = true
		case strings.HasPrefix(line, "## "):
			inside = false
		case strings.HasPrefix(line, "[") && strings.Contains(line, "]: http"): // links at the end of the page
			inside = false
		case inside:
			section = append(section, line)
		}
	}
	text := strings.TrimSpace(strings.Join(section, "\n"))
	if text == "" {
		return "", fmt.Errorf("CHANGELOG.md has no section %q, or an empty one: rename [Unreleased] before the release", heading)
	}
	return text + "\n", nil
}
