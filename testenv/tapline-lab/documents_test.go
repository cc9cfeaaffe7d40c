//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// root is the top folder of the project.
const root = "../.."

// documentTime bounds how long a document's commands may take; buildTime, the programs.
const (
	documentTime = 5 * time.Minute
	buildTime    = 15 * time.Minute
)

// TestReadmeWalk types the walk through the lab as README has it, line by line, in one shell.
func TestReadmeWalk(t *testing.T) {
	lab.Require(t)
	out := typed(t, "README.md", "walk", nil)

	for _, want := range []string{
		"g4 ",                       // guest-list shows what was learned.
		"ICMP echo reply",           // The copies are there.
		"tap flow web is READY",     // It has followed the guest.
		"host h2, bridge br0, port", // to the other host.
		"select_src_port",           // ovs-vsctl has talked to the switch of the host.
		"disabled",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the walk's output lacks %q:\n%s", want, out)
		}
	}
}

// TestDocumentedRequests types the curl lines of the API page on the controller's machine of a lab.
func TestDocumentedRequests(t *testing.T) {
	lab.Require(t)
	lab.SkipWithout(t, "the requests need", missingPrograms("curl"))
	before := []string{"make build", "bin/tapline-lab up --hosts 1", "bin/tapline-lab serve"}
	out := typed(t, "api/docs/api.md", "requests", func(lines string) string {
		path := filepath.Join(t.TempDir(), "requests.sh")
		if err := os.WriteFile(path, []byte(shellHead+lines), 0o600); err != nil {
			t.Fatal(err)
		}
		return strings.Join(before, "\n") + "\nbin/tapline-lab exec controller -- bash " + path +
			"\n"
	})

	for _, want := range []string{`"status":"ready"`, `"name":"web"`, `"direction":"IN"`,
		`"checks"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %s:\n%s", want, out)
		}
	}
}

// shellHead makes the shell show each line that it executes, and end at the first that fails.
const shellHead = "set -eux\n"

// typed executes the marked blocks of a document in a lab of their own, in the project's top
// folder. change is what becomes of the lines before; nil leaves them as they are.
func typed(t *testing.T, document, mark string, change func(string) string) string {
	t.Helper()
	lab.SkipWithout(t, "the document needs", missingPrograms("bash", "make", "tcpdump", "ping"))
	lines := marked(t, document, mark)
	if change != nil {
		lines = change(lines)
	}

	random := make([]byte, 4)
	rand.Read(random) // never fails
	name := "d" + hex.EncodeToString(random)
	t.Cleanup(func() {
		if err := lab.Purge("", name); err != nil {
			t.Error(err)
		}
	})

	// The document builds too. That it finds everything built keeps a busy machine out of the test.
	build, cancel := context.WithTimeout(t.Context(), buildTime)
	defer cancel()
	if out, err := exec.CommandContext(build, "make", "-C", root,
		"build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}

	ctx, cancel := context.WithTimeout(t.Context(), documentTime)
	defer cancel()
	script := filepath.Join(t.TempDir(), "typed.sh")
	if err := os.WriteFile(script, []byte(shellHead+lines), 0o600); err != nil {
		t.Fatal(err)
	}

	shell := exec.CommandContext(ctx, "bash", script)
	shell.Dir = root
	shell.Env = append(os.Environ(), "TAPLINE_LAB="+name)
	shell.WaitDelay = 10 * time.Second // for what the lines leave in the background
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%s, as typed: %v\n%s", document, err, out)
	}

	return string(out)
}

// block is a fenced block, with the comment before it if there is one.
var block = regexp.MustCompile("(?s)(?:<!-- ([a-z]+) -->\n)?```[a-z]*\n(.*?)```\n")

// marked is the text of a document's blocks that a comment marks.
func marked(t *testing.T, document, mark string) string {
	t.Helper()
	var all strings.Builder
	for _, found := range block.FindAllStringSubmatch(read(t, document), -1) {
		if found[1] == mark {
			all.WriteString(found[2])
		}
	}

	if all.Len() == 0 {
		t.Fatalf("%s has no block that is marked %q", document, mark)
	}

	return all.String()
}

func read(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func missingPrograms(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	})
}

// documents are the pages whose commands are held against tapctl.
func documents(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "api/docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("pages of api/docs: %v, %v", pages, err)
	}
	for i, page := range pages {
		pages[i] = strings.TrimPrefix(page, root+"/")
	}
	return append(pages, "README.md")
}

// TestDocumentedCommands finds verbs and flags of tapctl in the documents that tapctl does not
// have.
func TestDocumentedCommands(t *testing.T) {
	tapctl := filepath.Join(t.TempDir(), "tapctl")
	if out, err := exec.Command("go", "build", "-o", tapctl,
		root+"/api/tapctl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	help := map[string]string{} // verb -> its help
	commands := 0
	for _, document := range documents(t) {
		for _, found := range block.FindAllStringSubmatch(read(t, document), -1) {
			for line := range strings.Lines(found[2]) {
				line, _, _ = strings.Cut(line, " # ")
				for verb, flags := range verbs(line) {
					commands++
					if _, ok := help[verb]; !ok {
						out, err := exec.Command(tapctl, verb, "--help").CombinedOutput()
						if err != nil {
							t.Fatalf("tapctl %s --help: %v\n%s", verb, err, out)
						}
						help[verb] = string(out)
					}

					if !strings.Contains(help[verb], "tapctl "+verb) {
						t.Errorf("%s: tapctl has no verb %s: %s", document, verb, line)
					}

					for _, flag := range flags {
						if !regexp.MustCompile(`(?m)^\s+(-\w, )?` + flag +
							`\b`).MatchString(help[verb]) {
							t.Errorf("%s: tapctl %s has no flag %s: %s", document, verb, flag, line)
						}
					}
				}
			}
		}
	}

	if commands < 30 {
		t.Errorf("only %d commands were found in the documents", commands)
	}
}

// TestArchitecturePaths finds paths of the sources in ARCHITECTURE that do not exist.
func TestArchitecturePaths(t *testing.T) {
	quoted := regexp.MustCompile(
		"`((?:api|controller|openflow|ovsdb|plugin|testenv)(?:/[a-z0-9_.-]+)+)`")
	found := quoted.FindAllStringSubmatch(read(t, "ARCHITECTURE.md"), -1)
	for _, match := range found {
		if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
			t.Errorf("ARCHITECTURE.md names %s: %v", match[1], err)
		}
	}

	if len(found) < 20 {
		t.Errorf("only %d paths were found", len(found))
	}
}

// TestNamedTestsExist finds tests that the security page names and that do not exist.
func TestNamedTestsExist(t *testing.T) {
	named := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`").FindAllStringSubmatch(
		read(t, "api/docs/security.md"), -1)
	if len(named) < 10 {
		t.Fatalf("only %d tests are named", len(named))
	}

	var sources strings.Builder
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	for _, match := range named {
		if !strings.Contains(sources.String(), "\nfunc "+match[1]+"(") {
			t.Errorf("the security page names %s, and there is no such test", match[1])
		}
	}
}

var (
	command  = regexp.MustCompile(`\btapctl ([a-z-]+)([^|;]*)`)
	flagWord = regexp.MustCompile(`--[a-z-]+`)
)

// verbs finds tapctl's verbs in a line, with their flags.
func verbs(line string) map[string][]string {
	found := map[string][]string{}
	for _, match := range command.FindAllStringSubmatch(line, -1) {
		verb, rest := match[1], match[2]
		if verb == "plan" {
			rest = "" // What is planned has a verb and flags of its own.
		}
		found[verb] = append(found[verb], flagWord.FindAllString(rest, -1)...)
	}
	return found
}
