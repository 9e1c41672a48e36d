package admin

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"
)

// shedWithin is the time over which the ends of shed streams are spread.
const shedWithin = time.Minute

// shed ends a share of the streams.
func (h *Handler) shed(w http.ResponseWriter, r *http.Request) {
	share, err := strconv.ParseFloat(r.URL.Query().Get("share"), 64)
	if err != nil || !(share > 0 && share <= 1) { // NaN is not over 0
		fail(w, http.StatusBadRequest, "share: expected a number over 0 and at most 1, as in /-/shed?share=0.2")
		return
	}
	n := h.Bridge.Shed(share, shedWithin)
	h.Log.Info("streams are shed", "share", share, "streams", n, "within", shedWithin)
	write(w, http.StatusOK, struct {
		Streams int    `json:"streams"`
		Within  string `json:"within"`
	}{n, shedWithin.String()})
}

// longestProfile bounds how long a profile is recorded.
const longestProfile = time.Minute

// addProfiles adds the pages of net/http/pprof.
func addProfiles(mux *http.ServeMux) {
	for path, page := range map[string]http.HandlerFunc{
		"/debug/pprof/":        pprof.Index,
		"/debug/pprof/cmdline": pprof.Cmdline,
		"/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol":  pprof.Symbol,
		"/debug/pprof/trace":   pprof.Trace,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if text := r.URL.Query().Get("seconds"); text != "" {
				seconds, err := strconv.ParseFloat(text, 64)
				if err != nil || !(seconds > 0 && seconds <= longestProfile.Seconds()) {
					fail(w, http.StatusBadRequest, "seconds: expected a number over 0 and at most "+
						strconv.Itoa(int(longestProfile.Seconds())))
					return
				}
			}
			page(w, r)
		})
	}
}
