package app

import (
	"fmt"
	"strings"
)

// bashScript returns the script for bash. It works with bash 4.4 and later.
func bashScript(g grammar) string {
	var names, words, arguments, values strings.Builder
	var global []string
	seen := map[string]bool{}
	describe := func(flags []flagWord) (all []string) {
		for _, f := range flags {
			all = append(all, "--"+f.name)
			if key := f.name + f.short; f.takesValue && !seen[key] {
				seen[key] = true
				fmt.Fprintf(&values, "    %s) %s; return ;;\n", strings.Join(f.spellings(), "|"), bashValue(f.values, f.file))
			}
		}
		return all
	}
	global = describe(g.flags)
	for i, c := range g.commands {
		if i > 0 {
			names.WriteByte(' ')
		}
		names.WriteString(c.name)
		fmt.Fprintf(&words, "    %s) words=%s ;;\n", c.name, shellWord(strings.Join(append(describe(c.flags), global...), " ")))
		if c.values != nil || c.file {
			fmt.Fprintf(&arguments, "    %s) %s ;;\n", c.name, bashValue(c.values, c.file))
		}
	}
	return strings.NewReplacer(
		"PROGRAM", programName, "NAMES", names.String(), "GLOBAL", strings.Join(global, " "), "CASES", strings.ReplaceAll(names.String(), " ", "|"),
		"    VALUES\n", values.String(), "    WORDS\n", words.String(), "    ARGUMENTS\n", arguments.String(),
	).Replace(`# Completion for bash: source <(PROGRAM completion bash)
_PROGRAM() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      CASES) command=${COMP_WORDS[i]}; break ;;
    esac
  done
  [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
  [[ $cur == = ]] && cur=
  COMPREPLY=()
  case $prev in
    VALUES
  esac
  if [[ $cur != -* && -n $command ]]; then
    case $command in
    ARGUMENTS
    esac
    return
  fi
  case $command in
    '') words='NAMES GLOBAL' ;;
    WORDS
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _PROGRAM PROGRAM
`)
}

// bashValue returns the command that completes a value.
func bashValue(values []string, file bool) string {
	switch {
	case values != nil:
		return "COMPREPLY=($(compgen -W '" + strings.Join(values, " ") + `' -- "$cur"))`
	case file:
		return "compopt -o default" // bash completes and quotes names of files itself
	}
	return ":"
}

// zshScript returns the script for zsh.
func zshScript(g grammar) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %[1]s\n# Completion for zsh: source <(%[1]s completion zsh), after compinit\n_%[1]s() {\n", programName)
	b.WriteString("  local context state line\n  typeset -A opt_args\n  _arguments -C")
	for _, f := range g.flags {
		b.WriteString(" \\\n    " + zshFlag(f))
	}
	b.WriteString(" \\\n    '1: :->command' '*:: :->argument'\n  case $state in\n  command)\n    local -a commands=(")
	for _, c := range g.commands {
		b.WriteString("\n      " + shellWord(c.name+":"+c.help))
	}
	b.WriteString("\n    )\n    _describe command commands ;;\n  argument)\n    case $words[1] in\n")
	for _, c := range g.commands {
		fmt.Fprintf(&b, "    %s) _arguments", c.name)
		for _, f := range append(c.flags[:len(c.flags):len(c.flags)], g.flags...) {
			b.WriteString(" \\\n      " + zshFlag(f))
		}
		switch {
		case c.values != nil:
			b.WriteString(" \\\n      '1: :(" + strings.Join(c.values, " ") + ")'")
		case c.file:
			b.WriteString(" \\\n      '1: :_files'")
		}
		b.WriteString(" ;;\n")
	}
	fmt.Fprintf(&b, "    esac ;;\n  esac\n}\nif [ \"$funcstack[1]\" = _%[1]s ]; then _%[1]s \"$@\"; else compdef _%[1]s %[1]s; fi\n", programName)
	return b.String()
}

// zshFlag returns the specifications of a flag for _arguments.
func zshFlag(f flagWord) string {
	help := strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(f.help)
	action := ""
	switch {
	case f.values != nil:
		action = ": :(" + strings.Join(f.values, " ") + ")"
	case f.file:
		action = ": :_files"
	case f.takesValue:
		action = ": : "
	}
	equals := ""
	if f.takesValue {
		equals = "="
	}
	spec := shellWord("*--" + f.name + equals + "[" + help + "]" + action)
	if f.short != "" {
		spec += " " + shellWord("*-"+f.short+"["+help+"]"+action)
	}
	return spec
}

// fishScript returns the script for fish.
func fishScript(g grammar) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Completion for fish: %[1]s completion fish | source\ncomplete -c %[1]s -f\n", programName)
	for _, f := range g.flags {
		b.WriteString(fishFlag("", f))
	}
	for _, c := range g.commands {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", programName, c.name, fishWord(c.help))
		within := "-n " + fishWord("__fish_seen_subcommand_from "+c.name)
		if c.values != nil {
			fmt.Fprintf(&b, "complete -c %s %s -a %s\n", programName, within, fishWord(strings.Join(c.values, " ")))
		}
		if c.file {
			fmt.Fprintf(&b, "complete -c %s %s -F\n", programName, within)
		}
		for _, f := range c.flags {
			b.WriteString(fishFlag(within, f))
		}
	}
	return b.String()
}

// fishFlag returns the line for a flag, under a condition.
func fishFlag(within string, f flagWord) string {
	words := []string{"complete -c " + programName}
	if within != "" {
		words = append(words, within)
	}
	words = append(words, "-l "+f.name)
	if f.short != "" {
		words = append(words, "-s "+f.short)
	}
	switch {
	case f.values != nil:
		words = append(words, "-x -a "+fishWord(strings.Join(f.values, " ")))
	case f.file:
		words = append(words, "-r -F")
	case f.takesValue:
		words = append(words, "-x")
	}
	return strings.Join(append(words, "-d "+fishWord(f.help)), " ") + "\n"
}

// fishWord quotes a word for fish, in whose quotes a backslash escapes.
func fishWord(word string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(word) + "'"
}
