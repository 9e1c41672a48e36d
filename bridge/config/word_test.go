package config_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// wordKeys returns the keys whose value may be a word: a file with %s in the place of the value, the word, and another value.
func wordKeys() map[string]struct{ file, word, value string } {
	const upstream = "upstreams: {a: {target: b, annotations: true}}\n"
	return map[string]struct{ file, word, value string }{
		"server.health":              {upstream + "server: {health: %s}\n", "off", `":8081"`},
		"server.admin":               {upstream + "server: {admin: %s}\n", "off", `{listen: "[::1]:9091"}`},
		"limits.streams":             {upstream + "server: {limits: {streams: %s}}\n", "auto", "1"},
		"limits.streams_per_client":  {upstream + "server: {limits: {streams_per_client: %s}}\n", "unlimited", "6"},
		"limits.streams_per_subject": {upstream + "server: {limits: {streams_per_subject: %s}}\n", "unlimited", "6"},
		"limits.opens_per_client":    {upstream + "server: {limits: {opens_per_client: %s}}\n", "unlimited", "5/s"},
		"upstream.limits.streams":    {"upstreams: {a: {target: b, annotations: true, limits: {streams: %s}}}\n", "unlimited", "5"},
		"keepalive.time":             {"upstreams: {a: {target: b, annotations: true, keepalive: {time: %s}}}\n", "off", "1m"},
		"request.timeout":            {upstream + "defaults: {request: {timeout: %s}}\n", "off", "1ms"},
		"max_age":                    {upstream + "defaults: {max_age: %s}\n", "off", "1h"},
		"share":                      {upstream + "defaults: {share: %s}\n", "off", "{late_join: all}"},
		"share.reopen_after":         {upstream + "defaults: {share: {late_join: all, reopen_after: %s}}\n", "off", "1h"},
		"share.catch_up":             {upstream + "defaults: {share: {late_join: all, catch_up: %s}}\n", "off", "1"},
		"reopen.max_attempts":        {upstream + "defaults: {reopen: {max_attempts: %s}}\n", "unlimited", "1"},
		"compression":                {upstream + "defaults: {compression: %s}\n", "off", "auto"},
		"auth":                       {upstream + "defaults: {auth: %s}\n", "off", ""},
		"route.limits.streams":       {upstream + "defaults: {limits: {streams: %s}}\n", "unlimited", "5"},
		"route limits per client":    {upstream + "defaults: {limits: {streams_per_client: %s}}\n", "unlimited", "5"},
	}
}

func TestWords(t *testing.T) {
	for name, tt := range wordKeys() {
		t.Run(name, func(t *testing.T) {
			good := []string{tt.word, `"` + tt.word + `"`, "'" + tt.word + "'", `"${env.WORD}"`, `"${env.UNSET:-` + tt.word + `}"`, tt.value}
			if tt.word == "off" {
				good = append(good, "false", `"false"`)
			}
			env := config.WithEnv(func(name string) (string, bool) { return tt.word, name == "WORD" })
			for _, value := range good {
				_, err := config.Parse("a.yaml", fmt.Appendf(nil, tt.file, value), env)
				require.NoError(t, err, value)
			}
			for _, value := range []string{"0", "0s", "-0", "0ms", "Off", "no", "No", "none", "never", "infinite", `""`, "-1"} {
				_, err := config.Parse("a.yaml", fmt.Appendf(nil, tt.file, value), env)
				var problems config.Problems
				require.ErrorAs(t, err, &problems, value)
				require.Len(t, problems, 1, value)
				if name == "share" && value == "none" {
					continue // `none` is also a mode of `late_join`, and gets another hint
				}
				assert.Equal(t, "did you mean `"+tt.word+"`?", problems[0].Hint, value)
				assert.Contains(t, problems[0].Message, "`"+tt.word+"`", value)
				assert.NotZero(t, problems[0].Line, value)
			}
		})
	}
}
