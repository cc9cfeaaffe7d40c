package plugin

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// errChecksum says that a plugin's binary is not the one that was meant.
var errChecksum = errors.New("the checksums do not match")

// openBinary opens a plugin's binary and checks it. What was checked is what the open file holds,
// so it is to be executed by its descriptor.
func (s *Spec) openBinary() (*os.File, error) {
	file, err := os.Open(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no such file; set plugins[].path to the binary: %w",
			fs.ErrNotExist)
	case err != nil:
		return nil, err
	}

	err = checkExecutable(file)
	if err == nil {
		err = s.checkSum(file)
	}

	if err != nil {
		_ = file.Close()
		return nil, err
	}

	return file, nil
}

// checkExecutable checks that a file can be executed, and that nobody but root and the controller's
// own user can change it.
func checkExecutable(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}

	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return errors.New("the file is not executable")
	}

	const writableByOthers = 0o022
	if info.Mode()&writableByOthers != 0 {
		return fmt.Errorf("the file is writable by its group or by everybody (mode %04o), "+
			"so others could replace the plugin: chmod go-w it", info.Mode().Perm())
	}

	owner, known := info.Sys().(*syscall.Stat_t)
	if known && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("the file belongs to user %d, who could replace the plugin: "+
			"want root or user %d, as whom the controller runs", owner.Uid, os.Geteuid())
	}

	return nil
}

// checkSum compares a file with the checksum that the specification wants, if any.
func (s *Spec) checkSum(file io.Reader) error {
	if s.SHA256 == "" {
		return nil
	}

	want, err := hex.DecodeString(s.SHA256)
	if err != nil || len(want) != sha256.Size {
		return fmt.Errorf("sha256 %q: want 64 hexadecimal digits", s.SHA256)
	}

	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return fmt.Errorf("the binary's SHA-256 is not %s: %w", s.SHA256, errChecksum)
	}

	return nil
}

// Descriptors of a plugin's process, beside its standard ones (see [exec.Cmd].ExtraFiles).
const (
	lifelineFD = 3
	binaryFD   = 4
)

// command prepares a plugin's process. It inherits nothing of the controller's environment. Its
// temporary directory is dir.
func (s *Spec) command(binary, lifeline *os.File, dir string) *exec.Cmd {
	cmd := exec.Command(s.Path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Kill then reaches its children too.
	cmd.ExtraFiles = []*os.File{lifeline}
	cmd.Env = []string{fmt.Sprintf("%s=%d", lifelineKey, lifelineFD), "TMPDIR=" + dir}

	// Executed by its path, the binary could be another one by now.
	if s.SHA256 != "" {
		cmd.ExtraFiles = append(cmd.ExtraFiles, binary)
		cmd.Path = fmt.Sprintf("/proc/self/fd/%d", binaryFD)
	}

	return cmd
}
