package config

// merge lays a route over `defaults`. Mappings are merged key by key, and any other value of the route replaces that of
// `defaults`. Every value keeps its position in its file. Neither tree is changed.
func merge(defaults, route *node) *node {
	return mergeAt("", defaults, route)
}

func mergeAt(key string, below, above *node) *node {
	if below == nil || below.kind != mapping || above.kind != mapping || replacedWhole(key) {
		return above
	}
	merged := *above
	merged.children = make([]*node, 0, len(above.children)+len(below.children))
	fallback := make(map[string]*node, len(below.children))
	for _, c := range below.children {
		fallback[c.name] = c
	}
	for _, c := range above.children {
		merged.children = append(merged.children, mergeAt(joinPath(key, c.name), fallback[c.name], c))
		delete(fallback, c.name)
	}
	for _, c := range below.children {
		if _, left := fallback[c.name]; left {
			merged.children = append(merged.children, c)
		}
	}
	return &merged
}

// replacedWhole reports the mappings that are one value, and are not merged key by key.
func replacedWhole(key string) bool {
	return key == "event.name" || key == "share.late_join" || key == "auth"
}
