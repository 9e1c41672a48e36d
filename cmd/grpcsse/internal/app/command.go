package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// ownCommand returns what a user types in a shell, in the current folder, to start this program again.
func ownCommand() string {
	executable, err := os.Executable()
	if err != nil {
		return programName
	}
	folder, _ := os.Getwd() // an empty folder holds no file
	info, _ := debug.ReadBuildInfo()
	return commandFor(executable, folder, info)
}

// commandFor returns how a program was started: by `go run`, by its name, or by its path. The program runs in folder, and was
// built as info says.
func commandFor(executable, folder string, info *debug.BuildInfo) string {
	if runByGo(executable) && info != nil {
		return "go run " + goRunTarget(folder, info)
	}
	if found, err := exec.LookPath(filepath.Base(executable)); err == nil && sameFile(found, executable) {
		return filepath.Base(executable)
	}
	if near, err := filepath.Rel(folder, executable); err == nil && filepath.IsLocal(near) {
		return shellWord("." + string(filepath.Separator) + near)
	}
	return shellWord(executable)
}

// runByGo reports whether the program was built by `go run`. That builds into a folder of its own and removes it afterwards.
func runByGo(executable string) bool {
	folder := filepath.Dir(executable)
	return filepath.Base(folder) == "exe" && strings.Contains(folder, string(filepath.Separator)+"go-build")
}

// goRunTarget returns the package for `go run`: its path where folder is in a clone, otherwise its name and version.
func goRunTarget(folder string, info *debug.BuildInfo) string {
	name := strings.TrimPrefix(info.Path, info.Main.Path+"/") // cmd/grpcsse
	for root := folder; ; root = filepath.Dir(root) {
		text, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+info.Main.Path+"\n") {
			if target, err := filepath.Rel(folder, filepath.Join(root, name)); err == nil {
				return relative(filepath.ToSlash(target))
			}
		}
		if root == filepath.Dir(root) {
			break
		}
	}
	version := info.Main.Version
	if !strings.HasPrefix(version, "v") {
		version = "latest"
	}
	return info.Path + "@" + version
}

// relative returns a path that cannot be taken for the name of a package.
func relative(path string) string {
	if path == "." || strings.HasPrefix(path, "..") {
		return path
	}
	return "./" + path
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// shellWord quotes a word for a shell if it needs to be quoted.
func shellWord(word string) string {
	if !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("/._-+:@%,=", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
