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

// fieldHint says which field may be meant by a name that no field has: the nearest, or all that there are.
func fieldHint(name string, have []string) string {
	if near := spelling.Nearest(name, have); near != "" {
		return didYouMean(near)
	}
	if len(have) == 0 {
		return ""
	}
	return "there are: " + ListNames(have)
}

// ListNames returns names with commas between them, and the first few where there are many.
func ListNames(names []string) string {
	if len(names) <= shownNames {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:shownNames], ", ") + ", …"
}

// ServiceHint says which method may be meant by one of an unknown service: that of the service with the same last name, or
// of the one whose name is nearest.
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
