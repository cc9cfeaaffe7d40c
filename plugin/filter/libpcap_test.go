package filter_test

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

// libpcap is an expression as libpcap compiles it; the zero value rejects everything.
type libpcap struct{ vm *bpf.VM }

// oracles are expressions that libpcap has compiled.
type oracles map[string]libpcap

// compile returns the expression, which is compiled once.
func (o oracles) compile(t testing.TB, expr string) libpcap {
	program, ok := o[expr]
	if !ok {
		program = compileByLibpcap(t, expr)
		o[expr] = program
	}
	return program
}

// compileByLibpcap has tcpdump compile an expression for Ethernet.
func compileByLibpcap(t testing.TB, expr string) libpcap {
	t.Helper()
	out, err := exec.Command("tcpdump", "-y", "EN10MB", "-ddd", expr).CombinedOutput()
	if strings.Contains(string(out), "expression rejects all packets") {
		return libpcap{}
	}
	if err != nil {
		t.Fatalf("tcpdump %q: %v\n%s", expr, err, out)
	}

	program, err := parseProgram(string(out))
	if err != nil {
		t.Fatalf("tcpdump %q: %v\n%s", expr, err, out)
	}
	return program
}

// parseProgram reads what tcpdump -ddd writes: the number of instructions, and each as four
// numbers.
func parseProgram(text string) (libpcap, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "Warning") {
		lines = lines[1:]
	}

	var raw []bpf.RawInstruction
	for _, line := range lines[1:] {
		var one bpf.RawInstruction
		if _, err := fmt.Sscan(line, &one.Op, &one.Jt, &one.Jf, &one.K); err != nil {
			return libpcap{}, fmt.Errorf("instruction %q: %w", line, err)
		}
		raw = append(raw, one)
	}
	if n, err := strconv.Atoi(lines[0]); err != nil || n != len(raw) {
		return libpcap{}, fmt.Errorf("%q and %d instructions", lines[0], len(raw))
	}

	instructions, ok := bpf.Disassemble(raw)
	if !ok {
		return libpcap{}, fmt.Errorf("unknown instruction in %v", raw)
	}
	vm, err := bpf.NewVM(instructions)
	return libpcap{vm}, err
}

func (l libpcap) accepts(t testing.TB, frame []byte) bool {
	if l.vm == nil {
		return false
	}
	n, err := l.vm.Run(frame)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}
