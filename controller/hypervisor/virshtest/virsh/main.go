// Command virsh stands in for virsh(1) in tests.
package main

import (
	"os"

	"github.com/tapline-sdn/tapline/controller/hypervisor/virshtest"
)

func main() {
	fake := virshtest.Fake{Dir: os.Getenv(virshtest.Env)}
	os.Exit(fake.Main(os.Args[1:]))
}
