package memory

import (
	"errors"
	"log/slog"
	"math"
	"os"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare is the share of the memory limit that the Go runtime may use. The rest is for what the runtime does not count,
// such as the program itself and the buffers of its sockets.
const memoryShare = 0.9

// Limit has the garbage collector work harder before the control group of the process, which a container or a systemd
// unit is, runs out of memory and the kernel kills the process. The variable GOMEMLIMIT takes precedence. The limit is logged.
func Limit(log *slog.Logger) { limit(log, memlimit.FromCgroup) }

// limit does what Limit does, with the limit that group returns.
func limit(log *slog.Logger, group memlimit.Provider) {
	if _, given := os.LookupEnv("GOMEMLIMIT"); given {
		return
	}
	bytes, err := memlimit.Set(memlimit.WithProvider(group), memlimit.WithRatio(memoryShare))
	switch {
	case errors.Is(err, memlimit.ErrCgroupsNotSupported), errors.Is(err, memlimit.ErrNoCgroup):
	case err != nil:
		log.Warn("the memory limit of the control group cannot be read", "error", err, "hint", "set GOMEMLIMIT")
	case bytes != math.MaxInt64:
		log.Info("memory limit", "GOMEMLIMIT", bytes, "from", "control group")
	}
}
