package cmd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
)

// asCommand makes the test binary tapctl itself, for shells to call.
const asCommand = "TAPCTL_TEST_AS"

func TestMain(m *testing.M) {
	if name := os.Getenv(asCommand); name != "" {
		app := cmd.App{Name: name, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv}
		os.Exit(app.Run(context.Background(), os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// complete has bash complete a line with the script, as the package bash-completion would prepare it.
func (d *desk) complete(name, line string) []string {
	d.t.Helper()
	bash, err := exec.LookPath("bash")
	require.NoError(d.t, err)
	self, err := os.Executable()
	require.NoError(d.t, err)
	dir := d.t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=%s exec %q \"$@\"\n", asCommand, name, self)
	require.NoError(d.t, os.WriteFile(filepath.Join(dir, name), []byte(wrapper), 0o755))
	d.app.Name = name
	script := d.must("completion bash")
	d.app.Name = "tapctl"
	require.NoError(d.t, os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o644))
	shell := exec.CommandContext(d.t.Context(), bash, "--norc", "-c", `
_init_completion() {
	words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	cur=${words[cword]} prev=${words[cword-1]}
}
compopt() { :; }
complete_line() { # as bash does when Tab is pressed at the end of a line
	COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
	read -ra COMP_WORDS <<<"$1"
	[[ $1 == *" " ]] && COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]}-1))
	"$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \([^ ]*\).*/\1/')"
	printf '%s\n' "${COMPREPLY[@]}"
}
source ./script
complete_line "$1"`, "bash", line)
	shell.Dir = dir
	shell.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "TAPLINE_SERVER=" + d.env["TAPLINE_SERVER"], "TAPLINE_TOKEN=" + d.env["TAPLINE_TOKEN"]}
	out, err := shell.CombinedOutput()
	require.NoError(d.t, err, "%s", out)
	var words []string
	for _, w := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		w, _, _ = strings.Cut(w, "  ") // its description
		words = append(words, strings.TrimSpace(w))
	}
	return words
}

func TestCompletionInBash(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	d.must("guest-create --nic mac=52:54:00:00:00:77 --id vm77", "vm 77")
	for line, want := range map[string][]string{
		"tapctl tap-service-en":                          {"tap-service-enable"},
		"tapctl tap-flow-show ":                          {"net0-100", "web"},
		"tapctl tap-flow-show w":                         {"web"},
		"tapctl tap-flow-show flow-5":                    {"flow-5"},
		"tapctl tap-flow-show web ":                      {""},
		"tapctl tap-flow-delete web ":                    {"net0-100"},
		"tapctl tap-flow-create --tap-id ":               {"ids", "probe"},
		"tapctl tap-flow-create --direction I":           {"IN"},
		"tapctl tap-flow-create --type vnic --guest-id ": {"vm1", "vm77"},
		"tapctl tap-service-create --type ":              {"guest", "host"},
		"tapctl topology -o ":                            {"tree", "dot", "mermaid", "json", "yaml"},
		"tapctl wait tap-f":                              {"tap-flow/"},
		"tapctl wait tap-flow/n":                         {"tap-flow/net0-100"},
		"tapctl wait host h":                             {"h1", "h2"},
		"climc tap-service-disable pr":                   {"probe"},
	} {
		t.Run(line, func(t *testing.T) {
			name, _, _ := strings.Cut(line, " ")
			got := (&desk{t: t, engine: d.engine, app: d.app, env: d.env}).complete(name, line)
			require.ElementsMatch(t, want, got)
		})
	}
	t.Run("no controller", func(t *testing.T) {
		away := &desk{t: t, engine: d.engine, app: d.app, env: map[string]string{"TAPLINE_SERVER": "127.0.0.1:1", "TAPLINE_TOKEN": "x"}}
		require.Equal(t, []string{""}, away.complete("tapctl", "tapctl tap-flow-show "))
	})
}

func TestCompletionScripts(t *testing.T) {
	d := newDesk(t)
	require.Contains(t, d.must("completion zsh"), "#compdef tapctl")
	require.Contains(t, d.must("completion fish"), "complete -c tapctl")
	require.Contains(t, d.fails(cmd.ExitUsage, "completion tcsh"), "want bash, zsh or fish")
	for _, shell := range []string{"zsh", "fish"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed: its script is not read", shell)
			continue
		}
		check := exec.CommandContext(t.Context(), path, "-n", "/dev/stdin")
		check.Stdin = strings.NewReader(d.must("completion " + shell))
		out, err := check.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}
