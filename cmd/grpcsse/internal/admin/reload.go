package admin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// Reloads says how the reloads of the configuration went until now.
type Reloads struct {
	Last *Reload // nil where there was none since the program has started
	// NeedRestart are the keys of the newest configuration whose value counts only after a restart.
	NeedRestart []string
}

// Reload is the result of one reload.
type Reload struct {
	At  time.Time // when it ended
	Err error     // nil where the configuration is served
}

// reloadRow is the newest reload, for /routes.
type reloadRow struct {
	At       time.Time `json:"at"`
	Accepted bool      `json:"accepted"`
	*rejection
}

// rejection says why a configuration is not served.
type rejection struct {
	Error    string        `json:"error"`
	Problems []*problemRow `json:"problems,omitempty"`
}

// newRejection describes the error of a reload. The texts quote the configuration, and have no value of the environment or of a file.
func newRejection(err error) *rejection {
	out := &rejection{Error: "the configuration stays as it was: " + err.Error()}
	if problems := (config.Problems)(nil); errors.As(err, &problems) {
		out.Error = "the configuration stays as it was: the new one has problems"
		for _, p := range problems {
			out.Problems = append(out.Problems, newProblem(p))
		}
	}
	return out
}

// mostProblems bounds how many problems of a reload are on a page that is read again and again. The log has all of them.
const mostProblems = 100

// newReload describes the newest reload. It returns nil where there was none.
func newReload(last *Reload) *reloadRow {
	if last == nil {
		return nil
	}
	row := &reloadRow{At: last.At.UTC(), Accepted: last.Err == nil}
	if last.Err == nil {
		return row
	}
	row.rejection = newRejection(last.Err)
	if n := len(row.Problems); n > mostProblems {
		row.Problems = row.Problems[:mostProblems:mostProblems]
		row.Error += ", of which " + strconv.Itoa(mostProblems) + " of " + strconv.Itoa(n) + " are shown here"
	}
	return row
}

// reload loads the configuration anew. After an error, the old one stays in force.
func (h *Handler) reload(w http.ResponseWriter, r *http.Request) {
	if h.Reload == nil {
		fail(w, http.StatusConflict, "there is no configuration file to load: the program was started without one")
		return
	}
	if err := h.Reload(r.Context()); err != nil {
		write(w, http.StatusUnprocessableEntity, newRejection(err))
		return
	}
	write(w, http.StatusOK, struct {
		Reloaded    bool     `json:"reloaded"`
		NeedRestart []string `json:"need_restart,omitempty"`
	}{true, h.Reloads().NeedRestart})
}
