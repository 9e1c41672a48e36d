package app_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// press presses a button of the demo's page.
func (d *running) press(t *testing.T, client *http.Client, button string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.page+"backstage/"+button, http.NoBody)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNoContent, response.StatusCode)
}

func TestTheFiguresGoOnWhileTheServerIsDead(t *testing.T) {
	d := startDemo(t)
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	figures := bufio.NewScanner(d.open(t, client, "/crowd").Body)
	until := func(part string) {
		t.Helper()
		for figures.Scan() && !strings.Contains(figures.Text(), part) {
		}
		require.NoError(t, figures.Err())
		require.Contains(t, figures.Text(), part)
	}
	d.press(t, client, "crowd/start?browsers=20")
	until(`"current":20`)
	d.press(t, client, "upstream/kill")
	until(`"running":false`)
	d.press(t, client, "upstream/restart")
	until(`"running":true`)
	d.press(t, client, "crowd/stop")
	readUntil(t, figures, "event: grpc-status")
	until(`"status":"OK"`)
}

// Whatever the buttons have left behind, the program ends as it should.
func TestTheProgramEndsWithACrowdAndADeadServer(t *testing.T) {
	d := startDemo(t)
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	d.press(t, client, "crowd/start?browsers=20")
	figures := bufio.NewScanner(d.open(t, client, "/crowd").Body)
	readUntil(t, figures, "data: ")
	d.press(t, client, "upstream/kill")
	d.stop()
	<-d.ended
	assert.Zero(t, d.code)
}
