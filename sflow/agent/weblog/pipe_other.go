//go:build !linux

package weblog

import "os"

func widen(*os.File) {}
