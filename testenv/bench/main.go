//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is one run of the command.
type bench struct {
	bin     string // where the programs are
	work    string // a directory of the measurement
	quick   bool
	runs    int      // runs of each contender
	hosts   []int    // sizes of the fleets
	alone   bool     // without peers
	chosen  []string // numbers of measurements; nil for all
	file    string   // where figures are appended; "" for nowhere
	table   table
	figures figures
}

// measurement is one section of the table.
type measurement struct {
	number string
	title  string
	run    func(*bench, context.Context) error
}

func measurements() []measurement {
	return []measurement{
		{"1", "from the call to the first mirrored packet, and from the answer to the last",
			(*bench).firstCopy},
		{"1", "the same, where nobody waits for a processor (SCHED_RR)",
			realtime((*bench).firstCopy)},
		{"2", "from the first packet of a guest on another host to the first copy from there",
			(*bench).arrival},
		{"3", "the cost of one change while few and many flows stand", (*bench).growth},
		{"4, 5", "many hosts: start of the controller until everything is ready, by reading " +
			"back; idle; memory; one change", (*bench).fleets},
		{"6", "requests", (*bench).throughput},
		{"7", "what a guest's traffic reaches while it is mirrored to another host", (*bench).data},
		{"8", "the watch on paths and captures while nothing happens", (*bench).watch},
		{"9", "what each option of a tap flow costs, beside no mirror and a plain one",
			(*bench).options},
		{"10", "live captures: the first packet after the call, and what one sustains",
			(*bench).liveCapture},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	b, err := parse(args)
	if err != nil {
		return err
	}

	for _, m := range measurements() {
		if b.chosen != nil && !slices.ContainsFunc(strings.Split(m.number, ", "),
			func(n string) bool { return slices.Contains(b.chosen, n) }) {
			continue
		}
		if err := b.measure(ctx, m); err != nil {
			return fmt.Errorf("measurement %s: %w", m.number, err)
		}
	}

	if b.file != "" {
		if err := b.figures.appendTo(b.file); err != nil {
			return err
		}
	}

	about, err := machine(ctx)
	if err != nil {
		return err
	}

	_, err = fmt.Printf("%s\n%s", about, &b.table)
	return err
}

// parse reads the arguments of the command.
func parse(args []string) (b *bench, err error) {
	b = &bench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.bin, "bin", "bin", "directory of tapline and tapline-mirror")
	flags.BoolVar(&b.quick, "quick", false,
		"few runs and hosts: shows that everything still works, not how fast")

	flags.IntVar(&b.runs, "runs", 0, "runs of each contender (default 100; 3 with -quick)")
	only := flags.String("only", "", "measurements to do, by number, such as 1,4 (default all)")
	hosts := flags.String("hosts", "",
		"sizes of the fleets (default 10,100,300,1000; 10 with -quick)")

	flags.BoolVar(&b.alone, "alone", false, "without the peers of measurement 1")
	flags.StringVar(&b.file, "figures", "",
		"`FILE` to which the main figures are appended, in the format of Go's benchmarks")

	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return nil, err
	}
	if b.runs == 0 {
		b.runs = pick(b.quick, 3, 100)
	}
	if *hosts == "" {
		*hosts = pick(b.quick, "10", "10,100,300,1000")
	}

	for text := range strings.SplitSeq(*hosts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-hosts %q: want numbers with commas between", *hosts)
		}
		b.hosts = append(b.hosts, n)
	}

	if *only != "" {
		b.chosen = strings.Split(*only, ",")
	}
	return b, nil
}

func (b *bench) measure(ctx context.Context, m measurement) (err error) {
	begin := time.Now()
	b.say("%s. %s", m.number, m.title)
	b.table.begin(m.number, m.title)
	if b.work, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()

	if err := m.run(b, ctx); err != nil {
		return err
	}

	b.say("took %v", time.Since(begin).Round(time.Second))
	return nil
}

// say reports progress on stderr.
func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func pick[T any](yes bool, a, b T) T {
	if yes {
		return a
	}
	return b
}
