//go:build linux

package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/testenv/initramfs"
	"github.com/tapline-sdn/tapline/testenv/lab"
	"github.com/tapline-sdn/tapline/testenv/vm/job"
)

// tools are the programs of this machine that every image has. Their packages are those that a lab
// needs.
var tools = []string{
	"ovsdb-server", "ovs-vswitchd", "ovsdb-tool", "ovsdb-client", "ovs-vsctl", "ovs-ofctl",
	"ovs-appctl", "nsenter", "ip", "ping", "tcpdump", "cat", "cp", "sleep",
}

// schema is the database's schema, which ovsdb-tool reads.
const schema = "/usr/share/openvswitch/vswitch.ovsschema"

// KernelDir holds vmlinuz, modules and the order in which these load; see "make deps".
func KernelDir() string { return filepath.Join(lab.KernelDir(), "datapath") }

// Missing names what this machine lacks to run a virtual one; it is empty if nothing.
func Missing() []string {
	var missing []string
	for _, name := range append(slices.Clone(tools), qemu, "ldd") {
		if _, err := find(name); err != nil {
			missing = append(missing, name)
		}
	}

	for _, path := range []string{schema, filepath.Join(KernelDir(), "vmlinuz")} {
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, path)
		}
	}

	return missing
}

// find finds a program, also where a plain user's PATH does not look.
func find(name string) (string, error) {
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}

// writeImage writes the machine's initramfs.
func writeImage(ctx context.Context, c Config, path string) error {
	var a initramfs.Archive
	for _, folder := range []string{"proc", "sys", "dev", "tmp", "run", "var"} {
		a.Folder(folder)
	}
	a.Device("dev/console", 5, 1)
	a.File("etc/hosts", []byte("127.0.0.1 localhost\n"))
	a.File("etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\n"))
	a.File("etc/group", []byte("root:x:0:\n"))

	for _, name := range tools {
		from, err := find(name)
		if err != nil {
			return err
		}
		if err := a.Program("usr/bin/"+name, from); err != nil {
			return err
		}
	}
	if err := a.Copy(schema, schema); err != nil {
		return err
	}

	if err := addReleases(&a, c.Releases); err != nil {
		return err
	}

	modules, err := addModules(&a, c.Without)
	if err != nil {
		return err
	}
	if err := addJob(ctx, &a, c, modules, filepath.Dir(path)); err != nil {
		return err
	}

	return os.WriteFile(path, a.Bytes(), 0o600)
}

// addModules adds the kernel's modules and returns the files to load, in order.
func addModules(a *initramfs.Archive, without []string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(KernelDir(), "order"))
	if err != nil {
		return nil, err
	}

	var files []string
	left := slices.Clone(without)
	for _, file := range strings.Fields(string(text)) {
		name := strings.ReplaceAll(strings.TrimSuffix(file, ".ko"), "-", "_")
		if i := slices.Index(left, name); i >= 0 {
			left = slices.Delete(left, i, i+1)
			continue
		}
		if err := a.Copy("modules/"+file, filepath.Join(KernelDir(), file)); err != nil {
			return nil, err
		}
		files = append(files, file)
	}

	if len(left) > 0 {
		return nil, fmt.Errorf("modules to leave out: there are none named %s",
			strings.Join(left, ", "))
	}
	return files, nil
}

// addJob adds init, what it is to do, and the files that this needs.
func addJob(ctx context.Context, a *initramfs.Archive, c Config, modules []string,
	dir string) error {
	init := filepath.Join(dir, "init")
	if err := build(ctx, init, "testenv/vm/init"); err != nil {
		return err
	}
	if err := a.Copy("init", init); err != nil {
		return err
	}

	for name, from := range c.Files {
		if err := a.Copy(name, from); err != nil {
			return err
		}
	}

	j := job.Job{Modules: modules, Command: c.Command, Dir: c.Dir, Terminal: "/dev/ttyS1",
		Env: append([]string{"PATH=/usr/bin", "HOME=/tmp"}, c.Env...)}
	if j.Dir == "" {
		j.Dir = "/"
	}

	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	a.File(job.Path, text)
	return nil
}

// build builds a program of this module that needs no libraries.
func build(ctx context.Context, to, path string) error {
	return run(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", to,
		module+path)
}

const module = "github.com/tapline-sdn/tapline/"

func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
