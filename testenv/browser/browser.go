package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Patience bounds every wait for what must appear.
const Patience = 15 * time.Second

// Required reports whether a machine without a browser fails the tests instead of skipping them.
func Required() bool { return os.Getenv("TAPLINE_REQUIRE_BROWSER") != "" }

// Browser is one tab of a Chromium of its own.
type Browser struct {
	ctx context.Context

	mu       sync.Mutex
	faults   []string // what the console has told
	expected []string // parts of faults that are meant to be
}

// Start starts a browser. It ends with the test, which fails if the console has told an error.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if Required() {
			t.Fatal(err)
		}
		t.Skip("chromium is missing: apt-get install chromium")
	}

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, // which root cannot have
		chromedp.Flag("disable-gpu", true), chromedp.WindowSize(1280, 900))
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocated)

	b := &Browser{ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			b.logState(t)
		}
		_ = chromedp.Cancel(ctx)
		closeTab()
		end()
		for _, fault := range b.Faults() {
			t.Errorf("the browser's console: %s", fault)
		}
	})
	chromedp.ListenTarget(ctx, b.note)

	if err := chromedp.Run(ctx, runtime.Enable(), cdplog.Enable()); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return b
}

// note takes down what the console tells.
func (b *Browser) note(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.fault(e.ExceptionDetails.Error())
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.LevelError {
			b.fault(e.Entry.Text + " " + e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
			var text strings.Builder
			for _, arg := range e.Args {
				text.WriteString(string(arg.Value) + " " + arg.Description + " ")
			}
			b.fault(text.String())
		}
	}
}

func (b *Browser) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.faults = append(b.faults, text)
}

// Expect says that errors with a text are meant to be, such as "401" after a wrong token.
func (b *Browser) Expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.expected = append(b.expected, part)
}

// Faults returns the errors of the console that nobody expects.
func (b *Browser) Faults() (faults []string) {
	b.mu.Lock()
	defer b.mu.Unlock()

	for _, fault := range b.faults {
		meant := false
		for _, part := range b.expected {
			meant = meant || strings.Contains(fault, part)
		}
		if !meant {
			faults = append(faults, fault)
		}
	}
	return faults
}

// run runs actions, and fails the test if they do not succeed in time.
func (b *Browser) run(t testing.TB, what string, actions ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Open opens a URL.
func (b *Browser) Open(t testing.TB, url string) {
	t.Helper()
	b.run(t, "open "+url, chromedp.Navigate(url))
}

// Leave leaves the page, so that its server can end.
func (b *Browser) Leave(t testing.TB) {
	if !t.Failed() {
		b.Open(t, "about:blank")
	}
}

// Size sets the size of the window, in pixels.
func (b *Browser) Size(t testing.TB, width, height int64) {
	t.Helper()
	b.run(t, "size", chromedp.EmulateViewport(width, height))
}

// Dark chooses the dark theme, or the light one.
func (b *Browser) Dark(t testing.TB, dark bool) {
	t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	b.run(t, "theme", emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: value}}))
}

// Eval evaluates an expression of JavaScript into out.
func (b *Browser) Eval(t testing.TB, expression string, out any) {
	t.Helper()
	b.run(t, "evaluate "+expression, chromedp.Evaluate(expression, out,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
			return p.WithAwaitPromise(true)
		}))
}

// Until waits until an expression of JavaScript is true.
func (b *Browser) Until(t testing.TB, what, expression string) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var is bool
		b.Eval(t, "!!("+expression+")", &is)
		if is {
			return
		}
		if time.Since(begin) > Patience {
			t.Fatalf("%s: not within %v", what, Patience)
		}
	}
}

// element is the expression for the first element of a selector that is shown and has a text in it,
// or in its aria-label.
func element(selector, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => e.checkVisibility() &&
		(e.textContent + ' ' + (e.getAttribute('aria-label') ?? '')).includes(%q))`, selector, text)
}

// See waits until an element with a text is shown.
func (b *Browser) See(t testing.TB, selector, text string) {
	t.Helper()
	b.Until(t, fmt.Sprintf("see %q in %s", text, selector), element(selector, text))
}

// SeeNot waits until no element with a text is shown.
func (b *Browser) SeeNot(t testing.TB, selector, text string) {
	t.Helper()
	b.Until(t, fmt.Sprintf("%q in %s goes", text, selector), "!("+element(selector, text)+")")
}

// Click clicks an element with a text with the mouse, once it can be clicked.
func (b *Browser) Click(t testing.TB, selector, text string) {
	t.Helper()
	found := element(selector, text)
	b.Until(t, fmt.Sprintf("%q in %s to click", text, selector),
		fmt.Sprintf("(e => e && !e.disabled)(%s)", found))
	b.run(t, fmt.Sprintf("click %q in %s", text, selector),
		chromedp.Click("("+found+")", chromedp.ByJSPath))
}

// Type replaces the text of a field by typing.
func (b *Browser) Type(t testing.TB, selector, text string) {
	t.Helper()
	b.Until(t, "field "+selector, element(selector, ""))
	b.run(t, "type into "+selector, chromedp.Focus(selector, chromedp.ByQuery),
		chromedp.Evaluate(`document.querySelector(`+fmt.Sprintf("%q", selector)+`).select()`, nil),
		chromedp.KeyEvent("\b"), chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

// Press presses keys, such as kb.Tab, wherever the focus is.
func (b *Browser) Press(t testing.TB, keys string) {
	t.Helper()
	b.run(t, "press a key", chromedp.KeyEvent(keys))
}

// Text returns the text that is shown.
func (b *Browser) Text(t testing.TB) (text string) {
	t.Helper()
	b.Eval(t, "document.body.innerText", &text)

	return text
}

// Screenshot returns what is shown as PNG.
func (b *Browser) Screenshot(t testing.TB) (png []byte) {
	t.Helper()
	b.run(t, "screenshot", chromedp.CaptureScreenshot(&png))

	return png
}

// logState logs what is shown, for a test that has failed.
func (b *Browser) logState(t testing.TB) {
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
	defer cancel()

	var url, text string
	err := chromedp.Run(ctx, chromedp.Location(&url),
		chromedp.Evaluate("document.body.innerText", &text))
	t.Logf("the page %s shows (%v):\n%s", url, err, text)
}
