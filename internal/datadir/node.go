package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxNode bounds a node's name in bytes: it stands in every session id.
const maxNode = 64

// CleanNode replaces what a node's name may not hold: the result has only letters, digits, '_', '.' and '-', is at
// most 64 bytes long and never empty.
func CleanNode(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '_' || r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, s)
	if len(s) > maxNode {
		s = s[:maxNode]
	}
	if s == "" {
		return "node"
	}
	return s
}

// readNode reads DATA/node; a directory whose writer never came that far gets the host's name.
func readNode(path string) (string, error) {
	b, err := os.ReadFile(filepath.Join(path, "node"))
	if errors.Is(err, fs.ErrNotExist) {
		return hostNode(), nil
	}
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	name := strings.TrimSpace(string(b))
	if name == "" || CleanNode(name) != name {
		return "", fmt.Errorf("data directory %s: file node holds %.80q, which is no node name (write one line of "+
			"letters, digits, '_', '.' and '-' to it)", path, name)
	}
	return name, nil
}

// writeNode settles the node's name: want if given, else what the directory says, else the host's name.
func writeNode(path, want string) (string, error) {
	have, err := readNode(path)
	if err != nil && want == "" {
		return "", err
	}
	file := filepath.Join(path, "node")
	_, statErr := os.Stat(file)
	if statErr == nil && err == nil && (want == "" || want == have) {
		return have, nil
	}
	if want == "" {
		want = have
	}
	return want, ReplaceFile(file, []byte(want+"\n"))
}

// hostNode is the whole host name, made fit: hosts of one name in two domains stay apart.
func hostNode() string {
	name, err := os.Hostname()
	if err != nil {
		return CleanNode("")
	}
	return CleanNode(name)
}
