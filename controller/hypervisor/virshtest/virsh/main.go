// Command virsh stands in for virsh(1) in tests.
package main

import (
	"net/url"
	"os"
	"path/filepath"

	"github.com/tapline-sdn/tapline/controller/hypervisor/virshtest"
)

func main() {
	os.Exit(virshtest.Fake{Dir: folder()}.Main(os.Args[1:]))
}

// folder returns the folder of the host in the URI (virsh -c URI), if there is one, and otherwise
// the folder that all hosts share.
func folder() string {
	dir := os.Getenv(virshtest.Env)
	if len(os.Args) < 3 {
		return dir
	}

	uri, err := url.Parse(os.Args[2])
	if err != nil || uri.Hostname() == "" {
		return dir
	}

	if own := filepath.Join(dir, uri.Hostname()); isFolder(own) {
		return own
	}

	return dir
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
