package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// axe is axe-core, seen from the folder of a package of testenv.
const axe = "../../api/web/node_modules/axe-core/axe.min.js"

// violation is what axe-core finds.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// CheckAccess has axe-core look at what is shown, and fails the test for each thing that it finds.
// make downloads axe-core; where it is missing, nothing is checked and the log says so.
func (b *Browser) CheckAccess(t testing.TB, what string) {
	t.Helper()
	script, err := os.ReadFile(axe)
	if err != nil {
		if Required() {
			t.Fatal(err)
		}
		t.Logf("%s was not checked by axe-core, which make check-page downloads: %v", what, err)
		return
	}

	var loaded bool
	b.Eval(t, `typeof axe === 'object'`, &loaded)
	if !loaded {
		b.Eval(t, string(script)+"\n;true", &loaded)
	}

	var found []violation
	b.Eval(t, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)`, &found)
	for _, v := range found {
		var nodes strings.Builder
		for _, n := range v.Nodes {
			fmt.Fprintf(&nodes, "\n  %s\n  %s", n.HTML, n.Summary)
		}
		t.Errorf("%s: axe-core: %s: %s%s", what, v.ID, v.Help, nodes.String())
	}
}
