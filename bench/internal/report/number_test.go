package report

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 0.1234: "0.12", 1: "1.00", 9.87654: "9.88", 12.345: "12.3", 123.456: "123", 999.9: "1,000",
		1234: "1,230", 12345: "12,300", 1234567: "1,230,000",
	} {
		assert.Equal(t, want, number(f))
	}
}

func TestMedian(t *testing.T) {
	for want, all := range map[float64][]float64{1: {1}, 2: {3, 1, 2}, 2.5: {4, 1, 2, 3}} {
		got, ok := median(all)
		assert.True(t, ok)
		assert.InDelta(t, want, got, 0)
	}
	_, ok := median(nil)
	assert.False(t, ok)
}
