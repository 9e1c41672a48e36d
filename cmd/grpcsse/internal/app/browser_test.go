package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	activityv1 "github.com/grpcsse/grpcsse/gen/demo/activity/v1"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

// goneWithin is how soon the gRPC server must notice that a browser has left. It takes some milliseconds; a machine that is busy with
// other tests takes longer. A stream that the back/forward cache keeps would stay for minutes.
const goneWithin = 5 * time.Second

// witness sees at the gRPC server what happens to its streams.
type witness struct {
	stream grpc.ServerStreamingClient[activityv1.Activity]
}

func newWitness(t *testing.T, address string) *witness {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, connection.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	stream, err := activityv1.NewActivityServiceClient(connection).WatchActivity(ctx, &activityv1.WatchActivityRequest{})
	require.NoError(t, err)
	_, err = stream.Header() // from here on it watches
	require.NoError(t, err)
	return &witness{stream: stream}
}

// wait returns the next activity of the stream of quotes that is as wanted.
func (w *witness) wait(t *testing.T, wanted func(*activityv1.Activity) bool) *activityv1.Activity {
	t.Helper()
	for {
		activity, err := w.stream.Recv()
		require.NoError(t, err)
		if "/"+activity.GetRpc() == marketv1.MarketService_WatchQuotes_FullMethodName && wanted(activity) {
			return activity
		}
	}
}

func opened(a *activityv1.Activity) bool    { return a.GetOpened() != nil }
func cancelled(a *activityv1.Activity) bool { return a.GetCancelled() != nil }

func TestClosingTheTabCancelsTheStreamUpstream(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	w := newWitness(t, d.grpc)

	tab, closeTab := openTab(t, browser, d.page)
	defer closeTab()
	stream := w.wait(t, opened).GetStream()
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	eventually(t, tab, `document.querySelectorAll("#quotes tbody tr").length === 6`)
	eventually(t, tab, `Number(document.querySelector("#quotes .events").textContent) > 300`) // 288 come at once
	eventually(t, tab, `document.querySelector("#activity ol").textContent.includes("WatchQuotes")`)

	left := time.Now()
	closeTab()
	gone := w.wait(t, cancelled)
	took := time.Since(left)
	assert.Equal(t, stream, gone.GetStream())
	assert.Less(t, took, goneWithin)
	t.Logf("cancelled upstream %v after the tab was closed", took.Round(time.Millisecond))
}

func TestLeavingThePageCancelsTheStreamUpstream(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	w := newWitness(t, d.grpc)
	tab, closeTab := openTab(t, browser, d.page)
	defer closeTab()
	w.wait(t, opened)
	eventually(t, tab, `document.querySelectorAll("#quotes tbody tr").length === 6`)

	left := time.Now()
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(d.page+"demo.yaml")))
	w.wait(t, cancelled)
	assert.Less(t, time.Since(left), goneWithin, "the back/forward cache must not keep the stream")

	// A page that comes back from the cache opens its streams again. No load event says that it is there.
	_, err := chromedp.Run(tab, chromedp.Evaluate[bool](`setTimeout(() => history.back()) > 0`))
	require.NoError(t, err)
	w.wait(t, opened)
}

func TestThePageShowsEachStreamToItsEnd(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page)
	defer closeTab()
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	assertConnections(t, tab, 2)
	click(t, tab, "#job .toggle")
	click(t, tab, "#notifications .toggle")
	click(t, tab, "#count .toggle")
	eventually(t, tab, `document.querySelector("#count .number").textContent === "2"`)
	eventually(t, tab, `document.querySelectorAll("#notifications li").length > 0`)

	// Stop: the gRPC stream is cancelled, and the method's clean-up runs.
	click(t, tab, "#count .toggle")
	eventually(t, tab, `/cancelled \d+.ms after you pressed stop/.test(document.querySelector("#count .said").textContent)`)
	eventually(t, tab, `/stopped at \d+ of 100/.test(document.querySelector("#count .verdict").textContent)`)

	// Stop and start: the stream of quotes resumes where it was.
	click(t, tab, "#quotes .toggle")
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "stopped"`)
	click(t, tab, "#quotes .toggle")
	eventually(t, tab, `document.querySelector("#quotes .verdict").textContent.includes("nothing was lost")`)

	// An end with OK is final.
	eventually(t, tab, `document.querySelector("#job .state").dataset.state === "ended"`)
	eventually(t, tab, `document.querySelector("#job .percent").textContent === "100"`)
	assertConnections(t, tab, 3)
}

func TestACodeDecidesWhetherTheBrowserComesBack(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page)
	defer closeTab()
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	order := func(messages, code string) {
		_, err := chromedp.Run(tab, chromedp.Evaluate[bool](`(() => {
			const form = document.querySelector("#fault form");
			form.elements.messages.value = "`+messages+`";
			form.elements.code.value = "`+code+`";
			form.dispatchEvent(new Event("input"));
			return true;
		})()`))
		require.NoError(t, err)
		click(t, tab, "#fault .toggle")
	}

	order("1", "PERMISSION_DENIED")
	eventually(t, tab, `document.querySelector("#fault .state").dataset.state === "failed"`)
	eventually(t, tab, `document.querySelector("#fault .attempts").textContent.includes("PERMISSION_DENIED")`)

	order("0", "UNAVAILABLE")
	eventually(t, tab, `document.querySelector("#fault .state").dataset.state === "retrying"`)
	eventually(t, tab, `document.querySelectorAll("#fault .attempts li").length >= 2`)
	click(t, tab, "#fault .toggle")
	eventually(t, tab, `document.querySelector("#fault .state").dataset.state === "stopped"`)
}

// assertConnections checks how many connections the page says that it holds.
func assertConnections(t *testing.T, tab context.Context, wanted int) {
	t.Helper()
	found, err := chromedp.Run(tab, chromedp.Evaluate[int](`document.querySelectorAll("#budget .used").length`))
	require.NoError(t, err)
	assert.Equal(t, wanted, found)
}
