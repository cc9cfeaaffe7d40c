//go:build linux

package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of reason codes into its page")

// codesPage has the table of reason codes between two marks.
const codesPage = "api/docs/statuses.md"

// TestReasonCodes holds the documented table of reason codes against the constants of the source.
func TestReasonCodes(t *testing.T) {
	page := read(t, codesPage)
	before, rest, found := strings.Cut(page, "<!-- codes -->\n")
	if !found {
		t.Fatalf("%s has no mark for the codes", codesPage)
	}
	_, after, found := strings.Cut(rest, "<!-- /codes -->\n")
	if !found {
		t.Fatalf("%s has no mark for the end of the codes", codesPage)
	}

	want := before + "<!-- codes -->\n" + codesTable(t) + "<!-- /codes -->\n" + after
	if *update {
		if err := os.WriteFile(filepath.Join(root, codesPage), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Errorf("the codes in %s are not those of the source: run\n"+
			"go test ./testenv/tapline-lab -run TestReasonCodes -update", codesPage)
	}
}

// code is a reason code and the comment beside its constant.
type code struct{ name, comment string }

// codesTable is the table of all constants CodeX = "x" of the controller and the plugin.
func codesTable(t *testing.T) string {
	t.Helper()
	var all []code
	for _, top := range []string{"plugin", "controller"} {
		err := filepath.WalkDir(filepath.Join(root, top),
			func(path string, entry fs.DirEntry, err error) error {
				if err == nil && strings.HasSuffix(path, ".go") &&
					!strings.HasSuffix(path, "_test.go") {
					all = append(all, codesOf(t, path)...)
				}
				return err
			})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(a, b code) int { return cmp.Compare(a.name, b.name) })
	if len(all) < 20 {
		t.Fatalf("only %d codes were found", len(all))
	}

	var table strings.Builder
	table.WriteString("| Code | Means |\n|---|---|\n")
	for i, c := range all {
		if c.comment == "" {
			t.Errorf("code %s has no comment that says what it means", c.name)
		}
		// The planner and the engine may mean different things by one code.
		if i > 0 && all[i-1].name == c.name {
			fmt.Fprintf(&table, "; or %s", c.comment)
			continue
		}
		if i > 0 {
			table.WriteString(" |\n")
		}
		fmt.Fprintf(&table, "| `%s` | %s", c.name, c.comment)
	}
	table.WriteString(" |\n")
	return table.String()
}

// snakeCase is the form of a code.
var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// codesOf finds the codes of a file.
func codesOf(t *testing.T, path string) []code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var found []code
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			spec := spec.(*ast.ValueSpec)
			if len(spec.Names) != 1 || len(spec.Values) != 1 ||
				!strings.HasPrefix(spec.Names[0].Name, "Code") {
				continue
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			name, err := strconv.Unquote(literal.Value)
			if err != nil || !snakeCase.MatchString(name) {
				continue
			}
			found = append(found, code{name, meaning(spec, group)})
		}
	}
	return found
}

// meaning is the comment of a constant in one line: the one beside it, above it, or that of a
// declaration that has no other constant.
func meaning(spec *ast.ValueSpec, group *ast.GenDecl) string {
	text := spec.Comment.Text()
	if text == "" {
		text = spec.Doc.Text()
	}
	if text == "" && len(group.Specs) == 1 {
		text = group.Doc.Text()
	}
	text = strings.TrimPrefix(text, spec.Names[0].Name+" ")
	return strings.ReplaceAll(strings.TrimSuffix(strings.Join(strings.Fields(text), " "), "."), "|",
		`\|`)
}
