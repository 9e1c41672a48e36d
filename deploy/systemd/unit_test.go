package systemd_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unit is a unit file: for each section the values of each key, in their order.
type unit map[string]map[string][]string

// one returns the value of a key that is there once.
func (u unit) one(t *testing.T, section, key string) string {
	t.Helper()
	require.Len(t, u[section][key], 1, "%s in [%s]", key, section)
	return u[section][key][0]
}

// knownKeys are the keys that our units may have, by section. systemd ignores a key that it does not know, with a warning in its
// log, so that a misspelt protection is no protection.
var knownKeys = map[string][]string{
	"Unit":   {"Description", "Documentation", "Wants", "After"},
	"Socket": {"ListenStream", "Backlog"},
	"Service": {
		"Type", "ExecStart", "ExecReload", "TimeoutStopSec", "Restart", "RestartSec", "RestartPreventExitStatus", "LimitNOFILE",
		"DynamicUser", "ConfigurationDirectory", "UMask", "NoNewPrivileges", "CapabilityBoundingSet", "ProtectSystem",
		"ProtectHome", "ProtectProc", "ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs",
		"ProtectKernelModules", "ProtectKernelTunables", "PrivateDevices", "PrivateTmp", "PrivateUsers", "RemoveIPC",
		"RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
		"MemoryDenyWriteExecute", "SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber",
	},
	"Install": {"WantedBy"},
}

// repeatable are the keys that may be there more than once.
var repeatable = []string{"SystemCallFilter"}

// parse reads a unit file. An error names the line.
func parse(text string) (unit, error) {
	u := unit{}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		key, value, isKey := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			if _, known := knownKeys[section]; !known || u[section] != nil {
				return nil, fmt.Errorf("line %d: [%s] is unknown, or there twice", i+1, section)
			}
			u[section] = map[string][]string{}
		case !isKey || section == "":
			return nil, fmt.Errorf("line %d: %q is neither a section nor a key in one", i+1, line)
		case !slices.Contains(knownKeys[section], key):
			return nil, fmt.Errorf("line %d: %s is no known key of [%s]", i+1, key, section)
		case u[section][key] != nil && !slices.Contains(repeatable, key):
			return nil, fmt.Errorf("line %d: %s is there twice", i+1, key)
		default:
			u[section][key] = append(u[section][key], value)
		}
	}
	return u, nil
}

// load reads one of our units.
func load(t *testing.T, name string) unit {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	u, err := parse(string(text))
	require.NoError(t, err, name)
	return u
}

func TestTheParserOfUnitsFindsMistakes(t *testing.T) {
	for name, text := range map[string]string{
		"a misspelt key":       "[Service]\nProtectSytem=strict\n",
		"a key elsewhere":      "[Unit]\nDynamicUser=yes\n",
		"a key in no section":  "Type=exec\n",
		"a key without value":  "[Service]\nDynamicUser\n",
		"the same key again":   "[Service]\nType=exec\nType=simple\n",
		"an unknown section":   "[Servcie]\nType=exec\n",
		"a section again":      "[Service]\nType=exec\n[Service]\n",
		"a comment at the end": "[Service] # main\nType=exec\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(text)
			require.Error(t, err)
		})
	}
}
