package route

import (
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/spelling"
)

// shownNames bounds how many names a hint lists.
const shownNames = 12

func didYouMean(near string) string {
	if near == "" {
		return ""
	}
	return "did you mean `" + near + "`?"
}

// fieldHint returns a hint for the name of a field that does not exist: the nearest name, or else all names.
func fieldHint(name string, have []string) string {
	if near := spelling.Nearest(name, have); near != "" {
		return didYouMean(near)
	}
	if len(have) == 0 {
		return ""
	}
	return "there are: " + ListNames(have)
}

// ListNames joins names with commas. Of many names it lists the first 12, and an ellipsis.
func ListNames(names []string) string {
	if len(names) <= shownNames {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:shownNames], ", ") + ", …"
}

// ServiceHint returns a hint for a route whose service does not exist: the service with the same last part of its name, or the
// service whose name is nearest, or else all services. have are the names of the services that exist.
func ServiceHint(r *config.Route, have []string) string {
	services := slices.Clone(have)
	slices.Sort(services)
	services = slices.Compact(services)
	last := func(name string) string { return name[strings.LastIndex(name, ".")+1:] }
	var same, lasts []string
	for _, name := range services {
		lasts = append(lasts, last(name))
		if strings.EqualFold(last(name), last(r.Service)) {
			same = append(same, name)
		}
	}
	switch near := spelling.Nearest(r.Service, services); {
	case len(same) == 1:
		return didYouMean(same[0] + "/" + r.Method)
	case near != "":
		return didYouMean(near + "/" + r.Method)
	case len(same) > 1:
		return "services of this name: " + ListNames(same)
	}
	if near := spelling.Nearest(last(r.Service), lasts); near != "" {
		return didYouMean(services[slices.Index(lasts, near)] + "/" + r.Method)
	}
	if len(services) == 0 {
		return ""
	}
	return "there are: " + ListNames(services)
}
