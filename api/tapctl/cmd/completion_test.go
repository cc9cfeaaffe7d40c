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

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

// asCommand makes the test binary tapctl itself, for shells to call.
const asCommand = "TAPCTL_TEST_AS"

func TestMain(m *testing.M) {
	if name := os.Getenv(asCommand); name != "" {
		os.Exit(cmd.Run(context.Background(), cli.World{
			Name: name, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv,
		}, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// completeLine loads the script "script" and completes $1, as bash does when Tab is pressed at the
// end of a line, with the functions of the package bash-completion that the script uses.
const completeLine = `
_init_completion() {
	words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	cur=${words[cword]} prev=${words[cword-1]}
}
compopt() { :; }
complete_line() {
	COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
	read -ra COMP_WORDS <<<"$1"
	[[ $1 == *" " ]] && COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]}-1))
	"$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \([^ ]*\).*/\1/')"
	printf '%s\n' "${COMPREPLY[@]}"
}
source ./script
complete_line "$1"`

// complete has bash complete a line, and returns the proposals without their descriptions.
func complete(t *testing.T, d *tapctltest.Desk, line string) []string {
	t.Helper()
	bash, err := exec.LookPath("bash")
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)

	name, _, _ := strings.Cut(line, " ")
	dir := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=%s exec %q \"$@\"\n", asCommand, name, self)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(wrapper), 0o755))

	d = d.With(t)
	d.World.Name = name
	script := d.Must("completion bash")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o644))

	shell := exec.CommandContext(t.Context(), bash, "--norc", "-c", completeLine, "bash", line)
	shell.Dir = dir
	shell.Env = []string{
		"PATH=" + dir + ":" + os.Getenv("PATH"),
		"TAPLINE_SERVER=" + d.Env["TAPLINE_SERVER"],
		"TAPLINE_TOKEN=" + d.Env["TAPLINE_TOKEN"],
		"TAPLINE_CONFIG=" + d.Env["TAPLINE_CONFIG"],
	}

	out, err := shell.CombinedOutput()
	require.NoError(t, err, "%s", out)

	var words []string
	for w := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		word, _, _ := strings.Cut(w, "  ")
		words = append(words, strings.TrimSpace(word))
	}

	return words
}

func TestCompletionInBash(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.Must("guest-create --nic mac=52:54:00:00:00:77 --id vm77", "vm 77")

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
		"tapctl topology -o ": {"tree", "dot", "mermaid", "json",
			"yaml"},
		"tapctl wait --for d":          {"disabled", "deleted"},
		"tapctl wait tap-f":            {"tap-flow/"},
		"tapctl wait tap-flow/n":       {"tap-flow/net0-100"},
		"tapctl wait host h":           {"h1", "h2"},
		"climc tap-service-disable pr": {"probe"},
	} {
		t.Run(line, func(t *testing.T) {
			require.ElementsMatch(t, want, complete(t, d, line))
		})
	}

	t.Run("contexts", func(t *testing.T) {
		d := d.With(t)
		file := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(file, []byte("contexts: {lab: {}, prod: {}}"), 0o600))
		d.Env = map[string]string{"TAPLINE_CONFIG": file}
		require.ElementsMatch(t, []string{"lab", "prod"}, complete(t, d, "tapctl config use "))
		require.Equal(t, []string{"prod"}, complete(t, d, "tapctl host-list --context p"))
	})

	t.Run("a controller that does not answer", func(t *testing.T) {
		away := d.With(t)
		away.Env = map[string]string{"TAPLINE_SERVER": "127.0.0.1:1", "TAPLINE_TOKEN": "x"}
		require.Equal(t, []string{""}, complete(t, away, "tapctl tap-flow-show "))
	})
}

func TestCompletionScripts(t *testing.T) {
	d := tapctltest.New(t)
	require.Contains(t, d.Must("completion zsh"), "#compdef tapctl")
	require.Contains(t, d.Must("completion fish"), "complete -c tapctl")
	require.Contains(t, d.Fails(cli.ExitUsage, "completion tcsh"), "want bash, zsh or fish")

	for _, shell := range []string{"zsh", "fish"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed: its script is not checked", shell)
			continue
		}
		check := exec.CommandContext(t.Context(), path, "-n", "/dev/stdin")
		check.Stdin = strings.NewReader(d.Must("completion " + shell))
		out, err := check.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// TestProposals asks for proposals as the scripts of all shells do: with the hidden verb
// __complete, whose last line is a number that says whether a blank or file names follow.
func TestProposals(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.Must("guest-create other --id vm-2 --nic mac=52:54:00:00:00:02")
	config := filepath.Join(t.TempDir(), "config.yaml")
	d.Env["TAPLINE_CONFIG"] = config
	d.Must("config set lab --server http://192.0.2.1")
	d.Must("config set prod --server http://192.0.2.2")

	for line, want := range map[string][]string{
		"tap-flow-show ":                       {"net0-100", "web"},
		"tap-flow-show w":                      {"web"},
		"tap-flow-show flow-5":                 {"flow-5"},
		"tap-flow-show web ":                   nil,
		"tap-flow-delete web ":                 {"net0-100"},
		"tap-service-enable ids ":              {"probe"},
		"host-delete ":                         {"h1", "h2"},
		"tap-flow-create --tap-id ":            {"ids", "probe"},
		"tap-flow-create --guest-id ":          {"vm1", "other"},
		"tap-flow-create --wire-id ":           {"net0"},
		"tap-flow-create --direction ":         {"IN", "OUT", "BOTH"},
		"tap-service-create --target-id ":      {"vm1", "other", "h1", "h2"},
		"tap-service-update x --accept-place ": {"h1", "h2"},
		"wait --for d":                         {"disabled", "deleted"},
		"wait tap-f":                           {"tap-flow/"},
		"wait tap-flow/":                       {"tap-flow/net0-100", "tap-flow/web"},
		"wait tap-flow/web tap-service/i":      {"tap-service/ids"},
		"watch host ":                          {"h1", "h2"},
		"topology ":                            {"h1", "h2"},
		"config use ":                          {"lab", "prod"},
		"host-list --context p":                {"prod"},
		"watch -o ":                            {"table", "json", "yaml"},
	} {
		words := strings.Fields(line)
		if strings.HasSuffix(line, " ") {
			words = append(words, "")
		}
		code, out, _ := d.Run("__complete", words...)
		require.Equal(t, cli.ExitDone, code, line)

		var got []string
		for text := range strings.Lines(out) {
			ref, _, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\t")
			isProposal := !strings.HasPrefix(ref, ":")
			if isProposal && strings.HasPrefix(ref, words[len(words)-1]) { // as shells filter
				got = append(got, ref)
			}
		}
		require.ElementsMatch(t, want, got, line)
	}
}
