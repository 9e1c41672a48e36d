package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]config.Rate{
		"100/s": config.PerSecond(100), "007/m": {Count: 7, Per: time.Minute}, "1/h": {Count: 1, Per: time.Hour},
		"999999999/s": config.PerSecond(999_999_999), "off": {}, "false": {},
	} {
		cfg, err := config.Parse("a.yaml", []byte(sampledOver(text)))
		require.NoError(t, err, text)
		assert.Equal(t, want, cfg.Server.AccessLog.SampleOver, text)
	}
	for text, hint := range map[string]string{
		"100": "`100/s`", "100/sec": "`100/s`", "100 / s": "`100/s`", "30/min": "`30/m`", "5/hour": "`5/h`", "0/s": "", "-1/s": "",
		"1000000000/s": "", "1.5/s": "", "/s": "", "s": "", "unlimited": "`off`", "0": "`off`", "100/d": "`100/s`",
	} {
		_, err := config.Parse("a.yaml", []byte(sampledOver(text)))
		var problems config.Problems
		require.ErrorAs(t, err, &problems, text)
		assert.Contains(t, problems[0].Message, "expected a rate such as 100/s, 30/m or 500/h, or `off`", text)
		assert.Contains(t, problems[0].Hint, hint, text)
	}
}

func sampledOver(rate string) string {
	return "{server: {access_log: {sample_over: \"" + rate + "\"}}, upstreams: {a: {target: b, annotations: true}}}"
}

func TestRatesAsText(t *testing.T) {
	for want, rate := range map[string]config.Rate{
		"100/s": config.PerSecond(100), "2/m": {Count: 2, Per: time.Minute}, "3/h": {Count: 3, Per: time.Hour}, "unlimited": {},
		"4/10s": {Count: 4, Per: 10 * time.Second},
	} {
		assert.Equal(t, want, rate.String())
	}
}
