package agenttest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// BuildModule compiles Apache's module, in the folder module, within dir with apxs, without warnings, and gives its path.
func BuildModule(module, dir string) (string, error) {
	src, err := os.ReadFile(filepath.Join(module, "mod_tapir_sflow.c"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "mod_tapir_sflow.c"), src, 0o644); err != nil {
		return "", err
	}
	c := exec.Command("apxs", "-Wc,-Wall", "-Wc,-Werror", "-c", "mod_tapir_sflow.c", "-lm")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apxs: %w\n%s", err, out)
	}
	return filepath.Join(dir, ".libs", "mod_tapir_sflow.so"), nil
}

// Apache is Debian's Apache, with the event MPM, in the foreground. It serves small.txt (22 bytes) and large.txt (13836)
// of its folder's docs.
type Apache struct {
	Addr string
	Cmd  *exec.Cmd
}

// StartApache starts an Apache in dir, which other users may enter, with env beside the environment and more behind its
// configuration.
func StartApache(dir string, env []string, more string) (*Apache, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "docs"), 0o755); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`ServerRoot %[1]s
ServerName www.example.org
Listen %[2]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
User www-data
Group www-data
DefaultRuntimeDir %[1]s
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
TypesConfig /etc/mime.types
DocumentRoot %[1]s/docs
Redirect 302 /away http://elsewhere.example/
ErrorDocument 404 /small.txt
StartServers 2
ThreadsPerChild 25
MaxRequestWorkers 100
MaxKeepAliveRequests 0
%[3]s
`, dir, addr, more)
	file := filepath.Join(dir, "apache.conf")
	for name, text := range map[string]string{file: conf, filepath.Join(dir, "docs", "small.txt"): strings.Repeat("x", 22), filepath.Join(dir, "docs", "large.txt"): strings.Repeat("x", 13836)} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	h := &Apache{Addr: addr, Cmd: exec.Command("apache2", "-DFOREGROUND", "-f", file)}
	h.Cmd.Env = append(os.Environ(), env...)
	h.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Apache signals its process group
	var out strings.Builder
	h.Cmd.Stdout, h.Cmd.Stderr = &out, &out
	if err := h.Cmd.Start(); err != nil {
		return nil, err
	}
	for range 400 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return h, c.Close()
		}
		time.Sleep(25 * time.Millisecond)
	}
	h.Stop()
	log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	return nil, fmt.Errorf("apache does not start: %s\n%s", out.String(), log)
}

// Stop ends Apache as apachectl graceful-stop would not: at once, its requests finished.
func (h *Apache) Stop() {
	if h.Cmd.ProcessState == nil {
		h.Cmd.Process.Signal(syscall.SIGTERM)
		h.Cmd.Wait()
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
