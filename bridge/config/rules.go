package config

// The rules of this file describe in JSON Schema what the keys of one section demand of each other. Each rule joins the
// description of its section, as [field.rule].

// yes describes the values that count as true.
func yes() map[string]any { return map[string]any{"enum": []any{true, "true"}} }

// isNot describes every value but those that a schema describes.
func isNot(schema map[string]any) map[string]any { return map[string]any{"not": schema} }

// leftOut describes a section that is empty, which counts as left out.
func leftOut() map[string]any { return map[string]any{"type": "null"} }

// together says that one of two keys needs the other one.
func together(one, other string) form {
	return func() map[string]any {
		return map[string]any{"dependencies": map[string]any{one: []string{other}, other: []string{one}}}
	}
}

// plaintextRule says that an authority is for upstreams without TLS.
func plaintextRule() map[string]any {
	return map[string]any{"dependencies": map[string]any{"authority": map[string]any{"properties": map[string]any{"tls": leftOut()}}}}
}

// schemaRule says that a schema has one source.
func schemaRule() map[string]any {
	no := map[string]any{"enum": []any{false, "false"}}
	return map[string]any{"anyOf": []map[string]any{
		{"properties": map[string]any{"reflection": isNot(no), "descriptor_set": false, "proto": leftOut()}},
		{"required": []string{"descriptor_set"}, "properties": map[string]any{"reflection": isNot(yes()), "proto": leftOut()}},
		{"required": []string{"proto"}, "properties": map[string]any{"reflection": isNot(yes()), "descriptor_set": false}},
	}}
}

// lateJoinRule says that a mode has one field, and that `keys` bounds the values of one mode.
func lateJoinRule() map[string]any {
	return map[string]any{"anyOf": []map[string]any{
		{"required": []string{string(LateJoinLatestBy)}, "properties": map[string]any{string(LateJoinSince): false}},
		{"required": []string{string(LateJoinSince)}, "properties": map[string]any{string(LateJoinLatestBy): false, "keys": false}},
	}}
}

// jwtRule says that the keys of an issuer have one source.
func jwtRule() map[string]any {
	return map[string]any{"anyOf": []map[string]any{
		{"required": []string{"issuer"}, "properties": map[string]any{"issuer": webURLForm(), "jwks_url": false, "jwks_file": false}},
		{"required": []string{"jwks_url"}, "properties": map[string]any{"jwks_file": false}},
		{"required": []string{"jwks_file"}, "properties": map[string]any{"jwks_url": false}},
	}}
}

// routeAuthRule says that one entry of `auth` decides about the callers of a route.
func routeAuthRule() map[string]any {
	return map[string]any{"anyOf": []map[string]any{
		{"required": []string{"jwt"}, "properties": map[string]any{"ask": false}},
		{"required": []string{"ask"}, "properties": map[string]any{"jwt": false}},
	}}
}

// corsRule says that any origin goes without credentials.
func corsRule() map[string]any {
	anyOrigin := map[string]any{"type": "array", "contains": map[string]any{"const": "*"}}
	return map[string]any{"anyOf": []map[string]any{
		{"properties": map[string]any{"origins": isNot(anyOrigin)}},
		{"properties": map[string]any{"credentials": isNot(yes())}},
	}}
}

// routeRule says what a route needs that `defaults` cannot give, and what its own keys demand of each other.
func routeRule() map[string]any {
	post := map[string]any{"type": "array", "contains": map[string]any{"const": "POST"}}
	mayPost := map[string]any{"contains": wordForm("POST")()}
	someBody := map[string]any{"type": "string", "pattern": "^[^$]+$"}
	cookie := map[string]any{"type": "array", "contains": map[string]any{"enum": []string{"set-cookie", "Set-Cookie"}}}
	return map[string]any{
		"required": []string{"path"},
		"allOf": []map[string]any{
			{ // a shared stream answers GET alone
				"if": map[string]any{"required": []string{"share"}, "properties": map[string]any{"share": map[string]any{"type": "object"}}},
				"then": map[string]any{"properties": map[string]any{
					"methods":  isNot(post),
					"metadata": map[string]any{"properties": map[string]any{"expose": isNot(cookie)}},
				}},
			},
			{ // only a POST has a body
				"if":   map[string]any{"required": []string{"body"}, "properties": map[string]any{"body": someBody}},
				"then": map[string]any{"properties": map[string]any{"methods": mayPost}},
			},
		},
	}
}

// natsRule says that the bridge has one way to say who it is.
func natsRule() map[string]any {
	return map[string]any{
		"dependencies": map[string]any{"user": []string{"password_file"}, "password_file": []string{"user"}},
		"not": map[string]any{"anyOf": []map[string]any{
			{"required": []string{"credentials_file", "nkey_file"}},
			{"required": []string{"credentials_file", "user"}},
			{"required": []string{"nkey_file", "user"}},
		}},
	}
}
